import {
  type Clock,
  KeyedMutex,
  type Logger,
  newId,
  type Queries,
  RetryingWriter,
  type Sql,
} from '../platform/index.js';
import { type Admit, credentialOf, type Refusal } from './admission/publisher-admission.js';
import { type MayPublish, PublisherReview } from './admission/publisher-review.js';
import {
  CAPACITY_REACHED,
  isOver,
  KEY_REVOKED,
  LIVESTREAM_ENDED,
  type RegistryRefusal,
  SHUTTING_DOWN,
} from './admission/registry-refusals.js';
import { RevokedKeys } from './admission/revoked-keys.js';
import { BroadcastHeartbeat } from './broadcast/broadcast-heartbeat.js';
import type { BroadcastSubscriber } from './broadcast/broadcast-subscriber.js';
import { BroadcastTable } from './broadcast/broadcast-table.js';
import { BROADCAST_END, type BroadcastEnd } from './broadcast/end-reason.js';
import { LiveBroadcast } from './broadcast/live-broadcast.js';
import type { Publication, Publisher } from './broadcast/publication.js';
import {
  foundDead,
  type StreamChange,
  type StreamStatus,
  type UpdateListener,
} from './broadcast/stream-change.js';
import { ChannelChoice, type ChannelPublisher } from './livestream/channel-choice.js';
import { InviteeList } from './livestream/invitee-list.js';
import type { LivestreamInvitee } from './livestream/livestream-invitee-table.js';
import {
  type CursorPage,
  type Livestream,
  type LivestreamChanges,
  LivestreamTable,
  type NewLivestream,
  type Page,
} from './livestream/livestream-table.js';

/** How often the database hears that a broadcast still has its publisher, in ms. */
const HEARTBEAT_MS = 5_000;
/** A livestream that should have begun so long ago passes for one that is still to come, in ms. */
const LATE_MS = 30 * 60_000;

export type StreamRegistryOptions = {
  sql: Sql;
  admit: Admit;
  /** Whether a broadcast under way may go on; by default all may. */
  mayPublish?: MayPublish;
  /** Stores the key that a livestream is made with: in the same transaction, so that there is never one without. */
  keepKey?: (sql: Queries, livestream: { streamId: string; hash: string }) => Promise<void>;
  /** Told where the recording of a livestream can be found from now on. Must not throw. */
  recorded?: (recording: { streamId: string; url: string }) => void;
  /** How long a broadcast waits for a publisher that was lost, in ms. */
  graceMs: number;
  /** Broadcasts at the same time, at most. */
  maxBroadcasts: number;
  clock: Clock;
  log: Logger;
};

export type PublishResult = { publication: Publication } | { refusal: Refusal };

/** The hall: every livestream, and the broadcasts that are under way. */
export class StreamRegistry {
  readonly #options: StreamRegistryOptions;
  readonly #livestreams: LivestreamTable;
  readonly #invited: InviteeList;
  readonly #broadcasts: BroadcastTable;
  readonly #guests: BroadcastSubscriber[] = [];
  readonly #listeners = new Set<(change: StreamChange) => void>();
  readonly #running = new Map<string, LiveBroadcast>();
  readonly #droppedKeys = new RevokedKeys();
  readonly #channels: ChannelChoice;
  readonly #review: PublisherReview;
  readonly #updateListeners = new Set<UpdateListener>();
  /** What changes a stream's broadcast happens one after the other. */
  readonly #turns = new KeyedMutex();
  readonly #store: RetryingWriter;
  readonly #life = new AbortController();
  readonly #heartbeat: BroadcastHeartbeat;
  #closed: Promise<void> | undefined;

