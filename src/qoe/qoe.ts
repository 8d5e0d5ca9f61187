import type { Clock, Logger, Sql } from '../platform/index.js';
import type { Broadcast, BroadcastSubscriber, BroadcastSubscription } from '../streams/index.js';
import { type CmcdSample, CmcdSums } from './cmcd.js';
import { type JoinFailureCount, JoinFailures } from './join-failures.js';
import { PendingSums } from './pending-sums.js';
import { type BroadcastQoe, type BroadcastTotals, QoeTable } from './qoe-table.js';
import { addSample, emptyTotals, mergeTotals, type QoeSample } from './qoe-totals.js';

export type QoeOptions = { sql: Sql; clock: Clock; log: Logger };

/** Interval at which sums are stored, ms. */
const STORE_EVERY_MS = 10_000;
/** Time after the end of a broadcast in which players may report its last seconds, ms. */
const REPORTS_AFTER_END_MS = 60_000;

/** Sums up what players report of the broadcasts that they play: numbers, and nothing about persons. */
export class Qoe implements BroadcastSubscriber {
  readonly name = 'qoe';
  readonly #table: QoeTable;
  readonly #options: QoeOptions;
  readonly #lifetime = new AbortController();
  /** Broadcasts that reports count for, by livestream. */
  readonly #broadcasts = new Map<string, string>();
  readonly #pending: PendingSums<BroadcastTotals>;
  readonly #cmcd: CmcdSums;
  readonly #joinFailures: JoinFailures;

  constructor(options: QoeOptions) {
    this.#options = options;
    this.#table = new QoeTable(options.sql);
    const { log } = options;
    const store = (sums: BroadcastTotals[]): Promise<void> => this.#table.add(sums);
    this.#pending = new PendingSums<BroadcastTotals>({ merge: mergeTotals, store, log });
    this.#cmcd = new CmcdSums(options);
    this.#joinFailures = new JoinFailures(options);
    options.clock.every(STORE_EVERY_MS, () => void this.stored(), this.#lifetime.signal);
  }

  subscribe({ id, streamId }: Broadcast): BroadcastSubscription {
    this.#broadcasts.set(streamId, id);
    const forget = (): void => {
      if (this.#broadcasts.get(streamId) === id) this.#broadcasts.delete(streamId);
      this.#cmcd.forget(id);
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
      const totals = this.#pending.open(key, () => ({ ...emptyTotals(), broadcastId, delivery }));
      if (totals) addSample(totals, sample);
      if (sample.neverPlayed) this.joinFailed(streamId, `player_${delivery}`);
    }
    return true;
  }

  /** Adds what a request of a player said; nothing of broadcasts that are over. */
  recordCmcd({
    streamId,
    broadcastId,
    ...sample
  }: CmcdSample & { streamId: string; broadcastId: string }): void {
    if (this.#broadcasts.get(streamId) === broadcastId) this.#cmcd.record(broadcastId, sample);
  }

  /** Counts a failed attempt to watch, if there is a broadcast. @param code one of the gateway's own */
  joinFailed(streamId: string, code: string): void {
    const broadcastId = this.#broadcasts.get(streamId);
    if (broadcastId) this.#joinFailures.record(broadcastId, code, this.#options.clock.now());
  }

  /** Returns the failed attempts to watch a broadcast, by interval and code. */
  async listJoinFailures(
    broadcastId: string,
    range: { from: Date; intervalS: number },
  ): Promise<JoinFailureCount[]> {
    await this.stored();
    return await this.#joinFailures.list(broadcastId, range);
  }

  /** Returns the sums of the newest broadcasts of a livestream, newest first. */
  async list(streamId: string, limit: number): Promise<BroadcastQoe[]> {
    await this.stored();
    return await this.#table.list(streamId, limit);
  }

  /** Stores what waits; what cannot be stored waits on. Never rejects. */
  async stored(): Promise<void> {
    await Promise.all([this.#pending.stored(), this.#cmcd.stored(), this.#joinFailures.stored()]);
  }

  async close(): Promise<void> {
    this.#lifetime.abort();
    await this.stored();
  }
}
