import { rm } from 'node:fs/promises';
import path from 'node:path';
import { type Clock, HeadendError, type Logger, makeSocketFolder, newId } from '../platform/index.js';
import type { MediaSourceLocation, WorkerReport, WorkerTimeouts } from './messages.js';
import { PoolInput, PoolSlate } from './pool-input.js';
import { PoolPublisher, PoolViewer } from './pool-peers.js';
import type {
  MatroskaOutput,
  PeerEnd,
  PoolStats,
  PublishingPeer,
  PublishOptions,
  ReceiveRtpOptions,
  ReceiveSlateOptions,
  RtpInput,
  RtpOutput,
  SendMatroskaOptions,
  SendRtpOptions,
  SlateInput,
  ViewingPeer,
  ViewOffer,
  ViewOptions,
  WebrtcPool,
} from './pool-types.js';
import { leastLoaded, nearOrIdle } from './worker-choice.js';
import { WorkerProcess } from './worker-process.js';

export type WebrtcPoolOptions = {
  /** Worker processes; one per CPU core. */
  workers: number;
  /** First UDP port; worker n uses `firstPort + n`. */
  firstPort: number;
  /** Bind address; all interfaces when absent. */
  bindAddress?: string;
  /** Public addresses (NAT 1:1) announced instead of the host's own. */
  publicIps: string[];
  clock: Clock;
  log: Logger;
  timeouts?: Partial<WorkerTimeouts>;
  /** Difference in load, in viewers, above which a viewer group is spread to another worker. */
  spreadAfter?: number;
};

const TIMEOUTS: WorkerTimeouts = { connectMs: 10_000, silenceMs: 10_000 };
const WILDCARDS = new Set(['', '0.0.0.0', '::']);
const SPREAD_AFTER = 20;
/**
 * Limits after which a worker is drained: it gets no more peers while others are available and is restarted when it
 * has none. The transport leaks 1 to 2 KB per connected peer.
 */
const MAXIMUM_JOINS = 100_000;
const MAXIMUM_RESIDENT_BYTES = 1 << 30;
const RENEWAL_CHECK_MS = 30_000;

type ViewerGroupRecord = { mediaSourceId: string | undefined; viewers: Map<WorkerProcess, number> };

