import { type Clock, networkBlock, PublicError, RateLimit } from '../../platform/index.js';
import type { RealtimeHub } from '../../realtime/index.js';
import { authorOf } from '../author.js';
import type { Standings, Visitor } from '../chat-role.js';
import type { ChatRooms } from '../chat-rooms.js';
import { mustNotBeBanned, tooFast } from '../moderation/posting-rules.js';
import { Paced } from '../throttle.js';
import { isOneEmote } from './emotes.js';

const TELL_MS = 1_000;
/** Different reactions told at once; more are left out. */
const KINDS = 20;
/** What one person, and what one address may send at once, and how often something more, in ms. */
const PERSON = { capacity: 20, refillMs: 100 };
const ADDRESS = { capacity: 200, refillMs: 10 };

type Counting = { counts: Map<string, number>; tell: Paced };

/** Reactions: kept nowhere, and told to the room once a second, counted. */
export class Reactions {
  readonly #options: {
    rooms: ChatRooms;
    standings: Standings;
    hub: Pick<RealtimeHub, 'broadcast'>;
    hash: (streamId: string, address: string) => string;
    clock: Clock;
  };
  readonly #people: RateLimit;
  readonly #addresses: RateLimit;
  readonly #counting = new Map<string, Counting>();

  constructor(options: {
    rooms: ChatRooms;
    standings: Standings;
    hub: Pick<RealtimeHub, 'broadcast'>;
    hash: (streamId: string, address: string) => string;
    clock: Clock;
  }) {
    this.#options = options;
    this.#people = new RateLimit(options.clock, PERSON);
    this.#addresses = new RateLimit(options.clock, ADDRESS);
  }

  /**
   * Takes one emote from somebody who may write here.
   *
   * @throws PublicError 400 `reaction_invalid`, 401 `not_signed_in`, 403 `banned`, 404, 429 `rate_limited`
   */
  async react(visitor: Visitor, streamId: string, reaction: string): Promise<void> {
    const { rooms, standings, hash } = this.#options;
    if (!isOneEmote(reaction))
      throw new PublicError(400, 'reaction_invalid', 'A reaction is one emoji, or an emote as :name:.');
    const from = networkBlock(visitor.address);
    const person = visitor.principal.kind === 'account' ? `account ${visitor.principal.userId}` : from;
    const wait = Math.max(this.#people.take(person), this.#addresses.take(from));
    if (wait > 0) throw tooFast(wait);
    await rooms.within(streamId, visitor.principal, async (place) => {
      mustNotBeBanned(place.room, await authorOf(visitor, place, standings, hash));
      this.#count(streamId, place.room.everybody, reaction);
    });
  }

  close(): void {
    for (const { tell } of this.#counting.values()) tell.cancel();
    this.#counting.clear();
  }

  #count(streamId: string, room: string, reaction: string): void {
    const counting = this.#counting.get(streamId) ?? this.#start(streamId, room);
    const { counts, tell } = counting;
    if (!counts.has(reaction) && counts.size >= KINDS) return;
    counts.set(reaction, (counts.get(reaction) ?? 0) + 1);
    tell.want();
  }

  #start(streamId: string, room: string): Counting {
    const { hub, clock } = this.#options;
    const counts = new Map<string, number>();
    const tell = new Paced(clock, TELL_MS, () => {
      this.#counting.delete(streamId);
      const reactions = Object.fromEntries(counts);
      hub.broadcast(room, 'chat:reactions', { streamId, reactions }, { droppable: true });
    });
    const counting = { counts, tell };
    this.#counting.set(streamId, counting);
    return counting;
  }
}
