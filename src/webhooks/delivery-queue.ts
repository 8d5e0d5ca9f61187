import { type Clock, type Logger, sleep } from '../platform/index.js';
import type { DeliveryTable, NewDelivery } from './delivery-table.js';

/** Deliveries that wait to be stored, at most, and those stored with one statement. */
const WAITING = 10_000;
const BATCH = 200;
/** Delay before what could not be stored is tried again, in ms. */
const RETRY_MS = 1_000;
/** PostgreSQL appendix A, class 22: the data can't be stored. */
const DATA_EXCEPTION = /^22/;

export type DeliveryQueueOptions = {
  table: DeliveryTable;
  /** Something was stored. */
  onStored: () => void;
  clock: Clock;
  log: Logger;
};

/** Brings new deliveries into the database, in order and in batches, while whoever has news goes on. */
export class DeliveryQueue {
  readonly #options: DeliveryQueueOptions;
  readonly #life = new AbortController();
  #waiting: NewDelivery[] = [];
  #lost = 0;
  #writing: Promise<void> = Promise.resolve();
  #isWriting = false;

  constructor(options: DeliveryQueueOptions) {
    this.#options = options;
  }

  /** Never throws. What does not fit any more is lost, and the log says so. */
  add(delivery: NewDelivery): void {
    if (this.#waiting.length >= WAITING) {
      this.#lost++;
      return;
    }
    this.#waiting.push(delivery);
    if (this.#isWriting) return;
    this.#isWriting = true;
    this.#writing = this.#write();
  }

  /** Tries once more to store what waits. */
  async close(): Promise<void> {
    this.#life.abort();
    await this.#writing;
  }

  async #write(): Promise<void> {
    const { table, onStored, clock, log } = this.#options;
    await Promise.resolve(); // what is told in one go is stored in one go
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, BATCH);
      const closing = this.#life.signal.aborted;
      try {
        await table.insert(batch);
        this.#waiting.splice(0, batch.length);
        onStored();
      } catch (error) {
        log.error({ err: error, waiting: this.#waiting.length }, 'webhook deliveries could not be stored');
        if (closing) break;
        // It would fail for ever, and hold up what comes after.
        if (DATA_EXCEPTION.test((error as { code?: string }).code ?? ''))
          this.#waiting.splice(0, batch.length);
        else await sleep(clock, RETRY_MS, this.#life.signal);
      }
      if (this.#lost > 0) log.error({ lost: this.#lost }, 'webhook deliveries were lost: too many waited');
      this.#lost = 0;
    }
    this.#isWriting = false;
  }
}
