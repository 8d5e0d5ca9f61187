import type { Sql } from '../platform/index.js';

/**
 * Expression for who may watch a recording, for statements on `recordings`: what its owner chose, else the stricter one of
 * what its livestream had when the recording started and what it has now, private tests aside.
 */
export function visibilityOf(sql: Sql): ReturnType<Sql> {
  return sql`coalesce(recordings.visibility, (
    select case when 'private' in (recordings.recorded_visibility, l.current) then 'private'
      when 'unlisted' in (recordings.recorded_visibility, l.current) then 'unlisted' else 'public' end
    from (select id, coalesce(visibility_after_test, visibility) as current from livestreams) l where l.id = recordings.stream_id), 'private')`;
}

/**
 * Expression for the account that may watch a private clip because it made it, for statements on `recordings`. Null where others
 * have made media private: the owner the livestream, or the recording that the clip was cut from.
 */
export function makerOf(sql: Sql): ReturnType<Sql> {
  return sql`(
    select made.created_by from clips made join livestreams l on l.id = recordings.stream_id
    where made.id = recordings.id and made.visibility = 'private' and 'private' not in (recordings.recorded_visibility, l.visibility))`;
}
