import datachannel from 'node-datachannel';
import { type Clock, messageOf } from '../../platform/index.js';
import type { WorkerCommand, WorkerReport, WorkerSettings } from '../messages.js';
import type { PeerEnd, WorkerStats } from '../pool-types.js';
import type { WorkerContext } from './context.js';
import { MatroskaOutput } from './encoder-io/matroska-output.js';
import { RtpInput } from './encoder-io/rtp-input.js';
import { RtpOutput } from './encoder-io/rtp-output.js';
import { SlateInput } from './encoder-io/slate-input.js';
import { Viewer } from './forward/viewer.js';
import { ViewerGroup } from './forward/viewer-group.js';
import { PacketQueue } from './packet-queue.js';
import { assertPortIsFree } from './port-check.js';
import { Publisher } from './receive/publisher.js';
import { MediaSourceTable } from './relay/media-source-table.js';
import { RelayServer } from './relay/relay-server.js';
import { Transport } from './transport.js';

type Command<Type extends WorkerCommand['type']> = Extract<WorkerCommand, { type: Type }>;
type ViewerEntry = { viewer: Viewer; group: ViewerGroup };

/** Executes the gateway's commands in a worker process. */
export class WebrtcWorker {
  readonly #context: WorkerContext;
  readonly #mediaSources: MediaSourceTable;
  readonly #relay: RelayServer;
  readonly #publishers = new Map<string, Publisher>();
  readonly #viewers = new Map<string, ViewerEntry>();
  readonly #offers = new Map<string, Transport>();
  readonly #inputs = new Map<string, RtpInput | SlateInput>();
  readonly #outputs = new Map<string, RtpOutput | MatroskaOutput>();
  readonly #viewerGroups = new Map<string, ViewerGroup>();
  /** Unix sockets opened so far. */
  #sockets = 0;

