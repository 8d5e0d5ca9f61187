import type { Clock, Logger } from '../../platform/index.js';
import type { BroadcastTable } from './broadcast-table.js';
import type { LiveBroadcast } from './live-broadcast.js';

export type BroadcastHeartbeatOptions = {
  table: Pick<BroadcastTable, 'touch' | 'saveSource'>;
  running(): Iterable<LiveBroadcast>;
  clock: Clock;
  log: Logger;
};

/** Writes to the database which broadcasts have a publisher, and the source that it sends. */
export class BroadcastHeartbeat {
  readonly #options: BroadcastHeartbeatOptions;
  #writing: Promise<void> | undefined;

  constructor(options: BroadcastHeartbeatOptions) {
    this.#options = options;
  }

  /** Writes one heartbeat at a time, so that none pile up while the database hangs. Never rejects. */
  write(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  async #write(): Promise<void> {
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
      log.warn({ err: error }, 'broadcast heartbeat could not be stored');
    }
  }
}
