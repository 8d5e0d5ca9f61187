import { type Queries, type Sql, searchText } from '../../platform/index.js';
import { BROADCAST_END, type BroadcastEnd } from '../broadcast/end-reason.js';
import type { LivestreamLadder } from './livestream-ladder.js';

export type LivestreamStatus = 'scheduled' | 'live' | 'ended';

/** `public`: listed, everybody may watch; `unlisted`: everybody who knows the id; `private`: owner, admins, invitees. */
export type Visibility = 'public' | 'unlisted' | 'private';

/** Accounts that may make clips, beside owner and administrators. */
export type ClipsBy = 'moderators' | 'viewers';

/** Row of a livestream, without the hash of its stream key. */
export type Livestream = {
  id: string;
  /** Owner: an account id, or an id of the host platform. */
  userId: string | null;
  title: string;
  description: string;
  /** Words by which it is found, beside its title. */
  tags: string[];
  status: LivestreamStatus;
  /** In force now: `private` during a private test. */
  visibility: Visibility;
  /** Visibility that it gets when the private test ends; null: it is not tested. */
  visibilityAfterTest: Visibility | null;
  /** Maximum of concurrent viewers; null: no limit. */
  viewerLimit: number | null;
  /** Planned start. */
  scheduledAt: Date | null;
  /** Start of the newest broadcast or, before its media arrive, the time at which the broadcaster announced the start. */
  startedAt: Date | null;
  endedAt: Date | null;
  endReason: BroadcastEnd | null;
  viewerCountPeak: number;
  recordingEnabled: boolean;
  /** Null: the gateway's. */
  ladder: LivestreamLadder | null;
  clipsBy: ClipsBy;
  recordingUrl: string | null;
  thumbnailUrl: string | null;
  createdAt: Date;
};

export type NewLivestream = Pick<
  Livestream,
  'id' | 'userId' | 'title' | 'description' | 'recordingEnabled'
> & {
  /** Default: public. */
  visibility?: Visibility;
  /** Default: moderators. */
  clipsBy?: ClipsBy;
  tags?: string[];
  viewerLimit?: number | null;
  ladder?: LivestreamLadder | null;
  scheduledAt?: Date | null;
  /** User ids of the first invitees (`guests` in the API). */
  invitees?: string[];
  /** SHA-256 of the stream key, 64 lower-case hexadecimal digits. */
  streamKeyHash: string;
};

/** Changes by the broadcaster; absent fields stay. */
export type LivestreamChanges = Partial<
  Pick<
    Livestream,
    | 'title'
    | 'description'
    | 'tags'
    | 'scheduledAt'
    | 'visibility'
    | 'viewerLimit'
    | 'recordingEnabled'
    | 'ladder'
    | 'clipsBy'
    | 'thumbnailUrl'
    | 'recordingUrl'
  >
> & {
  /** Begins or ends a private test, in which only owner and admins may watch. */
  isTesting?: boolean;
};

export type Page = { limit: number; offset: number };
/** `userId`: only livestreams of this user. */
export type ListPage = Page & { userId?: string | undefined };
/** `before`: only livestreams older than the one with this id. */
export type CursorPage = Page & { before?: string | undefined };

/** Reasons after which a livestream may go live again. */
const REOPENING_ENDS = (Object.keys(BROADCAST_END) as BroadcastEnd[]).filter(
  (reason) => BROADCAST_END[reason].reopens,
);

/** Columns without those of the visibility, which depends on a private test. */
const COLUMN: Record<keyof Omit<LivestreamChanges, 'visibility' | 'isTesting'>, string> = {
  title: 'title',
  description: 'description',
  tags: 'tags',
  scheduledAt: 'scheduled_at',
  viewerLimit: 'viewer_limit',
  recordingEnabled: 'recording_enabled',
  ladder: 'ladder',
  clipsBy: 'clips_by',
  recordingUrl: 'recording_url',
  thumbnailUrl: 'thumbnail_url',
};

/** Statements on the table `livestreams`; no other file changes it. */
export class LivestreamTable {
  readonly #sql: Queries;

  constructor(sql: Queries) {
    this.#sql = sql;
  }

