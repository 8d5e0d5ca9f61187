import type { PictureSink } from '../../media/index.js';
import { type Clock, type Logger, messageOf } from '../../platform/index.js';
import type { WebrtcSlate } from '../../streams/index.js';

export type RenditionPauseOptions = {
  sink: PictureSink;
  /** Time by which the newest picture is older than the clock, ms; undefined while no video is passed through or encoded. */
  pictureAgeMs(): number | undefined;
  /** Renders the slate; undefined when there is no picture. */
  render(signal: AbortSignal): Promise<WebrtcSlate | undefined>;
  /** Called when the slate begins. */
  paused(): void;
  clock: Clock;
  /** Ends the watch. */
  signal: AbortSignal;
  log: Logger;
};

const CHECK_INTERVAL_MS = 50;
/** Pause of the picture after which the slate is shown, and rendered, ms. */
const PAUSE_MS = { shown: 1_000, rendered: 700 } as const;
/** Maximum pictures written at once, after the event loop was busy. */
const MAXIMUM_OVERDUE = 30;

/** Shows WebRTC viewers a slate in place of the video while the picture of a connected publisher pauses. */
export class RenditionPause {
  readonly #options: RenditionPauseOptions;
  #rendering: AbortController | undefined;
  #rendered: WebrtcSlate | undefined;
  /** Monotonic ms at which the slate began, and the number of its pictures so far. */
  #shown: { slate: WebrtcSlate; begunMs: number; count: number } | undefined;

  constructor(options: RenditionPauseOptions) {
    this.#options = options;
    options.clock.every(CHECK_INTERVAL_MS, () => this.#check(), options.signal);
    options.signal.addEventListener('abort', () => this.end(), { once: true });
  }

  /** A slate is shown: the picture returns with a keyframe and a stream of its own. */
  get isShown(): boolean {
    return this.#shown !== undefined;
  }

  /** Ends the slate, or its preparation: the picture has returned, or passthrough has ended. */
  end(): void {
    this.#shown = undefined;
    this.#rendered = undefined;
    this.#rendering?.abort();
    this.#rendering = undefined;
  }

  #check(): void {
    const { sink, pictureAgeMs, paused, clock, signal, log } = this.#options;
    if (signal.aborted) return;
    if (this.#shown) {
      this.#advance();
      return;
    }
    const ageMs = pictureAgeMs();
    if (ageMs === undefined || ageMs < PAUSE_MS.rendered) {
      if (this.#rendering) this.end();
      return;
    }
    this.#render();
    const slate = this.#rendered;
    if (ageMs < PAUSE_MS.shown || !slate) return;
    this.#shown = { slate, begunMs: clock.monotonic(), count: 0 };
    log.info('slate shown to WebRTC viewers: the picture pauses');
    paused();
    sink.beginStream(slate.parameterSets, clock.now());
    this.#advance();
  }

  /** Writes the pictures whose time has come. */
  #advance(): void {
    const shown = this.#shown!;
    const { pictures, pictureDurationMs } = shown.slate;
    const due = Math.floor((this.#options.clock.monotonic() - shown.begunMs) / pictureDurationMs) + 1;
    // A keyframe begins each round: what is skipped ends with the next one.
    shown.count = Math.max(shown.count, due - MAXIMUM_OVERDUE);
    for (; shown.count < due; shown.count++)
      this.#options.sink.writePicture({
        data: pictures[shown.count % pictures.length]!,
        offset: 0,
        timeMs: shown.count * pictureDurationMs,
      });
  }

  /** Renders the slate of this pause, once. */
  #render(): void {
    if (this.#rendering) return;
    const rendering = new AbortController();
    this.#rendering = rendering;
    this.#options.render(rendering.signal).then(
      (slate) => {
        if (this.#rendering === rendering) this.#rendered = slate;
      },
      (error: unknown) => {
        if (!rendering.signal.aborted)
          this.#options.log.warn({ reason: messageOf(error) }, 'no slate: WebRTC viewers wait without one');
      },
    );
  }
}
