import { idBoundary, type Queries, type Sql } from '../../platform/index.js';
import type { ChatMessage } from './chat-message.js';

/** What became of a message: stored, or found to be one that was stored before. */
export type StoredId = { id: string };

/** Where a page of messages begins; the newest where nothing is said. */
export type MessagePageQuery = {
  limit: number;
  /** Messages left out, counted back from the newest or from `before`. */
  offset?: number | undefined;
  /** Only those older than this message. */
  before?: string | undefined;
};

type UserMessages = { streamId: string; userId: string; upTo: string };

/** Statements on the table `livestream_chat`; nobody else queries it. Lists go from old to new. */
export class MessageTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /**
   * Stores messages, all or none. One that is there already, by its id or by its sender's own name for it, is not stored
   * again: the result names the one that stands.
   *
   * @param erase messages that nobody was promised, to be removed by the way: they may have been stored unnoticed.
   * @throws PostgreSQL's 23503 where a livestream is gone
   */
  async insert(messages: ChatMessage[], erase: string[] = []): Promise<StoredId[]> {
    const fresh =
      erase.length === 0
        ? await this.#insert(this.#sql, messages)
        : await this.#sql.begin(async (sql) => {
            await sql`delete from livestream_chat where id = any(${erase}::uuid[])`;
            return await this.#insert(sql, messages);
          });
    const stored = new Set(fresh.map(({ id }) => id));
    return await Promise.all(
      messages.map(async (message) => (stored.has(message.id) ? message : await this.#findExisting(message))),
    );
  }

  /** One page, seen from the newest. */
  async page(streamId: string, { limit, offset = 0, before }: MessagePageQuery): Promise<ChatMessage[]> {
    const rows = await this.#sql<ChatMessage[]>`
      select ${this.#columns()} from livestream_chat
      where stream_id = ${streamId} and deleted_at is null
        ${before === undefined ? this.#sql`` : this.#sql`and id < ${before}`}
      order by id desc limit ${limit} offset ${offset}`;
    return rows.reverse();
  }

  /** What came after a message, the oldest first. */
  async after(streamId: string, after: string, limit: number): Promise<ChatMessage[]> {
    return await this.#sql<ChatMessage[]>`
      select ${this.#columns()} from livestream_chat
      where stream_id = ${streamId} and id > ${after} and deleted_at is null
      order by id limit ${limit}`;
  }

  /** The greatest id that the stream's chat ever gave, also to a message that is deleted by now. */
  async lastId(streamId: string): Promise<string | undefined> {
    const [row] = await this.#sql<{ id: string }[]>`
      select id from livestream_chat where stream_id = ${streamId} order by id desc limit 1`;
    return row?.id;
  }

  /** Those up to `upTo` that were deleted since a time; at most `limit`, the newest deletions. */
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

  /** Where the newest message of somebody came from. */
  async lastAddressHash(streamId: string, userId: string): Promise<string | undefined> {
    const [row] = await this.#sql<{ hash: string }[]>`
      select address_hash as hash from livestream_chat
      where stream_id = ${streamId} and user_id = ${userId} and address_hash is not null
      order by id desc limit 1`;
    return row?.hash;
  }

  /** @returns false when it was deleted before or never was. */
  async delete(sql: Queries, streamId: string, id: string, by: string, at: Date): Promise<boolean> {
    const result = await sql`
      update livestream_chat set deleted_at = ${at}, deleted_by = ${by}
      where stream_id = ${streamId} and id = ${id} and deleted_at is null`;
    return result.count > 0;
  }

  /** Deletes everything that somebody wrote, up to a message. @returns how many messages */
  async deleteByUser(sql: Queries, of: UserMessages, by: string, at: Date): Promise<number> {
    const result = await sql`
      update livestream_chat set deleted_at = ${at}, deleted_by = ${by}
      where stream_id = ${of.streamId} and user_id = ${of.userId} and id <= ${of.upTo} and deleted_at is null`;
    return result.count;
  }

  /** Gives messages of somebody another author, at most so many; they are no sender's any more. @returns how many */
  async anonymise(userId: string, author: { userId: string; name: string }, atMost: number): Promise<number> {
    const result = await this.#sql`
      update livestream_chat set user_id = ${author.userId}, user_name = ${author.name}, badge = null,
        address_hash = null, deleted_by = case when deleted_by = ${userId} then ${author.userId} else deleted_by end
      where id in (select id from livestream_chat where user_id = ${userId} limit ${atMost})`;
    return result.count;
  }

  /** Deletes messages of somebody for good, wherever they wrote, at most so many. @returns how many */
  async purgeUser(userId: string, atMost: number): Promise<number> {
    const result = await this.#sql`
      delete from livestream_chat
      where id in (select id from livestream_chat where user_id = ${userId} limit ${atMost})`;
    return result.count;
  }

  /** Deletes the oldest from before a moment, for good. @returns how many */
  async sweep(before: Date, atMost: number): Promise<number> {
    const result = await this.#sql`
      delete from livestream_chat where id in (
        select id from livestream_chat where id < ${idBoundary(before)} order by id limit ${atMost})`;
    return result.count;
  }

  async #insert(sql: Queries, messages: ChatMessage[]): Promise<{ id: string }[]> {
    // One parameter, so that batches of all sizes are one prepared statement.
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
