import { idBoundary, type Queries, type Sql } from '../../platform/index.js';

/** A ban or timeout. */
export type Ban = {
  userId: string;
  /** Bans every author with this address hash as well. */
  addressHash: string | null;
  reason: string;
  createdBy: string;
  createdAt: Date;
  /** Null: permanent. */
  until: Date | null;
};

export type ModeratorAction =
  | 'message-deleted'
  | 'purged'
  | 'timed-out'
  | 'banned'
  | 'unbanned'
  | 'moderator-appointed'
  | 'moderator-dismissed'
  | 'settings-changed'
  | 'poll-created'
  | 'poll-closed';

/** Entry of the moderation log. */
export type LogEntry = {
  id: string;
  moderatorId: string;
  action: ModeratorAction;
  /** User who was moderated. */
  userId: string | null;
  messageId: string | null;
  details: Record<string, unknown> | null;
  createdAt: Date;
};

/** Statements on `chat_moderators`, `chat_bans` and `chat_log`, for this class alone. */
export class ModerationTable {
  readonly #sql: Sql;

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Returns the moderators, oldest appointment first. */
  async moderators(streamId: string): Promise<{ userId: string; createdAt: Date }[]> {
    return await this.#sql<{ userId: string; createdAt: Date }[]>`
      select user_id as "userId", created_at as "createdAt" from chat_moderators
      where stream_id = ${streamId} order by created_at, user_id`;
  }

  async appoint(sql: Queries, streamId: string, userId: string, at: Date): Promise<void> {
    await sql`
      insert into chat_moderators (stream_id, user_id, created_at) values (${streamId}, ${userId}, ${at})
      on conflict do nothing`;
  }

  async dismiss(sql: Queries, streamId: string, userId: string): Promise<void> {
    await sql`delete from chat_moderators where stream_id = ${streamId} and user_id = ${userId}`;
  }

  /** Returns the bans in force, newest first, and deletes expired ones. */
  async bans(streamId: string, now: Date): Promise<Ban[]> {
    await this.#sql`delete from chat_bans where stream_id = ${streamId} and until <= ${now}`;
    return await this.#sql<Ban[]>`
      select user_id as "userId", address_hash as "addressHash", reason, created_by as "createdBy",
        created_at as "createdAt", until
      from chat_bans where stream_id = ${streamId} order by created_at desc, user_id`;
  }

  /** Inserts a ban, or replaces the one of the same user. */
  async ban(sql: Queries, streamId: string, ban: Ban): Promise<void> {
    const { userId, addressHash, reason, createdBy, createdAt, until } = ban;
    await sql`
      insert into chat_bans (stream_id, user_id, address_hash, reason, created_by, created_at, until)
      values (${streamId}, ${userId}, ${addressHash}, ${reason}, ${createdBy}, ${createdAt}, ${until})
      on conflict (stream_id, user_id) do update set address_hash = excluded.address_hash,
        reason = excluded.reason, created_by = excluded.created_by, created_at = excluded.created_at,
        until = excluded.until`;
  }

  async unban(sql: Queries, streamId: string, userId: string): Promise<void> {
    await sql`delete from chat_bans where stream_id = ${streamId} and user_id = ${userId}`;
  }

  async insertLogEntry(sql: Queries, streamId: string, entry: LogEntry): Promise<void> {
    const { id, moderatorId, action, userId, messageId, createdAt } = entry;
    const details = entry.details === null ? null : JSON.stringify(entry.details);
    await sql`
      insert into chat_log (id, stream_id, moderator_id, action, user_id, message_id, details, created_at)
      values (${id}, ${streamId}, ${moderatorId}, ${action}, ${userId}, ${messageId}, ${details}::text::jsonb,
        ${createdAt})`;
  }

  /** Removes a user as moderator everywhere; bans and log entries stay under the user id `as`. */
  async anonymise(userId: string, as: string): Promise<void> {
    await this.#sql.begin(async (sql) => {
      await sql`delete from chat_moderators where user_id = ${userId}`;
      await sql`update chat_bans set user_id = ${as} where user_id = ${userId}`;
      await sql`update chat_bans set created_by = ${as} where created_by = ${userId}`;
      await sql`update chat_log set moderator_id = ${as} where moderator_id = ${userId}`;
      await sql`update chat_log set user_id = ${as} where user_id = ${userId}`;
    });
  }

  /** Deletes the oldest log entries from before a moment, at most `atMost`. @returns their number */
  async sweep(before: Date, atMost: number): Promise<number> {
    const result = await this.#sql`
      delete from chat_log where id in (
        select id from chat_log where id < ${idBoundary(before)} order by id limit ${atMost})`;
    return result.count;
  }

  /** Returns log entries, newest first. */
  async log(streamId: string, page: { limit: number; before?: string | undefined }): Promise<LogEntry[]> {
    const { limit, before } = page;
    return await this.#sql<LogEntry[]>`
      select id, moderator_id as "moderatorId", action, user_id as "userId", message_id as "messageId", details,
        created_at as "createdAt"
      from chat_log where stream_id = ${streamId}
        ${before === undefined ? this.#sql`` : this.#sql`and id < ${before}`}
      order by id desc limit ${limit}`;
  }
}
