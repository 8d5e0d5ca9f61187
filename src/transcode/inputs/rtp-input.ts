import type { Writable } from 'node:stream';
import { newSrtpKey } from '../../media/index.js';
import { type Clock, sleep } from '../../platform/index.js';
import type { RtpSource } from '../../streams/index.js';
import type { InputFormat } from '../ffmpeg/ffmpeg-arguments.js';
import { RenditionFlow } from '../hls/rendition-flow.js';
import type { LiveInput, MediaKind } from './encoder-input.js';
import { LoopbackRtcp } from './loopback-rtcp.js';
import type { PortPairs } from './port-pairs.js';
import { type ReadAsRtp, sessionDescription } from './rtp-session.js';

export type RtpInputOptions = {
  source: Pick<RtpSource, 'send'>;
  has: { video?: ReadAsRtp; audio: boolean };
  /** Frame rate of all renditions. */
  frameRate: number;
  /** Size of black video for a source without video. */
  blank?: { width: number; height: number };
  pairs: PortPairs;
  clock: Clock;
};

/** Interval of repeated BYE packets, which may be lost, ms. */
const BYE_INTERVAL_MS = 500;
/** Interval of checking whether ffmpeg listens, ms. */
const PROBE_INTERVAL_MS = 10;
/** Timeout for ffmpeg to listen, ms. */
const LISTENS_WITHIN_MS = 10_000;

/**
 * Sends a publisher's packets from the SFU to an encoder: ports on loopback, an SDP on standard input, and BYE at the
 * end, as ffmpeg waits for a packet.
 */
export class RtpInput implements LiveInput {
  readonly format: Extract<InputFormat, { kind: 'rtp' }>;
  readonly #options: RtpInputOptions;
  readonly #ports: { video?: number; audio?: number };
  /** Known to the sender and to ffmpeg: any local process can send to loopback ports. */
  readonly #srtpKey = newSrtpKey();
  /** RTCP ports, which ffmpeg opens last, and RTP ports. */
  readonly #control: LoopbackRtcp[];
  readonly #media: LoopbackRtcp[];
  readonly #over = new AbortController();
  readonly #flow: RenditionFlow;
  #sending: { close(): void } | undefined;
  #ending = false;

  /** Reserves ports. @throws when there are none */
  static async open(options: RtpInputOptions): Promise<RtpInput> {
    const { has, pairs } = options;
    const ports: { video?: number; audio?: number } = {};
    if (has.video) ports.video = await pairs.take();
    try {
      if (has.audio) ports.audio = await pairs.take();
    } catch (error) {
      if (ports.video !== undefined) pairs.release(ports.video);
      throw error;
    }
    return new RtpInput(options, ports);
  }

  private constructor(options: RtpInputOptions, ports: { video?: number; audio?: number }) {
    this.#options = options;
    this.#ports = ports;
    this.#flow = new RenditionFlow(options.clock);
    const { frameRate, blank } = options;
    this.format = { kind: 'rtp', frameRate, ...(blank ? { blank } : {}) };
    this.#control = Object.values(ports).map((port) => new LoopbackRtcp(port + 1, this.#srtpKey));
    this.#media = Object.values(ports).map((port) => new LoopbackRtcp(port, this.#srtpKey));
  }

  attach(output: Writable): void {
    const { video, audio } = this.#ports;
    const codec = this.#options.has.video;
    output.end(
      sessionDescription({
        srtpKey: this.#srtpKey,
        ...(codec && video !== undefined ? { video: { codec, port: video } } : {}),
        ...(audio === undefined ? {} : { audio: { port: audio } }),
      }),
    );
  }

  /** Waits until ffmpeg listens, then starts the source. @throws when ffmpeg does not listen */
  async startSource(): Promise<number | undefined> {
    const { source, clock } = this.#options;
    if (!(await this.#listens())) return undefined;
    const begun = clock.now();
    const sending = await source.send({ ...this.#ports, srtpKey: this.#srtpKey });
    if (this.#over.signal.aborted) {
      sending.close();
      return undefined;
    }
    this.#sending = sending;
    this.#flow.begin();
    if (this.#ending) this.#sendBye();
    return begun;
  }

  end(): void {
    if (this.#ending || this.#over.signal.aborted) return;
    this.#ending = true;
    if (this.#sending) this.#sendBye();
  }

  close(): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    this.#sending?.close();
    for (const line of [...this.#control, ...this.#media]) line.close();
    for (const port of Object.values(this.#ports)) this.#options.pairs.release(port);
  }

  outputReceived(kind: MediaKind): void {
    this.#flow.outputReceived(kind);
  }

  lag(kind: MediaKind, position: number): number {
    return this.#flow.lag(kind, position);
  }

  get quiet(): number {
    return this.#flow.quiet;
  }

  get stalled(): boolean {
    return this.#flow.stalled;
  }

  async #listens(): Promise<boolean> {
    const { clock } = this.#options;
    const deadline = clock.monotonic() + LISTENS_WITHIN_MS;
    for (const line of this.#control) {
      while (!(await line.answers())) {
        if (this.#over.signal.aborted) return false;
        if (clock.monotonic() > deadline) throw new Error('ffmpeg does not listen for RTP');
        await sleep(clock, PROBE_INTERVAL_MS, this.#over.signal);
      }
    }
    return !this.#over.signal.aborted;
  }

  #sendBye(): void {
    const say = (): void => {
      for (const line of this.#media) line.bye();
    };
    say();
    this.#options.clock.every(BYE_INTERVAL_MS, say, this.#over.signal);
  }
}
