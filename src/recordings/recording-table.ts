import { type Sql, searchText } from '../platform/index.js';
import type { Visibility } from '../streams/index.js';
import type {
  Recording,
  RecordingChanges,
  RecordingEnd,
  RecordingPurpose,
  WatchedRecording,
} from './recording.js';
import { makerOf, visibilityOf } from './recording-visibility.js';

/** Time after which another gateway may claim a recording whose claim was not renewed, s. */
export const CLAIM_S = 10;
/** Rows of segments that one statement deletes. */
const DELETED_SEGMENTS = 20_000;

export type NewRecording = Pick<
  Recording,
  'id' | 'streamId' | 'broadcastId' | 'userId' | 'purpose' | 'renditions' | 'storeId' | 'startedAt'
>;

export type RecordingFilter = {
  state?: 'recording' | 'ready' | 'failed' | undefined;
  streamId?: string | undefined;
  before?: string | undefined;
  limit: number;
  offset: number;
};

/** `before`: id of a recording; only older ones. */
export type PublicRecordingFilter = Omit<RecordingFilter, 'state'> & {
  userId?: string | undefined;
  /** Only those with the words of `query` (see `searchQuery`) in their title or tags, and those of the users. */
  search?: { query: string; userIds: string[] };
};

/** Storage that the recordings, clips and ready videos of a user take; the numbers are of recordings and clips. */
export type StorageUsage = { recordings: number; clips: number; sizeBytes: number; durationS: number };

/** A recording that this process renewed its claim of. */
export type RenewedClaim = { id: string; stopRequested: boolean };

/**
 * Statements on the table `recordings`. A process claims what it works on; all changes of a claimed recording carry the
 * claimant, so that a process that lost its claim changes nothing. Claims are judged by the clock of the database.
 */
