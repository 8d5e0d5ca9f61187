import { type Sql, searchText } from '../../platform/index.js';
import { CLAIM_S } from '../recording-table.js';
import { makerOf, visibilityOf } from '../recording-visibility.js';
import { CLIP_LIMITS, type Clip, type ClipFailure, type ClipVisibility } from './clip.js';

export type NewClip = Pick<
  Clip,
  | 'id'
  | 'broadcastId'
  | 'sourceId'
  | 'userId'
  | 'createdBy'
  | 'createdAt'
  | 'title'
  | 'visibility'
  | 'access'
  | 'startsAt'
  | 'endsAt'
  | 'exact'
> & { streamId: string; storeId: string };

/** Clip that this process has claimed. */
export type ClaimedClip = Pick<
  Clip,
  'id' | 'streamId' | 'broadcastId' | 'sourceId' | 'userId' | 'startsAt' | 'endsAt' | 'exact' | 'createdAt'
> & { attempts: number };

/** The audience of a list of clips. */
export type ClipListing = 'all' | { userId: string | null; isModerator: boolean };

export type ClipPage = { before?: string | undefined; limit: number; offset: number };

export type PublicClipFilter = {
  /** Only those that this user made. */
  userId?: string | undefined;
  /** Only those of livestreams of this user. */
  ownerId?: string | undefined;
  /** Only those with the words of `query` (see `searchQuery`) in their title, and those of the users. */
  search?: { query: string; userIds: string[] };
};

/**
 * Statements on the table `clips` and the recordings that are clips. As for other recordings, each change of a clip that
 * is being cut carries the claimant.
 */
