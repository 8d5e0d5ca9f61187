import {
  type Clock,
  networkBlock,
  PublicError,
  RateLimit,
  type RateLimitOptions,
} from '../../platform/index.js';
import type { RealtimeHub } from '../../realtime/index.js';
import { type Author, authorOf, type InTheNameOf } from '../author.js';
import type { Standings, Visitor } from '../chat-role.js';
import type { ChatRoom } from '../chat-room.js';
import type { ChatRooms, Place } from '../chat-rooms.js';
import { mustBeAllowed, mustNotBeBanned, type Ties, tooFast } from '../moderation/posting-rules.js';
import { type ChatMessage, publicMessage } from './chat-message.js';
import type { MessageStore } from './message-store.js';
import { normaliseMessage } from './message-text.js';

/** A message may have been written so long ago, in ms: who watches from the past. */
const OLDEST_MEDIA_MS = 24 * 3_600_000;
const CLIENT_ID = /^[\x21-\x7e]{1,64}$/;

export type PostRequest = {
  message: string;
  /** Of the sender's choice, up to 64 visible ASCII characters: sent again under it, the message is stored once. */
  clientId?: string | undefined;
  /** What the sender saw, on the timeline of the media: ISO 8601, or Unix ms. */
  mediaTime?: string | number | undefined;
  /** For the operator. */
  as?: InTheNameOf | undefined;
};

export type PostingOptions = {
  rooms: ChatRooms;
  standings: Standings;
  store: MessageStore;
  hub: Pick<RealtimeHub, 'broadcast'>;
  isFollowing: (follower: string, followed: string) => Promise<boolean>;
  hash: (streamId: string, address: string) => string;
  clock: Clock;
  limits: { account: RateLimitOptions; address: RateLimitOptions };
};

/** Takes messages: checks them, tells them to the room at once, and has them stored. */
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
   * Resolves when the message is stored for good.
   *
   * @throws PublicError 400 for the text, 401 `not_signed_in`, 403 and 429 for the rules of the chat, 404, 429
   * `rate_limited`, 503
   */
  async post(visitor: Visitor, streamId: string, request: PostRequest): Promise<{ messageId: string }> {
    const { rooms, standings, store, hash, clock } = this.#options;
    const message = normaliseMessage(request.message);
    const clientId = clientIdOf(request.clientId);
    const mediaTime = mediaTimeOf(request.mediaTime, clock.now());
    this.#mustNotBeTooFast(visitor, request.as);
    const stored = await rooms.within(streamId, visitor.principal, async (place) => {
      const author = await authorOf(visitor, place, standings, hash, request.as);
      const ties = await this.#ties(author, place);
      // From here to the message's place in the room nothing may come between: its id is its place.
      const { room } = place;
      const known = room.recent.sent(author.userId, clientId);
      if (known) return { messageId: known };
      mustNotBeBanned(room, author);
      mustBeAllowed(room, author, ties, message);
      store.mustTake();
      if (author.standing === 'viewer') room.noteSlow(author.userId);
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
      hub.broadcast(room.everybody, 'chat:deleted', { streamId, ids: [id] });
    };
    room.recent.add(message);
    hub.broadcast(room.everybody, 'chat:message', publicMessage(message));
    const stored = store.store(message).then(
      (storedId) => {
        if (storedId === id) room.recent.confirm(id);
        else retract(); // it had been sent before, longer ago than we remember
        return storedId;
      },
      (error: unknown) => {
        retract();
        throw gone(error);
      },
    );
    room.recent.remember(message, stored);
    return stored;
  }

  #mustNotBeTooFast({ principal, address }: Visitor, as: InTheNameOf | undefined): void {
    const from = networkBlock(address);
    const [addresses, accounts] = [this.#addresses, this.#accounts];
    if (principal.kind === 'operator') {
      const wait = as === undefined ? 0 : accounts.take(`account ${as.userId}`);
      if (wait > 0) throw tooFast(wait);
      return;
    }
    const account = principal.kind === 'account' ? `account ${principal.userId}` : `address ${from}`;
    const wait = Math.max(accounts.wait(account), addresses.wait(from));
    if (wait > 0) throw tooFast(wait);
    accounts.take(account);
    addresses.take(from);
  }

  async #ties({ userId, standing, kind }: Author, { room, livestream }: Place): Promise<Ties> {
    const { rooms, isFollowing } = this.#options;
    const { membersOnly, followersOnly } = room.settings;
    if (standing !== 'viewer' || kind === 'guest') return { isGuest: false, isFollower: false };
    const [isGuest, isFollower] = await Promise.all([
      membersOnly && rooms.isGuest(livestream.id, userId),
      followersOnly && livestream.userId !== null && isFollowing(userId, livestream.userId),
    ]);
    return { isGuest, isFollower };
  }
}

function clientIdOf(value: string | undefined): string | null {
  if (value === undefined) return null;
  if (CLIENT_ID.test(value)) return value;
  throw new PublicError(
    400,
    'client_id_invalid',
    'clientId must have 1 to 64 visible ASCII characters and no blanks.',
  );
}

function mediaTimeOf(value: string | number | undefined, now: number): Date {
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

/** PostgreSQL appendix A: foreign_key_violation. The livestream went away while the message waited. */
function gone(error: unknown): unknown {
  const { code } = error as { code?: string };
  return code === '23503' ? new PublicError(404, 'stream_not_found', 'There is no such livestream.') : error;
}