export class RecordingTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /**
   * Inserts a recording that this process has claimed. It has the title and the visibility of its livestream.
   *
   * @returns undefined if the broadcast has an open one
   */
  async insert(recording: NewRecording, claimant: string): Promise<Recording | undefined> {
    const { id, streamId, broadcastId, userId, purpose, renditions, storeId, startedAt } = recording;
    const ofRecording = purpose === 'recording' ? streamId : null;
    const [row] = await this.#sql<Recording[]>`
      insert into recordings
        (id, stream_id, broadcast_id, user_id, state, purpose, renditions, store_id, started_at, claimed_by, claimed_until,
          title, search_text, recorded_visibility)
      values (${id}, ${streamId}, ${broadcastId}, ${userId}, 'recording', ${purpose}, ${renditions}, ${storeId},
        ${startedAt}, ${claimant}, now() + ${CLAIM_S} * interval '1 s',
        coalesce((select title from livestreams where id = ${ofRecording}), ''),
        coalesce((select title_text || ' ' || tags_text from livestreams where id = ${ofRecording}), ''),
        (select visibility from livestreams where id = ${ofRecording}))
      on conflict (broadcast_id) where state = 'recording' and purpose = 'recording' do nothing
      returning ${this.#columns()}`;
    return row;
  }

  /** @param id must have the form of a UUID. */
  async find(id: string): Promise<Recording | undefined> {
    const [row] = await this.#sql<Recording[]>`
      select ${this.#columns()} from recordings where id = ${id} and purpose = 'recording'`;
    return row;
  }

  /** As `find`, and also the recording of a clip or an uploaded video. */
  async findPlayable(id: string): Promise<Recording | undefined> {
    const [row] = await this.#sql<Recording[]>`
      select ${this.#columns()} from recordings where id = ${id} and purpose in ('recording', 'clip', 'video')`;
    return row;
  }

  /** @param id must have the form of a UUID; also a part of a rewind window */
  async findWatched(id: string): Promise<WatchedRecording | undefined> {
    const [row] = await this.#sql<WatchedRecording[]>`
      select recordings.stream_id as id, (select user_id from livestreams where id = stream_id) as "userId",
        ${visibilityOf(this.#sql)} as visibility, ${makerOf(this.#sql)} as maker
      from recordings where id = ${id} and state <> 'deleting' and stream_id is not null`;
    return row;
  }

  /** Returns the id of the newest recording of a livestream that is ready and not more private than the livestream. */
  async findShown(streamId: string): Promise<string | undefined> {
    const order = this.#sql`array['public', 'unlisted', 'private']`;
    const [row] = await this.#sql<{ id: string }[]>`
      select recordings.id from recordings join livestreams on livestreams.id = recordings.stream_id
      where stream_id = ${streamId} and state = 'ready' and purpose = 'recording'
        and array_position(${order}, ${visibilityOf(this.#sql)}) <= array_position(${order}, livestreams.visibility)
      order by recordings.id desc limit 1`;
    return row?.id;
  }

  /** @returns the recording as it is now; undefined if it is unknown or being deleted */
  async update(id: string, { title, visibility }: RecordingChanges): Promise<Recording | undefined> {
    const [row] = await this.#sql<Recording[]>`
      update recordings set title = coalesce(${title ?? null}, title),
        search_text = coalesce(${title === undefined ? null : searchText(title)}, search_text),
        visibility = coalesce(${visibility ?? null}, visibility)
      where id = ${id} and purpose = 'recording' and state <> 'deleting'
      returning ${this.#columns()}`;
    return row;
  }

  /** Returns the recordings of a livestream that have one of the given visibilities, newest first. */
  async listByStream(
    streamId: string,
    page: { limit: number; offset: number },
    visibilities: readonly Visibility[] = ['public', 'unlisted', 'private'],
  ): Promise<Recording[]> {
    return await this.#sql<Recording[]>`
      select ${this.#columns()} from recordings
      where stream_id = ${streamId} and state <> 'deleting' and purpose = 'recording'
        and ${visibilityOf(this.#sql)} = any(${[...visibilities]})
      order by id desc limit ${page.limit} offset ${page.offset}`;
  }

  /** Returns recordings that are ready and public, newest first. */
  async listPublic(filter: PublicRecordingFilter): Promise<Recording[]> {
    const { userId, streamId, before, limit, offset, search } = filter;
    const found = search
      ? this.#sql`and (to_tsvector('simple', search_text) @@ to_tsquery('simple', ${search.query})
          or user_id = any(${search.userIds}::text[]))`
      : this.#sql``;
    return await this.#sql<Recording[]>`
      select ${this.#columns()} from recordings
      where state = 'ready' and purpose = 'recording' ${found} and coalesce(visibility, recorded_visibility) = 'public'
        and ${visibilityOf(this.#sql)} = 'public' and stream_id is not null
        and (${userId ?? null}::text is null or user_id = ${userId ?? null})
        and (${streamId ?? null}::uuid is null or stream_id = ${streamId ?? null}::uuid)
        and (${before ?? null}::uuid is null or id < ${before ?? null}::uuid)
      order by id desc limit ${limit} offset ${offset}`;
  }

  /**
   * Returns the recordings of a user over all livestreams, newest first.
   *
   * @param filter `before`: id of a recording; only older ones
   */
  async listByUser(userId: string, filter: RecordingFilter): Promise<Recording[]> {
    const { state, streamId, before, limit, offset } = filter;
    return await this.#sql<Recording[]>`
      select ${this.#columns()} from recordings
      where user_id = ${userId} and stream_id is not null and state <> 'deleting' and purpose = 'recording'
        and (${state ?? null}::text is null or state = ${state ?? null})
        and (${streamId ?? null}::uuid is null or stream_id = ${streamId ?? null}::uuid)
        and (${before ?? null}::uuid is null or id < ${before ?? null}::uuid)
      order by id desc limit ${limit} offset ${offset}`;
  }

  /** Sums up what the recordings, clips and videos that are ready of a user take, those that are being deleted included, as the quota does. */
  async usage(userId: string): Promise<StorageUsage> {
    const [row] = await this.#sql<StorageUsage[]>`
      select count(*) filter (where purpose = 'recording')::int as recordings,
        count(*) filter (where purpose = 'clip')::int as clips, coalesce(sum(size_bytes), 0)::float8 as "sizeBytes",
        coalesce(sum(duration_s), 0) as "durationS"
      from recordings where user_id = ${userId}`;
    return row!;
  }

  /** Returns whether the broadcast has a recording, also an ended one. */
  async hasAny(broadcastId: string): Promise<boolean> {
    const rows = await this.#sql`
      select from recordings where broadcast_id = ${broadcastId} and purpose = 'recording' limit 1`;
    return rows.length > 0;
  }

  /** Claims the open recording of a broadcast for the process that runs the broadcast. */
  async takeOver(broadcastId: string, claimant: string): Promise<Recording | undefined> {
    const [row] = await this.#sql<Recording[]>`
      update recordings set ${this.#claim(claimant)}
      where broadcast_id = ${broadcastId} and state = 'recording' and purpose = 'recording'
      returning ${this.#columns()}`;
    return row;
  }

  /** Claims the open parts of a broadcast's rewind window. @returns their ids */
  async takeOverRewind(broadcastId: string, claimant: string): Promise<string[]> {
    const rows = await this.#sql<{ id: string }[]>`
      update recordings set ${this.#claim(claimant)}
      where broadcast_id = ${broadcastId} and state = 'recording' and purpose = 'rewind' returning id`;
    return rows.map(({ id }) => id);
  }

  /** Renews all claims of open recordings of a process. */
  async renew(claimant: string): Promise<RenewedClaim[]> {
    return await this.#sql<RenewedClaim[]>`
      update recordings set ${this.#claim(claimant)} where claimed_by = ${claimant} and state = 'recording'
      returning id, stop_requested as "stopRequested"`;
  }

  /** Asks the process that records to stop. @returns the recording; undefined if unknown */
  async requestStop(id: string): Promise<Recording | undefined> {
    const [row] = await this.#sql<Recording[]>`
      update recordings set stop_requested = stop_requested or state = 'recording'
      where id = ${id} and purpose = 'recording'
      returning ${this.#columns()}`;
    return row;
  }

  /** Gives up a claim, for the next process that runs the broadcast. */
  async release(id: string, claimant: string): Promise<void> {
    await this.#sql`
      update recordings set claimed_by = null, claimed_until = null where id = ${id} and claimed_by = ${claimant}`;
  }

  /**
   * Ends a claimed recording: `ready`, or `failed` without a segment. Duration and size are those of the stored segments.
   *
   * @returns undefined when it is not claimed by this process, or has ended before
   */
  async finish(
    id: string,
    claimant: string,
    end: { endedAt: Date; reason: RecordingEnd },
  ): Promise<Recording | undefined> {
    const [row] = await this.#sql<Recording[]>`
      with renditions as (
        select run, rendition, sum(duration_s) as duration_s, sum(byte_length) as size_bytes
        from recording_segments s join recording_files f
          on f.recording_id = s.recording_id and f.number = s.file_number
        where s.recording_id = ${id} group by run, rendition
      ), runs as (
        select run, max(duration_s) as duration_s, sum(size_bytes) as size_bytes from renditions group by run
      ), whole as (
        select coalesce(sum(duration_s), 0) as total_s, coalesce(sum(size_bytes), 0)
          + (select coalesce(sum(init_bytes), 0) from recording_files where recording_id = ${id}) as total_bytes
        from runs
      )
      update recordings set state = case when whole.total_s > 0 then 'ready' else 'failed' end,
        duration_s = whole.total_s, size_bytes = whole.total_bytes,
        ended_at = greatest(${end.endedAt}, started_at), end_reason = ${end.reason}, claimed_by = null, claimed_until = null
      from whole where id = ${id} and claimed_by = ${claimant} and state = 'recording'
      returning ${this.#columns()}`;
    return row;
  }

  /**
   * Returns open recordings in this folder whose claimant is gone, by id. Clips and videos are begun anew by their workers.
   *
   * @param after id; only those behind it
   */
  async listAbandoned(storeId: string, after: string | undefined, limit: number): Promise<Recording[]> {
    return await this.#sql<Recording[]>`
      select ${this.#columns()} from recordings
      where state = 'recording' and purpose not in ('clip', 'video') and store_id = ${storeId}
        and (claimed_until is null or claimed_until < now())
        and (${after ?? null}::uuid is null or id > ${after ?? null}::uuid)
      order by id limit ${limit}`;
  }

  /** Claims those of the given recordings that no other process has claimed. @returns their ids */
  async claimAbandoned(ids: string[], claimant: string): Promise<string[]> {
    const rows = await this.#sql<{ id: string }[]>`
      update recordings set ${this.#claim(claimant)} where id in (
        select id from recordings
        where id = any(${ids}::uuid[]) and state = 'recording' and (claimed_until is null or claimed_until < now())
        for update skip locked)
      returning id`;
    return rows.map(({ id }) => id);
  }

  /** Marks an ended recording for deletion. @returns false when it is unknown or runs */
  async markForDeletion(id: string): Promise<boolean> {
    const result = await this.#sql`
      update recordings set state = 'deleting' where id = ${id} and state <> 'recording'`;
    return result.count > 0;
  }

  /** Marks recordings that ended before a moment for deletion. @returns their number */
  async markExpired(before: Date, limit: number, purpose: RecordingPurpose = 'recording'): Promise<number> {
    const result = await this.#sql`
      update recordings set state = 'deleting' where id in (
        select id from recordings
        where state in ('ready', 'failed') and ended_at < ${before} and purpose = ${purpose}
        order by ended_at limit ${limit})`;
    return result.count;
  }

  /**
   * Claims recordings that are to be deleted, or whose livestream was deleted: those of this folder, and those that are in the
   * object store only.
   *
   * @param objectStore undefined: recordings with objects wait
   */
  async claimForDeletion(
    storeId: string,
    objectStore: string | undefined,
    claimant: string,
    limit: number,
  ): Promise<Pick<Recording, 'id' | 'objectStore'>[]> {
    return await this.#sql<Pick<Recording, 'id' | 'objectStore'>[]>`
      update recordings set ${this.#claim(claimant)}, state = 'deleting' where id in (
        select id from recordings
        where (store_id = ${storeId} or location = 'remote')
          and (object_store is null or object_store = ${objectStore ?? null})
          and (state = 'deleting' or (stream_id is null and purpose <> 'video' and state <> 'recording'))
          and (claimed_until is null or claimed_until < now() or claimed_by = ${claimant})
        order by id limit ${limit} for update skip locked)
      returning id, object_store as "objectStore"`;
  }

  /** Deletes a recording with its index, whose rows are millions after weeks: in steps that end before the time limit of statements. */
  async delete(id: string): Promise<void> {
    for (let deleted = DELETED_SEGMENTS; deleted === DELETED_SEGMENTS; ) {
      const result = await this.#sql`
        delete from recording_segments where ctid = any(array(
          select ctid from recording_segments where recording_id = ${id} limit ${DELETED_SEGMENTS}))`;
      deleted = result.count;
    }
    await this.#sql`delete from recordings where id = ${id}`;
  }

  #claim(claimant: string): ReturnType<Sql> {
    return this.#sql`claimed_by = ${claimant}, claimed_until = now() + ${CLAIM_S} * interval '1 s'`;
  }

  #columns(): ReturnType<Sql> {
    return this
      .#sql`id, stream_id as "streamId", broadcast_id as "broadcastId", user_id as "userId", title, ${visibilityOf(this.#sql)} as visibility,
      state, purpose, renditions,
      store_id as "storeId", location, object_store as "objectStore", started_at as "startedAt", ended_at as "endedAt", end_reason as "endReason",
      duration_s as "durationS", size_bytes::float8 as "sizeBytes", dropped_segments as "droppedSegments"`;
  }
}
