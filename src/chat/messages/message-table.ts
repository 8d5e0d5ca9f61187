import { idBoundary, type Queries, type Sql } from '../../platform/index.js';
import type { ChatMessage } from './chat-message.js';

/** Id of the stored row: that of the message, or of an earlier row with the same client id. */
export type StoredId = { id: string };

/** Selects a page of messages; the newest by default. */
export type MessagePageQuery = {
  limit: number;
  /** Messages skipped, counted back from the newest or from `before`. */
  offset?: number | undefined;
  /** Only messages older than this id. */
  before?: string | undefined;
};

/** Numbers of messages; intervals are counted from 0. */
export type ChatActivity = {
  messages: number;
  authors: number;
  intervals: { index: number; messages: number }[];
};

type UserMessages = { streamId: string; userId: string; upTo: string };

/** Statements on the table `livestream_chat`, for this class alone. Lists of a stream are oldest first. */
export class MessageTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /**
   * Inserts messages, all or none. A message that is already stored, by its id or client id, is not inserted again:
   * the result holds the stored row's id.
   *
   * @param erase ids deleted in the same transaction: their authors got an error
   * @throws PostgreSQL 23503 (foreign_key_violation) where a livestream was deleted
   */
  async insert(messages: ChatMessage[], erase: string[] = []): Promise<StoredId[]> {
    const fresh =
      erase.length === 0
        ? await this.#insert(this.#sql, messages)
        : await this.#sql.begin(async (sql) => {
            await this.#erase(sql, erase);
            const fresh = await this.#insert(sql, messages);
            // The insertion has waited for a write that was given up, and was committed under the same client id.
            if (fresh.length === messages.length || !(await this.#erase(sql, erase))) return fresh;
            const known = new Set(fresh.map(({ id }) => id));
            return [
              ...fresh,
              ...(await this.#insert(
                sql,
                messages.filter(({ id }) => !known.has(id)),
              )),
            ];
          });
    const stored = new Set(fresh.map(({ id }) => id));
    return await Promise.all(
      messages.map(async (message) => (stored.has(message.id) ? message : await this.#findExisting(message))),
    );
  }

  /** Returns one page, selected from the newest backwards. */
  async page(streamId: string, { limit, offset = 0, before }: MessagePageQuery): Promise<ChatMessage[]> {
    const rows = await this.#sql<ChatMessage[]>`
      select ${this.#columns()} from livestream_chat
      where stream_id = ${streamId} and deleted_at is null
        ${before === undefined ? this.#sql`` : this.#sql`and id < ${before}`}
      order by id desc limit ${limit} offset ${offset}`;
    return rows.reverse();
  }

  /** Counts messages about the picture of a time, and their authors, by interval; intervals without any are missing. */
  async activity(
    streamId: string,
    { from, to, intervalS }: { from: Date; to: Date; intervalS: number },
  ): Promise<ChatActivity> {
    const spoken = this.#sql`from livestream_chat
      where stream_id = ${streamId} and coalesce(media_time, created_at) >= ${from}
        and coalesce(media_time, created_at) < ${to} and deleted_at is null`;
    const [[sums], intervals] = await Promise.all([
      this.#sql<[{ messages: number; authors: number }]>`
        select count(*)::int as messages, count(distinct user_id)::int as authors ${spoken}`,
      this.#sql<{ index: number; messages: number }[]>`
        select floor(extract(epoch from coalesce(media_time, created_at) - ${from}::timestamptz) / ${intervalS})::int as index,
          count(*)::int as messages ${spoken} group by 1 order by 1`,
    ]);
    return { ...sums, intervals };
  }

  /** Returns messages of a user in all streams, also deleted ones, newest first. */
  async pageOfUser(
    userId: string,
    { limit, before }: Pick<MessagePageQuery, 'limit' | 'before'>,
  ): Promise<(ChatMessage & { deletedAt: Date | null })[]> {
    return await this.#sql<(ChatMessage & { deletedAt: Date | null })[]>`
      select ${this.#columns()}, deleted_at as "deletedAt" from livestream_chat
      where user_id = ${userId} ${before === undefined ? this.#sql`` : this.#sql`and id < ${before}`}
      order by id desc limit ${limit}`;
  }

  /** Returns the messages after an id, oldest first. */
  async after(streamId: string, after: string, limit: number): Promise<ChatMessage[]> {
    return await this.#sql<ChatMessage[]>`
      select ${this.#columns()} from livestream_chat
      where stream_id = ${streamId} and id > ${after} and deleted_at is null
      order by id limit ${limit}`;
  }

  /** Returns messages by their media time, earliest first. @param query `after`: id of the last message before them */
  async replayPage(
    streamId: string,
    { from, to, after, limit }: { from: Date; to: Date; after?: string | undefined; limit: number },
  ): Promise<ChatMessage[]> {
    const mediaTime = this.#sql`coalesce(media_time, created_at)`;
    return await this.#sql<ChatMessage[]>`
      select ${this.#columns()} from livestream_chat
      where stream_id = ${streamId} and deleted_at is null and ${mediaTime} >= ${from} and ${mediaTime} < ${to}
        ${
          after === undefined
            ? this.#sql``
            : this.#sql`and (${mediaTime}, id) > (
                select ${mediaTime}, id from livestream_chat where stream_id = ${streamId} and id = ${after})`
        }
      order by ${mediaTime}, id limit ${limit}`;
  }

  /** Returns the greatest id of the stream, including deleted messages. */
  async lastId(streamId: string): Promise<string | undefined> {
    const [row] = await this.#sql<{ id: string }[]>`
      select id from livestream_chat where stream_id = ${streamId} order by id desc limit 1`;
    return row?.id;
  }

  /** Returns ids up to `upTo` deleted since `since`; the newest `limit` deletions. */
  async deletedSince(streamId: string, since: Date, upTo: string, limit: number): Promise<string[]> {
    const rows = await this.#sql<{ id: string }[]>`
      select id from livestream_chat
      where stream_id = ${streamId} and deleted_at >= ${since} and id <= ${upTo}
      order by deleted_at desc limit ${limit}`;
    return rows.map((row) => row.id);
  }

  async find(streamId: string, id: string): Promise<ChatMessage | undefined> {
    const [row] = await this.#sql<ChatMessage[]>`
      select ${this.#columns()} from livestream_chat
      where stream_id = ${streamId} and id = ${id} and deleted_at is null`;
    return row;
  }

  /** Returns the address hash of a user's newest message. */
  async lastAddressHash(streamId: string, userId: string): Promise<string | undefined> {
    const [row] = await this.#sql<{ hash: string }[]>`
      select address_hash as hash from livestream_chat
      where stream_id = ${streamId} and user_id = ${userId} and address_hash is not null
      order by id desc limit 1`;
    return row?.hash;
  }

  /** Marks a message as deleted. @returns false if it was deleted before or does not exist */
  async delete(sql: Queries, streamId: string, id: string, by: string, at: Date): Promise<boolean> {
    const result = await sql`
      update livestream_chat set deleted_at = ${at}, deleted_by = ${by}
      where stream_id = ${streamId} and id = ${id} and deleted_at is null`;
    return result.count > 0;
  }

  /** Marks all messages of a user up to an id as deleted. @returns their number */
  async deleteByUser(sql: Queries, of: UserMessages, by: string, at: Date): Promise<number> {
    const result = await sql`
      update livestream_chat set deleted_at = ${at}, deleted_by = ${by}
      where stream_id = ${of.streamId} and user_id = ${of.userId} and id <= ${of.upTo} and deleted_at is null`;
    return result.count;
  }

  /**
   * Replaces the author of up to `atMost` messages of a user, and drops badge and address hash. @returns their number
   */
  async anonymise(userId: string, author: { userId: string; name: string }, atMost: number): Promise<number> {
    const result = await this.#sql`
      update livestream_chat set user_id = ${author.userId}, user_name = ${author.name}, badge = null,
        address_hash = null, deleted_by = case when deleted_by = ${userId} then ${author.userId} else deleted_by end
      where id in (select id from livestream_chat where user_id = ${userId} limit ${atMost})`;
    return result.count;
  }

  /** Deletes up to `atMost` rows of a user in all streams. @returns their number */
  async purgeUser(userId: string, atMost: number): Promise<number> {
    const result = await this.#sql`
      delete from livestream_chat
      where id in (select id from livestream_chat where user_id = ${userId} limit ${atMost})`;
    return result.count;
  }

  /** Deletes the oldest rows from before a moment, at most `atMost`. @returns their number */
  async sweep(before: Date, atMost: number): Promise<number> {
    const result = await this.#sql`
      delete from livestream_chat where id in (
        select id from livestream_chat where id < ${idBoundary(before)} order by id limit ${atMost})`;
    return result.count;
  }

  /** Deletes rows. @returns whether there were any */
  async #erase(sql: Queries, ids: string[]): Promise<boolean> {
    return (await sql`delete from livestream_chat where id = any(${ids}::uuid[])`).count > 0;
  }

  async #insert(sql: Queries, messages: ChatMessage[]): Promise<{ id: string }[]> {
    // One JSON parameter, so that batches of all sizes share one prepared statement.
    return await sql<{ id: string }[]>`
      insert into livestream_chat
        (id, stream_id, user_id, user_name, badge, message, created_at, media_time, client_id, address_hash)
      select id, "streamId", "userId", name, badge, message, "createdAt", "mediaTime", "clientId", "addressHash"
      from jsonb_to_recordset(${sql.json(messages.map((message) => ({ ...message })))}) as message (
        id uuid, "streamId" uuid, "userId" text, name text, badge text, message text,
        "createdAt" timestamptz, "mediaTime" timestamptz, "clientId" text, "addressHash" text)
      on conflict do nothing
      returning id`;
  }

  async #findExisting({ id, streamId, userId, clientId }: ChatMessage): Promise<StoredId> {
    const [row] = await this.#sql<StoredId[]>`
      select id from livestream_chat
      where id = ${id} or (stream_id = ${streamId} and user_id = ${userId} and client_id = ${clientId})
      order by (id = ${id}) desc limit 1`;
    if (!row) throw new Error(`message ${id} was neither stored nor found`);
    return row;
  }

  #columns(): ReturnType<Sql> {
    return this.#sql`id, stream_id as "streamId", user_id as "userId", user_name as name, badge, message,
      created_at as "createdAt", coalesce(media_time, created_at) as "mediaTime", client_id as "clientId",
      address_hash as "addressHash"`;
  }
}
