import { type Clock, idAfter, Mutex, newId, RateLimit } from '../platform/index.js';
import type { SocketClient } from '../sockets/index.js';
import type { RecentMessages } from './messages/recent-messages.js';
import { termsMatcher } from './moderation/blocked-terms.js';
import type { Ban } from './moderation/moderation-table.js';
import type { ChatSettings } from './moderation/settings-table.js';
import type { Poll } from './polls/poll.js';

export type ChatRoomState = {
  settings: ChatSettings;
  moderators: Iterable<string>;
  bans: Ban[];
  recent: RecentMessages;
  poll: Poll | undefined;
};

/** Holder name of chat in hub rooms that other features also keep clients in. */
const HUB_HOLDER = 'chat';

/** In-memory state of the chat of one livestream. Callers store a change in the database before they apply it here. */
export class ChatRoom {
  readonly streamId: string;
  readonly recent: RecentMessages;
  readonly moderators: Set<string>;
  /** Connections that joined the chat. */
  readonly clients = new Set<SocketClient>();
  /** The open poll, if any. */
  poll: Poll | undefined;
  readonly #clock: Clock;
  readonly #bansByUser = new Map<string, Ban>();
  readonly #bansByAddress = new Map<string, Ban>();
  #settings: ChatSettings;
  #isBlocked: (text: string) => boolean;
  #slowModeLimit: RateLimit | undefined;
  readonly #changes = new Mutex();

  constructor(streamId: string, state: ChatRoomState, clock: Clock) {
    this.streamId = streamId;
    this.recent = state.recent;
    this.moderators = new Set(state.moderators);
    this.poll = state.poll;
    this.#clock = clock;
    for (const ban of state.bans) this.addBan(ban);
    this.#settings = state.settings;
    this.#isBlocked = termsMatcher(state.settings.blockedTerms);
    this.#slowModeLimit = slowMode(clock, state.settings.slowMode);
  }

  /** Hub room of every client of the livestream. */
  get hubRoom(): string {
    return `stream:${this.streamId}`;
  }

  get moderatorsHubRoom(): string {
    return `moderators:${this.streamId}`;
  }

  /** Subscribes a client to the chat. */
  addListener(client: SocketClient): void {
    this.clients.add(client);
    client.enter(this.hubRoom, HUB_HOLDER);
  }

  /** Unsubscribes a client from the chat and from the moderators' events. */
  removeListener(client: SocketClient): void {
    this.clients.delete(client);
    client.leave(this.hubRoom, HUB_HOLDER);
    client.leave(this.moderatorsHubRoom, HUB_HOLDER);
  }

  /** Subscribes a client of the chat to the moderators' events, or unsubscribes it. */
  setModerator(client: SocketClient, moderator: boolean): void {
    if (!moderator) client.leave(this.moderatorsHubRoom, HUB_HOLDER);
    else if (this.clients.has(client)) client.enter(this.moderatorsHubRoom, HUB_HOLDER);
  }

  /** Whether the room can be evicted and loaded again without loss. */
  get idle(): boolean {
    return this.clients.size === 0 && this.recent.unstoredCount === 0 && !this.poll;
  }

  get settings(): ChatSettings {
    return this.#settings;
  }

  set settings(settings: ChatSettings) {
    if (settings.slowMode !== this.#settings.slowMode)
      this.#slowModeLimit = slowMode(this.#clock, settings.slowMode);
    this.#settings = settings;
    this.#isBlocked = termsMatcher(settings.blockedTerms);
  }

  /** Runs changes that read the room and store a result one after another. */
  runExclusive<T>(change: () => Promise<T>): Promise<T> {
    return this.#changes.run(change);
  }

  isBlocked(text: string): boolean {
    return this.#isBlocked(text);
  }

  /** Returns the time until a user may post again in slow mode, ms. */
  slowModeWaitMs(userId: string): number {
    return this.#slowModeLimit?.waitMs(userId) ?? 0;
  }

  recordSlowModePost(userId: string): void {
    this.#slowModeLimit?.take(userId);
  }

  /** Returns a message id greater than all before it, also after the clock was set back. */
  nextMessageId(): string {
    const id = newId();
    return id > this.recent.lastId ? id : idAfter(this.recent.lastId);
  }

  /** Returns the ban in force for a user or an address hash. */
  banOf(userId: string, addressHash: string | null): Ban | undefined {
    const found = this.#unexpired(this.#bansByUser.get(userId));
    return (
      found ?? (addressHash === null ? undefined : this.#unexpired(this.#bansByAddress.get(addressHash)))
    );
  }

  /** Number of bans, including expired ones that no lookup has removed yet. */
  get banCount(): number {
    return this.#bansByUser.size;
  }

  /** Whether a ban of this user id is in force. */
  hasBan(userId: string): boolean {
    return this.#unexpired(this.#bansByUser.get(userId)) !== undefined;
  }

  addBan(ban: Ban): void {
    this.removeBan(ban.userId);
    this.#bansByUser.set(ban.userId, ban);
    if (ban.addressHash !== null) this.#bansByAddress.set(ban.addressHash, ban);
  }

  removeBan(userId: string): void {
    const ban = this.#bansByUser.get(userId);
    if (!ban) return;
    this.#bansByUser.delete(userId);
    if (ban.addressHash === null || this.#bansByAddress.get(ban.addressHash) !== ban) return;
    this.#bansByAddress.delete(ban.addressHash);
    // Restores the index entry of another account banned with the same address.
    for (const other of this.#bansByUser.values())
      if (other.addressHash === ban.addressHash) this.#bansByAddress.set(ban.addressHash, other);
  }

  /** Moves a ban to another user id; the ban of the address stays. */
  reassignBan(userId: string, to: string): void {
    const ban = this.#bansByUser.get(userId);
    if (!ban) return;
    this.removeBan(userId);
    this.addBan({ ...ban, userId: to });
  }

  #unexpired(ban: Ban | undefined): Ban | undefined {
    if (!ban?.until || ban.until.getTime() > this.#clock.now()) return ban;
    this.removeBan(ban.userId);
    return undefined;
  }
}

function slowMode(clock: Clock, seconds: number): RateLimit | undefined {
  return seconds === 0 ? undefined : new RateLimit(clock, { capacity: 1, refillMs: seconds * 1_000 });
}
