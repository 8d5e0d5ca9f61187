import datachannel from 'node-datachannel';
import { type Clock, messageOf } from '../../platform/index.js';
import type { WorkerCommand, WorkerReport, WorkerSettings, WorkerStats } from '../messages.js';
import type { PeerEnd } from '../pool-types.js';
import { Channel } from './channel.js';
import type { WorkerContext } from './context.js';
import { FeedTable } from './feed-table.js';
import { MatroskaOutput } from './matroska-output.js';
import { PacketQueue } from './packet-queue.js';
import { assertPortIsFree } from './port-check.js';
import { Publisher } from './publisher.js';
import { RelayServer } from './relay-server.js';
import { RtpInput } from './rtp-input.js';
import { RtpOutput } from './rtp-output.js';
import { Transport } from './transport.js';
import { Viewer } from './viewer.js';

type Command<Type extends WorkerCommand['type']> = Extract<WorkerCommand, { type: Type }>;
type Watching = { viewer: Viewer; channel: Channel };

/** Everything that one worker process does, told what to do by the gateway's messages. */
export class WebrtcWorker {
  readonly #context: WorkerContext;
  readonly #feeds: FeedTable;
  readonly #relay: RelayServer;
  readonly #publishers = new Map<string, Publisher>();
  readonly #viewers = new Map<string, Watching>();
  readonly #offers = new Map<string, Transport>();
  readonly #inputs = new Map<string, RtpInput>();
  readonly #outputs = new Map<string, RtpOutput | MatroskaOutput>();
  readonly #channels = new Map<string, Channel>();
  #matroskaCount = 0;

