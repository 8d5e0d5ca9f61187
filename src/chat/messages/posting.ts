import {
  type Clock,
  networkBlock,
  PublicError,
  RateLimit,
  type RateLimitOptions,
  streamNotFound,
} from '../../platform/index.js';
import type { SocketHub } from '../../sockets/index.js';
import { type Author, authorOf, type OnBehalfOf } from '../author.js';
import type { ChatRoles, Visitor } from '../chat-role.js';
import type { ChatRoom } from '../chat-room.js';
import type { ChatContext, ChatRooms } from '../chat-rooms.js';
import {
  type AuthorRelations,
  assertAllowed,
  assertNotBanned,
  rateLimited,
} from '../moderation/posting-rules.js';
import { type ChatMessage, publicMessage } from './chat-message.js';
import type { MessageStore } from './message-store.js';
import { normaliseMessage } from './message-text.js';

/** Oldest media time accepted, ms before now: viewers may watch behind the live edge. */
const OLDEST_MEDIA_MS = 24 * 3_600_000;
const CLIENT_ID = /^[\x21-\x7e]{1,64}$/;

export type PostRequest = {
  message: string;
  /** Idempotency key chosen by the client: 1 to 64 visible ASCII characters. */
  clientId?: string | undefined;
  /** Media time that the author was watching: ISO 8601, or Unix ms. */
  mediaTime?: string | number | undefined;
  /** For the operator only. */
  as?: OnBehalfOf | undefined;
};

export type PostingOptions = {
  rooms: ChatRooms;
  roles: ChatRoles;
  store: MessageStore;
  hub: Pick<SocketHub, 'broadcast'>;
  isFollowing: (follower: string, followed: string) => Promise<boolean>;
  hashAddress: (streamId: string, address: string) => string;
  clock: Clock;
  limits: { account: RateLimitOptions; address: RateLimitOptions };
};

/** Validates messages, broadcasts them to the room at once, and stores them. */
export class Posting {
  readonly #options: PostingOptions;
  readonly #accounts: RateLimit;
  readonly #addresses: RateLimit;

  constructor(options: PostingOptions) {
    this.#options = options;
    this.#accounts = new RateLimit(options.clock, options.limits.account);
    this.#addresses = new RateLimit(options.clock, options.limits.address);
  }

  /**
   * Resolves when the message is committed.
   *
   * @throws PublicError 400 for the text, 401 `not_signed_in`, 403 and 429 for the chat's rules, 404, 429
   * `rate_limited`, 503
   */
  async post(visitor: Visitor, streamId: string, request: PostRequest): Promise<{ messageId: string }> {
    const { rooms, roles, store, hashAddress, clock } = this.#options;
    const message = normaliseMessage(request.message);
    const clientId = parseClientId(request.clientId);
    const mediaTime = parseMediaTime(request.mediaTime, clock.now());
    this.#assertRate(visitor, request.as);
    const stored = await rooms.withRoom(streamId, visitor.principal, async (context) => {
      const author = await authorOf(visitor, context, roles, hashAddress, request.as);
      const relations = await this.#relations(author, context);
      // No `await` from here to `#publish`: ids must rise in the order in which messages enter the room.
      const { room } = context;
      const known = room.recent.findByClientId(author.userId, clientId);
      if (known) return { messageId: known };
      assertNotBanned(room, author);
      assertAllowed(room, author, relations, message);
      store.assertAccepting();
      if (author.role === 'viewer') room.recordSlowModePost(author.userId);
      const { userId, name, badge, addressHash } = author;
      return {
        messageId: this.#publish(room, {
          id: room.nextMessageId(),
          streamId: room.streamId,
          userId,
          name,
          badge,
          message,
          createdAt: new Date(clock.now()),
          mediaTime,
          clientId,
          addressHash,
        }),
      };
    });
    return { messageId: await stored.messageId };
  }

  #publish(room: ChatRoom, message: ChatMessage): Promise<string> {
    const { store, hub } = this.#options;
    const { id, streamId } = message;
    const retract = (): void => {
      room.recent.remove(id);
      hub.broadcast(room.hubRoom, 'chat:deleted', { streamId, ids: [id] });
    };
    room.recent.add(message);
    hub.broadcast(room.hubRoom, 'chat:message', publicMessage(message));
    const stored = store.store(message).then(
      (storedId) => {
        if (storedId === id) room.recent.confirm(id);
        else retract(); // stored earlier under the same client id, which was no longer remembered here
        return storedId;
      },
      (error: unknown) => {
        retract();
        throw toPublicError(error);
      },
    );
    room.recent.trackClientId(message, stored);
    return stored;
  }

  #assertRate({ principal, address }: Visitor, as: OnBehalfOf | undefined): void {
    const from = networkBlock(address);
    const [addresses, accounts] = [this.#addresses, this.#accounts];
    if (principal.kind === 'operator') {
      const waitMs = as === undefined ? 0 : accounts.take(`account ${as.userId}`);
      if (waitMs > 0) throw rateLimited(waitMs);
      return;
    }
    const account = principal.kind === 'account' ? `account ${principal.userId}` : `address ${from}`;
    const waitMs = Math.max(accounts.waitMs(account), addresses.waitMs(from));
    if (waitMs > 0) throw rateLimited(waitMs);
    accounts.take(account);
    addresses.take(from);
  }

  async #relations(
    { userId, role, kind }: Author,
    { room, livestream }: ChatContext,
  ): Promise<AuthorRelations> {
    const { rooms, isFollowing } = this.#options;
    const { membersOnly, followersOnly } = room.settings;
    if (role !== 'viewer' || kind === 'guest') return { isInvitee: false, isFollower: false };
    const [isInvitee, isFollower] = await Promise.all([
      membersOnly && rooms.isInvitee(livestream.id, userId),
      followersOnly && livestream.userId !== null && isFollowing(userId, livestream.userId),
    ]);
    return { isInvitee, isFollower };
  }
}

function parseClientId(value: string | undefined): string | null {
  if (value === undefined) return null;
  if (CLIENT_ID.test(value)) return value;
  throw new PublicError(
    400,
    'client_id_invalid',
    'clientId must have 1 to 64 visible ASCII characters and no spaces.',
  );
}

function parseMediaTime(value: string | number | undefined, now: number): Date {
  if (value === undefined) return new Date(now);
  const time = typeof value === 'number' ? value : Date.parse(value);
  if (Number.isNaN(time))
    throw new PublicError(
      400,
      'media_time_invalid',
      'mediaTime must be a date (ISO 8601) or Unix milliseconds.',
    );
  return new Date(Math.min(now, Math.max(now - OLDEST_MEDIA_MS, time)));
}

/** Maps PostgreSQL's foreign_key_violation (23503): the livestream was deleted while the message was queued. */
function toPublicError(error: unknown): unknown {
  const { code } = error as { code?: string };
  return code === '23503' ? streamNotFound() : error;
}
