import net from 'node:net';
import type { WorkerContext } from '../context.js';
import type { PacketReceiver } from '../packet-queue.js';
import { MediaSource, type MediaSourceFormat } from '../receive/media-source.js';
import {
  CLOCK_BODY_BYTES,
  FrameReader,
  keyframeFrame,
  RELAY,
  readPacketBody,
  textFrame,
} from './relay-frame.js';

const RETRY_MS = 250;

export type RelayClientOptions = {
  context: WorkerContext;
  mediaSourceId: string;
  relayPath: string;
  /** Called with the source when it is available, and with undefined when it ends. */
  sourceChanged(mediaSource: MediaSource | undefined): void;
};

/** Relays a media source of another worker into this one; reconnects until it is closed. */
export class RelayClient implements PacketReceiver {
  readonly #options: RelayClientOptions;
  readonly #life = new AbortController();
  #socket: net.Socket | undefined;
  #mediaSource: MediaSource | undefined;

  constructor(options: RelayClientOptions) {
    this.#options = options;
    this.#connect();
  }

  close(): void {
    this.#life.abort();
    this.#socket?.destroy();
    this.#endSource();
  }

  #connect(): void {
    const { context, mediaSourceId, relayPath } = this.#options;
    if (this.#life.signal.aborted) return;
    const socket = net.connect(relayPath);
    this.#socket = socket;
    const reader = new FrameReader((type, body) => this.#frameReceived(type, body));
    socket.on('connect', () => socket.write(textFrame(RELAY.subscribe, mediaSourceId)));
    socket.on('data', (bytes) => {
      try {
        reader.read(bytes);
      } catch (error) {
        context.log('warn', 'relayed media source is malformed: reconnecting', error);
        socket.destroy();
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#endSource();
      context.clock.after(RETRY_MS, () => this.#connect(), this.#life.signal);
    });
  }

  /** Writes a packet from the queue to its layer. */
  receivePacket(body: Buffer, at: number): void {
    const { clock, queue } = this.#options.context;
    const relayed = this.#mediaSource && readPacketBody(body);
    const layer = relayed && (this.#mediaSource?.layers[relayed.layer] ?? this.#mediaSource?.audio);
    if (!relayed || !layer) return;
    const now = clock.now();
    if (now - relayed.time > queue.staleMs) {
      queue.dropped++;
      return;
    }
    layer.packetArrived(relayed.timestamp);
    layer.writePacket(
      relayed.packet,
      relayed.sequence,
      relayed.timestamp,
      relayed.marker,
      relayed.orientation,
      at,
    );
  }

  #frameReceived(type: number, body: Buffer): void {
    if (type === RELAY.format) {
      this.#startSource(JSON.parse(body.toString('utf8')) as MediaSourceFormat);
      return;
    }
    if (type === RELAY.packet) {
      // Through the queue: fan-out is slow, and a busy socket would starve timers and other sockets.
      this.#options.context.queue.push(this, body);
    } else if (type === RELAY.clock && body.length >= CLOCK_BODY_BYTES) {
      const layer = this.#mediaSource?.layers[body[0]!] ?? this.#mediaSource?.audio;
      layer?.applyReport(body.readDoubleBE(1), body.readUInt32BE(9), body[13] === 1);
    }
  }

  #startSource(format: MediaSourceFormat): void {
    if (this.#mediaSource) return;
    const { context, mediaSourceId, sourceChanged } = this.#options;
    const mediaSource: MediaSource = new MediaSource({
      id: mediaSourceId,
      format,
      clock: context.clock,
      // The origin worker already detects stopped sample clocks.
      countsSamples: false,
      requestKeyframe: (layer) => this.#socket?.write(keyframeFrame(mediaSource.layers.indexOf(layer))),
    });
    this.#mediaSource = mediaSource;
    sourceChanged(mediaSource);
  }

  #endSource(): void {
    const mediaSource = this.#mediaSource;
    this.#mediaSource = undefined;
    if (!mediaSource) return;
    mediaSource.endSource();
    this.#options.sourceChanged(undefined);
  }
}