/** Creates the pool of SFU worker processes; see `WebrtcPool`. */
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
  readonly #inputs = new Set<PoolInput | PoolSlate>();
  readonly #mediaSources = new Map<string, { worker: WorkerProcess }>();
  readonly #viewerGroups = new Map<string, ViewerGroupRecord>();
  #folder: string | undefined;

  constructor(options: WebrtcPoolOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  async start(): Promise<void> {
    const { workers, firstPort, publicIps, clock, timeouts } = this.#options;
    // The transport would look for an interface with a wildcard address.
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
        reportReceived: (report) => this.#reportReceived(worker, report),
        workerDied: () => this.#workerDied(worker),
      });
      this.#workers.push(worker);
    }
    try {
      await Promise.all(this.#workers.map((worker) => worker.start()));
    } catch (error) {
      await this.close();
      throw error;
    }
    clock.every(RENEWAL_CHECK_MS, () => void this.#renewDrainedWorkers(), this.#life.signal);
  }

  async close(): Promise<void> {
    this.#life.abort();
    await Promise.all(this.#workers.map((worker) => worker.close()));
    for (const peer of [...this.#publishers.values(), ...this.#viewers.values()])
      this.#peerClosed(peer.id, 'closed');
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }

  async publish(options: PublishOptions): Promise<PublishingPeer> {
    const { mediaSourceId } = options;
    const worker = this.#leastLoaded();
    const id = newId();
    const peer = new PoolPublisher(id, worker, mediaSourceId);
    this.#publishers.set(id, peer);
    worker.publishers++;
    worker.joins++;
    try {
      const answer = await worker.request({ type: 'publish', id, ...options });
      if (answer.type === 'answered') peer.local = answer.local;
    } catch (error) {
      this.#peerClosed(id, 'closed');
      throw error;
    }
    this.#addMediaSource(mediaSourceId, worker);
    return peer;
  }

  async view(options: ViewOptions): Promise<ViewingPeer> {
    const worker = this.#workerForViewer(options.viewerGroupId);
    return this.#view(newId(), worker, options, false);
  }

  async offerView(): Promise<ViewOffer> {
    const worker = this.#leastLoaded();
    const id = newId();
    const answer = await worker.request({ type: 'offer', id });
    if (answer.type !== 'answered') throw unavailable('the WebRTC worker sent an unexpected answer');
    return {
      local: answer.local,
      accept: (options) => this.#view(id, worker, options, true),
      close: () => worker.send({ type: 'close', id }),
    };
  }

  async receiveRtp(options: ReceiveRtpOptions): Promise<RtpInput> {
    const { mediaSourceId } = options;
    const worker = this.#leastLoaded();
    const input = await PoolInput.open(worker, options, () => {
      this.#inputs.delete(input);
      this.#removeMediaSource(mediaSourceId, worker);
    });
    this.#addMediaSource(mediaSourceId, worker);
    this.#inputs.add(input);
    return input;
  }

  async receiveSlate(options: ReceiveSlateOptions): Promise<SlateInput> {
    const worker = this.#mediaSources.get(options.mediaSourceId)?.worker;
    if (!worker) throw unavailable('no such media source');
    const input = await PoolSlate.open(worker, options, () => this.#inputs.delete(input));
    this.#inputs.add(input);
    return input;
  }

  async sendRtp({ mediaSourceId, videoPort, audioPort, srtpKey }: SendRtpOptions): Promise<RtpOutput> {
    const worker = this.#mediaSources.get(mediaSourceId)?.worker;
    if (!worker) throw unavailable('no such media source');
    const id = newId();
    await worker.request({
      type: 'send-rtp',
      id,
      mediaSourceId,
      ...(videoPort === undefined ? {} : { videoPort }),
      ...(audioPort === undefined ? {} : { audioPort }),
      ...(srtpKey === undefined ? {} : { srtpKey }),
    });
    return { close: () => worker.send({ type: 'close', id }) };
  }

  async sendMatroska({ mediaSourceId, audio, zero }: SendMatroskaOptions): Promise<MatroskaOutput> {
    const worker = this.#mediaSources.get(mediaSourceId)?.worker;
    if (!worker) throw unavailable('no such media source');
    const id = newId();
    const answer = await worker.request({ type: 'send-matroska', id, mediaSourceId, audio, zero });
    if (answer.type !== 'sending' || answer.path === undefined)
      throw unavailable('the WebRTC worker sent an unexpected answer');
    return { path: answer.path, close: () => worker.send({ type: 'close', id }) };
  }

  setMediaSource(viewerGroupId: string, mediaSourceId: string | undefined): void {
    const group = this.#viewerGroup(viewerGroupId);
    group.mediaSourceId = mediaSourceId;
    this.#sendMediaSource(viewerGroupId, group);
    this.#deleteIfUnused(viewerGroupId, group);
  }

  forgetMedia(viewerGroupId: string): void {
    const { mediaSourceId } = this.#viewerGroups.get(viewerGroupId) ?? {};
    if (mediaSourceId === undefined) return;
    for (const worker of this.#workers) worker.send({ type: 'forget-media', mediaSourceId });
  }

  closeViewerGroup(viewerGroupId: string, reason: string): void {
    const group = this.#viewerGroups.get(viewerGroupId);
    if (!group) return;
    this.#log.debug({ viewerGroupId, reason }, 'viewer group closed');
    group.mediaSourceId = undefined;
    for (const worker of group.viewers.keys()) worker.send({ type: 'close-viewer-group', viewerGroupId });
    this.#deleteIfUnused(viewerGroupId, group);
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
    const { viewerGroupId, remote, plan, rid } = options;
    const peer = new PoolViewer(id, worker, viewerGroupId);
    const group = this.#viewerGroup(viewerGroupId);
    group.viewers.set(worker, (group.viewers.get(worker) ?? 0) + 1);
    this.#viewers.set(id, peer);
    worker.viewers++;
    worker.joins++;
    const mediaSource = this.#locationFor(worker, group.mediaSourceId);
    try {
      const answer = await worker.request({
        type: 'view',
        id,
        viewerGroupId,
        remote,
        plan,
        offered,
        ...(rid === undefined ? {} : { rid }),
        ...(mediaSource ? { mediaSource } : {}),
      });
      if (answer.type === 'answered') peer.local = answer.local;
    } catch (error) {
      this.#peerClosed(id, 'closed');
      throw error;
    }
    return peer;
  }

  #viewerGroup(viewerGroupId: string): ViewerGroupRecord {
    const known = this.#viewerGroups.get(viewerGroupId);
    if (known) return known;
    const group: ViewerGroupRecord = { mediaSourceId: undefined, viewers: new Map() };
    this.#viewerGroups.set(viewerGroupId, group);
    return group;
  }

  #deleteIfUnused(viewerGroupId: string, group: ViewerGroupRecord): void {
    if (group.mediaSourceId === undefined && group.viewers.size === 0)
      this.#viewerGroups.delete(viewerGroupId);
  }

  #addMediaSource(mediaSourceId: string, worker: WorkerProcess): void {
    this.#mediaSources.set(mediaSourceId, { worker });
    this.#updateViewerGroupsOf(mediaSourceId);
  }

  #removeMediaSource(mediaSourceId: string, worker: WorkerProcess): void {
    if (this.#mediaSources.get(mediaSourceId)?.worker !== worker) return;
    this.#mediaSources.delete(mediaSourceId);
    this.#updateViewerGroupsOf(mediaSourceId);
  }

  #updateViewerGroupsOf(mediaSourceId: string): void {
    for (const [id, group] of this.#viewerGroups)
      if (group.mediaSourceId === mediaSourceId) this.#sendMediaSource(id, group);
  }

  #sendMediaSource(viewerGroupId: string, group: ViewerGroupRecord): void {
    for (const worker of group.viewers.keys()) {
      const mediaSource = this.#locationFor(worker, group.mediaSourceId);
      worker.send({ type: 'set-media-source', viewerGroupId, ...(mediaSource ? { mediaSource } : {}) });
    }
  }

  #locationFor(worker: WorkerProcess, mediaSourceId: string | undefined): MediaSourceLocation | undefined {
    const mediaSource = mediaSourceId === undefined ? undefined : this.#mediaSources.get(mediaSourceId);
    if (mediaSourceId === undefined || !mediaSource) return undefined;
    return mediaSource.worker === worker
      ? { mediaSourceId }
      : { mediaSourceId, relayPath: mediaSource.worker.settings.relayPath };
  }

  #leastLoaded(): WorkerProcess {
    const best = leastLoaded(this.#workers);
    if (!best) throw unavailable('no WebRTC worker is running');
    return best;
  }

  #workerForViewer(viewerGroupId: string): WorkerProcess {
    const mediaSourceId = this.#viewerGroups.get(viewerGroupId)?.mediaSourceId;
    const home = mediaSourceId === undefined ? undefined : this.#mediaSources.get(mediaSourceId)?.worker;
    return nearOrIdle(home, this.#leastLoaded(), this.#options.spreadAfter ?? SPREAD_AFTER);
  }

  #reportReceived(worker: WorkerProcess, report: WorkerReport): void {
    switch (report.type) {
      case 'connected':
        this.#peer(report.id)?.markConnected();
        return;
      case 'closed':
        this.#peerClosed(report.id, report.end);
        return;
      case 'source':
      case 'media':
      case 'picture':
      case 'counters':
      case 'faults':
        this.#publishers.get(report.id)?.mediaReported(report);
        return;
      case 'viewer-event':
        this.#viewers.get(report.id)?.eventReported(report.event);
        return;
      case 'log':
        this.#log[report.level]({ port: worker.settings.port, detail: report.detail }, report.message);
        return;
      default:
    }
  }

  #peer(id: string): PoolPublisher | PoolViewer | undefined {
    return this.#publishers.get(id) ?? this.#viewers.get(id);
  }

  #peerClosed(id: string, end: PeerEnd): void {
    const publisher = this.#publishers.get(id);
    const viewer = this.#viewers.get(id);
    if (publisher) {
      this.#publishers.delete(id);
      publisher.worker.publishers--;
      this.#removeMediaSource(publisher.mediaSourceId, publisher.worker);
    }
    if (viewer) {
      this.#viewers.delete(id);
      viewer.worker.viewers--;
      this.#leaveViewerGroup(viewer);
    }
    (publisher ?? viewer)?.markClosed(end);
  }

  #leaveViewerGroup({ viewerGroupId, worker }: PoolViewer): void {
    const group = this.#viewerGroups.get(viewerGroupId);
    if (!group) return;
    const left = (group.viewers.get(worker) ?? 0) - 1;
    if (left > 0) group.viewers.set(worker, left);
    else group.viewers.delete(worker);
    this.#deleteIfUnused(viewerGroupId, group);
  }

  #workerDied(worker: WorkerProcess): void {
    for (const [mediaSourceId, mediaSource] of [...this.#mediaSources])
      if (mediaSource.worker === worker) this.#removeMediaSource(mediaSourceId, worker);
    for (const input of [...this.#inputs]) if (input.worker === worker) input.close();
    for (const peer of [...this.#publishers.values(), ...this.#viewers.values()])
      if (peer.worker === worker) this.#peerClosed(peer.id, 'worker-died');
  }

  /** Drains workers that exceed a limit and restarts drained ones without peers. */
  async #renewDrainedWorkers(): Promise<void> {
    for (const worker of this.#workers) {
      const stats = await worker.stats();
      if (!stats) continue;
      if (worker.joins > MAXIMUM_JOINS || stats.residentBytes > MAXIMUM_RESIDENT_BYTES)
        worker.draining = true;
      const hasInput = [...this.#mediaSources.values()].some((mediaSource) => mediaSource.worker === worker);
      if (worker.draining && worker.viewers === 0 && worker.publishers === 0 && !hasInput)
        await worker.renew();
    }
  }
}

function unavailable(message: string): HeadendError {
  return new HeadendError('webrtc_unavailable', message);
}
