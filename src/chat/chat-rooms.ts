import {
  type IsInvitee,
  mayEverybodyWatch,
  mayWatch,
  type Principal,
  requireWatchable,
} from '../accounts/index.js';
import { type Clock, parseUuid, type Sql, TtlCache } from '../platform/index.js';
import type { Livestream } from '../streams/index.js';
import { ChatRoom } from './chat-room.js';
import { MessageTable } from './messages/message-table.js';
import { RECENT_MESSAGES, RecentMessages } from './messages/recent-messages.js';
import { ModerationTable } from './moderation/moderation-table.js';
import { SettingsTable } from './moderation/settings-table.js';
import { Poll } from './polls/poll.js';
import { PollTable } from './polls/poll-table.js';

/** Lifetime of cached livestreams and invitations, ms. */
const CACHE_TTL_MS = 2_000;
const CACHE_ENTRIES = 5_000;
/** Limit on loaded rooms without clients. */
const MAX_IDLE_ROOMS = 500;

/** Livestream lookups that chat needs. */
export type ChatLivestreams = {
  find(streamId: string): Promise<Livestream | undefined>;
  invitees: { has: IsInvitee };
  /** Reports livestreams that were changed or deleted. @returns a function that unsubscribes */
  onUpdate(listener: (streamId: string) => void): () => void;
};

export type ChatContext = { room: ChatRoom; livestream: Livestream };

/** Loads chat rooms from the database on demand, and evicts idle ones. */
export class ChatRooms {
  readonly #sql: Sql;
  readonly #stored: ChatLivestreams;
  readonly #clock: Clock;
  /** Least recently used first. */
  readonly #rooms = new Map<string, Promise<ChatRoom>>();
  readonly #loaded = new Map<string, ChatRoom>();
  /** Number of calls in progress by room; a room in use is not evicted. */
  readonly #usersByRoom = new Map<string, number>();
  readonly #livestreams: TtlCache<Livestream | undefined>;
  #invitees: TtlCache<boolean>;
  /** Counts changes of livestreams: a client admitted before a change is reviewed after it. */
  #changes = 0;

  constructor({ sql, livestreams, clock }: { sql: Sql; livestreams: ChatLivestreams; clock: Clock }) {
    this.#sql = sql;
    this.#stored = livestreams;
    this.#clock = clock;
    this.#livestreams = new TtlCache({
      clock,
      ttlMs: CACHE_TTL_MS,
      maxEntries: CACHE_ENTRIES,
      shouldKeep: (livestream) => livestream !== undefined,
    });
    this.#invitees = this.#emptyInviteeCache();
  }

  /**
   * Runs `work` in the chat of a livestream that the principal may watch. The room stays loaded meanwhile.
   *
   * @throws PublicError 404 `stream_not_found`, also for private livestreams, so that they cannot be probed
   */
  async withRoom<T>(
    stream: string,
    principal: Principal,
    work: (context: ChatContext) => Promise<T>,
  ): Promise<T> {
    const changes = this.#changes;
    const streamId = parseUuid(stream);
    const found = streamId === undefined ? undefined : await this.#livestream(streamId);
    const livestream = await requireWatchable(principal, found, this.isInvitee);
    try {
      return await this.#holdRoom(livestream.id, async (room) => await work({ room, livestream }));
    } finally {
      // The review of a change does not include a client that `work` subscribed after it.
      if (this.#changes !== changes) await this.#review(livestream.id);
    }
  }

  /** Loads a room, for a poll that must be closed on time. */
  async load(streamId: string): Promise<ChatRoom> {
    return await this.#holdRoom(streamId, async (room) => room);
  }

  /** Returns the room if it is loaded. */
  peek(streamId: string): ChatRoom | undefined {
    return this.#loaded.get(streamId);
  }

  get all(): Iterable<ChatRoom> {
    return this.#loaded.values();
  }

  /** Whether a user is invited to a livestream, cached. */
  readonly isInvitee: IsInvitee = (streamId, userId) =>
    this.#invitees.get(`${streamId} ${userId}`, () => this.#stored.invitees.has(streamId, userId));

  /** Reads a changed livestream again, and unsubscribes clients that may no longer watch it. */
  async livestreamUpdated(streamId: string): Promise<void> {
    this.#changes++;
    this.#livestreams.forget(streamId);
    this.#invitees = this.#emptyInviteeCache();
    await this.#review(streamId);
  }

  async #review(streamId: string): Promise<void> {
    const room = this.#loaded.get(streamId);
    if (!room || room.clients.size === 0) return;
    const livestream = await this.#livestream(streamId);
    if (livestream && mayEverybodyWatch(livestream)) return;
    for (const client of room.clients) {
      if (livestream && (await mayWatch(client.principal, livestream, this.isInvitee))) continue;
      room.removeListener(client);
    }
    if (!livestream) this.#forget(room);
  }

  /** A new cache also drops the results of lookups in progress. */
  #emptyInviteeCache(): TtlCache<boolean> {
    return new TtlCache({
      clock: this.#clock,
      ttlMs: CACHE_TTL_MS,
      maxEntries: CACHE_ENTRIES,
      shouldKeep: (isInvitee) => isInvitee,
    });
  }

  #livestream(streamId: string): Promise<Livestream | undefined> {
    return this.#livestreams.get(streamId, () => this.#stored.find(streamId));
  }

  async #holdRoom<T>(streamId: string, work: (room: ChatRoom) => Promise<T>): Promise<T> {
    this.#usersByRoom.set(streamId, (this.#usersByRoom.get(streamId) ?? 0) + 1);
    try {
      return await work(await this.#room(streamId));
    } finally {
      const others = (this.#usersByRoom.get(streamId) ?? 1) - 1;
      if (others > 0) this.#usersByRoom.set(streamId, others);
      else this.#usersByRoom.delete(streamId);
    }
  }

  #room(streamId: string): Promise<ChatRoom> {
    const known = this.#rooms.get(streamId);
    const room = known ?? this.#load(streamId);
    this.#rooms.delete(streamId);
    this.#rooms.set(streamId, room);
    if (!known) {
      room.then(
        (loaded) => this.#loaded.set(streamId, loaded),
        () => this.#rooms.delete(streamId),
      );
      this.#evictIdle();
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

  /** Evicts idle rooms beyond the limit, least recently used first. */
  #evictIdle(): void {
    let surplus = this.#rooms.size - MAX_IDLE_ROOMS;
    for (const streamId of this.#rooms.keys()) {
      if (surplus-- <= 0) return;
      const room = this.#loaded.get(streamId);
      if (room?.idle && !this.#usersByRoom.has(streamId)) this.#forget(room);
    }
  }

  #forget(room: ChatRoom): void {
    this.#rooms.delete(room.streamId);
    this.#loaded.delete(room.streamId);
  }
}
