import { nameOf, userIdOf } from '../../accounts/index.js';
import {
  type Clock,
  newId,
  PublicError,
  parseUuid,
  type Queries,
  RateLimit,
  type Sql,
} from '../../platform/index.js';
import type { SocketHub } from '../../sockets/index.js';
import { assertOutranks, type ChatRoles, type Visitor } from '../chat-role.js';
import type { ChatRoom } from '../chat-room.js';
import type { ChatContext, ChatRooms } from '../chat-rooms.js';
import { readCursor } from '../messages/history.js';
import type { MessageStore } from '../messages/message-store.js';
import type { MessageTable } from '../messages/message-table.js';
import type { Ban, LogEntry, ModerationTable, ModeratorAction } from './moderation-table.js';
import { rateLimited } from './posting-rules.js';

const MAX_MODERATORS = 100;
const MAX_BANS = 10_000;
/** Moderation rate of one moderator; `refillMs` is the time to one more action. */
const ACTION_RATE = { capacity: 60, refillMs: 250 };

export type BanRequest = {
  userId: string;
  /** Duration of a timeout; undefined: permanent. */
  seconds?: number | undefined;
  reason?: string | undefined;
  /** Bans the user's address as well. Default: for permanent bans only. */
  address?: boolean | undefined;
  /** Deletes the user's messages as well. */
  purge?: boolean | undefined;
};

export type ModerationOptions = {
  sql: Sql;
  rooms: ChatRooms;
  roles: ChatRoles;
  store: MessageStore;
  messages: MessageTable;
  table: ModerationTable;
  hub: Pick<SocketHub, 'broadcast'>;
  clock: Clock;
};

/** Action for the moderation log, which adds moderator and time. */
export type LoggedAction = {
  action: ModeratorAction;
  userId?: string | undefined;
  messageId?: string | undefined;
  details?: Record<string, unknown> | undefined;
};

/**
 * Moderation actions. Every method may throw PublicError 401 `not_signed_in`, 403 `not_allowed`, 404
 * `stream_not_found` and 429 `rate_limited`.
 */
export class Moderation {
  readonly #options: ModerationOptions;
  readonly #actionLimit: RateLimit;

  constructor(options: ModerationOptions) {
    this.#options = options;
    this.#actionLimit = new RateLimit(options.clock, ACTION_RATE);
  }

  /** Checks that a visitor is the broadcaster, a moderator or an admin. */
  async requireModerator(visitor: Visitor, streamId: string): Promise<void> {
    const { rooms, roles } = this.#options;
    await rooms.withRoom(streamId, visitor.principal, async (context) => {
      roles.requireModerator(visitor, context);
    });
  }

  /** Whether a visitor moderates a livestream that they may watch; also its owner and administrators. */
  async isModerator({ principal }: Visitor, stream: string): Promise<boolean> {
    const { rooms, roles } = this.#options;
    return await rooms.withRoom(
      stream,
      principal,
      async (context) => roles.roleOf(principal, context) !== 'viewer',
    );
  }

  /** Deletes a message; for its author and for moderators. @throws PublicError 404 `message_not_found` */
  async deleteMessage(visitor: Visitor, stream: string, id: string): Promise<void> {
    const { rooms, roles, store, messages, hub } = this.#options;
    await rooms.withRoom(stream, visitor.principal, async (context) => {
      const { room } = context;
      const { streamId } = room;
      const messageId = parseUuid(id);
      if (messageId === undefined) throw messageNotFound();
      const message = room.recent.get(messageId) ?? (await messages.find(streamId, messageId));
      const own = message !== undefined && message.userId === userIdOf(visitor.principal);
      const role = own ? 'viewer' : roles.requireModerator(visitor, context);
      if (!message) throw messageNotFound();
      if (!own)
        assertOutranks(
          role,
          message.badge === 'admin' ? 'admin' : await roles.roleOfUser(message.userId, context),
        );
      await store.settled(); // the message may still be queued
      const logged: LoggedAction = {
        action: 'message-deleted',
        userId: message.userId,
        messageId,
        details: { message: message.message },
      };
      const by = nameOf(visitor.principal);
      await this.runLogged(visitor, context, own ? undefined : logged, async (sql, at) => {
        if (!(await messages.delete(sql, streamId, messageId, by, at))) throw messageNotFound();
      });
      room.recent.remove(messageId);
      hub.broadcast(room.hubRoom, 'chat:deleted', { streamId, ids: [messageId] });
    });
  }

