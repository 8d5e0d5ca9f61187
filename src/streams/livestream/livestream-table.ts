import type { Queries, Sql } from '../../platform/index.js';
import { BROADCAST_END, type BroadcastEnd } from '../broadcast/end-reason.js';

export type LivestreamStatus = 'scheduled' | 'live' | 'ended';

/** Who may watch: everybody, whoever has the address, or the invited alone. Only public ones are listed for everybody. */
export type Visibility = 'public' | 'unlisted' | 'private';

/** A livestream as it is stored. The stream key is not part of it: nobody reads it back. */
export type Livestream = {
  id: string;
  /** Whose it is, in the host platform's own notation. */
  userId: string | null;
  title: string;
  description: string;
  status: LivestreamStatus;
  visibility: Visibility;
  /** Viewers at the same time, at most; null: no limit of its own. */
  viewerLimit: number | null;
  /** When it is to begin, if that was said. */
  scheduledAt: Date | null;
  /** When its newest broadcast began or, until its media come, when its broadcaster said that it begins. */
  startedAt: Date | null;
  endedAt: Date | null;
  endReason: BroadcastEnd | null;
  viewerCountPeak: number;
  recordingEnabled: boolean;
  recordingUrl: string | null;
  thumbnailUrl: string | null;
  createdAt: Date;
};

export type NewLivestream = Pick<
  Livestream,
  'id' | 'userId' | 'title' | 'description' | 'recordingEnabled'
> & {
  /** Public, without a limit, unscheduled where not said otherwise. */
  visibility?: Visibility;
  viewerLimit?: number | null;
  scheduledAt?: Date | null;
  /** The user ids of who is invited from the beginning. */
  guests?: string[];
  /** SHA-256 of the stream key, 64 lower-case hexadecimal digits. */
  streamKeyHash: string;
};

/** What its broadcaster may change of a livestream; what is left out stays. */
export type LivestreamChanges = Partial<
  Pick<
    Livestream,
    | 'title'
    | 'description'
    | 'scheduledAt'
    | 'visibility'
    | 'viewerLimit'
    | 'recordingEnabled'
    | 'thumbnailUrl'
    | 'recordingUrl'
  >
>;

export type Page = { limit: number; offset: number };
/** `before`: only what is older than the livestream with this id. */
export type CursorPage = Page & { before?: string | undefined };

/** The reasons after which a stream may go live again. */
const REOPENING_ENDS = (Object.keys(BROADCAST_END) as BroadcastEnd[]).filter(
  (reason) => BROADCAST_END[reason].reopens,
);

const COLUMN: Record<keyof LivestreamChanges, string> = {
  title: 'title',
  description: 'description',
  scheduledAt: 'scheduled_at',
  visibility: 'visibility',
  viewerLimit: 'viewer_limit',
  recordingEnabled: 'recording_enabled',
  recordingUrl: 'recording_url',
  thumbnailUrl: 'thumbnail_url',
};

/** Statements on the table `livestreams`; nobody else queries it. */
export class LivestreamTable {
  readonly #sql: Queries;

  constructor(sql: Queries) {
    this.#sql = sql;
  }

