import type { WorkerContext } from '../context.js';
import type { Layer } from '../receive/layer.js';
import type { MediaSource, MediaSourceListener } from '../receive/media-source.js';
import type { OutputTrack } from './output-track.js';

const TICK_MS = 50;
const REPORT_MS = 1000;
const KEYFRAME_RETRY_MS = 500;
/** Time limit for the clocks of both streams to be known before sending starts, ms. */
const START_WAIT_MS = 1000;
/** Time for which a better layer must be active before it is taken, ms. */
const UPGRADE_AFTER_MS = 3000;

export type SourceOutputOptions = {
  context: Pick<WorkerContext, 'clock'>;
  mediaSource: MediaSource;
  /** Destinations of video and audio. */
  video?: OutputTrack | undefined;
  audio?: OutputTrack | undefined;
  /** Called when the source has ended. */
  sourceEnded(): void;
};

/**
 * Sends a source's best layer and audio to an encoder without a jitter buffer: in order, the clocks of both streams
 * first, a keyframe first. Missing audio is replaced by silence, because ffmpeg stops both streams when one stops.
 */
export class SourceOutput {
  readonly #clock: WorkerContext['clock'];
  readonly #mediaSource: MediaSource;
  readonly #life = new AbortController();
  readonly #video: OutputTrack | undefined;
  readonly #audio: OutputTrack | undefined;
  readonly #listener: MediaSourceListener;
  readonly #createdAt: number;
  #started = false;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #keyframeRequestedAt = Number.NEGATIVE_INFINITY;
  #targetLayer: Layer | undefined;
  #betterSince: number | undefined;

  constructor({ context, mediaSource, video, audio, sourceEnded }: SourceOutputOptions) {
    this.#clock = context.clock;
    this.#mediaSource = mediaSource;
    this.#video = video;
    this.#audio = audio;
    this.#createdAt = context.clock.monotonic();
    this.#listener = {
      layersChanged: () => {},
      sourceEnded: () => {
        this.close();
        sourceEnded();
      },
    };
    context.clock.every(TICK_MS, () => this.#tick(), this.#life.signal);
    mediaSource.addListener(this.#listener);
    this.#tick();
  }

  /** Detaches from the source. Idempotent. */
  close(): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort();
    this.#mediaSource.removeListener(this.#listener);
    if (this.#video) this.#targetLayer?.detachReader(this.#video);
    this.#video?.stop();
    this.#audio?.stop();
  }

  #tick(): void {
    const now = this.#clock.monotonic();
    this.#requestKeyframe(now);
    if (!this.#started && !this.#start(now)) return;
    this.#chooseLayer(now);
    if (now - this.#reportedAt >= REPORT_MS) this.#sendReports(now);
    this.#video?.sendAvailable();
    this.#audio?.sendAvailable();
    this.#audio?.fillSilence();
  }

  #start(now: number): boolean {
    const needed = [
      this.#video ? this.#bestLayer(now) : undefined,
      this.#audio ? this.#mediaSource.audio : undefined,
    ];
    const ready =
      (!this.#video || needed[0]?.mediaClock.known) && (!this.#audio || needed[1]?.mediaClock.known);
    const timedOut = now - this.#createdAt > START_WAIT_MS && needed.some((layer) => layer?.mediaClock.known);
    if (!ready && !timedOut) return false;
    this.#started = true;
    if (this.#video) this.#video.clockLayer ??= needed[0];
    if (this.#audio) this.#audio.clockLayer ??= needed[1];
    this.#sendReports(now);
    if (this.#audio) this.#mediaSource.audio?.attachAtOnce(this.#audio);
    return true;
  }

  #bestLayer(now: number): Layer | undefined {
    return this.#mediaSource.activeLayers(now).at(-1);
  }

  #chooseLayer(now: number): void {
    const track = this.#video;
    const best = this.#bestLayer(now);
    if (!track || !best) return;
    if (best === this.#targetLayer) {
      this.#betterSince = undefined;
      return;
    }
    this.#betterSince ??= now;
    if (this.#targetLayer?.active && now - this.#betterSince < UPGRADE_AFTER_MS) return;
    this.#betterSince = undefined;
    if (this.#targetLayer !== track.readLayer) this.#targetLayer?.detachReader(track);
    this.#targetLayer = best;
    if (best !== track.readLayer) best.attachAtKeyframe(track, track.readLayer === undefined);
  }

  #requestKeyframe(now: number): void {
    if (!this.#video || this.#video.readLayer || now - this.#keyframeRequestedAt < KEYFRAME_RETRY_MS) return;
    this.#keyframeRequestedAt = now;
    this.#bestLayer(now)?.requestKeyframe(true);
  }

  #sendReports(now: number): void {
    this.#reportedAt = now;
    this.#video?.clockChanged();
    this.#audio?.clockChanged();
  }
}