  /** Deletes every message of a user. @returns their number */
  async purge(visitor: Visitor, streamId: string, userId: string): Promise<number> {
    return await this.#options.rooms.withRoom(streamId, visitor.principal, async (context) => {
      await this.#assertOutranks(visitor, context, userId);
      return await this.#purge(visitor, context, userId);
    });
  }

  /** Bans a user, or times them out for `seconds`. @throws PublicError 409 `too_many_bans` */
  async ban(visitor: Visitor, stream: string, request: BanRequest): Promise<Ban> {
    const { rooms, messages, table, clock } = this.#options;
    const { userId, seconds, reason = '', address = seconds === undefined, purge = false } = request;
    return await rooms.withRoom(stream, visitor.principal, async (context) => {
      const { room } = context;
      await this.#assertOutranks(visitor, context, userId);
      if (room.banCount >= MAX_BANS && !room.hasBan(userId))
        throw new PublicError(409, 'too_many_bans', `A chat may have ${MAX_BANS} bans: lift some first.`);
      const hash = address
        ? (room.recent.newestByUser(userId)?.addressHash ??
          (await messages.lastAddressHash(room.streamId, userId)))
        : null;
      const now = clock.now();
      const ban: Ban = {
        userId,
        addressHash: hash ?? null,
        reason,
        createdBy: nameOf(visitor.principal),
        createdAt: new Date(now),
        until: seconds === undefined ? null : new Date(now + seconds * 1_000),
      };
      const action = seconds === undefined ? 'banned' : 'timed-out';
      const details = { reason, until: ban.until?.toISOString() ?? null, address: ban.addressHash !== null };
      await room.runExclusive(async () => {
        await this.runLogged(visitor, context, { action, userId, details }, (sql) =>
          table.ban(sql, room.streamId, ban),
        );
        room.addBan(ban);
      });
      for (const client of room.clients)
        if (userIdOf(client.principal) === userId)
          client.send('chat:banned', {
            streamId: room.streamId,
            reason,
            until: ban.until?.toISOString() ?? null,
          });
      if (purge) await this.#purge(visitor, context, userId);
      return ban;
    });
  }

  /** Lifts a ban. @throws PublicError 404 `ban_not_found` */
  async unban(visitor: Visitor, stream: string, userId: string): Promise<void> {
    const { rooms, roles, table } = this.#options;
    await rooms.withRoom(stream, visitor.principal, async (context) => {
      roles.requireModerator(visitor, context);
      await context.room.runExclusive(async () => {
        if (!context.room.hasBan(userId))
          throw new PublicError(404, 'ban_not_found', 'This user is not banned from this chat.');
        await this.runLogged(visitor, context, { action: 'unbanned', userId }, (sql) =>
          table.unban(sql, context.room.streamId, userId),
        );
        context.room.removeBan(userId);
      });
    });
  }

  async bans(visitor: Visitor, stream: string): Promise<Ban[]> {
    const { rooms, roles, table, clock } = this.#options;
    return await rooms.withRoom(stream, visitor.principal, async (context) => {
      roles.requireModerator(visitor, context);
      return await table.bans(context.room.streamId, new Date(clock.now()));
    });
  }

  async moderators(visitor: Visitor, stream: string): Promise<{ userId: string; createdAt: Date }[]> {
    const { rooms, table } = this.#options;
    return await rooms.withRoom(stream, visitor.principal, ({ room }) => table.moderators(room.streamId));
  }

  /** Appoints a moderator; for the broadcaster. @throws PublicError 409 `moderates_already`, `too_many_moderators` */
  async appoint(visitor: Visitor, stream: string, userId: string): Promise<void> {
    const { rooms, roles, table } = this.#options;
    await rooms.withRoom(stream, visitor.principal, async (context) => {
      const { room } = context;
      roles.requireOwner(visitor, context);
      if (['broadcaster', 'admin'].includes(await roles.roleOfUser(userId, context)))
        throw new PublicError(409, 'moderates_already', 'This user moderates this chat already.');
      await room.runExclusive(async () => {
        if (room.moderators.has(userId)) return;
        if (room.moderators.size >= MAX_MODERATORS)
          throw new PublicError(
            409,
            'too_many_moderators',
            `A chat may have ${MAX_MODERATORS} moderators: dismiss one first.`,
          );
        await this.runLogged(visitor, context, { action: 'moderator-appointed', userId }, (sql, at) =>
          table.appoint(sql, room.streamId, userId, at),
        );
        room.moderators.add(userId);
        this.#notifyModerator(room, userId, true);
      });
    });
  }

  /**
   * Dismisses a moderator; for the broadcaster, and for moderators who resign. @throws PublicError 404
   * `moderator_not_found`
   */
  async dismiss(visitor: Visitor, stream: string, userId: string): Promise<void> {
    const { rooms, roles, table } = this.#options;
    await rooms.withRoom(stream, visitor.principal, async (context) => {
      const { room } = context;
      if (roles.requireModerator(visitor, context) !== 'moderator' || userIdOf(visitor.principal) !== userId)
        roles.requireOwner(visitor, context);
      await room.runExclusive(async () => {
        if (!room.moderators.has(userId))
          throw new PublicError(404, 'moderator_not_found', 'This user does not moderate this chat.');
        await this.runLogged(visitor, context, { action: 'moderator-dismissed', userId }, (sql) =>
          table.dismiss(sql, room.streamId, userId),
        );
        room.moderators.delete(userId);
        this.#notifyModerator(room, userId, false);
      });
    });
  }

  /** Returns the moderation log, newest first. */
  async log(visitor: Visitor, stream: string, page: { limit: number; before?: string | undefined }) {
    const { rooms, roles, table } = this.#options;
    return await rooms.withRoom(stream, visitor.principal, async (context) => {
      roles.requireModerator(visitor, context);
      return await table.log(context.room.streamId, { limit: page.limit, before: readCursor(page.before) });
    });
  }

  /** Runs a change and its log entry in one transaction, then sends the entry to the moderators. */
  async runLogged<T>(
    { principal }: Visitor,
    { room }: ChatContext,
    logged: LoggedAction | undefined,
    change: (sql: Queries, at: Date) => Promise<T>,
  ): Promise<T> {
    const { sql, table, hub, clock } = this.#options;
    const moderatorId = nameOf(principal);
    // The operator's server acts for many users and is not limited.
    const waitMs = principal.kind === 'operator' ? 0 : this.#actionLimit.take(moderatorId);
    if (waitMs > 0) throw rateLimited(waitMs);
    const at = new Date(clock.now());
    const entry: LogEntry | undefined = logged && {
      id: newId(),
      moderatorId,
      action: logged.action,
      userId: logged.userId ?? null,
      messageId: logged.messageId ?? null,
      details: logged.details ?? null,
      createdAt: at,
    };
    const result = await sql.begin(async (transaction) => {
      const answer = await change(transaction, at);
      if (entry) await table.insertLogEntry(transaction, room.streamId, entry);
      return answer;
    });
    if (entry)
      hub.broadcast(room.moderatorsHubRoom, 'chat:log', {
        streamId: room.streamId,
        entry: { ...entry, createdAt: at.toISOString() },
      });
    return result as T;
  }

  /**
   * Subscribes every connection of a user to the moderators' events, or unsubscribes it, and sends `chat:moderator`.
   */
  #notifyModerator(room: ChatRoom, userId: string, moderator: boolean): void {
    const { streamId } = room;
    for (const client of room.clients) {
      if (userIdOf(client.principal) !== userId) continue;
      room.setModerator(client, moderator);
      client.send('chat:moderator', { streamId, moderator });
    }
  }

  async #assertOutranks(visitor: Visitor, context: ChatContext, userId: string): Promise<void> {
    const { roles } = this.#options;
    const role = roles.requireModerator(visitor, context);
    assertOutranks(role, await roles.roleOfUser(userId, context));
  }

  async #purge(visitor: Visitor, context: ChatContext, userId: string): Promise<number> {
    const { store, messages, hub } = this.#options;
    const { room } = context;
    const upTo = room.recent.lastId;
    if (upTo === '') return 0;
    await store.settled();
    const of = { streamId: room.streamId, userId, upTo };
    const by = nameOf(visitor.principal);
    const count = await this.runLogged(visitor, context, { action: 'purged', userId }, (sql, at) =>
      messages.deleteByUser(sql, of, by, at),
    );
    room.recent.removeByUser(userId, upTo);
    hub.broadcast(room.hubRoom, 'chat:deleted', { streamId: room.streamId, userId, upTo });
    return count;
  }
}

function messageNotFound(): PublicError {
  return new PublicError(404, 'message_not_found', 'There is no such message.');
}
