import { type Clock, type Logger, sleep } from '../platform/index.js';
import type { DeliveryTable, NewDelivery } from './delivery-table.js';

/** Deliveries that wait to be stored, at most, and those stored with one statement. */
const MAX_QUEUED = 10_000;
const BATCH_SIZE = 200;
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
  readonly #lifetime = new AbortController();
  #waiting: NewDelivery[] = [];
  #dropped = 0;
  #writer: Promise<void> = Promise.resolve();
  #writing = false;

  constructor(options: DeliveryQueueOptions) {
    this.#options = options;
  }

  /** Never throws. What does not fit any more is lost, and the log says so. */
  add(delivery: NewDelivery): void {
    if (this.#waiting.length >= MAX_QUEUED) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(delivery);
    if (this.#writing) return;
    this.#writing = true;
    this.#writer = this.#write();
  }

  /** Tries once more to store what waits. */
  async close(): Promise<void> {
    this.#lifetime.abort();
    await this.#writer;
  }

  async #write(): Promise<void> {
    const { table, onStored, clock, log } = this.#options;
    await Promise.resolve(); // what is told in one go is stored in one go
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, BATCH_SIZE);
      const closing = this.#lifetime.signal.aborted;
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
        else await sleep(clock, RETRY_MS, this.#lifetime.signal);
      }
      if (this.#dropped > 0)
        log.error({ lost: this.#dropped }, 'webhook deliveries were lost: too many waited');
      this.#dropped = 0;
    }
    this.#writing = false;
  }
}
