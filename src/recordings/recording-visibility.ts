import type { Sql } from '../platform/index.js';

/**
 * Expression for who may watch a recording, for statements on `recordings`: what its owner chose, else the stricter one of
 * what its livestream had when the recording started and what it has now.
 */
export function visibilityOf(sql: Sql): ReturnType<Sql> {
  return sql`coalesce(recordings.visibility, (
    select case when 'private' in (recordings.recorded_visibility, l.visibility) then 'private'
      when 'unlisted' in (recordings.recorded_visibility, l.visibility) then 'unlisted' else 'public' end
    from livestreams l where l.id = recordings.stream_id), 'private')`;
}
