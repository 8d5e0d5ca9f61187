import { type Clock, networkBlock, PublicError, RateLimit } from '../../platform/index.js';
import type { SocketHub } from '../../sockets/index.js';
import { authorOf } from '../author.js';
import type { ChatRoles, Visitor } from '../chat-role.js';
import type { ChatRooms } from '../chat-rooms.js';
import { assertNotBanned, rateLimited } from '../moderation/posting-rules.js';
import { Throttle } from '../throttle.js';
import { isOneEmote } from './emotes.js';

const BROADCAST_INTERVAL_MS = 1_000;
/** Different reactions per broadcast; further ones are dropped. */
const MAX_KINDS = 20;
/** Reaction rates per account and per address; `refillMs` is the time to one more. */
const PERSON = { capacity: 20, refillMs: 100 };
const ADDRESS = { capacity: 200, refillMs: 10 };

type ReactionCounter = { counts: Map<string, number>; throttle: Throttle };

/** Counts reactions and broadcasts the counts once a second. Nothing is stored. */
export class Reactions {
  readonly #options: {
    rooms: ChatRooms;
    roles: ChatRoles;
    hub: Pick<SocketHub, 'broadcast'>;
    hashAddress: (streamId: string, address: string) => string;
    clock: Clock;
  };
  readonly #people: RateLimit;
  readonly #addresses: RateLimit;
  readonly #counters = new Map<string, ReactionCounter>();

  constructor(options: {
    rooms: ChatRooms;
    roles: ChatRoles;
    hub: Pick<SocketHub, 'broadcast'>;
    hashAddress: (streamId: string, address: string) => string;
    clock: Clock;
  }) {
    this.#options = options;
    this.#people = new RateLimit(options.clock, PERSON);
    this.#addresses = new RateLimit(options.clock, ADDRESS);
  }

  /**
   * Counts one emote of a visitor who may post.
   *
   * @throws PublicError 400 `reaction_invalid`, 401 `not_signed_in`, 403 `banned`, 404, 429 `rate_limited`
   */
  async react(visitor: Visitor, streamId: string, reaction: string): Promise<void> {
    const { rooms, roles, hashAddress } = this.#options;
    if (!isOneEmote(reaction))
      throw new PublicError(400, 'reaction_invalid', 'A reaction is one emoji, or an emote as :name:.');
    const from = networkBlock(visitor.address);
    const person = visitor.principal.kind === 'account' ? `account ${visitor.principal.userId}` : from;
    const waitMs = Math.max(this.#people.take(person), this.#addresses.take(from));
    if (waitMs > 0) throw rateLimited(waitMs);
    await rooms.withRoom(streamId, visitor.principal, async (context) => {
      assertNotBanned(context.room, await authorOf(visitor, context, roles, hashAddress));
      this.#count(streamId, context.room.hubRoom, reaction);
    });
  }

  close(): void {
    for (const { throttle } of this.#counters.values()) throttle.cancel();
    this.#counters.clear();
  }

  #count(streamId: string, room: string, reaction: string): void {
    const counter = this.#counters.get(streamId) ?? this.#start(streamId, room);
    const { counts, throttle } = counter;
    if (!counts.has(reaction) && counts.size >= MAX_KINDS) return;
    counts.set(reaction, (counts.get(reaction) ?? 0) + 1);
    throttle.schedule();
  }

  #start(streamId: string, room: string): ReactionCounter {
    const { hub, clock } = this.#options;
    const counts = new Map<string, number>();
    const throttle = new Throttle(clock, BROADCAST_INTERVAL_MS, () => {
      this.#counters.delete(streamId);
      const reactions = Object.fromEntries(counts);
      hub.broadcast(room, 'chat:reactions', { streamId, reactions }, { droppable: true });
    });
    const counter = { counts, throttle };
    this.#counters.set(streamId, counter);
    return counter;
  }
}
