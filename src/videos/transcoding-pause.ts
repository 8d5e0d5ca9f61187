import type { Clock } from '../platform/index.js';

export type TranscodingPauseOptions = {
  /** The machine is too slow for its broadcasts. */
  isBusy(): boolean;
  clock: Clock;
};

/** Interval at which a pause looks whether it is over, ms. */
const CHECK_MS = 1_000;

/** Pauses a transcoding while broadcasts need the machine. */
export class TranscodingPause {
  readonly #options: TranscodingPauseOptions;
  #pause: Promise<void> | undefined;

  constructor(options: TranscodingPauseOptions) {
    this.#options = options;
  }

  /**
   * Returns a promise that resolves when broadcasts do not need the machine, or the signal aborts; undefined when nothing is to be
   * waited for. All calls during a pause get the same one: each output of ffmpeg asks, and its watch once a second.
   */
  whenOver(signal: AbortSignal): Promise<void> | undefined {
    const { isBusy, clock } = this.#options;
    if (!isBusy() || signal.aborted) return undefined;
    this.#pause ??= new Promise<void>((resolve) => {
      const stop = clock.every(CHECK_MS, () => {
        if (isBusy() && !signal.aborted) return;
        stop();
        this.#pause = undefined;
        resolve();
      });
    });
    return this.#pause;
  }
}
