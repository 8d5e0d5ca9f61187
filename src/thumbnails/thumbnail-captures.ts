import type { Packager, Presentation } from '../packager/index.js';
import { type Clock, type Logger, type ShortProgram, sleep } from '../platform/index.js';
import type { Livestreams, StreamChange, StreamRegistry } from '../streams/index.js';
import { renderThumbnail } from './thumbnail-renderer.js';
import type { ThumbnailStore } from './thumbnail-store.js';

/** Interval between captures, ms: at most one capture starts per interval. */
const POLL_INTERVAL_MS = 1_000;
/** Delay of the first capture after a broadcast goes live, ms: many broadcasts begin with black frames. */
const FIRST_CAPTURE_DELAY_MS = 3_000;

/** Maximum wait for a keyframe of suspended renditions, and the interval of looking for it, ms. */
const ENCODE_LIMIT_MS = 8_000;
const ENCODE_POLL_MS = 250;

export type ThumbnailCapturesOptions = {
  livestreams: Pick<Livestreams, 'find' | 'onUpdate'>;
  streams: Pick<StreamRegistry, 'onChange'>;
  packager: Pick<Packager, 'findPresentation'>;
  thumbnails: Pick<ThumbnailStore, 'capture' | 'forgetCapture'>;
  ffmpeg: ShortProgram;
  /** Interval between captures of one broadcast, ms; 0: disabled. */
  intervalMs: number;
  /** Largest picture that is decoded, pixels. */
  maxPixels: number;
  clock: Clock;
  log: Logger;
};

/** A running broadcast. `dueAtMs`: next capture, monotonic ms. */
type Schedule = { streamId: string; broadcastId: string; live: boolean; dueAtMs: number };

/**
 * Captures thumbnails of broadcasts whose livestream has none of its own. One at a time, the longest overdue first:
 * too many broadcasts, or an ffmpeg that hangs, make captures rarer, and nothing queues up.
 */
export class ThumbnailCaptures {
  readonly #options: ThumbnailCapturesOptions;
  /** Keyed by livestream id. */
  readonly #schedules = new Map<string, Schedule>();
  readonly #lifetime = new AbortController();
  #unsubscribe: () => void = () => {};
  #current: Promise<void> | undefined;

  constructor(options: ThumbnailCapturesOptions) {
    this.#options = options;
  }

  /** Starts capturing; must be called before the first broadcast goes live. */
  start(): void {
    const { streams, livestreams, intervalMs, clock } = this.#options;
    if (intervalMs === 0) return;
    const unsubscribes = [
      streams.onChange((change) => this.#changed(change)),
      livestreams.onUpdate((streamId, accessChanged) => {
        if (accessChanged) this.#accessChanged(streamId);
      }),
    ];
    this.#unsubscribe = () => {
      for (const unsubscribe of unsubscribes) unsubscribe();
    };
    clock.every(POLL_INTERVAL_MS, () => this.#captureNext(), this.#lifetime.signal);
  }

  /** Deletes the picture of a private test, which is about to end; a capture that is under way is dropped. */
  testEnding(streamId: string): void {
    const { thumbnails, clock } = this.#options;
    const known = this.#schedules.get(streamId);
    if (known)
      this.#schedules.set(streamId, { ...known, dueAtMs: clock.monotonic() + FIRST_CAPTURE_DELAY_MS });
    thumbnails.forgetCapture(streamId);
  }

  /** Resolves when no ffmpeg process is left. Idempotent. */
  async close(): Promise<void> {
    this.#unsubscribe();
    this.#lifetime.abort();
    await this.#current;
  }

  #changed({ streamId, broadcastId, to }: StreamChange): void {
    if (to.name === 'ending' || to.name === 'offline') {
      this.#schedules.delete(streamId);
      return;
    }
    const known = this.#schedules.get(streamId);
    const schedule =
      known?.broadcastId === broadcastId ? known : { streamId, broadcastId, live: false, dueAtMs: 0 };
    this.#schedules.set(streamId, schedule);
    schedule.live = to.name === 'live';
    if (schedule.live)
      schedule.dueAtMs = Math.max(schedule.dueAtMs, this.#options.clock.monotonic() + FIRST_CAPTURE_DELAY_MS);
  }

  /** A picture that was taken while the livestream was private is not shown any more: another one is due. */
  #accessChanged(streamId: string): void {
    const schedule = this.#schedules.get(streamId);
    if (schedule) schedule.dueAtMs = Math.min(schedule.dueAtMs, this.#options.clock.monotonic());
  }

  #captureNext(): void {
    if (this.#current) return;
    const now = this.#options.clock.monotonic();
    let next: Schedule | undefined;
    for (const schedule of this.#schedules.values())
      if (schedule.live && schedule.dueAtMs <= now && (!next || schedule.dueAtMs < next.dueAtMs))
        next = schedule;
    if (!next) return;
    this.#current = this.#capture(next, now).finally(() => {
      this.#current = undefined;
    });
  }

  async #capture(schedule: Schedule, now: number): Promise<void> {
    const { livestreams, packager, thumbnails, ffmpeg, intervalMs, maxPixels, clock, log } = this.#options;
    const { streamId, broadcastId } = schedule;
    schedule.dueAtMs = now + intervalMs;
    const presentation = packager.findPresentation(streamId, broadcastId);
    try {
      const livestream = await livestreams.find(streamId);
      if (livestream?.thumbnailUrl !== null) return;
      const { visibility } = livestream;
      const media = presentation?.newestKeyframe() ?? (await this.#encodeKeyframe(presentation));
      if (!media) {
        // No keyframe: the broadcast is audio only, or has no HLS video yet.
        schedule.dueAtMs = now + Math.min(intervalMs, FIRST_CAPTURE_DELAY_MS);
        return;
      }
      const jpeg = await renderThumbnail(ffmpeg, media, { clock, maxPixels, signal: this.#lifetime.signal });
      // Drops the capture of a broadcast that ended meanwhile: its livestream may be deleted.
      if (this.#schedules.get(streamId) === schedule) thumbnails.capture(streamId, jpeg, visibility);
    } catch (error) {
      log.debug({ err: error, streamId, broadcastId }, 'thumbnail capture failed');
    }
  }

  /** Has suspended renditions encoded until they have a keyframe. */
  async #encodeKeyframe(presentation: Presentation | undefined): Promise<Buffer[] | undefined> {
    const { clock } = this.#options;
    const { signal } = this.#lifetime;
    const release = presentation?.holdSuspended();
    if (!presentation || !release) return undefined;
    try {
      const deadlineMs = clock.monotonic() + ENCODE_LIMIT_MS;
      while (!signal.aborted && clock.monotonic() < deadlineMs) {
        await sleep(clock, ENCODE_POLL_MS, signal);
        const media = presentation.newestKeyframe();
        if (media) return media;
      }
      throw new Error('suspended renditions had no keyframe in time');
    } finally {
      release();
    }
  }
}
