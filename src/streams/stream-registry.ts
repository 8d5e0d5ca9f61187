import { KeyedMutex, newId, RetryingWriter } from '../platform/index.js';
import { credentialOf, type Refusal } from './admission/publisher-admission.js';
import { PublisherReview } from './admission/publisher-review.js';
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
import { BroadcastTable, type OpenBroadcast, type StoredBroadcast } from './broadcast/broadcast-table.js';
import { BROADCAST_END, type BroadcastEnd } from './broadcast/end-reason.js';
import { LiveBroadcast } from './broadcast/live-broadcast.js';
import type { Publisher } from './broadcast/publication.js';
import { graceExpiredChange, type StreamChange, type StreamStatus } from './broadcast/stream-change.js';
import { ChannelChoice, type ChannelPublisher } from './livestream/channel-choice.js';
import type { Livestreams } from './livestream/livestreams.js';
import type { PublishResult, StreamRegistryOptions } from './stream-registry-options.js';

/** Interval of the heartbeats of broadcasts with a publisher, ms. */
const HEARTBEAT_MS = 5_000;

type OpenedBroadcast = Pick<OpenBroadcast, 'id' | 'streamId' | 'ladder'> & {
  startedAt: number;
  resumed: boolean;
};

/** Registry of the broadcasts that run in this process. */
export class StreamRegistry {
  readonly #options: StreamRegistryOptions;
  readonly #livestreams: Livestreams;
  readonly #broadcasts: BroadcastTable;
  readonly #subscribers: BroadcastSubscriber[] = [];
  readonly #changeListeners = new Set<(change: StreamChange) => void>();
  readonly #running = new Map<string, LiveBroadcast>();
  readonly #revokedKeys = new RevokedKeys();
  readonly #channelChoice: ChannelChoice;
  readonly #review: PublisherReview;
  /** Serializes changes of a stream's broadcast. */
  readonly #mutex = new KeyedMutex();
  readonly #writer: RetryingWriter;
  readonly #lifetime = new AbortController();
  readonly #heartbeat: BroadcastHeartbeat;
  #closed: Promise<void> | undefined;

  constructor(options: StreamRegistryOptions) {
    this.#options = options;
    this.#livestreams = options.livestreams;
    this.#broadcasts = new BroadcastTable(options.sql);
    this.#writer = new RetryingWriter(options.clock, options.log);
    const { clock, log, mayPublish = async () => true } = options;
    const running = (): Iterable<LiveBroadcast> => this.#running.values();
    const known = { livestreams: options.livestreams, running };
    this.#heartbeat = new BroadcastHeartbeat({ table: this.#broadcasts, running, clock, log });
    this.#channelChoice = new ChannelChoice({ ...known, clock });
    this.#review = new PublisherReview({ ...known, mayPublish, clock, log });
  }

  /** Adds a subscriber to every later broadcast; subscribers are ended in the order of subscription. */
  subscribe(subscriber: BroadcastSubscriber): void {
    this.#subscribers.push(subscriber);
  }