export class ClipTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** @returns false when too many clips of the account, or of all, are being cut */
  async insert(clip: NewClip): Promise<boolean> {
    const { id, streamId, broadcastId, sourceId, userId, createdBy, createdAt, storeId } = clip;
    const { title, visibility, access, startsAt, endsAt, exact } = clip;
    const result = await this.#sql`
      with unfinished as (
        select count(*) as total, count(*) filter (where c.created_by = ${createdBy}) as own
        from recordings join clips c on c.id = recordings.id where recordings.state = 'recording' and recordings.purpose = 'clip'
      ), recording as (
        insert into recordings
          (id, stream_id, broadcast_id, user_id, state, purpose, renditions, store_id, started_at, title,
          search_text, recorded_visibility, visibility)
        select ${id}, ${streamId}, ${broadcastId}, ${userId}, 'recording', 'clip', 'source', ${storeId}, ${createdAt},
          ${title}, ${searchText(title)}, ${access}, ${visibility === 'private' ? visibility : null}
        from unfinished where total < ${CLIP_LIMITS.unfinished} and own < ${CLIP_LIMITS.unfinishedOfAccount}
        returning id
      )
      insert into clips (id, visibility, created_by, source_id, starts_at, ends_at, exact)
      select id, ${visibility}, ${createdBy}, ${sourceId}::uuid, ${startsAt}, ${endsAt}, ${exact}
      from recording`;
    return result.count > 0;
  }

  /** @param id must have the form of a UUID. */
  async find(id: string): Promise<Clip | undefined> {
    const [row] = await this.#sql<Clip[]>`select ${this.#columns()} ${this.#from()} where c.id = ${id}`;
    return row;
  }

  /** @returns the newest broadcast of a livestream that has stored media in this folder */
  async newestBroadcast(streamId: string, storeId: string): Promise<string | undefined> {
    const [row] = await this.#sql<{ broadcastId: string }[]>`
      select broadcast_id as "broadcastId" from recordings
      where stream_id = ${streamId} and store_id = ${storeId} and purpose <> 'clip'
        and state in ('recording', 'ready')
      order by id desc limit 1`;
    return row?.broadcastId;
  }

  /**
   * Returns the clips of a livestream, newest first.
   *
   * @param of `all`; or those that everybody sees, and those that this user made; for a moderator also those that are unlisted or not
   * ready
   */
  async listByStream(streamId: string, of: ClipListing, page: ClipPage): Promise<Clip[]> {
    const listed =
      of !== 'all' && of.isModerator
        ? this.#sql`true`
        : this.#sql`c.visibility = 'public' and recordings.state = 'ready'`;
    const seen =
      of === 'all'
        ? this.#sql``
        : this.#sql`and ((${listed} and c.visibility <> 'private'
          and (${visibilityOf(this.#sql)} <> 'private' or exists (
            select from livestreams where id = recordings.stream_id and visibility = 'private'))) or c.created_by = ${of.userId})`;
    return await this.#list(this.#sql`recordings.stream_id = ${streamId} ${seen}`, page);
  }

  /** Returns the clips that a user made, and those of the user's livestreams, newest first. */
  async listByUser(userId: string, page: ClipPage): Promise<Clip[]> {
    // Not by `or` over both tables, which would read all clips.
    const own = this.#sql`
      select id from clips where created_by = ${userId}
      union select id from recordings where user_id = ${userId} and purpose = 'clip'`;
    return await this.#list(this.#sql`c.id in (${own}) and recordings.stream_id is not null`, page);
  }

  /** Returns public clips of public livestreams, newest first. */
  async listPublic({ userId, ownerId, search }: PublicClipFilter, page: ClipPage): Promise<Clip[]> {
    const made = userId === undefined ? this.#sql`` : this.#sql`and c.created_by = ${userId}`;
    const owned = ownerId === undefined ? this.#sql`` : this.#sql`and recordings.user_id = ${ownerId}`;
    const found = search
      ? this.#sql`and recordings.purpose = 'clip'
          and (to_tsvector('simple', recordings.search_text) @@ to_tsquery('simple', ${search.query})
            or c.created_by = any(${search.userIds}::text[]) or recordings.user_id = any(${search.userIds}::text[]))`
      : this.#sql``;
    return await this.#list(
      this.#sql`c.visibility = 'public' and recordings.state = 'ready' ${made} ${owned} ${found}
        and ${visibilityOf(this.#sql)} = 'public' and recordings.stream_id is not null`,
      page,
    );
  }

  async update(
    id: string,
    { title, visibility }: { title?: string | undefined; visibility?: ClipVisibility | undefined },
  ): Promise<void> {
    await this.#sql`
      with titled as (
        update recordings set title = coalesce(${title ?? null}, title),
          search_text = coalesce(${title === undefined ? null : searchText(title)}, search_text),
          visibility = ${visibility === undefined ? this.#sql`visibility` : visibility === 'private' ? visibility : null}
        where id = ${id} and purpose = 'clip'
      )
      update clips set visibility = coalesce(${visibility ?? null}, visibility) where id = ${id}`;
  }

  /** Marks a clip for deletion, also one that is being cut: its process notices. */
  async markForDeletion(id: string): Promise<void> {
    await this.#sql`update recordings set state = 'deleting' where id = ${id} and purpose = 'clip'`;
  }

  /** Removes a user from the clips that they made. */
  async forgetUser(userId: string): Promise<void> {
    await this.#sql`update clips set created_by = null where created_by = ${userId}`;
  }

  /** Claims the clip of a folder that waits longest. */
  async claim(storeId: string, claimant: string, exact: boolean): Promise<ClaimedClip | undefined> {
    const [row] = await this.#sql<ClaimedClip[]>`
      with claimed as (
        update recordings set claimed_by = ${claimant}, claimed_until = now() + ${CLAIM_S} * interval '1 s'
        where id = (
          select recordings.id from recordings join clips c on c.id = recordings.id
          where recordings.purpose = 'clip' and recordings.state = 'recording' and recordings.store_id = ${storeId} and c.exact = ${exact}
            and c.cut_after <= now() and (recordings.claimed_until is null or recordings.claimed_until < now())
          order by c.cut_after, recordings.id limit 1 for update of recordings skip locked)
        returning *
      )
      update clips c set attempts = attempts + 1 from claimed where c.id = claimed.id
      returning c.id, claimed.stream_id as "streamId", claimed.broadcast_id as "broadcastId", c.source_id as "sourceId",
        claimed.user_id as "userId", c.starts_at as "startsAt", c.ends_at as "endsAt", c.exact, c.attempts,
        claimed.started_at as "createdAt"`;
    return row;
  }

  /** @returns false when the claim is lost, or the clip is being deleted */
  async renew(id: string, claimant: string): Promise<boolean> {
    const result = await this.#sql`
      update recordings set claimed_until = now() + ${CLAIM_S} * interval '1 s' where ${this.#mine(id, claimant)}`;
    return result.count > 0;
  }

  /** Drops what an earlier attempt has stored. @returns false when the claim is lost */
  async reset(id: string, claimant: string): Promise<boolean> {
    const rows = await this.#sql`
      with mine as (
        update recordings set duration_s = 0, size_bytes = 0, poster = null where ${this.#mine(id, claimant)} returning id
      ), dropped as (
        delete from recording_files using mine where recording_id = mine.id
      )
      select from mine`;
    return rows.length > 0;
  }

  /**
   * Gives a claim up.
   *
   * @param delayS time after which the clip is worked on again
   * @param counts the attempt counts
   */
  async release(
    id: string,
    claimant: string,
    { delayS, counts }: { delayS: number; counts: boolean },
  ): Promise<void> {
    await this.#sql`
      with mine as (
        update recordings set claimed_by = null, claimed_until = null where id = ${id} and claimed_by = ${claimant}
        returning id
      )
      update clips set cut_after = now() + ${delayS} * interval '1 s', attempts = attempts - ${counts ? 0 : 1}
      from mine where clips.id = mine.id`;
  }

  /** @returns false when the claim is lost */
  async fail(id: string, claimant: string, failure: ClipFailure): Promise<boolean> {
    const result = await this.#sql`
      with mine as (
        update recordings set state = 'failed', ended_at = greatest(now(), started_at), duration_s = 0, size_bytes = 0,
          claimed_by = null, claimed_until = null
        where ${this.#mine(id, claimant)} returning id
      ), dropped as (
        delete from recording_files using mine where recording_id = mine.id
      )
      update clips set failure = ${failure} from mine where clips.id = mine.id`;
    return result.count > 0;
  }

  async #list(condition: ReturnType<Sql>, { before, limit, offset }: ClipPage): Promise<Clip[]> {
    return await this.#sql<Clip[]>`
      select ${this.#columns()} ${this.#from()} where ${condition} and recordings.state <> 'deleting'
        and (${before ?? null}::uuid is null or c.id < ${before ?? null}::uuid)
      order by c.id desc limit ${limit} offset ${offset}`;
  }

  #mine(id: string, claimant: string): ReturnType<Sql> {
    return this.#sql`recordings.id = ${id} and claimed_by = ${claimant} and state = 'recording'`;
  }

  #from(): ReturnType<Sql> {
    return this.#sql`from clips c join recordings on recordings.id = c.id`;
  }

  #columns(): ReturnType<Sql> {
    return this
      .#sql`c.id, recordings.stream_id as "streamId", recordings.broadcast_id as "broadcastId", c.source_id as "sourceId",
      recordings.user_id as "userId", c.created_by as "createdBy", recordings.started_at as "createdAt", recordings.title, c.visibility,
      ${visibilityOf(this.#sql)} as access, ${makerOf(this.#sql)} as maker,
      case recordings.state when 'recording' then 'processing' else recordings.state end as state, c.failure,
      c.starts_at as "startsAt", c.ends_at as "endsAt", c.exact, recordings.duration_s as "durationS",
      recordings.size_bytes::float8 as "sizeBytes"`;
  }
}
