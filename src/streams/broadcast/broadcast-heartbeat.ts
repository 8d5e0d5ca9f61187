import type { Clock, Logger } from '../../platform/index.js';
import type { BroadcastTable } from './broadcast-table.js';
import type { LiveBroadcast } from './live-broadcast.js';

export type BroadcastHeartbeatOptions = {
  table: Pick<BroadcastTable, 'touch' | 'saveSource'>;
  running(): Iterable<LiveBroadcast>;
  clock: Clock;
  log: Logger;
};

/** Says in the database which broadcasts have their publishers, and what those send. */
export class BroadcastHeartbeat {
  readonly #options: BroadcastHeartbeatOptions;
  #storing: Promise<void> | undefined;

  constructor(options: BroadcastHeartbeatOptions) {
    this.#options = options;
  }

  /** One at a time: while the database hangs none pile up. Never rejects. */
  store(): Promise<void> {
    this.#storing ??= this.#store().finally(() => {
      this.#storing = undefined;
    });
    return this.#storing;
  }

  async #store(): Promise<void> {
    const { table, running, clock, log } = this.#options;
    const publishing = [...running()].filter((broadcast) => broadcast.publishing);
    if (publishing.length === 0) return;
    try {
      await table.touch(
        publishing.map((broadcast) => broadcast.id),
        new Date(clock.now()),
      );
      for (const broadcast of publishing) {
        const source = broadcast.takeChangedSource();
        if (source) await table.saveSource(broadcast.id, source);
      }
    } catch (error) {
      log.warn({ err: error }, 'the heartbeat could not be stored');
    }
  }
}
