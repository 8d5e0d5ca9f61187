import { rm } from 'node:fs/promises';
import net from 'node:net';
import type { WorkerContext } from '../context.js';
import type { Layer, LayerReader } from '../receive/layer.js';
import type { MediaSource, MediaSourceListener } from '../receive/media-source.js';
import type { PacketRing } from '../receive/packet-ring.js';
import {
  clockFrame,
  FrameReader,
  formatFrame,
  packetFrameBytes,
  RELAY,
  writePacketFrame,
} from './relay-frame.js';

/** Backlog at which packets to another worker are dropped, until it is below the second limit. */
const MAXIMUM_BACKLOG_BYTES = 8 << 20;
const RESUME_BACKLOG_BYTES = 1 << 20;
const BATCH_BYTES = 64 << 10;
const CLOCK_INTERVAL_MS = 1000;

/** Serves this worker's media sources to the others over a Unix socket; a connection carries one source. */
export class RelayServer {
  readonly #context: WorkerContext;
  readonly #mediaSourceOf: (mediaSourceId: string) => MediaSource | undefined;
  readonly #server: net.Server;
  readonly #connections = new Set<RelayConnection>();

  constructor(context: WorkerContext, mediaSourceOf: (mediaSourceId: string) => MediaSource | undefined) {
    this.#context = context;
    this.#mediaSourceOf = mediaSourceOf;
    this.#server = net.createServer((socket) => this.#accept(socket));
  }

  /** Opens the socket. @throws Error when that fails */
  async start(): Promise<void> {
    const path = this.#context.settings.relayPath;
    await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(path, resolve);
    });
  }

  close(): void {
    this.#server.close();
    for (const connection of [...this.#connections]) connection.close();
  }

  #accept(socket: net.Socket): void {
    const connection = new RelayConnection(this.#context, socket, this.#mediaSourceOf);
    this.#connections.add(connection);
    socket.on('close', () => {
      connection.close();
      this.#connections.delete(connection);
    });
  }
}

class RelayConnection implements MediaSourceListener {
  readonly #context: WorkerContext;
  readonly #socket: net.Socket;
  readonly #life = new AbortController();
  #mediaSource: MediaSource | undefined;
  #readers: RelayedLayer[] = [];
  #batch = Buffer.allocUnsafe(BATCH_BYTES);
  #batchStart = 0;
  #batchEnd = 0;
  #scheduled = false;
  #dropsPackets = false;

  constructor(
    context: WorkerContext,
    socket: net.Socket,
    mediaSourceOf: (mediaSourceId: string) => MediaSource | undefined,
  ) {
    this.#context = context;
    this.#socket = socket;
    const reader = new FrameReader((type, body) => {
      if (type === RELAY.subscribe && !this.#mediaSource)
        this.#subscribe(mediaSourceOf(body.toString('utf8')));
      else if (type === RELAY.keyframe) this.#mediaSource?.layers[body[0] ?? 0]?.requestKeyframe();
    });
    socket.on('data', (bytes) => {
      try {
        reader.read(bytes);
      } catch (error) {
        context.log('warn', 'relay connection sent an invalid frame: closed', error);
        this.close();
      }
    });
    socket.on('error', () => this.close());
  }

  layersChanged(): void {}

  sourceEnded(): void {
    this.#socket.end();
    this.close();
  }

  close(): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort();
    this.#mediaSource?.removeListener(this);
    for (const reader of this.#readers) reader.layer.detachReader(reader);
    this.#socket.destroySoon();
  }

  addPacket(layer: number, ring: PacketRing, slot: number): void {
    if (this.#dropsPackets) {
      if (this.#socket.writableLength > RESUME_BACKLOG_BYTES) return;
      this.#dropsPackets = false;
      for (const one of this.#mediaSource?.layers ?? []) one.requestKeyframe();
    } else if (this.#socket.writableLength > MAXIMUM_BACKLOG_BYTES) {
      this.#dropsPackets = true;
      this.#context.log('warn', 'relay backlog is full: packets to another worker are dropped');
      return;
    }
    const bytes = packetFrameBytes(ring.packets[slot]!);
    if (this.#batchEnd + bytes > this.#batch.length) {
      this.#flush();
      this.#batch = Buffer.allocUnsafe(Math.max(BATCH_BYTES, bytes));
      this.#batchStart = 0;
      this.#batchEnd = 0;
    }
    writePacketFrame(this.#batch, this.#batchEnd, layer, ring, slot, this.#context.clock.now());
    this.#batchEnd += bytes;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  sendClock(layer: number, of: Layer): void {
    const time = this.#context.clock.now();
    const timestamp = of.mediaClock.timestampAt(time);
    if (timestamp !== undefined) this.#socket.write(clockFrame(layer, time, timestamp, of.mediaClock.exact));
  }

  #subscribe(mediaSource: MediaSource | undefined): void {
    if (!mediaSource || mediaSource.ended) {
      this.close();
      return;
    }
    this.#mediaSource = mediaSource;
    mediaSource.addListener(this);
    this.#socket.write(formatFrame(mediaSource.format));
    this.#readers = mediaSource.allLayers.map((layer, index) => new RelayedLayer(this, layer, index));
    for (const reader of this.#readers) {
      reader.clockChanged();
      reader.layer.attachAtOnce(reader);
    }
    const notifyGateway = (): void => {
      for (const reader of this.#readers) reader.clockChanged();
    };
    this.#context.clock.every(CLOCK_INTERVAL_MS, notifyGateway, this.#life.signal);
  }

  #flush(): void {
    if (this.#batchEnd === this.#batchStart || this.#life.signal.aborted) return;
    this.#socket.write(this.#batch.subarray(this.#batchStart, this.#batchEnd));
    this.#batchStart = this.#batchEnd;
  }
}

/** Writes a layer's packets to a connection. */
class RelayedLayer implements LayerReader {
  readonly layer: Layer;
  readonly #connection: RelayConnection;
  readonly #index: number;

  constructor(connection: RelayConnection, layer: Layer, index: number) {
    this.layer = layer;
    this.#connection = connection;
    this.#index = index;
  }

  layerStarted(): void {}

  writePacket(ring: PacketRing, slot: number): void {
    this.#connection.addPacket(this.#index, ring, slot);
  }

  clockChanged(): void {
    this.#connection.sendClock(this.#index, this.layer);
  }
}