  async insert(livestream: NewLivestream): Promise<Livestream> {
    const { id, userId, title, description, recordingEnabled, streamKeyHash } = livestream;
    const { visibility = 'public', viewerLimit = null, scheduledAt = null, guests = [] } = livestream;
    const [row] = await this.#sql<[Livestream]>`
      with made as (
        insert into livestreams
          (id, user_id, title, description, stream_key, recording_enabled, visibility, viewer_limit, scheduled_at)
        values (${id}, ${userId}, ${title}, ${description}, ${streamKeyHash}, ${recordingEnabled}, ${visibility},
          ${viewerLimit}, ${scheduledAt})
        returning *
      ), invited as (
        insert into livestream_guests (stream_id, user_id)
        select made.id, guest from made, unnest(${guests}::text[]) as guest on conflict do nothing
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

  /** The public ones that are live now, the newest first. */
  async listActive(page: Page): Promise<Livestream[]> {
    return this.#sql<Livestream[]>`
      select ${this.#columns()} from livestreams where status = 'live' and visibility = 'public'
      order by started_at desc, id desc limit ${page.limit} offset ${page.offset}`;
  }

  /** A user's livestreams, the newest first: all, or those that everybody may see listed. */
  async listByUser(userId: string, page: CursorPage, which: 'all' | 'public'): Promise<Livestream[]> {
    return this.#sql<Livestream[]>`
      select ${this.#columns()} from livestreams
      where user_id = ${userId} ${which === 'public' ? this.#sql`and visibility = 'public'` : this.#sql``}
        ${page.before === undefined ? this.#sql`` : this.#sql`and id < ${page.before}`}
      order by id desc limit ${page.limit} offset ${page.offset}`;
  }

  /** Those of the given livestreams that are a user's. */
  async ownedAmong(userId: string, ids: string[]): Promise<string[]> {
    if (ids.length === 0) return [];
    const rows = await this.#sql<{ id: string }[]>`
      select id from livestreams where user_id = ${userId} and id = any(${ids}::uuid[])`;
    return rows.map((row) => row.id);
  }

  /** Of a user's livestreams that have no media yet, the one whose time (to begin, or said to begin) is nearest to `now`. */
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

  /** The public ones that are to begin at `since` or later and have not begun, the next first. */
  async listUpcoming(since: Date, page: Page): Promise<Livestream[]> {
    return this.#sql<Livestream[]>`
      select ${this.#columns()} from livestreams
      where status = 'scheduled' and scheduled_at >= ${since} and started_at is null and visibility = 'public'
      order by scheduled_at, id limit ${page.limit} offset ${page.offset}`;
  }

  /** @returns the livestream as it is now; undefined when it is unknown. */
  async update(id: string, changes: LivestreamChanges): Promise<Livestream | undefined> {
    const columns = Object.entries(changes).map(([name, value]) => [
      COLUMN[name as keyof typeof COLUMN],
      value,
    ]);
    if (columns.length === 0) return await this.find(id);
    const [row] = await this.#sql<Livestream[]>`
      update livestreams set ${this.#sql(Object.fromEntries(columns))} where id = ${id} returning ${this.#columns()}`;
    return row;
  }

  /** @returns false when it is unknown. */
  async delete(id: string): Promise<boolean> {
    const result = await this.#sql`delete from livestreams where id = ${id}`;
    return result.count > 0;
  }

  /**
   * The broadcaster says that it begins: it is no longer to come. It is live when its media are here, not before; one
   * that ended by itself waits for them again.
   *
   * @returns false when nothing was changed: it had begun already, is over for good or unknown.
   */
  async markBegun(id: string, at: Date): Promise<boolean> {
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
   * The first end for good stands: a later one changes nothing. An end after which the stream may go live again means
   * something only for one that is live.
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
   * Ends the streams that pass for live though no broadcast of theirs is open: what a crash between two statements
   * leaves behind.
   *
   * @returns their ids.
   */
  async endGhosts(endedAt: Date, reason: BroadcastEnd): Promise<string[]> {
    const rows = await this.#sql<{ id: string }[]>`
      update livestreams set status = 'ended', ended_at = ${endedAt}, end_reason = ${reason}
      where status = 'live'
        and not exists (select from broadcasts where stream_id = livestreams.id and broadcasts.ended_at is null)
      returning id`;
    return rows.map((row) => row.id);
  }

  /** Notes so many viewers at once, if there were never more. */
  async raiseViewerCountPeak(id: string, viewers: number): Promise<void> {
    await this.#sql`
      update livestreams set viewer_count_peak = ${viewers} where id = ${id} and viewer_count_peak < ${viewers}`;
  }

  #columns(): ReturnType<Sql> {
    return this
      .#sql`id, user_id as "userId", title, description, status, visibility, viewer_limit as "viewerLimit",
      scheduled_at as "scheduledAt", started_at as "startedAt",
      ended_at as "endedAt", end_reason as "endReason", viewer_count_peak as "viewerCountPeak",
      recording_enabled as "recordingEnabled", recording_url as "recordingUrl", thumbnail_url as "thumbnailUrl",
      created_at as "createdAt"`;
  }
}
