import { HeadendError, type Queries, type Sql, searchText } from '../platform/index.js';
import type { Video, VideoChanges, VideoFailure } from './video.js';

export type NewVideo = Pick<Video, 'id' | 'userId' | 'title' | 'visibility' | 'storeId' | 'uploadBytes'>;

/** Upload that is not complete, of any user. */
export type AnnouncedUpload = Pick<Video, 'id' | 'uploadBytes'>;

export type VideoPage = { limit: number; before?: string | undefined };

/** `search`: only those with the words of `query` (see `searchQuery`) in their title, and those of the users. */
export type PublicVideoFilter = VideoPage & { search?: { query: string; userIds: string[] } };

/** A user's videos, and the storage of those that are not ready: the media of the others are recordings. */
export type VideoUsage = {
  /** Renditions so far, and uploads at their announced length. */
  sizeBytes: number;
  /** Uploads that are not complete. */
  uploading: number;
  /** Videos of any state. */
  videos: number;
};

/** Duration of a claim, renewed every few seconds. */
const CLAIM = '12 seconds';

/** Statements on the table `videos`; no other file queries it. */
export class VideoTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /**
   * Inserts a video unless `check` throws. One at a time over all gateways, so that concurrent uploads share quota and disk.
   *
   * @param check gets what the user has, and all uploads in the folder that are not complete
   */
  async insert(
    video: NewVideo,
    check: (usage: VideoUsage, announced: AnnouncedUpload[]) => Promise<void>,
  ): Promise<void> {
    await this.#sql.begin(async (sql) => {
      const { id, userId, title, visibility, storeId, uploadBytes } = video;
      await sql`select pg_advisory_xact_lock(hashtext('videos'), hashtext('announcement'))`;
      const announced = await sql<AnnouncedUpload[]>`
        select id, upload_bytes::double precision as "uploadBytes" from videos
        where state = 'uploading' and store_id = ${storeId}`;
      await check(await this.#usage(sql, userId), announced);
      await sql`
        insert into videos (id, user_id, title, search_text, visibility, state, store_id, upload_bytes)
        values (${id}, ${userId}, ${title}, ${searchText(title)}, ${visibility}, 'uploading', ${storeId}, ${uploadBytes})`;
    });
  }

  /** @param id must have the form of a UUID. */
  async find(id: string): Promise<Video | undefined> {
    const [row] = await this.#sql<Video[]>`select ${this.#columns()} from videos where id = ${id}`;
    return row;
  }

  /** Returns a user's videos, newest first: all, or the public ones that are ready. */
  async listByUser(userId: string, page: VideoPage, which: 'all' | 'public'): Promise<Video[]> {
    const { limit, before } = page;
    return await this.#sql<Video[]>`
      select ${this.#columns()} from videos
      where user_id = ${userId} and state <> 'deleting'
        ${which === 'public' ? this.#sql`and visibility = 'public' and state = 'ready'` : this.#sql``}
        ${before === undefined ? this.#sql`` : this.#sql`and id < ${before}`}
      order by id desc limit ${limit}`;
  }

  /** Returns videos that are ready and public, newest first. */
  async listPublic({ limit, before, search }: PublicVideoFilter): Promise<Video[]> {
    const found = search
      ? this.#sql`and (to_tsvector('simple', search_text) @@ to_tsquery('simple', ${search.query})
          or user_id = any(${search.userIds}::text[]))`
      : this.#sql``;
    return await this.#sql<Video[]>`
      select ${this.#columns()} from videos
      where state = 'ready' and visibility = 'public' ${found}
        and (${before ?? null}::uuid is null or id < ${before ?? null}::uuid)
      order by id desc limit ${limit}`;
  }

  async usage(userId: string): Promise<VideoUsage> {
    return await this.#usage(this.#sql, userId);
  }

  /** @returns the video as it is now; undefined when it is unknown. */
  async update(id: string, { title, visibility }: VideoChanges): Promise<Video | undefined> {
    const [row] = await this.#sql<Video[]>`
      update videos set title = coalesce(${title ?? null}, title),
        search_text = coalesce(${title === undefined ? null : searchText(title)}, search_text),
        visibility = coalesce(${visibility ?? null}, visibility)
      where id = ${id} and state <> 'deleting' returning ${this.#columns()}`;
    return row;
  }

  /** Stores that bytes of an upload have arrived, which postpones its expiry. */
  async received(id: string): Promise<void> {
    await this.#sql`update videos set received_at = now() where id = ${id} and state = 'uploading'`;
  }

  /**
   * Claims a video for a request that writes its file, or asks the request that has it to end.
   *
   * @returns `complete` when the file is not written any more
   */
  async lockUpload(id: string, lockId: string): Promise<'mine' | 'taken' | 'complete'> {
    const isFree = this.#sql`(claimed_until is null or claimed_until < now())`;
    const [row] = await this.#sql<{ isMine: boolean }[]>`
      update videos set claimed_by = case when ${isFree} then ${lockId} else claimed_by end,
        claimed_until = case when ${isFree} then now() + ${CLAIM}::interval else claimed_until end,
        release_wanted = not ${isFree}
      where id = ${id} and state = 'uploading' returning claimed_by = ${lockId} as "isMine"`;
    if (!row) return 'complete';
    return row.isMine ? 'mine' : 'taken';
  }

  /** @returns `wanted` when another request waits, or the lock is gone */
  async renewUploadLock(id: string, lockId: string): Promise<'mine' | 'wanted'> {
    const [row] = await this.#sql<{ isWanted: boolean }[]>`
      update videos set claimed_until = now() + ${CLAIM}::interval
      where id = ${id} and claimed_by = ${lockId} and state = 'uploading' returning release_wanted as "isWanted"`;
    return row?.isWanted === false ? 'mine' : 'wanted';
  }

  async unlockUpload(id: string, lockId: string): Promise<void> {
    await this.#sql`
      update videos set claimed_by = null, claimed_until = null, release_wanted = false
      where id = ${id} and claimed_by = ${lockId}`;
  }

  /** @returns false when it was not being uploaded. */
  async queue(id: string): Promise<boolean> {
    const result = await this.#sql`
      update videos set state = 'queued', received_at = now() where id = ${id} and state = 'uploading'`;
    return result.count > 0;
  }

  /** Returns the uploads of a folder that no request writes at the moment. */
  async listUnlockedUploads(storeId: string): Promise<AnnouncedUpload[]> {
    return await this.#sql<AnnouncedUpload[]>`
      select id, upload_bytes::double precision as "uploadBytes" from videos
      where state = 'uploading' and store_id = ${storeId} and (claimed_until is null or claimed_until < now())`;
  }

  /** Has all waiting videos of a folder get another job. */
  async forgetJobs(storeId: string): Promise<void> {
    await this.#sql`
      update videos set job_id = null where state = 'queued' and job_id is not null and store_id = ${storeId}`;
  }

  async setJob(id: string, jobId: string): Promise<void> {
    await this.#sql`update videos set job_id = ${jobId} where id = ${id}`;
  }

  /** Returns videos of a folder that wait and have no job, which a crash between two statements leaves. */
  async listWithoutJob(storeId: string): Promise<string[]> {
    const rows = await this.#sql<{ id: string }[]>`
      select id from videos where state = 'queued' and job_id is null and store_id = ${storeId} order by id limit 100`;
    return rows.map(({ id }) => id);
  }

  /** Whether a video of a folder waits for its transcoding. */
  async hasQueued(storeId: string): Promise<boolean> {
    const [row] = await this
      .#sql`select from videos where state = 'queued' and store_id = ${storeId} limit 1`;
    return row !== undefined;
  }

  /** Claims a waiting video for its transcoding. @returns undefined when it does not wait any more */
  async claim(id: string, claimant: string): Promise<Video | undefined> {
    const [row] = await this.#sql<Video[]>`
      update videos set state = 'transcoding', claimed_by = ${claimant}, claimed_until = now() + ${CLAIM}::interval,
        attempts = attempts + 1, progress = 0, size_bytes = 0
      where id = ${id} and state = 'queued' returning ${this.#columns()}`;
    return row;
  }

  /** Renews a claim and stores the progress. @returns false when the claim, or the video, is gone */
  async renew(id: string, claimant: string, progress: number, sizeBytes: number): Promise<boolean> {
    const result = await this.#sql`
      update videos set claimed_until = now() + ${CLAIM}::interval, progress = ${progress}, size_bytes = ${sizeBytes}
      where id = ${id} and claimed_by = ${claimant} and state = 'transcoding'`;
    return result.count > 0;
  }

  /** Has a claimed video wait again, for another job. @param counts whether the attempt counts */
  async requeue(id: string, claimant: string, counts: boolean): Promise<void> {
    await this.#sql`
      update videos set state = 'queued', claimed_by = null, claimed_until = null, size_bytes = 0, job_id = null,
        attempts = attempts - ${counts ? 0 : 1}
      where id = ${id} and claimed_by = ${claimant} and state = 'transcoding'`;
  }

  /**
   * Makes a claimed video ready.
   *
   * @param finish makes its media ready in the same transaction; false: they are another process's
   * @returns false when the claim is gone
   */
  async finish(
    id: string,
    claimant: string,
    { durationS, sizeBytes }: { durationS: number; sizeBytes: number },
    finish: (sql: Queries) => Promise<boolean>,
  ): Promise<boolean> {
    return await this.#sql.begin(async (sql) => {
      const result = await sql`
        update videos set state = 'ready', progress = 1, duration_s = ${durationS}, size_bytes = ${sizeBytes},
          claimed_by = null, claimed_until = null
        where id = ${id} and claimed_by = ${claimant} and state = 'transcoding'`;
      if (result.count === 0) return false;
      if (!(await finish(sql)))
        throw new HeadendError('video_claim_lost', 'Another process works on this video.');
      return true;
    });
  }

  /**
   * Stores that a video has failed, unless it is ready or being deleted.
   *
   * @param claimant only if this process has claimed it; default: in any case
   * @returns the video; undefined when nothing was changed
   */
  async fail(id: string, failure: VideoFailure, claimant?: string): Promise<Video | undefined> {
    const [row] = await this.#sql<Video[]>`
      update videos set state = 'failed', failure = ${failure}, size_bytes = 0, claimed_by = null, claimed_until = null
      where id = ${id} and state in ('uploading', 'queued', 'transcoding')
        ${claimant === undefined ? this.#sql`` : this.#sql`and claimed_by = ${claimant}`}
      returning ${this.#columns()}`;
    return row;
  }

  /** Takes over videos of a folder whose transcoding process is gone. */
  async claimAbandoned(storeId: string, claimant: string): Promise<Video[]> {
    return await this.#sql<Video[]>`
      update videos set claimed_by = ${claimant}, claimed_until = now() + ${CLAIM}::interval
      where id in (
        select id from videos where state = 'transcoding' and store_id = ${storeId} and claimed_until < now()
        limit 100 for update skip locked)
      returning ${this.#columns()}`;
  }

  /** Marks uploads that got no bytes for a time, and get none now, as being deleted. */
  async expireUploads(storeId: string, afterS: number): Promise<void> {
    await this.#sql`
      update videos set state = 'deleting'
      where state = 'uploading' and store_id = ${storeId} and received_at < now() - ${`${afterS} seconds`}::interval
        and (claimed_until is null or claimed_until < now())`;
  }

  /** @returns false when it is unknown. */
  async markForDeletion(id: string): Promise<boolean> {
    const result = await this.#sql`update videos set state = 'deleting' where id = ${id}`;
    return result.count > 0;
  }

  async markAllForDeletion(userId: string): Promise<void> {
    await this.#sql`update videos set state = 'deleting' where user_id = ${userId}`;
  }

  /** Returns videos of a folder to be deleted that no process works on. */
  async listDeleting(storeId: string, claimant: string): Promise<Video[]> {
    return await this.#sql<Video[]>`
      select ${this.#columns()} from videos
      where state = 'deleting' and store_id = ${storeId}
        and (claimed_by is null or claimed_by = ${claimant} or claimed_until < now())
      order by id limit 20`;
  }

  async delete(id: string): Promise<void> {
    await this.#sql`delete from videos where id = ${id}`;
  }

  async #usage(sql: Queries, userId: string): Promise<VideoUsage> {
    const [row] = await sql<[{ sizeBytes: string; uploading: number; videos: number }]>`
      select coalesce(sum(size_bytes + upload_bytes) filter (where state in ('uploading', 'queued', 'transcoding')), 0)
          as "sizeBytes",
        count(*) filter (where state = 'uploading')::integer as uploading, count(*)::integer as videos
      from videos where user_id = ${userId}`;
    return { ...row, sizeBytes: Number(row.sizeBytes) };
  }

  #columns() {
    return this.#sql`id, user_id as "userId", title, visibility, state, failure, store_id as "storeId",
      upload_bytes::double precision as "uploadBytes", size_bytes::double precision as "sizeBytes", duration_s as "durationS", progress, attempts,
      job_id as "jobId", created_at as "createdAt"`;
  }
}
