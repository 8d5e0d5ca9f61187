import type { Clock, Logger, Sql } from '../platform/index.js';
import type { Broadcast, BroadcastSubscriber, BroadcastSubscription } from '../streams/index.js';
import { type BroadcastQoe, type BroadcastTotals, QoeTable } from './qoe-table.js';
import { addSample, emptyTotals, type QoeSample } from './qoe-totals.js';

export type QoeOptions = { sql: Sql; clock: Clock; log: Logger };

/** Interval at which sums are stored, ms. */
const STORE_EVERY_MS = 10_000;
/** Time after the end of a broadcast in which players may report its last seconds, ms. */
const REPORTS_AFTER_END_MS = 60_000;
/** Sums that wait while the database is away; further broadcasts are not counted then. */
const MAXIMUM_WAITING = 2_000;

/** Sums up what players report of the broadcasts that they play: numbers, and nothing about persons. */
export class Qoe implements BroadcastSubscriber {
  readonly name = 'qoe';
  readonly #table: QoeTable;
  readonly #options: QoeOptions;
  readonly #lifetime = new AbortController();
  /** Broadcasts that reports count for, by livestream. */
  readonly #broadcasts = new Map<string, string>();
  readonly #waiting = new Map<string, BroadcastTotals>();
  #storing: Promise<void> | undefined;

  constructor(options: QoeOptions) {
    this.#options = options;
    this.#table = new QoeTable(options.sql);
    options.clock.every(STORE_EVERY_MS, () => void this.stored(), this.#lifetime.signal);
  }

  subscribe({ id, streamId }: Broadcast): BroadcastSubscription {
    this.#broadcasts.set(streamId, id);
    const forget = (): void => {
      if (this.#broadcasts.get(streamId) === id) this.#broadcasts.delete(streamId);
    };
    return {
      broadcastEnded: async () => {
        this.#options.clock.after(REPORTS_AFTER_END_MS, forget);
      },
    };
  }

  /** Adds reports of a player. @returns false when the livestream has no broadcast */
  report(streamId: string, samples: readonly QoeSample[]): boolean {
    const broadcastId = this.#broadcasts.get(streamId);
    if (broadcastId === undefined) return false;
    for (const sample of samples) {
      const { delivery } = sample;
      const key = `${broadcastId} ${delivery}`;
      const totals = this.#waiting.get(key) ?? { ...emptyTotals(), broadcastId, delivery };
      if (!this.#waiting.has(key) && this.#waiting.size >= MAXIMUM_WAITING) continue;
      this.#waiting.set(key, totals);
      addSample(totals, sample);
    }
    return true;
  }

  /** Returns the sums of the newest broadcasts of a livestream, newest first. */
  async list(streamId: string, limit: number): Promise<BroadcastQoe[]> {
    await this.stored();
    return await this.#table.list(streamId, limit);
  }

  /** Stores what waits; what cannot be stored waits on. Never rejects. */
  stored(): Promise<void> {
    this.#storing ??= this.#store().finally(() => {
      this.#storing = undefined;
    });
    return this.#storing;
  }

  async close(): Promise<void> {
    this.#lifetime.abort();
    await this.stored();
  }

  async #store(): Promise<void> {
    const sums = [...this.#waiting];
    if (sums.length === 0) return;
    for (const [key] of sums) this.#waiting.delete(key);
    try {
      await this.#table.add(sums.map(([, each]) => each));
    } catch (error) {
      this.#options.log.warn({ err: error }, 'reports of players could not be stored: trying again');
      for (const [key, each] of sums) this.#restore(key, each);
    }
  }

  /** Puts sums back that were not stored, together with those that came meanwhile. */
  #restore(key: string, sums: BroadcastTotals): void {
    const newer = this.#waiting.get(key);
    if (newer) {
      for (const name of ['plays', 'playedMs', 'rebuffers', 'rebufferMs', 'switches', 'failures'] as const)
        sums[name] += newer[name];
      for (const [reason, falls] of Object.entries(newer.falls) as [keyof typeof newer.falls, number][])
        sums.falls[reason] = (sums.falls[reason] ?? 0) + falls;
      for (const name of ['startupCounts', 'latencyCounts'] as const)
        sums[name] = sums[name].map((each, index) => each + (newer[name][index] ?? 0));
    }
    this.#waiting.set(key, sums);
  }
}
