import { type Clock, idAfter, newId, RateLimit } from '../platform/index.js';
import type { RealtimeClient } from '../realtime/index.js';
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

/** Under this name chat keeps clients in rooms that others keep them in as well. */
const HUB_HOLDER = 'chat';

/** What the chat of one livestream is at the moment, in memory; whoever changes it has stored the change before. */
export class ChatRoom {
  readonly streamId: string;
  readonly recent: RecentMessages;
  readonly moderators: Set<string>;
  /** Connections of those who listen and whom this room knows. */
  readonly clients = new Set<RealtimeClient>();
  /** The poll that is open. */
  poll: Poll | undefined;
  readonly #clock: Clock;
  readonly #bansByUser = new Map<string, Ban>();
  readonly #bansByAddress = new Map<string, Ban>();
  #settings: ChatSettings;
  #isBlocked: (text: string) => boolean;
  #slowModeLimit: RateLimit | undefined;
  #lastChange: Promise<unknown> = Promise.resolve();

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

  /** Where everybody is who joined the livestream. */
  get hubRoom(): string {
    return `stream:${this.streamId}`;
  }

  get moderatorsHubRoom(): string {
    return `moderators:${this.streamId}`;
  }

  /** From now on a client listens. */
  addListener(client: RealtimeClient): void {
    this.clients.add(client);
    client.enter(this.hubRoom, HUB_HOLDER);
  }

  /** They don't listen any more, nor to the moderators. */
  removeListener(client: RealtimeClient): void {
    this.clients.delete(client);
    client.leave(this.hubRoom, HUB_HOLDER);
    client.leave(this.moderatorsHubRoom, HUB_HOLDER);
  }

  /** Lets a client who listens hear the moderators too, or no longer. */
  setModerator(client: RealtimeClient, moderator: boolean): void {
    if (!moderator) client.leave(this.moderatorsHubRoom, HUB_HOLDER);
    else if (this.clients.has(client)) client.enter(this.moderatorsHubRoom, HUB_HOLDER);
  }

  /** Whether nobody would notice if it were made anew. */
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

  /** Changes that look at the room and store what follows from it happen one after the other. */
  runExclusive<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#lastChange.then(change);
    this.#lastChange = turn.catch(() => {});
    return turn;
  }

  isBlocked(text: string): boolean {
    return this.#isBlocked(text);
  }

  /** Milliseconds until somebody may write again in slow mode. */
  slowModeWaitMs(userId: string): number {
    return this.#slowModeLimit?.wait(userId) ?? 0;
  }

  recordSlowModePost(userId: string): void {
    this.#slowModeLimit?.take(userId);
  }

  /** An id for a message, greater than all before it, whatever the clock does. */
  nextMessageId(): string {
    const id = newId();
    return id > this.recent.lastId ? id : idAfter(this.recent.lastId);
  }

  /** What keeps somebody from writing. */
  banOf(userId: string, addressHash: string | null): Ban | undefined {
    const found = this.#unexpired(this.#bansByUser.get(userId));
    return (
      found ?? (addressHash === null ? undefined : this.#unexpired(this.#bansByAddress.get(addressHash)))
    );
  }

  /** How many are banned, with those whose time is over unnoticed. */
  get banCount(): number {
    return this.#bansByUser.size;
  }

  /** Whether there is a ban of this account. */
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
    // Another account may have been banned with the same address.
    for (const other of this.#bansByUser.values())
      if (other.addressHash === ban.addressHash) this.#bansByAddress.set(ban.addressHash, other);
  }

  /** A ban is somebody else's from now on; whoever comes from the same address stays banned. */
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