  constructor(options: StreamRegistryOptions) {
    this.#options = options;
    this.#livestreams = new LivestreamTable(options.sql);
    this.#invited = new InviteeList(options.sql, this.#turns, (streamId) => this.#updated(streamId, true));
    this.#broadcasts = new BroadcastTable(options.sql);
    this.#store = new RetryingWriter(options.clock, options.log);
    const { clock, log, mayPublish = async () => true } = options;
    const running = (): Iterable<LiveBroadcast> => this.#running.values();
    const known = { livestreams: this.#livestreams, running };
    this.#heartbeat = new BroadcastHeartbeat({ table: this.#broadcasts, running, clock, log });
    this.#channels = new ChannelChoice({ ...known, clock });
    this.#review = new PublisherReview({ ...known, mayPublish, clock, log });
  }

  /** Guests take part in every broadcast that starts from now on, and leave it in the order of invitation. */
  subscribe(guest: BroadcastSubscriber): void {
    this.#guests.push(guest);
  }

  /** Tells of every step in the life of every broadcast, at once. Listeners must not throw. @returns a function that ends it. */
  onChange(listener: (change: StreamChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Tells when what is stored of a livestream has changed: a broadcaster edited it, it is live or ended, somebody's
   * invitation was taken back, or it is gone. @returns a function that ends it.
   */
  onUpdate(listener: UpdateListener): () => void {
    this.#updateListeners.add(listener);
    return () => this.#updateListeners.delete(listener);
  }

  /** Settles what an earlier gateway left behind: resumes what may still go on, closes the rest. */
  async start(): Promise<void> {
    const { clock, graceMs, log } = this.#options;
    for (const row of await this.#broadcasts.open()) {
      if (row.lastSeenAt.getTime() + graceMs > clock.now()) {
        const broadcast = this.#open(row.id, row.streamId, row.startedAt.getTime(), true);
        broadcast.awaitPublisher();
        log.info({ streamId: row.streamId, broadcastId: row.id }, 'a broadcast was taken up again');
      } else {
        await this.#broadcasts.close(row.id, row.lastSeenAt, 'found-dead');
        await this.#livestreams.markEnded(row.streamId, row.lastSeenAt, 'found-dead');
        log.warn({ streamId: row.streamId, broadcastId: row.id }, 'a broadcast was found dead');
        this.#changed(foundDead(row));
      }
    }
    for (const streamId of await this.#livestreams.endGhosts(new Date(clock.now()), 'found-dead'))
      log.warn({ streamId }, 'a stream passed for live without a broadcast');
    clock.every(HEARTBEAT_MS, () => void this.#heartbeat.store(), this.#life.signal);
    this.#review.start(this.#life.signal);
  }

  /** Admits a publisher. Expected refusals are values; trouble with the database throws. */
  async publish(publisher: Publisher): Promise<PublishResult> {
    if (this.#closed) return { refusal: SHUTTING_DOWN };
    const { protocol, address } = publisher;
    const { epoch } = this.#review;
    const admission = await this.#options.admit({ ...credentialOf(publisher), protocol, address });
    if (!admission.admitted) return { refusal: admission.refusal };
    const { streamId, keyId } = admission;
    return await this.#turns.run(streamId, async () => {
      if (this.#droppedKeys.has(keyId)) return { refusal: KEY_REVOKED };
      const broadcast = await this.#broadcastFor(streamId);
      if ('refusal' in broadcast) return broadcast;
      const publication = broadcast.publish(publisher, keyId);
      // Revoked while the broadcast was opened: it ends like any other whose key is revoked.
      if (keyId !== undefined && this.#droppedKeys.has(keyId)) broadcast.keyRevoked(keyId);
      if (this.#review.epoch !== epoch) void this.#review.review(broadcast, this.#life.signal);
      return { publication };
    });
  }

  async create(livestream: Omit<NewLivestream, 'id'>): Promise<Livestream> {
    const id = newId();
    const { keepKey, sql } = this.#options;
    if (!keepKey) return await this.#livestreams.insert({ ...livestream, id });
    return await sql.begin(async (transaction) => {
      const made = await new LivestreamTable(transaction).insert({ ...livestream, id });
      await keepKey(transaction, { streamId: id, hash: livestream.streamKeyHash });
      return made;
    });
  }

  /**
   * For admission: which livestream a publisher to a user's channel means; one is made where there is none. Two who ask
   * at the same time get the same.
   */
  async streamForChannel(
    channel: ChannelPublisher,
  ): Promise<{ streamId: string } | { refusal: RegistryRefusal }> {
    return await this.#turns.run(`channel ${channel.userId}`, async () => {
      const found = await this.#channels.choose(channel);
      if (found !== undefined) return { streamId: found };
      if (this.#closed) return { refusal: SHUTTING_DOWN };
      if (this.#running.size >= this.#options.maxBroadcasts) return { refusal: CAPACITY_REACHED };
      return { streamId: await this.#channels.make(channel) };
    });
  }

  /** A key is revoked: who publishes with it is dropped and their broadcast ends. With another key it can go on anew. */
  dropKey(keyId: string): void {
    this.#droppedKeys.add(keyId);
    for (const broadcast of this.#running.values()) broadcast.keyRevoked(keyId);
  }

  /** What a user may do has changed: broadcasts that they may not go on with end. Never rejects. */
  userChanged(userId: string): Promise<void> {
    return this.#review.userChanged(userId, this.#life.signal);
  }

  async find(streamId: string): Promise<Livestream | undefined> {
    return await this.#livestreams.find(streamId);
  }

  /** The public ones that are live now, the newest first. */
  async listActive(page: Page): Promise<Livestream[]> {
    return await this.#livestreams.listActive(page);
  }

  /** A user's livestreams, the newest first: all, or those that everybody may see listed. */
  async listByUser(userId: string, page: CursorPage, which: 'all' | 'public'): Promise<Livestream[]> {
    return await this.#livestreams.listByUser(userId, page, which);
  }

  /** The public ones that are to begin and have not, the next first; a little late is no reason to leave one out. */
  async listUpcoming(page: Page): Promise<Livestream[]> {
    return await this.#livestreams.listUpcoming(new Date(this.#options.clock.now() - LATE_MS), page);
  }

  /** @returns the livestream as it is now; undefined when there is none. */
  async edit(streamId: string, changes: LivestreamChanges): Promise<Livestream | undefined> {
    const livestream = await this.#livestreams.update(streamId, changes);
    if (livestream) {
      this.#updated(streamId, changes.visibility !== undefined);
      if (typeof changes.recordingUrl === 'string')
        this.#options.recorded?.({ streamId, url: changes.recordingUrl });
    }
    return livestream;
  }

  /**
   * The broadcaster says that it begins: it is no longer listed as one to come. Whether it is live its media alone say.
   * Saying so again, or of one that is live, changes nothing.
   */
  async markStarted(streamId: string): Promise<'begun' | 'over' | 'unknown'> {
    if (await this.#livestreams.markBegun(streamId, new Date(this.#options.clock.now()))) {
      this.#updated(streamId);
      return 'begun';
    }
    const livestream = await this.#livestreams.find(streamId);
    if (!livestream) return 'unknown';
    return isOver(livestream) ? 'over' : 'begun';
  }

  /** Removes a livestream and all that belongs to it; not while a broadcast is under way. */
  async remove(streamId: string): Promise<'removed' | 'under-way' | 'unknown'> {
    return await this.#turns.run(streamId, async () => {
      if (this.#running.has(streamId)) return 'under-way';
      if (!(await this.#livestreams.delete(streamId))) return 'unknown';
      this.#updated(streamId, true);
      return 'removed';
    });
  }

  /** Closes the publisher's connection; the broadcast waits for the next one. @returns false when nobody publishes. */
  kick(streamId: string): boolean {
    return this.#running.get(streamId)?.kick() ?? false;
  }

  async listInvitees(streamId: string, page: Page): Promise<LivestreamInvitee[]> {
    return await this.#invited.list(streamId, page);
  }

  /** Invites somebody to a livestream that exists. @returns false when too many are invited. */
  async addInvitee(streamId: string, userId: string): Promise<boolean> {
    return await this.#invited.add(streamId, userId);
  }

  /** @returns false when they were not invited. */
  async removeInvitee(streamId: string, userId: string): Promise<boolean> {
    return await this.#invited.remove(streamId, userId);
  }

  /** Whether a broadcast of one of somebody's livestreams is under way, or waits for its publisher. */
  async isUnderWay(userId: string): Promise<boolean> {
    return (await this.#livestreams.ownedAmong(userId, [...this.#running.keys()])).length > 0;
  }

  /** Somebody is invited nowhere any more. */
  async removeInviteeEverywhere(userId: string): Promise<void> {
    await this.#invited.forget(userId);
  }

  /** Whether somebody is invited to a private livestream. */
  async isInvitee(streamId: string, userId: string): Promise<boolean> {
    return await this.#invited.has(streamId, userId);
  }

  /** Notes so many viewers at once, if there were never more. */
  async raisePeak(streamId: string, viewers: number): Promise<void> {
    await this.#livestreams.raiseViewerCountPeak(streamId, viewers);
  }

  /** For admission: whose a livestream is, and whether nobody can publish to it any more. */
  async publishingStatus(streamId: string): Promise<{ userId: string | null; ended: boolean } | undefined> {
    const livestream = await this.#livestreams.find(streamId);
    return livestream && { userId: livestream.userId, ended: isOver(livestream) };
  }

  status(streamId: string): StreamStatus {
    const broadcast = this.#running.get(streamId);
    return {
      state: broadcast?.state ?? { name: 'offline' },
      source: broadcast?.source,
      notices: broadcast?.notices ?? [],
    };
  }

  /** Ends a livestream for good. @returns false when there is no such livestream. */
  async end(streamId: string, reason: 'ended-by-owner'): Promise<boolean> {
    return await this.#turns.run(streamId, async () => {
      const livestream = await this.#livestreams.find(streamId);
      if (!livestream) return false;
      const broadcast = this.#running.get(streamId);
      if (broadcast) await broadcast.end(reason);
      else if (!isOver(livestream)) {
        await this.#livestreams.markEnded(streamId, new Date(this.#options.clock.now()), reason);
        this.#updated(streamId);
      }
      return true;
    });
  }

  /** Lets go of every broadcast so that the next start of the gateway can take it up again. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#store.close();
    await this.#turns.settled();
    await this.#heartbeat.store();
    await Promise.all([...this.#running.values()].map((broadcast) => broadcast.end('shutdown')));
    this.#life.abort();
  }

  #changed(change: StreamChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  #updated(streamId: string, accessChanged = false): void {
    for (const listener of this.#updateListeners) listener(streamId, accessChanged);
  }

  async #broadcastFor(streamId: string): Promise<LiveBroadcast | { refusal: Refusal }> {
    const running = this.#running.get(streamId);
    if (running && running.state.name !== 'ending') return running;
    await running?.closed;
    if (this.#closed) return { refusal: SHUTTING_DOWN };
    const livestream = await this.#livestreams.find(streamId);
    if (!livestream || isOver(livestream)) return { refusal: LIVESTREAM_ENDED };
    if (this.#running.size >= this.#options.maxBroadcasts) return { refusal: CAPACITY_REACHED };
    const id = newId();
    const startedAt = this.#options.clock.now();
    await this.#broadcasts.insert({ id, streamId, startedAt: new Date(startedAt) });
    return this.#open(id, streamId, startedAt, false);
  }

  #open(id: string, streamId: string, startedAt: number, resumed: boolean): LiveBroadcast {
    const { clock, log, graceMs } = this.#options;
    const broadcast: LiveBroadcast = new LiveBroadcast({
      id,
      streamId,
      startedAt,
      resumed,
      subscribers: this.#guests,
      onChange: (change) => this.#changed(change),
      graceMs,
      clock,
      log,
      store: {
        nextRun: () => this.#broadcasts.nextRun(id),
        live: () =>
          void this.#store.write(async () => {
            await this.#livestreams.markLive(streamId, new Date(startedAt));
            this.#updated(streamId);
          }),
        ended: (reason): Promise<void> => this.#storeEnd(broadcast, reason),
      },
    });
    this.#running.set(streamId, broadcast);
    void broadcast.closed.then(() => {
      if (this.#running.get(streamId) === broadcast) this.#running.delete(streamId);
    });
    return broadcast;
  }

  async #storeEnd(broadcast: LiveBroadcast, reason: BroadcastEnd): Promise<void> {
    const { id, streamId } = broadcast;
    const source = broadcast.takeChangedSource();
    if (source) await this.#store.write(() => this.#broadcasts.saveSource(id, source));
    if (!BROADCAST_END[reason].closesRow) return;
    const endedAt = new Date(this.#options.clock.now());
    await this.#store.write(async () => {
      await this.#broadcasts.close(id, endedAt, reason);
      await this.#livestreams.markEnded(streamId, endedAt, reason);
      this.#updated(streamId);
    });
  }
}