  async insert(livestream: NewLivestream): Promise<Livestream> {
    const { id, userId, title, description, recordingEnabled, streamKeyHash } = livestream;
    const { visibility = 'public', viewerLimit = null, scheduledAt = null, invitees = [] } = livestream;
    const { clipsBy = 'moderators', ladder = null, tags = [] } = livestream;
    const [row] = await this.#sql<[Livestream]>`
      with made as (
        insert into livestreams
          (id, user_id, title, description, stream_key, recording_enabled, visibility, viewer_limit, scheduled_at,
           clips_by, ladder, tags, title_text, tags_text)
        values (${id}, ${userId}, ${title}, ${description}, ${streamKeyHash}, ${recordingEnabled}, ${visibility},
          ${viewerLimit}, ${scheduledAt}, ${clipsBy}, ${this.#json(ladder)}, ${tags}, ${searchText(title)},
          ${searchText(tags.join(' '))})
        returning *
      ), invited as (
        insert into livestream_guests (stream_id, user_id)
        select made.id, guest from made, unnest(${invitees}::text[]) as guest on conflict do nothing
      )
      select ${this.#columns()} from made`;
    return row;
  }

  /** @param id must have the form of a UUID. */
  async find(id: string): Promise<Livestream | undefined> {
    const [row] = await this.#sql<Livestream[]>`
      select ${this.#columns()} from livestreams where id = ${id}`;
    return row;
  }

  /** Returns those of the given livestreams that exist, newest first. */
  async findAll(ids: readonly string[]): Promise<Livestream[]> {
    return this.#sql<Livestream[]>`
      select ${this.#columns()} from livestreams where id = any(${[...ids]}::uuid[]) order by id desc`;
  }

  /** Returns public livestreams that are live, newest first. */
  async listActive(page: ListPage): Promise<Livestream[]> {
    return this.#sql<Livestream[]>`
      select ${this.#columns()} from livestreams where status = 'live' and visibility = 'public' ${this.#of(page)}
      order by started_at desc, id desc limit ${page.limit} offset ${page.offset}`;
  }

  /** Returns a user's livestreams, newest first: all, or the public ones. */
  async listByUser(userId: string, page: CursorPage, which: 'all' | 'public'): Promise<Livestream[]> {
    return this.#sql<Livestream[]>`
      select ${this.#columns()} from livestreams
      where user_id = ${userId} ${which === 'public' ? this.#sql`and visibility = 'public'` : this.#sql``}
        ${page.before === undefined ? this.#sql`` : this.#sql`and id < ${page.before}`}
      order by id desc limit ${page.limit} offset ${page.offset}`;
  }

  /** Returns those of the given livestreams that a user owns. */
  async ownedAmong(userId: string, ids: string[]): Promise<string[]> {
    if (ids.length === 0) return [];
    const rows = await this.#sql<{ id: string }[]>`
      select id from livestreams where user_id = ${userId} and id = any(${ids}::uuid[])`;
    return rows.map((row) => row.id);
  }

  /** Returns a user's scheduled livestream whose planned or announced start is nearest to `now`. */
  async findNear(userId: string, now: Date, withinMs: number): Promise<string | undefined> {
    const from = new Date(now.getTime() - withinMs);
    const to = new Date(now.getTime() + withinMs);
    const [row] = await this.#sql<{ id: string }[]>`
      select id from livestreams
      where user_id = ${userId} and status = 'scheduled'
        and coalesce(started_at, scheduled_at) between ${from} and ${to}
      order by abs(extract(epoch from coalesce(started_at, scheduled_at) - ${now}::timestamptz)), id limit 1`;
    return row?.id;
  }

  /** Returns public livestreams planned for `since` or later that have not started, earliest first. */
  async listUpcoming(since: Date, page: ListPage): Promise<Livestream[]> {
    return this.#sql<Livestream[]>`
      select ${this.#columns()} from livestreams
      where status = 'scheduled' and scheduled_at >= ${since} and started_at is null and visibility = 'public'
        ${this.#of(page)}
      order by scheduled_at, id limit ${page.limit} offset ${page.offset}`;
  }

  /**
   * Returns public livestreams that are live, then those planned for `since` or later, newest first.
   *
   * @param query of title and tags, see `searchQuery`
   * @param userIds owners whose livestreams are found too
   */
  async search(query: string, userIds: string[], since: Date, limit: number): Promise<Livestream[]> {
    return await this.#sql<Livestream[]>`
      select ${this.#columns()} from livestreams
      where visibility = 'public'
        and (to_tsvector('simple', title_text || ' ' || tags_text) @@ to_tsquery('simple', ${query})
          or user_id = any(${userIds}::text[]))
        and (status = 'live' or (status = 'scheduled' and scheduled_at >= ${since} and started_at is null))
      order by status = 'live' desc, id desc limit ${limit}`;
  }

  /** @returns the livestream as it is now; undefined when it is unknown. */
  async update(id: string, changes: LivestreamChanges): Promise<Livestream | undefined> {
    const { visibility, isTesting, ...others } = changes;
    const columns = Object.entries(others).map(([name, value]) => [
      COLUMN[name as keyof typeof COLUMN],
      name === 'ladder' ? this.#json(changes.ladder ?? null) : value,
    ]);
    const isAccess = visibility !== undefined || isTesting !== undefined;
    if (columns.length === 0 && !isAccess) return await this.find(id);
    if (changes.title !== undefined) columns.push(['title_text', searchText(changes.title)]);
    if (changes.tags !== undefined) columns.push(['tags_text', searchText(changes.tags.join(' '))]);
    const [row] = await this.#sql<Livestream[]>`
      update livestreams set
        ${columns.length === 0 ? this.#sql`` : this.#sql(Object.fromEntries(columns))}
        ${columns.length > 0 && isAccess ? this.#sql`,` : this.#sql``}
        ${isAccess ? this.#access(visibility ?? null, isTesting ?? null) : this.#sql``}
      where id = ${id} returning ${this.#columns()}`;
    return row;
  }

  /** @returns false when it is unknown. */
  async delete(id: string): Promise<boolean> {
    const result = await this.#sql`delete from livestreams where id = ${id}`;
    return result.count > 0;
  }

  /**
   * Stores that the broadcaster announced the start, which takes it off the upcoming list. Media alone make it live. One
   * that may reopen becomes scheduled again.
   *
   * @returns false when nothing changed: already started, ended for good, or unknown
   */
  async markStarted(id: string, at: Date): Promise<boolean> {
    const result = await this.#sql`
      update livestreams set status = 'scheduled', started_at = ${at}, ended_at = null, end_reason = null
      where id = ${id}
        and ((status = 'scheduled' and started_at is null)
          or (status = 'ended' and end_reason = any(${REOPENING_ENDS})))`;
    return result.count > 0;
  }

  /** @returns false when the stream is unknown or over for good: nothing was changed then. */
  async markLive(id: string, startedAt: Date): Promise<boolean> {
    const result = await this.#sql`
      update livestreams set status = 'live', started_at = ${startedAt}, ended_at = null, end_reason = null
      where id = ${id} and (status <> 'ended' or end_reason = any(${REOPENING_ENDS}))`;
    return result.count > 0;
  }

  /**
   * The first final end stands; a later one changes nothing. An end after which the stream may go live again applies only
   * to a live one.
   *
   * @returns false when nothing was changed.
   */
  async markEnded(id: string, endedAt: Date, reason: BroadcastEnd): Promise<boolean> {
    const forGood = !BROADCAST_END[reason].reopens;
    const result = await this.#sql`
      update livestreams set status = 'ended', ended_at = ${endedAt}, end_reason = ${reason}
      where id = ${id}
        and (status = 'live' or (${forGood} and (status <> 'ended' or end_reason = any(${REOPENING_ENDS}))))`;
    return result.count > 0;
  }

  /**
   * Ends livestreams stored as live without an open broadcast, which a crash between two statements leaves.
   *
   * @returns their ids.
   */
  async endWithoutBroadcast(endedAt: Date, reason: BroadcastEnd): Promise<string[]> {
    const rows = await this.#sql<{ id: string }[]>`
      update livestreams set status = 'ended', ended_at = ${endedAt}, end_reason = ${reason}
      where status = 'live'
        and not exists (select from broadcasts where stream_id = livestreams.id and broadcasts.ended_at is null)
      returning id`;
    return rows.map((row) => row.id);
  }

  /**
   * Stores the path of a recording on this server, unless the livestream has the URL of one elsewhere.
   *
   * @param path relative to the API's URL of the livestream; null: none
   * @returns false when nothing was changed.
   */
  async setRecordingPath(id: string, path: string | null): Promise<boolean> {
    const result = await this.#sql`
      update livestreams set recording_url = ${path}
      where id = ${id} and (recording_url is null or recording_url !~ '^https?:')
        and recording_url is distinct from ${path}`;
    return result.count > 0;
  }

  /** Raises the peak of concurrent viewers if `viewers` exceeds it. */
  async raiseViewerCountPeak(id: string, viewers: number): Promise<void> {
    await this.#sql`
      update livestreams set viewer_count_peak = ${viewers} where id = ${id} and viewer_count_peak < ${viewers}`;
  }

  #of({ userId }: ListPage): ReturnType<Sql> {
    return userId === undefined ? this.#sql`` : this.#sql`and user_id = ${userId}`;
  }

  /** Assignments of the visibility. @param isTesting null: as before */
  #access(visibility: Visibility | null, isTesting: boolean | null): ReturnType<Sql> {
    const tested = this.#sql`coalesce(${isTesting}::boolean, visibility_after_test is not null)`;
    const chosen = this.#sql`coalesce(${visibility}::text, visibility_after_test, visibility)`;
    return this.#sql`visibility = case when ${tested} then 'private' else ${chosen} end,
      visibility_after_test = case when ${tested} then ${chosen} end`;
  }

  #json(ladder: LivestreamLadder | null) {
    return ladder && this.#sql.json(ladder);
  }

  #columns(): ReturnType<Sql> {
    return this
      .#sql`id, user_id as "userId", title, description, tags, status, visibility, viewer_limit as "viewerLimit",
      visibility_after_test as "visibilityAfterTest",
      scheduled_at as "scheduledAt", started_at as "startedAt",
      ended_at as "endedAt", end_reason as "endReason", viewer_count_peak as "viewerCountPeak",
      recording_enabled as "recordingEnabled", clips_by as "clipsBy", recording_url as "recordingUrl", ladder,
      thumbnail_url as "thumbnailUrl",
      created_at as "createdAt"`;
  }
}
