import { rm } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, HeadendError, type Logger, makeSocketFolder, newId } from '../platform/index.js';
import type { FeedPlace, WorkerReport, WorkerTimeouts } from './messages.js';
import { PoolPublisher, PoolViewer } from './pool-peers.js';
import type {
  MatroskaOutput,
  PeerEnd,
  PoolStats,
  PublishingPeer,
  PublishOptions,
  ReceiveRtpOptions,
  RtpInput,
  RtpOutput,
  SendMatroskaOptions,
  SendRtpOptions,
  ViewingPeer,
  ViewOffer,
  ViewOptions,
  WebrtcPool,
} from './pool-types.js';
import { leastLoaded, nearOrIdle } from './worker-choice.js';
import { WorkerProcess } from './worker-process.js';

export type WebrtcPoolOptions = {
  /** Processes; one per core is right. */
  workers: number;
  /** UDP; worker n has the n-th port from here. */
  firstPort: number;
  /** The address to bind to; every interface by default. */
  bindAddress?: string;
  /** Addresses by which this host is reached from outside (NAT 1:1), instead of its own. */
  publicIps: string[];
  clock: Clock;
  log: Logger;
  timeouts?: Partial<WorkerTimeouts>;
  /** A worker may have so many more viewers than another before a channel is spread to both. */
  spreadAfter?: number;
};

const TIMEOUTS: WorkerTimeouts = { connectMs: 10_000, silenceMs: 10_000 };
const WILDCARDS = new Set(['', '0.0.0.0', '::']);
const SPREAD_AFTER = 20;
/**
 * The transport keeps one or two KB of every peer that was ever connected. A worker with so many joins or so much memory
 * gets no more peers while others can take them, and is started anew when it has none.
 */
const MAXIMUM_JOINS = 100_000;
const MAXIMUM_RESIDENT_BYTES = 1 << 30;
const LOOK_MS = 30_000;

type FeedRecord = { worker: WorkerProcess };
type ChannelRecord = { feedId: string | undefined; viewers: Map<WorkerProcess, number> };

/** The SFU's worker processes behind one face; see `WebrtcPool`. */
export function createWebrtcPool(options: WebrtcPoolOptions): WebrtcPool {
  return new Pool(options);
}

class Pool implements WebrtcPool {
  readonly #options: WebrtcPoolOptions;
  readonly #log: Logger;
  readonly #life = new AbortController();
  #workers: WorkerProcess[] = [];
  readonly #publishers = new Map<string, PoolPublisher>();
  readonly #viewers = new Map<string, PoolViewer>();
  readonly #feeds = new Map<string, FeedRecord>();
  readonly #channels = new Map<string, ChannelRecord>();
  #folder: string | undefined;

