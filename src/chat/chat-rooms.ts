import { isAdmin, mayWatch, type Principal, userIdOf } from '../accounts/index.js';
import { type Clock, PublicError, type Sql } from '../platform/index.js';
import type { Livestream } from '../streams/index.js';
import { ChatRoom } from './chat-room.js';
import { MessageTable } from './message-table.js';
import { ModerationTable } from './moderation-table.js';
import { Poll } from './poll.js';
import { PollTable } from './poll-table.js';
import { Recall } from './recall.js';
import { RECENT_MESSAGES, RecentMessages } from './recent-messages.js';
import { SettingsTable } from './settings-table.js';
import { readUuid } from './uuid.js';

/** How long what other rooms of the house say is taken for true, in ms. */
const RECALL_MS = 2_000;
const RECALLED = 5_000;
/** Rooms kept that nobody listens to. */
const IDLE_ROOMS = 500;

/** What chat asks of livestreams. */
export type ChatStreams = {
  find(streamId: string): Promise<Livestream | undefined>;
  isGuest(streamId: string, userId: string): Promise<boolean>;
  /** Tells of livestreams that are not as they were. @returns a function that ends it. */
  onUpdate(listener: (streamId: string) => void): () => void;
};

export type Place = { room: ChatRoom; livestream: Livestream };

/** The rooms of all livestreams, made from the database when somebody comes. */
export class ChatRooms {
  readonly #sql: Sql;
  readonly #streams: ChatStreams;
  readonly #clock: Clock;
  /** The one not asked for the longest first. */
  readonly #rooms = new Map<string, Promise<ChatRoom>>();
  readonly #open = new Map<string, ChatRoom>();
  /** How many are at work in a room. */
  readonly #held = new Map<string, number>();
  readonly #livestreams: Recall<Livestream | undefined>;
  #guests: Recall<boolean>;
  /** Counts changes of livestreams: what was admitted before one is to be checked after it. */
  #changes = 0;

  constructor({ sql, streams, clock }: { sql: Sql; streams: ChatStreams; clock: Clock }) {
    this.#sql = sql;
    this.#streams = streams;
    this.#clock = clock;
    this.#livestreams = new Recall(clock, {
      ttlMs: RECALL_MS,
      keys: RECALLED,
      keep: (livestream) => livestream !== undefined,
    });
    this.#guests = this.#forgetGuests();
  }

  /**
   * Does something in the chat of a livestream, for somebody who may watch it. The room stays in memory meanwhile.
   *
   * @throws PublicError 404 `stream_not_found`, also where somebody may not know that it exists
   */
  async within<T>(stream: string, principal: Principal, work: (place: Place) => Promise<T>): Promise<T> {
    const changes = this.#changes;
    const streamId = readUuid(stream);
    const livestream = streamId === undefined ? undefined : await this.#livestream(streamId);
    if (!streamId || !livestream || !(await this.#mayWatch(principal, livestream))) throw notFound();
    try {
      return await this.#hold(streamId, async (room) => await work({ room, livestream }));
    } finally {
      // Who came in meanwhile was not among those that the change was checked for.
      if (this.#changes !== changes) await this.#review(streamId);
    }
  }

  /** Has a room in memory, because something in it must not be missed: a poll that is to be closed. */
  async wake(streamId: string): Promise<ChatRoom> {
    return await this.#hold(streamId, async (room) => room);
  }

  /** The room, if anybody was there lately. */
  peek(streamId: string): ChatRoom | undefined {
    return this.#open.get(streamId);
  }

  get all(): Iterable<ChatRoom> {
    return this.#open.values();
  }

  async isGuest(streamId: string, userId: string): Promise<boolean> {
    return await this.#guests.get(`${streamId} ${userId}`, () => this.#streams.isGuest(streamId, userId));
  }

  /** Looks at a livestream anew, and sends away those who may not watch it any more. */
  async updated(streamId: string): Promise<void> {
    this.#changes++;
    this.#livestreams.forget(streamId);
    this.#guests = this.#forgetGuests();
    await this.#review(streamId);
  }

  async #review(streamId: string): Promise<void> {
    const room = this.#open.get(streamId);
    if (!room || room.clients.size === 0) return;
    const livestream = await this.#livestream(streamId);
    if (livestream && livestream.visibility !== 'private') return;
    for (const client of room.clients) {
      if (livestream && (await this.#mayWatch(client.principal, livestream))) continue;
      room.dismiss(client);
    }
    if (!livestream) this.#forget(room);
  }

  /** An empty memory: also an answer that is under way does not count any more. */
  #forgetGuests(): Recall<boolean> {
    return new Recall(this.#clock, { ttlMs: RECALL_MS, keys: RECALLED, keep: (isGuest) => isGuest });
  }

  #livestream(streamId: string): Promise<Livestream | undefined> {
    return this.#livestreams.get(streamId, () => this.#streams.find(streamId));
  }

  async #mayWatch(principal: Principal, livestream: Livestream): Promise<boolean> {
    if (livestream.visibility !== 'private' || isAdmin(principal)) return true;
    const userId = userIdOf(principal);
    const isGuest = userId !== undefined && (await this.isGuest(livestream.id, userId));
    return mayWatch(principal, livestream, isGuest);
  }

  async #hold<T>(streamId: string, work: (room: ChatRoom) => Promise<T>): Promise<T> {
    this.#held.set(streamId, (this.#held.get(streamId) ?? 0) + 1);
    try {
      return await work(await this.#room(streamId));
    } finally {
      const others = (this.#held.get(streamId) ?? 1) - 1;
      if (others > 0) this.#held.set(streamId, others);
      else this.#held.delete(streamId);
    }
  }

  #room(streamId: string): Promise<ChatRoom> {
    const known = this.#rooms.get(streamId);
    const room = known ?? this.#load(streamId);
    this.#rooms.delete(streamId);
    this.#rooms.set(streamId, room);
    if (!known) {
      room.then(
        (loaded) => this.#open.set(streamId, loaded),
        () => this.#rooms.delete(streamId),
      );
      this.#tidy();
    }
    return room;
  }

  async #load(streamId: string): Promise<ChatRoom> {
    const messages = new MessageTable(this.#sql);
    const moderation = new ModerationTable(this.#sql);
    const polls = new PollTable(this.#sql);
    const [recent, lastId, settings, moderators, bans, poll] = await Promise.all([
      messages.page(streamId, { limit: RECENT_MESSAGES }),
      messages.lastId(streamId),
      new SettingsTable(this.#sql).find(streamId),
      moderation.moderators(streamId),
      moderation.bans(streamId, new Date(this.#clock.now())),
      polls.open(streamId),
    ]);
    const votes = poll ? await polls.votes(poll.id) : [];
    const state = {
      settings,
      moderators: moderators.map(({ userId }) => userId),
      bans,
      recent: new RecentMessages(recent, lastId),
      poll: poll && new Poll(poll, votes),
    };
    return new ChatRoom(streamId, state, this.#clock);
  }

  /** Forgets rooms that nobody needs, those first that were not asked for the longest. */
  #tidy(): void {
    let surplus = this.#rooms.size - IDLE_ROOMS;
    for (const streamId of this.#rooms.keys()) {
      if (surplus-- <= 0) return;
      const room = this.#open.get(streamId);
      if (room?.idle && !this.#held.has(streamId)) this.#forget(room);
    }
  }

  #forget(room: ChatRoom): void {
    this.#rooms.delete(room.streamId);
    this.#open.delete(room.streamId);
  }
}

export function notFound(): PublicError {
  return new PublicError(404, 'stream_not_found', 'There is no such livestream.');
}
