import { type Clock, type Logger, messageOf } from '../../platform/index.js';
import type { HlsDemand } from '../../streams/index.js';
import type { SourceTimeline } from '../hls/source-timeline.js';
import type { Slate, SlateRequest } from './slate.js';
import { WATCHED_MS } from './slate-plan.js';

export type RenderedSlate = { slate: Slate; request: SlateRequest };

export type PictureSlateOptions = {
  timeline: SourceTimeline;
  /** A slate is shown only to viewers. */
  demand: HlsDemand;
  /** Whether a slate may replace the picture now. */
  mayShow(): boolean;
  /** Renders the slate; undefined when there is no picture. */
  render(signal: AbortSignal): Promise<RenderedSlate | undefined>;
  /** Called when the picture has paused and the slate is there: `shown` is set. */
  paused(): void;
  /** Called while the slate is shown, with the time up to which it is needed, ms of the timeline. */
  advance(untilMs: number): void;
  clock: Clock;
  /** Ends the watch. */
  signal: AbortSignal;
  log: Logger;
};

const CHECK_INTERVAL_MS = 50;
/** Pause of the picture after which the slate is shown, and rendered, ms. */
const PAUSE_MS = { shown: 1_000, rendered: 700 } as const;
/** Distance of the slate behind the source's clock, ms: the picture that returns comes a little late too. */
const LAG_MS = 150;

/** Watches for pauses of a source's picture while the publisher is connected, and has a slate shown meanwhile. */
export class PictureSlate {
  readonly #options: PictureSlateOptions;
  #shown: (RenderedSlate & { startMs: number }) | undefined;
  #rendered: RenderedSlate | undefined;
  #rendering: AbortController | undefined;
  /** Newest time of any tag, and of the pictures, with the monotonic ms at which it was seen. */
  #newest = { timeMs: 0, seenAtMs: 0 };
  #picture: { endMs: number | undefined; seenAtMs: number } = { endMs: undefined, seenAtMs: 0 };

  constructor(options: PictureSlateOptions) {
    this.#options = options;
    const { clock, signal } = options;
    clock.every(CHECK_INTERVAL_MS, () => this.#check(), signal);
    signal.addEventListener('abort', () => this.#rendering?.abort(), { once: true });
  }

  /** Slate that is shown, from `startMs` of the timeline on. */
  get shown(): (RenderedSlate & { startMs: number }) | undefined {
    return this.#shown;
  }

  /** Ends the slate: the picture has returned, or another timeline has begun. */
  end(): void {
    this.#shown = undefined;
    this.#forget();
  }

  #check(): void {
    const { timeline, demand, clock, mayShow, advance, paused } = this.#options;
    const { newest } = timeline.gop;
    const now = clock.monotonic();
    if (newest !== this.#newest.timeMs) this.#newest = { timeMs: newest, seenAtMs: now };
    if (this.#shown) {
      advance(newest + now - this.#newest.seenAtMs - LAG_MS);
      return;
    }
    const endMs = timeline.pictureEndMs;
    if (endMs !== this.#picture.endMs) {
      this.#picture = { endMs, seenAtMs: now };
      this.#forget();
    }
    // The encoder ends with the run that the slate replaces, and must be able to join again.
    if (endMs === undefined || !timeline.gop.isJoinableAgain) return;
    // A source that is ahead of the clock may rest.
    const behindMs = clock.now() - ((timeline.begun?.startedAt ?? 0) + endMs);
    const pauseMs = Math.min(now - this.#picture.seenAtMs, behindMs);
    if (pauseMs < PAUSE_MS.rendered || !demand.isWithin(WATCHED_MS) || !mayShow()) return;
    this.#render();
    if (pauseMs < PAUSE_MS.shown || !this.#rendered) return;
    this.#shown = { ...this.#rendered, startMs: endMs };
    paused();
  }

  /** Renders the slate of this pause, once. */
  #render(): void {
    if (this.#rendering) return;
    const { render, log } = this.#options;
    const rendering = new AbortController();
    this.#rendering = rendering;
    render(rendering.signal).then(
      (rendered) => {
        if (this.#rendering === rendering) this.#rendered = rendered;
      },
      (error: unknown) => {
        if (!rendering.signal.aborted)
          log.warn({ reason: messageOf(error) }, 'no slate: viewers wait without one');
      },
    );
  }

  #forget(): void {
    this.#rendering?.abort();
    this.#rendering = undefined;
    this.#rendered = undefined;
  }
}