  constructor(options: WebrtcPoolOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  async start(): Promise<void> {
    const { workers, firstPort, publicIps, clock, timeouts } = this.#options;
    // The transport takes a wildcard for an interface of that name.
    const bindAddress = WILDCARDS.has(this.#options.bindAddress ?? '')
      ? undefined
      : this.#options.bindAddress;
    this.#folder = await makeSocketFolder('webrtc', this.#log);
    for (let i = 0; i < workers; i++) {
      const worker: WorkerProcess = new WorkerProcess({
        settings: {
          port: firstPort + i,
          ...(bindAddress === undefined ? {} : { bindAddress }),
          publicIps,
          relayPath: path.join(this.#folder, `${i}.sock`),
          timeouts: { ...TIMEOUTS, ...timeouts },
        },
        clock,
        log: this.#log,
        reported: (report) => this.#reported(worker, report),
        died: () => this.#died(worker),
      });
      this.#workers.push(worker);
    }
    try {
      await Promise.all(this.#workers.map((worker) => worker.start()));
    } catch (error) {
      await this.close();
      throw error;
    }
    clock.every(LOOK_MS, () => void this.#look(), this.#life.signal);
  }

  async close(): Promise<void> {
    this.#life.abort();
    await Promise.all(this.#workers.map((worker) => worker.close()));
    for (const peer of [...this.#publishers.values(), ...this.#viewers.values()])
      this.#gone(peer.id, 'closed');
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }

  async publish({ feedId, remote, plan, maximumBitrate }: PublishOptions): Promise<PublishingPeer> {
    const worker = this.#leastLoaded();
    const id = newId();
    const peer = new PoolPublisher(id, worker, feedId);
    this.#publishers.set(id, peer);
    worker.publishers++;
    worker.joins++;
    try {
      const answer = await worker.request({ type: 'publish', id, feedId, remote, plan, maximumBitrate });
      if (answer.type === 'answered') peer.local = answer.local;
    } catch (error) {
      this.#gone(id, 'closed');
      throw error;
    }
    this.#addFeed(feedId, worker);
    return peer;
  }

  async view(options: ViewOptions): Promise<ViewingPeer> {
    const worker = this.#workerForViewer(options.channelId);
    return this.#view(newId(), worker, options, false);
  }

  async offerView(): Promise<ViewOffer> {
    const worker = this.#leastLoaded();
    const id = newId();
    const answer = await worker.request({ type: 'offer', id });
    if (answer.type !== 'answered') throw unavailable('the WebRTC worker gave another answer');
    return {
      local: answer.local,
      accept: (options) => this.#view(id, worker, options, true),
      close: () => worker.send({ type: 'close', id }),
    };
  }

  async receiveRtp({ feedId, video, audio }: ReceiveRtpOptions): Promise<RtpInput> {
    const worker = this.#leastLoaded();
    const id = newId();
    const ports = await worker.request({
      type: 'receive-rtp',
      id,
      feedId,
      ...(video ? { video } : {}),
      ...(audio ? { audio } : {}),
    });
    if (ports.type !== 'receiving') throw unavailable('the WebRTC worker gave another answer');
    this.#addFeed(feedId, worker);
    return {
      ...(ports.videoPort === undefined ? {} : { videoPort: ports.videoPort }),
      ...(ports.audioPort === undefined ? {} : { audioPort: ports.audioPort }),
      close: () => {
        worker.send({ type: 'close', id });
        this.#removeFeed(feedId, worker);
      },
    };
  }

  async sendRtp({ feedId, videoPort, audioPort, srtpKey }: SendRtpOptions): Promise<RtpOutput> {
    const worker = this.#feeds.get(feedId)?.worker;
    if (!worker) throw unavailable('there is no such feed');
    const id = newId();
    await worker.request({
      type: 'send-rtp',
      id,
      feedId,
      ...(videoPort === undefined ? {} : { videoPort }),
      ...(audioPort === undefined ? {} : { audioPort }),
      ...(srtpKey === undefined ? {} : { srtpKey }),
    });
    return { close: () => worker.send({ type: 'close', id }) };
  }

  async sendMatroska({ feedId, audio, zero }: SendMatroskaOptions): Promise<MatroskaOutput> {
    const worker = this.#feeds.get(feedId)?.worker;
    if (!worker) throw unavailable('there is no such feed');
    const id = newId();
    const answer = await worker.request({ type: 'send-matroska', id, feedId, audio, zero });
    if (answer.type !== 'sending' || answer.path === undefined)
      throw unavailable('the WebRTC worker gave another answer');
    return { path: answer.path, close: () => worker.send({ type: 'close', id }) };
  }

  setFeed(channelId: string, feedId: string | undefined): void {
    const channel = this.#channel(channelId);
    channel.feedId = feedId;
    this.#tellFeed(channelId, channel);
    this.#forget(channelId, channel);
  }

  closeChannel(channelId: string, reason: string): void {
    const channel = this.#channels.get(channelId);
    if (!channel) return;
    this.#log.debug({ channelId, reason, viewers: this.#count(channel) }, 'a channel is closed');
    channel.feedId = undefined;
    for (const worker of channel.viewers.keys()) worker.send({ type: 'close-channel', channelId });
    this.#forget(channelId, channel);
  }

  async stats(): Promise<PoolStats> {
    const all = await Promise.all(
      this.#workers.map(async (worker) => {
        const stats = await worker.stats();
        return stats && { pid: worker.pid ?? 0, port: worker.settings.port, ...stats };
      }),
    );
    return { workers: all.filter((one) => one !== undefined) };
  }

  async #view(
    id: string,
    worker: WorkerProcess,
    options: ViewOptions,
    offered: boolean,
  ): Promise<ViewingPeer> {
    const { channelId, remote, plan, rid } = options;
    const peer = new PoolViewer(id, worker, channelId);
    const channel = this.#channel(channelId);
    channel.viewers.set(worker, (channel.viewers.get(worker) ?? 0) + 1);
    this.#viewers.set(id, peer);
    worker.viewers++;
    worker.joins++;
    const feed = this.#placeFor(worker, channel.feedId);
    try {
      const answer = await worker.request({
        type: 'view',
        id,
        channelId,
        remote,
        plan,
        offered,
        ...(rid === undefined ? {} : { rid }),
        ...(feed ? { feed } : {}),
      });
      if (answer.type === 'answered') peer.local = answer.local;
    } catch (error) {
      this.#gone(id, 'closed');
      throw error;
    }
    return peer;
  }

  #channel(channelId: string): ChannelRecord {
    const known = this.#channels.get(channelId);
    if (known) return known;
    const channel: ChannelRecord = { feedId: undefined, viewers: new Map() };
    this.#channels.set(channelId, channel);
    return channel;
  }

  #forget(channelId: string, channel: ChannelRecord): void {
    if (channel.feedId === undefined && channel.viewers.size === 0) this.#channels.delete(channelId);
  }

  #count(channel: ChannelRecord): number {
    let viewers = 0;
    for (const count of channel.viewers.values()) viewers += count;
    return viewers;
  }

  #addFeed(feedId: string, worker: WorkerProcess): void {
    this.#feeds.set(feedId, { worker });
    this.#tellChannelsOf(feedId);
  }

  #removeFeed(feedId: string, worker: WorkerProcess): void {
    if (this.#feeds.get(feedId)?.worker !== worker) return;
    this.#feeds.delete(feedId);
    this.#tellChannelsOf(feedId);
  }

  #tellChannelsOf(feedId: string): void {
    for (const [id, channel] of this.#channels) if (channel.feedId === feedId) this.#tellFeed(id, channel);
  }

  #tellFeed(channelId: string, channel: ChannelRecord): void {
    for (const worker of channel.viewers.keys()) {
      const feed = this.#placeFor(worker, channel.feedId);
      worker.send({ type: 'set-feed', channelId, ...(feed ? { feed } : {}) });
    }
  }

