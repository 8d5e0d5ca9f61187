/** Utilization of the event loop above which it is busy, and below which it is not any more. */
const BUSY_ABOVE = 0.7;
const BUSY_UNTIL = 0.5;
/** Busy samples in a row after which more processes are needed; one is taken a second. */
const SAMPLES_UNTIL_OVERLOADED = 3;

/** Judges the utilization of an event loop, with hysteresis. */
export class LoadWatch {
  #isBusy = false;
  #busySamples = 0;

  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Whether it has been busy for several samples in a row. */
  get isOverloaded(): boolean {
    return this.#busySamples >= SAMPLES_UNTIL_OVERLOADED;
  }

  /** @param utilization share of the time since the last sample, from 0 to 1 */
  sample(utilization: number): void {
    this.#isBusy = utilization > (this.#isBusy ? BUSY_UNTIL : BUSY_ABOVE);
    this.#busySamples = utilization > BUSY_ABOVE ? this.#busySamples + 1 : 0;
  }

  /** Forgets earlier samples, after the load has changed. */
  reset(): void {
    this.#busySamples = 0;
  }
}