  constructor(settings: WorkerSettings, clock: Clock, notifyGateway: (report: WorkerReport) => void) {
    const log: WorkerContext['log'] = (level, message, error) =>
      notifyGateway({
        type: 'log',
        level,
        message,
        ...(error === undefined ? {} : { detail: messageOf(error) }),
      });
    this.#context = {
      clock,
      settings,
      queue: new PacketQueue({
        clock,
        receiverFailed: (error) => log('error', 'packet handling failed', error),
      }),
      counters: { packetsIn: 0, packetsOut: 0, retransmitted: 0 },
      notifyGateway,
      log,
    };
    this.#mediaSources = new MediaSourceTable(this.#context);
    this.#relay = new RelayServer(this.#context, (mediaSourceId) => this.#mediaSources.get(mediaSourceId));
  }

  /** Starts the worker. @throws Error when its port is taken */
  async start(): Promise<void> {
    const { port, bindAddress } = this.#context.settings;
    await assertPortIsFree(port, bindAddress);
    await this.#relay.start();
  }

  /** Closes all peers, inputs and outputs. */
  close(): void {
    for (const { viewer } of [...this.#viewers.values()]) viewer.close('closed');
    for (const publisher of [...this.#publishers.values()]) publisher.close('closed');
    for (const transport of this.#offers.values()) transport.close();
    for (const output of this.#outputs.values()) output.close();
    for (const input of this.#inputs.values()) input.close();
    this.#mediaSources.close();
    this.#relay.close();
    datachannel.cleanup();
  }

  /** Tells encoders that their streams are over, when the gateway has died. Never rejects. */
  async release(): Promise<void> {
    await Promise.allSettled([...this.#outputs.values()].map((output) => output.sendEndOfStream()));
  }

  /** Executes a command. Never rejects: a failure is reported to the gateway. */
  async command(command: WorkerCommand): Promise<void> {
    try {
      await this.#do(command);
    } catch (error) {
      if ('id' in command) {
        this.#context.notifyGateway({ type: 'refused', id: command.id, message: messageOf(error) });
        this.#close(command.id, 'closed');
      } else this.#context.log('error', `command ${command.type} failed`, error);
    }
  }

  async #do(command: WorkerCommand): Promise<void> {
    switch (command.type) {
      case 'publish':
        return this.#publish(command);
      case 'offer':
        return this.#offer(command.id);
      case 'view':
        return this.#view(command);
      case 'receive-rtp':
        return this.#receiveRtp(command);
      case 'receive-slate':
        return this.#receiveSlate(command);
      case 'send-rtp':
        return this.#sendRtp(command);
      case 'send-matroska':
        return this.#sendMatroska(command);
      case 'close':
        return this.#close(command.id, 'closed');
      case 'select-layer':
        return this.#viewers.get(command.id)?.viewer.selectLayer(command.rid);
      case 'set-media-source':
        return this.#setMediaSource(command);
      case 'forget-media':
        return this.#mediaSources.forgetMedia(command.mediaSourceId);
      case 'close-viewer-group':
        return this.#viewerGroups.get(command.viewerGroupId)?.close();
      case 'stats':
        return this.#context.notifyGateway({ type: 'stats', request: command.request, stats: this.#stats() });
      case 'start':
      case 'stop':
        return;
    }
  }

  async #publish({ id, mediaSourceId, remote, plan, maximumBitrate }: Command<'publish'>): Promise<void> {
    const transport = Transport.answer(this.#context, id, remote);
    const publisher = new Publisher({
      id,
      mediaSourceId,
      context: this.#context,
      transport,
      plan,
      maximumBitrate,
      closed: (end) => {
        this.#publishers.delete(id);
        this.#context.notifyGateway({ type: 'closed', id, end });
      },
    });
    this.#publishers.set(id, publisher);
    this.#mediaSources.add(publisher.mediaSource);
    this.#context.notifyGateway({ type: 'answered', id, local: await transport.local });
  }

  async #offer(id: string): Promise<void> {
    const transport = Transport.offer(this.#context, id);
    this.#offers.set(id, transport);
    const { clock, settings } = this.#context;
    clock.after(settings.timeouts.connectMs, () => {
      if (!this.#offers.has(id)) return;
      this.#close(id, 'never-connected');
    });
    this.#context.notifyGateway({ type: 'answered', id, local: await transport.local });
  }

  async #view({
    id,
    viewerGroupId,
    remote,
    plan,
    rid,
    mediaSource,
    offered,
  }: Command<'view'>): Promise<void> {
    const offer = this.#offers.get(id);
    if (offered && !offer) throw new Error('the offer has expired');
    this.#offers.delete(id);
    const transport = offer ?? Transport.answer(this.#context, id, remote);
    const viewer = new Viewer({
      id,
      context: this.#context,
      transport,
      plan,
      ...(rid === undefined ? {} : { rid }),
      closed: (end) => this.#left(id, end),
    });
    const group = this.#viewerGroupFor(viewerGroupId, mediaSource);
    this.#viewers.set(id, { viewer, group });
    group.addViewer(viewer);
    offer?.acceptAnswer(remote);
    this.#context.notifyGateway({ type: 'answered', id, local: await transport.local });
  }

  #left(id: string, end: PeerEnd): void {
    const entry = this.#viewers.get(id);
    this.#viewers.delete(id);
    entry?.group.viewers.delete(entry.viewer);
    if (entry && entry.group.viewers.size === 0) {
      entry.group.holdSubscription(undefined);
      this.#viewerGroups.delete(entry.group.id);
    }
    this.#context.notifyGateway({ type: 'closed', id, end });
  }

  #viewerGroupFor(viewerGroupId: string, mediaSource: Command<'view'>['mediaSource']): ViewerGroup {
    const known = this.#viewerGroups.get(viewerGroupId);
    if (known) return known;
    const group = new ViewerGroup(viewerGroupId);
    this.#viewerGroups.set(viewerGroupId, group);
    this.#setMediaSource({
      type: 'set-media-source',
      viewerGroupId,
      ...(mediaSource ? { mediaSource } : {}),
    });
    return group;
  }

  #setMediaSource({ viewerGroupId, mediaSource }: Command<'set-media-source'>): void {
    const group = this.#viewerGroups.get(viewerGroupId);
    if (!group) return;
    group.holdSubscription(undefined);
    if (mediaSource)
      group.holdSubscription(
        this.#mediaSources.subscribe(mediaSource, (found) => group.setMediaSource(found)),
      );
    else group.setMediaSource(undefined);
  }

  async #receiveRtp({ id, mediaSourceId, video, audio }: Command<'receive-rtp'>): Promise<void> {
    const input = new RtpInput(this.#context, {
      mediaSourceId,
      picturePath: this.#nextSocketPath(),
      ...(video ? { video } : {}),
      ...(audio ? { audio } : {}),
    });
    this.#inputs.set(id, input);
    const addresses = await input.start();
    if (this.#inputs.get(id) !== input) return input.close();
    this.#mediaSources.add(input.mediaSource);
    this.#context.notifyGateway({ type: 'receiving', id, ...addresses });
  }

  async #receiveSlate({ id, mediaSourceId }: Command<'receive-slate'>): Promise<void> {
    const publisher = [...this.#publishers.values()].find(
      ({ mediaSource }) => mediaSource.id === mediaSourceId,
    );
    if (!publisher) throw new Error('no such publisher');
    const picturePath = this.#nextSocketPath();
    const input = new SlateInput(this.#context, picturePath, publisher.pausedLayers);
    this.#inputs.set(id, input);
    await input.start();
    if (this.#inputs.get(id) !== input) return input.close();
    this.#context.notifyGateway({ type: 'receiving', id, picturePath });
  }

  #sendRtp({ id, mediaSourceId, videoPort, audioPort, srtpKey }: Command<'send-rtp'>): void {
    const mediaSource = this.#mediaSources.get(mediaSourceId);
    if (!mediaSource) throw new Error('no such media source');
    const options = {
      ...(videoPort === undefined ? {} : { videoPort }),
      ...(audioPort === undefined ? {} : { audioPort }),
      ...(srtpKey === undefined ? {} : { srtpKey }),
    };
    const output = new RtpOutput(this.#context, mediaSource, options, () => this.#outputs.delete(id));
    this.#outputs.set(id, output);
    this.#context.notifyGateway({ type: 'sending', id });
  }

  async #sendMatroska({ id, mediaSourceId, audio, zero }: Command<'send-matroska'>): Promise<void> {
    const mediaSource = this.#mediaSources.get(mediaSourceId);
    if (!mediaSource) throw new Error('no such media source');
    const path = this.#nextSocketPath();
    const options = { path, audio, zero };
    const output = new MatroskaOutput(this.#context, mediaSource, options, () => this.#outputs.delete(id));
    this.#outputs.set(id, output);
    await output.start();
    this.#context.notifyGateway({ type: 'sending', id, path });
  }

  /** Returns a path in the folder of the relay socket, which other users cannot enter. */
  #nextSocketPath(): string {
    return `${this.#context.settings.relayPath.replace(/\.sock$/, '')}-${++this.#sockets}.sock`;
  }

  #close(id: string, end: PeerEnd): void {
    this.#publishers.get(id)?.close(end);
    this.#viewers.get(id)?.viewer.close(end);
    const offer = this.#offers.get(id);
    if (offer) {
      this.#offers.delete(id);
      offer.close();
      this.#context.notifyGateway({ type: 'closed', id, end });
    }
    this.#inputs.get(id)?.close();
    this.#inputs.delete(id);
    this.#outputs.get(id)?.close();
    this.#outputs.delete(id);
  }

  #stats(): WorkerStats {
    const { counters, queue } = this.#context;
    const { user, system } = process.cpuUsage();
    return {
      publishers: this.#publishers.size,
      viewers: this.#viewers.size,
      packetsIn: counters.packetsIn,
      packetsOut: counters.packetsOut,
      packetsStale: queue.dropped,
      retransmitted: counters.retransmitted,
      residentBytes: process.memoryUsage.rss(),
      cpuMicroseconds: user + system,
    };
  }
}
