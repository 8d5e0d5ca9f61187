import { type Clock, type Logger, sleep } from '../platform/index.js';
import type { DeliveryTable, NewDelivery } from './delivery-table.js';

/** Limits on deliveries waiting to be stored, and on rows of one statement. */
const MAX_QUEUED = 10_000;
const BATCH_SIZE = 200;
/** Delay before a failed insert is retried, ms. */
const RETRY_MS = 1_000;
/** PostgreSQL appendix A, class 22 (data exception): the rows can never be stored. */
const DATA_EXCEPTION = /^22/;

export type DeliveryQueueOptions = {
  table: DeliveryTable;
  /** Called after deliveries were stored. */
  onStored: () => void;
  clock: Clock;
  log: Logger;
};

/** Stores new deliveries in order and in batches, without blocking the caller. */
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

  /** Queues a delivery; never throws. Deliveries beyond the limit are dropped and logged. */
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

  /** Tries once more to store the queued deliveries. */
  async close(): Promise<void> {
    this.#lifetime.abort();
    await this.#writer;
  }

  async #write(): Promise<void> {
    const { table, onStored, clock, log } = this.#options;
    await Promise.resolve(); // collects everything added in the same tick into one batch
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, BATCH_SIZE);
      const closing = this.#lifetime.signal.aborted;
      try {
        await table.insert(batch);
        this.#waiting.splice(0, batch.length);
        onStored();
      } catch (error) {
        log.error({ err: error, waiting: this.#waiting.length }, 'webhook delivery insert failed');
        if (closing) break;
        // Drops a batch that would fail for ever and block the deliveries behind it.
        if (DATA_EXCEPTION.test((error as { code?: string }).code ?? ''))
          this.#waiting.splice(0, batch.length);
        else await sleep(clock, RETRY_MS, this.#lifetime.signal);
      }
      if (this.#dropped > 0) log.error({ dropped: this.#dropped }, 'webhook deliveries dropped: queue full');
      this.#dropped = 0;
    }
    this.#writing = false;
  }
}