  /** Calls the listener on every state change of every broadcast. It must not throw. @returns an unsubscribe function */
  onChange(listener: (change: StreamChange) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  /** Resumes broadcasts of an earlier process that are within their grace period, and closes the others. */
  async start(): Promise<void> {
    const { clock, graceMs, log } = this.#options;
    for (const row of await this.#broadcasts.open()) {
      if (row.lastSeenAt.getTime() + graceMs > clock.now()) {
        const broadcast = this.#open({ ...row, startedAt: row.startedAt.getTime(), resumed: true });
        broadcast.awaitPublisher();
        log.info(
          { streamId: row.streamId, broadcastId: row.id },
          'broadcast resumed: waiting for its publisher',
        );
      } else {
        await this.#broadcasts.close(row.id, row.lastSeenAt, 'found-dead');
        await this.#livestreams.markEnded(row.streamId, row.lastSeenAt, 'found-dead');
        log.warn(
          { streamId: row.streamId, broadcastId: row.id },
          'broadcast closed: its grace period ended while no gateway ran',
        );
        this.#notifyChange(graceExpiredChange(row));
      }
    }
    for (const streamId of await this.#livestreams.endWithoutBroadcast(new Date(clock.now()), 'found-dead'))
      log.warn({ streamId }, 'livestream ended: it was stored as live without a broadcast');
    clock.every(HEARTBEAT_MS, () => void this.#heartbeat.write(), this.#lifetime.signal);
    this.#review.start(this.#lifetime.signal);
  }

  /** Admits a publisher. Refusals are return values; failures of the database reject. */
  async publish(publisher: Publisher): Promise<PublishResult> {
    if (this.#closed) return { refusal: SHUTTING_DOWN };
    const { protocol, address } = publisher;
    const { epoch } = this.#review;
    const admission = await this.#options.admit({ ...credentialOf(publisher), protocol, address });
    if (!admission.admitted) return { refusal: admission.refusal };
    const { streamId, keyId } = admission;
    return await this.#mutex.run(streamId, async () => {
      if (this.#revokedKeys.has(keyId)) return { refusal: KEY_REVOKED };
      const broadcast = await this.#broadcastFor(streamId);
      if ('refusal' in broadcast) return broadcast;
      const publication = broadcast.publish(publisher, keyId);
      // The key may be revoked while the broadcast is opened.
      if (keyId !== undefined && this.#revokedKeys.has(keyId)) broadcast.keyRevoked(keyId);
      if (this.#review.epoch !== epoch) void this.#review.review(broadcast, this.#lifetime.signal);
      return { publication };
    });
  }

  /**
   * Returns the livestream of a publisher with the key of a channel, creating one if needed. Serialized per user, so that
   * concurrent publishers get the same one.
   */
  async streamForChannel(
    channel: ChannelPublisher,
  ): Promise<{ streamId: string } | { refusal: RegistryRefusal }> {
    return await this.#mutex.run(`channel ${channel.userId}`, async () => {
      const found = await this.#channelChoice.chooseLivestream(channel);
      if (found !== undefined) return { streamId: found };
      if (this.#closed) return { refusal: SHUTTING_DOWN };
      if (this.#running.size >= this.#options.maxBroadcasts) return { refusal: CAPACITY_REACHED };
      return { streamId: await this.#channelChoice.createLivestream(channel) };
    });
  }

  /** Ends the broadcast whose publisher used a key that is revoked. Another key can start a new one. */
  dropKey(keyId: string): void {
    this.#revokedKeys.add(keyId);
    for (const broadcast of this.#running.values()) broadcast.keyRevoked(keyId);
  }

  /** Reviews a user's broadcasts after a change of their permissions. Never rejects. */
  userChanged(userId: string): Promise<void> {
    return this.#review.userChanged(userId, this.#lifetime.signal);
  }

  /** Keeps the media so far of a private test, which is about to end, from everybody who joins later. */
  testEnding(streamId: string): void {
    this.#running.get(streamId)?.testEnding();
  }

  /** Deletes a livestream and its dependent rows, unless a broadcast runs. */
  async remove(streamId: string): Promise<'removed' | 'under-way' | 'unknown'> {
    return await this.#mutex.run(streamId, async () => {
      if (this.#running.has(streamId)) return 'under-way';
      return (await this.#livestreams.delete(streamId)) ? 'removed' : 'unknown';
    });
  }

  /** Closes the publisher's connection; the broadcast holds for the next one. @returns false without a publisher */
  kick(streamId: string): boolean {
    return this.#running.get(streamId)?.kick() ?? false;
  }

  /** Ids of livestreams with a broadcast that runs or waits for its publisher, oldest broadcast first. */
  get streamIds(): string[] {
    return [...this.#running.keys()];
  }

  /** Tells whether a user's livestream has a running broadcast, or one that waits for its publisher. */
  async isUnderWay(userId: string): Promise<boolean> {
    return (await this.#livestreams.ownedAmong(userId, [...this.#running.keys()])).length > 0;
  }

  /** Returns stored broadcasts of a livestream, newest first. @param before id of one; only older ones */
  async listBroadcasts(streamId: string, limit: number, before?: string): Promise<StoredBroadcast[]> {
    return await this.#broadcasts.list(streamId, limit, before);
  }

  /** @param broadcastId must have the form of a UUID */
  async findBroadcast(streamId: string, broadcastId: string): Promise<StoredBroadcast | undefined> {
    return await this.#broadcasts.find(streamId, broadcastId);
  }

  /** Returns those of the given broadcasts that have not ended, in any gateway. */
  async openAmong(broadcastIds: string[]): Promise<string[]> {
    return await this.#broadcasts.openAmong(broadcastIds);
  }

  status(streamId: string): StreamStatus {
    const broadcast = this.#running.get(streamId);
    return {
      state: broadcast?.state ?? { name: 'offline' },
      source: broadcast?.source,
      notices: broadcast?.notices ?? [],
    };
  }

  /** Ends a livestream for good. @returns false if unknown */
  async endLivestream(streamId: string, reason: 'ended-by-owner'): Promise<boolean> {
    return await this.#mutex.run(streamId, async () => {
      const livestream = await this.#livestreams.find(streamId);
      if (!livestream) return false;
      const broadcast = this.#running.get(streamId);
      if (broadcast) await broadcast.endBroadcast(reason);
      else if (!isOver(livestream))
        await this.#livestreams.markEnded(streamId, new Date(this.#options.clock.now()), reason);
      return true;
    });
  }

  /** Closes all broadcasts such that the next start of the gateway can resume them. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#writer.close();
    await this.#mutex.settled();
    await this.#heartbeat.write();
    await Promise.all([...this.#running.values()].map((broadcast) => broadcast.endBroadcast('shutdown')));
    this.#lifetime.abort();
  }

  #notifyChange(change: StreamChange): void {
    for (const listener of this.#changeListeners) listener(change);
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
    const ladder = await this.#broadcasts.insert({ id, streamId, startedAt: new Date(startedAt) });
    return this.#open({ id, streamId, startedAt, ladder, resumed: false });
  }

  #open({ id, streamId, startedAt, resumed, ladder }: OpenedBroadcast): LiveBroadcast {
    const { clock, log, graceMs } = this.#options;
    const broadcast: LiveBroadcast = new LiveBroadcast({
      id,
      streamId,
      startedAt,
      resumed,
      ladder: ladder ?? undefined,
      subscribers: this.#subscribers,
      onChange: (change) => this.#notifyChange(change),
      graceMs,
      clock,
      log,
      store: {
        nextRun: () => this.#broadcasts.nextRun(id),
        live: () => void this.#writer.write(() => this.#livestreams.markLive(streamId, new Date(startedAt))),
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
    if (source) await this.#writer.write(() => this.#broadcasts.saveSource(id, source));
    if (!BROADCAST_END[reason].closesRow) return;
    const endedAt = new Date(this.#options.clock.now());
    await this.#writer.write(async () => {
      await this.#broadcasts.close(id, endedAt, reason);
      await this.#livestreams.markEnded(streamId, endedAt, reason);
    });
  }
}
