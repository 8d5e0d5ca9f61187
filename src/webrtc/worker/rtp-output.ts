import dgram from 'node:dgram';
import type { WorkerContext } from './context.js';
import type { Feed } from './feed.js';
import type { Layer } from './layer.js';
import { OutputTrack } from './output-track.js';

const SEND_BUFFER = 4 << 20;
const TICK_MS = 50;
const REPORT_MS = 1000;
const KEYFRAME_RETRY_MS = 500;
/** How long sound and picture wait for each other, so that a report of both is sent before anything else. */
const START_WAIT_MS = 1000;
/** A better layer is taken when it has been there for so long. */
const BETTER_MS = 3000;

/**
 * Sends a feed's best layer and its sound to ports on loopback, as a receiver without any jitter buffer would like it:
 * in order, without holes in the numbers, sender reports first, a keyframe first; and silence while there is no sound,
 * as an encoder of both kinds would stop with one of them.
 */
export class RtpOutput {
  readonly #context: WorkerContext;
  readonly #feed: Feed;
  readonly #socket: dgram.Socket;
  readonly #life = new AbortController();
  readonly #video: OutputTrack | undefined;
  readonly #audio: OutputTrack | undefined;
  readonly #createdAt: number;
  #started = false;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #wanted: Layer | undefined;
  #betterSince: number | undefined;

  /** @param closed Called when the feed has ended. */
  constructor(
    context: WorkerContext,
    feed: Feed,
    ports: { videoPort?: number; audioPort?: number },
    closed: () => void,
  ) {
    this.#context = context;
    this.#feed = feed;
    this.#createdAt = context.clock.monotonic();
    this.#socket = dgram.createSocket({ type: 'udp4', sendBufferSize: SEND_BUFFER });
    this.#socket.on('error', (error) => context.log('debug', 'an RTP output failed', error));
    const { videoPort, audioPort } = ports;
    if (videoPort !== undefined && feed.shape.video)
      this.#video = new OutputTrack(context, this.#socket, 'video', videoPort);
    if (audioPort !== undefined && feed.audio)
      this.#audio = new OutputTrack(context, this.#socket, 'audio', audioPort);
    context.clock.every(TICK_MS, () => this.#tick(), this.#life.signal);
    feed.listen({
      layersChanged: () => {},
      feedEnded: () => {
        this.close();
        closed();
      },
    });
    this.#tick();
  }

  /** Idempotent. */
  close(): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort();
    if (this.#video) this.#wanted?.leave(this.#video);
    this.#video?.stop();
    this.#audio?.stop();
    this.#socket.close();
  }

  /** Has the receiver end by itself: nobody else will end it. */
  async sayGoodbye(): Promise<void> {
    if (this.#life.signal.aborted) return;
    await Promise.all([this.#video?.sayGoodbye(), this.#audio?.sayGoodbye()]);
  }

  #tick(): void {
    const now = this.#context.clock.monotonic();
    this.#askForKeyframe(now);
    if (!this.#started && !this.#start(now)) return;
    this.#chooseLayer(now);
    if (now - this.#reportedAt >= REPORT_MS) this.#report(now);
    this.#video?.pump();
    this.#audio?.pump();
    this.#audio?.fillSilence();
  }

  #start(now: number): boolean {
    const needed = [this.#video ? this.#best(now) : undefined, this.#audio ? this.#feed.audio : undefined];
    const ready =
      (!this.#video || needed[0]?.mediaClock.known) && (!this.#audio || needed[1]?.mediaClock.known);
    const late = now - this.#createdAt > START_WAIT_MS && needed.some((layer) => layer?.mediaClock.known);
    if (!ready && !late) return false;
    this.#started = true;
    if (this.#video) this.#video.layer ??= needed[0];
    if (this.#audio) this.#audio.layer ??= needed[1];
    this.#report(now);
    if (this.#audio) this.#feed.audio?.follow(this.#audio);
    return true;
  }

  #best(now: number): Layer | undefined {
    return this.#feed.activeLayers(now).at(-1);
  }

  #chooseLayer(now: number): void {
    const track = this.#video;
    const best = this.#best(now);
    if (!track || !best) return;
    if (best === this.#wanted) {
      this.#betterSince = undefined;
      return;
    }
    this.#betterSince ??= now;
    if (this.#wanted?.active && now - this.#betterSince < BETTER_MS) return;
    this.#betterSince = undefined;
    if (this.#wanted !== track.reading) this.#wanted?.leave(track);
    this.#wanted = best;
    if (best !== track.reading) best.join(track, track.reading === undefined);
  }

  #askForKeyframe(now: number): void {
    if (!this.#video || this.#video.reading || now - this.#askedAt < KEYFRAME_RETRY_MS) return;
    this.#askedAt = now;
    this.#best(now)?.requestKeyframe(true);
  }

  #report(now: number): void {
    this.#reportedAt = now;
    this.#video?.sendReport();
    this.#audio?.sendReport();
  }
}
