import net from 'node:net';
import type { WorkerContext } from './context.js';
import { Feed, type FeedShape } from './feed.js';
import { FrameReader, keyframeFrame, RELAY, readPacketBody, textFrame } from './relay-frame.js';

const RETRY_MS = 250;
const CLOCK_BODY_BYTES = 13;

export type RelayClientOptions = {
  context: WorkerContext;
  feedId: string;
  relayPath: string;
  /** The feed is here (again), or is gone (undefined). */
  changed(feed: Feed | undefined): void;
};

/** Brings a feed of another worker into this one, and keeps trying until it is closed. */
export class RelayClient {
  readonly #options: RelayClientOptions;
  readonly #life = new AbortController();
  #socket: net.Socket | undefined;
  #feed: Feed | undefined;

  constructor(options: RelayClientOptions) {
    this.#options = options;
    this.#connect();
  }

  close(): void {
    this.#life.abort();
    this.#socket?.destroy();
    this.#drop();
  }

  #connect(): void {
    const { context, feedId, relayPath } = this.#options;
    if (this.#life.signal.aborted) return;
    const socket = net.connect(relayPath);
    this.#socket = socket;
    const reader = new FrameReader((type, body) => this.#frame(type, body));
    socket.on('connect', () => socket.write(textFrame(RELAY.subscribe, feedId)));
    socket.on('data', (bytes) => {
      try {
        reader.read(bytes);
      } catch (error) {
        context.log('warn', 'a relayed feed can not be read', error);
        socket.destroy();
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#drop();
      context.clock.after(RETRY_MS, () => this.#connect(), this.#life.signal);
    });
  }

  #frame(type: number, body: Buffer): void {
    if (type === RELAY.shape) {
      this.#begin(JSON.parse(body.toString('utf8')) as FeedShape);
      return;
    }
    const feed = this.#feed;
    if (!feed) return;
    if (type === RELAY.packet) {
      const relayed = readPacketBody(body);
      const layer = relayed && (feed.layers[relayed.layer] ?? feed.audio);
      if (!relayed || !layer) return;
      const at = this.#options.context.clock.monotonic();
      layer.mediaClock.arrived(this.#options.context.clock.now(), relayed.timestamp);
      layer.write(
        relayed.packet,
        relayed.sequence,
        relayed.timestamp,
        relayed.marker,
        relayed.orientation,
        at,
      );
    } else if (type === RELAY.clock && body.length >= CLOCK_BODY_BYTES) {
      const layer = feed.layers[body[0]!] ?? feed.audio;
      layer?.report(body.readDoubleBE(1), body.readUInt32BE(9));
    }
  }

  #begin(shape: FeedShape): void {
    if (this.#feed) return;
    const { context, feedId, changed } = this.#options;
    const feed: Feed = new Feed({
      id: feedId,
      shape,
      clock: context.clock,
      requestKeyframe: (layer) => this.#socket?.write(keyframeFrame(feed.layers.indexOf(layer))),
    });
    this.#feed = feed;
    changed(feed);
  }

  #drop(): void {
    const feed = this.#feed;
    this.#feed = undefined;
    if (!feed) return;
    feed.end();
    this.#options.changed(undefined);
  }
}