  constructor(settings: WorkerSettings, clock: Clock, tell: (report: WorkerReport) => void) {
    const log: WorkerContext['log'] = (level, message, error) =>
      tell({ type: 'log', level, message, ...(error === undefined ? {} : { detail: messageOf(error) }) });
    this.#context = {
      clock,
      settings,
      queue: new PacketQueue({
        clock,
        failed: (error) => log('error', 'a packet could not be handled', error),
      }),
      counters: { packetsIn: 0, packetsOut: 0, retransmitted: 0 },
      tell,
      log,
    };
    this.#feeds = new FeedTable(this.#context);
    this.#relay = new RelayServer(this.#context, (feedId) => this.#feeds.get(feedId));
  }

  /** @throws Error when the worker's port is taken. */
  async start(): Promise<void> {
    const { port, bindAddress } = this.#context.settings;
    await assertPortIsFree(port, bindAddress);
    await this.#relay.start();
  }

  /** Ends everything; the process can go. */
  close(): void {
    for (const { viewer } of [...this.#viewers.values()]) viewer.end('closed');
    for (const publisher of [...this.#publishers.values()]) publisher.end('closed');
    for (const transport of this.#offers.values()) transport.close();
    for (const output of this.#outputs.values()) output.close();
    for (const input of this.#inputs.values()) input.close();
    this.#feeds.close();
    this.#relay.close();
    datachannel.cleanup();
  }

  /** The gateway is gone: encoders, which have nobody else now, are told that their media are over. Never rejects. */
  async release(): Promise<void> {
    await Promise.allSettled([...this.#outputs.values()].map((output) => output.sayGoodbye()));
  }

  /** Never throws: what can't be done is reported. */
  async command(command: WorkerCommand): Promise<void> {
    try {
      await this.#do(command);
    } catch (error) {
      if ('id' in command) {
        this.#context.tell({ type: 'refused', id: command.id, message: messageOf(error) });
        this.#close(command.id, 'closed');
      } else this.#context.log('error', `the command ${command.type} failed`, error);
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
      case 'send-rtp':
        return this.#sendRtp(command);
      case 'send-matroska':
        return this.#sendMatroska(command);
      case 'close':
        return this.#close(command.id, 'closed');
      case 'select-layer':
        return this.#viewers.get(command.id)?.viewer.selectLayer(command.rid);
      case 'set-feed':
        return this.#setFeed(command);
      case 'close-channel':
        return this.#channels.get(command.channelId)?.close();
      case 'stats':
        return this.#context.tell({ type: 'stats', request: command.request, stats: this.#stats() });
      case 'start':
      case 'stop':
        return;
    }
  }

  async #publish({ id, feedId, remote, plan, maximumBitrate }: Command<'publish'>): Promise<void> {
    const transport = Transport.answer(this.#context, id, remote);
    const publisher = new Publisher({
      id,
      feedId,
      context: this.#context,
      transport,
      plan,
      maximumBitrate,
      ended: (end) => {
        this.#publishers.delete(id);
        this.#context.tell({ type: 'closed', id, end });
      },
    });
    this.#publishers.set(id, publisher);
    this.#feeds.add(publisher.feed);
    this.#context.tell({ type: 'answered', id, local: await transport.local });
  }

  async #offer(id: string): Promise<void> {
    const transport = Transport.offer(this.#context, id);
    this.#offers.set(id, transport);
    const { clock, settings } = this.#context;
    clock.after(settings.timeouts.connectMs, () => {
      if (!this.#offers.has(id)) return;
      this.#close(id, 'never-connected');
    });
    this.#context.tell({ type: 'answered', id, local: await transport.local });
  }

  async #view({ id, channelId, remote, plan, rid, feed, offered }: Command<'view'>): Promise<void> {
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
      ended: (end) => this.#left(id, end),
    });
    const channel = this.#channelFor(channelId, feed);
    this.#viewers.set(id, { viewer, channel });
    channel.add(viewer);
    offer?.accept(remote);
    this.#context.tell({ type: 'answered', id, local: await transport.local });
  }

  #left(id: string, end: PeerEnd): void {
    const watching = this.#viewers.get(id);
    this.#viewers.delete(id);
    watching?.channel.viewers.delete(watching.viewer);
    if (watching && watching.channel.viewers.size === 0) {
      watching.channel.hold(undefined);
      this.#channels.delete(watching.channel.id);
    }
    this.#context.tell({ type: 'closed', id, end });
  }

  #channelFor(channelId: string, feed: Command<'view'>['feed']): Channel {
    const known = this.#channels.get(channelId);
    if (known) return known;
    const channel = new Channel(channelId);
    this.#channels.set(channelId, channel);
    this.#setFeed({ type: 'set-feed', channelId, ...(feed ? { feed } : {}) });
    return channel;
  }

  #setFeed({ channelId, feed }: Command<'set-feed'>): void {
    const channel = this.#channels.get(channelId);
    if (!channel) return;
    channel.hold(undefined);
    if (feed) channel.hold(this.#feeds.watch(feed, (found) => channel.show(found)));
    else channel.show(undefined);
  }

  async #receiveRtp({ id, feedId, video, audio }: Command<'receive-rtp'>): Promise<void> {
    const input = new RtpInput(this.#context, {
      feedId,
      ...(video ? { video } : {}),
      ...(audio ? { audio } : {}),
    });
    this.#inputs.set(id, input);
    const ports = await input.start();
    if (this.#inputs.get(id) !== input) return input.close();
    this.#feeds.add(input.feed);
    this.#context.tell({ type: 'receiving', id, ...ports });
  }

  #sendRtp({ id, feedId, videoPort, audioPort, srtpKey }: Command<'send-rtp'>): void {
    const feed = this.#feeds.get(feedId);
    if (!feed) throw new Error('there is no such feed');
    const ports = {
      ...(videoPort === undefined ? {} : { videoPort }),
      ...(audioPort === undefined ? {} : { audioPort }),
      ...(srtpKey === undefined ? {} : { srtpKey }),
    };
    const output = new RtpOutput(this.#context, feed, ports, () => this.#outputs.delete(id));
    this.#outputs.set(id, output);
    this.#context.tell({ type: 'sending', id });
  }

  async #sendMatroska({ id, feedId, audio, zero }: Command<'send-matroska'>): Promise<void> {
    const feed = this.#feeds.get(feedId);
    if (!feed) throw new Error('there is no such feed');
    // Beside the relay's socket, which only this user can reach either.
    const path = `${this.#context.settings.relayPath.replace(/\.sock$/, '')}-${++this.#matroskaCount}.sock`;
    const options = { path, audio, zero };
    const output = new MatroskaOutput(this.#context, feed, options, () => this.#outputs.delete(id));
    this.#outputs.set(id, output);
    await output.start();
    this.#context.tell({ type: 'sending', id, path });
  }

  #close(id: string, end: PeerEnd): void {
    this.#publishers.get(id)?.end(end);
    this.#viewers.get(id)?.viewer.end(end);
    const offer = this.#offers.get(id);
    if (offer) {
      this.#offers.delete(id);
      offer.close();
      this.#context.tell({ type: 'closed', id, end });
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