  #placeFor(worker: WorkerProcess, feedId: string | undefined): FeedPlace | undefined {
    const feed = feedId === undefined ? undefined : this.#feeds.get(feedId);
    if (feedId === undefined || !feed) return undefined;
    return feed.worker === worker ? { feedId } : { feedId, relayPath: feed.worker.settings.relayPath };
  }

  #leastLoaded(): WorkerProcess {
    const best = leastLoaded(this.#workers);
    if (!best) throw unavailable('no WebRTC worker is running');
    return best;
  }

  #workerForViewer(channelId: string): WorkerProcess {
    const feedId = this.#channels.get(channelId)?.feedId;
    const home = feedId === undefined ? undefined : this.#feeds.get(feedId)?.worker;
    return nearOrIdle(home, this.#leastLoaded(), this.#options.spreadAfter ?? SPREAD_AFTER);
  }

  #reported(worker: WorkerProcess, report: WorkerReport): void {
    switch (report.type) {
      case 'connected':
        this.#peer(report.id)?.markConnected();
        return;
      case 'closed':
        this.#gone(report.id, report.end);
        return;
      case 'source':
        this.#publishers.get(report.id)?.foundSource(report.source);
        return;
      case 'media':
        this.#publishers.get(report.id)?.mediaBegan(report.startedAt, report.has);
        return;
      case 'viewer-event':
        this.#viewers.get(report.id)?.happened(report.event);
        return;
      case 'log':
        this.#log[report.level]({ port: worker.settings.port, detail: report.detail }, report.message);
        return;
      default:
        return;
    }
  }

  #peer(id: string): PoolPublisher | PoolViewer | undefined {
    return this.#publishers.get(id) ?? this.#viewers.get(id);
  }

  #gone(id: string, end: PeerEnd): void {
    const publisher = this.#publishers.get(id);
    const viewer = this.#viewers.get(id);
    if (publisher) {
      this.#publishers.delete(id);
      publisher.worker.publishers--;
      this.#removeFeed(publisher.feedId, publisher.worker);
    }
    if (viewer) {
      this.#viewers.delete(id);
      viewer.worker.viewers--;
      this.#leftChannel(viewer);
    }
    (publisher ?? viewer)?.markClosed(end);
  }

  #leftChannel({ channelId, worker }: PoolViewer): void {
    const channel = this.#channels.get(channelId);
    if (!channel) return;
    const left = (channel.viewers.get(worker) ?? 0) - 1;
    if (left > 0) channel.viewers.set(worker, left);
    else channel.viewers.delete(worker);
    this.#forget(channelId, channel);
  }

  #died(worker: WorkerProcess): void {
    for (const [feedId, feed] of [...this.#feeds])
      if (feed.worker === worker) this.#removeFeed(feedId, worker);
    for (const peer of [...this.#publishers.values(), ...this.#viewers.values()])
      if (peer.worker === worker) this.#gone(peer.id, 'worker-died');
  }

  /** Renews workers that have had many peers, when they have none. */
  async #look(): Promise<void> {
    for (const worker of this.#workers) {
      const stats = await worker.stats();
      if (!stats) continue;
      if (worker.joins > MAXIMUM_JOINS || stats.residentBytes > MAXIMUM_RESIDENT_BYTES)
        worker.draining = true;
      const hasInput = [...this.#feeds.values()].some((feed) => feed.worker === worker);
      if (worker.draining && worker.viewers === 0 && worker.publishers === 0 && !hasInput)
        await worker.renew();
    }
  }
}

function unavailable(message: string): HeadendError {
  return new HeadendError('webrtc_unavailable', message);
}
