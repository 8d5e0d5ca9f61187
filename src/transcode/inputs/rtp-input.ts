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
  /** Frames per second of everything that is made of it. */
  frameRate: number;
  /** Instead of video that is sent: a black picture. */
  blank?: { width: number; height: number };
  pairs: PortPairs;
  clock: Clock;
};

/** A goodbye may be lost: it is said again this often, ms. */
const BYE_EVERY_MS = 500;
/** How often it is looked whether ffmpeg listens, ms. */
const KNOCK_EVERY_MS = 10;
/** ffmpeg must listen after this, ms. */
const LISTENS_WITHIN_MS = 10_000;

/**
 * Has the SFU send a publisher's packets to an encoder: ports on loopback, a session description on its standard
 * input, and at the end a goodbye, as ffmpeg, waiting for a packet, hears nothing else.
 */
export class RtpInput implements LiveInput {
  readonly format: Extract<InputFormat, { kind: 'rtp' }>;
  readonly #options: RtpInputOptions;
  readonly #ports: { video?: number; audio?: number };
  /** Known to the sender and, by its standard input, to ffmpeg: any process can send to ports on loopback. */
  readonly #srtpKey = newSrtpKey();
  /** To the ports for RTCP, which ffmpeg opens last, and to those for RTP. */
  readonly #control: LoopbackRtcp[];
  readonly #media: LoopbackRtcp[];
  readonly #over = new AbortController();
  readonly #flow: RenditionFlow;
  #sending: { close(): void } | undefined;
  #ending = false;

  /** Finds ports. @throws when there are none. */
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

  /** Waits until ffmpeg listens and has the source send. @throws also when ffmpeg does not listen */
  async flow(): Promise<number | undefined> {
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
    if (this.#ending) this.#sayGoodbye();
    return begun;
  }

  end(): void {
    if (this.#ending || this.#over.signal.aborted) return;
    this.#ending = true;
    if (this.#sending) this.#sayGoodbye();
  }

  close(): void {
    if (this.#over.signal.aborted) return;
    this.#over.abort();
    this.#sending?.close();
    for (const line of [...this.#control, ...this.#media]) line.close();
    for (const port of Object.values(this.#ports)) this.#options.pairs.release(port);
  }

  answered(kind: MediaKind): void {
    this.#flow.answered(kind);
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
        await sleep(clock, KNOCK_EVERY_MS, this.#over.signal);
      }
    }
    return !this.#over.signal.aborted;
  }

  #sayGoodbye(): void {
    const say = (): void => {
      for (const line of this.#media) line.bye();
    };
    say();
    this.#options.clock.every(BYE_EVERY_MS, say, this.#over.signal);
  }
}
