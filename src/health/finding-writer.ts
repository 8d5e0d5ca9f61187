import { type Clock, type Logger, sleep } from '../platform/index.js';
import type { FindingTable, StoredFinding } from './finding-table.js';

/** Findings that wait while the database is away; the oldest are discarded. */
const MAXIMUM_WAITING = 5_000;
/** Rows of one statement. */
const BATCH = 200;
/** Delay after a failure, ms. */
const RETRY_MS = 2_000;

/** Stores findings in batches, and retries until they are stored. */
export class FindingWriter {
  readonly #table: Pick<FindingTable, 'save'>;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #life = new AbortController();
  /** The newest state of each finding, by broadcast and code. */
  readonly #waiting = new Map<string, StoredFinding>();
  #writing: Promise<void> | undefined;

  constructor(table: Pick<FindingTable, 'save'>, clock: Clock, log: Logger) {
    this.#table = table;
    this.#clock = clock;
    this.#log = log;
  }

  add(finding: StoredFinding): void {
    this.#waiting.set(`${finding.broadcastId} ${finding.code}`, finding);
    if (this.#waiting.size > MAXIMUM_WAITING) {
      const [oldest] = this.#waiting.keys();
      if (oldest !== undefined) this.#waiting.delete(oldest);
    }
    void this.written();
  }

  /** Resolves when nothing waits, or after `close`. Never rejects. */
  written(): Promise<void> {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
    return this.#writing;
  }

  /** Tries once more to store what waits, and gives up. */
  async close(): Promise<void> {
    this.#life.abort();
    await this.written();
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting].slice(0, BATCH);
      try {
        await this.#table.save(batch.map(([, finding]) => finding));
        for (const [key, finding] of batch) if (this.#waiting.get(key) === finding) this.#waiting.delete(key);
      } catch (error) {
        this.#log.warn({ err: error, waiting: this.#waiting.size }, 'findings could not be stored: retrying');
        if (this.#life.signal.aborted) return;
        await sleep(this.#clock, RETRY_MS, this.#life.signal);
      }
    }
  }
}
