import { setMaxListeners } from 'node:events';
import { type Cancel, type Clock, type Logger, sleep, type TargetPolicy } from '../platform/index.js';
import type { AttemptResult, DeliveryTable, DueDelivery } from './delivery-table.js';
import { type PostResult, post } from './post.js';
import { signatureHeaders } from './signature.js';
import { PING } from './webhook-event.js';

/** Timeout of one attempt, ms. */
const ATTEMPT_TIMEOUT_MS = 10_000;
/** Attempts in flight at the same time, over all webhooks. */
const MAX_IN_FLIGHT = 8;
/** Listeners on the lifetime signal: the request and timeout of each attempt, and a few timers. */
const MAX_LISTENERS = 2 * MAX_IN_FLIGHT + 4;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Delays after the first, second, ... failed attempt; after the last one the delivery fails. */
const RETRY_DELAYS_MS = [5_000, 30_000, 2 * MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS];
/** Greatest random extension of a delay, as a share of it, so that retries do not coincide. */
const JITTER_RATIO = 0.2;
/** Delay before a failed query is retried, ms. */
const DATABASE_RETRY_MS = 2_000;
/** Longest timer, ms. */
const MAX_POLL_INTERVAL_MS = HOUR_MS;
/** RFC 9110 section 15.5.11: the receiver is gone permanently. */
const GONE = 410;

export type DispatcherOptions = {
  table: DeliveryTable;
  policy: TargetPolicy;
  /** Called when a receiver answered 410. */
  onGone: (webhookId: string) => Promise<void>;
  clock: Clock;
  log: Logger;
  /** `User-Agent` header. */
  agent: string;
  /** Random number from 0 to 1. */
  random: () => number;
};

/**
 * Sends due deliveries, one per webhook at a time, oldest first. A failed delivery waits for its retry and lets later
 * ones pass: first attempts are in order, and every message arrives at least once.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #lifetime = new AbortController();
  /** Attempts in flight by webhook id. */
  readonly #inFlight = new Map<string, Promise<void>>();
  /**
   * Sequence number of each webhook's last attempt: webhooks served longest ago go first, so that slow ones cannot
   * starve others.
   */
  readonly #lastAttemptByWebhook = new Map<string, number>();
  #attemptCount = 0;
  #polling: Promise<void> = Promise.resolve();
  #isPolling = false;
  #pollAgain = false;
  #cancelTimer: Cancel = () => {};

  constructor(options: DispatcherOptions) {
    this.#options = options;
    setMaxListeners(MAX_LISTENERS, this.#lifetime.signal);
  }

  /** Looks for due deliveries; repeated calls are merged. */
  schedulePoll(): void {
    if (this.#lifetime.signal.aborted) return;
    this.#pollAgain = true;
    if (this.#isPolling) return;
    this.#isPolling = true;
    this.#polling = this.#poll();
  }

  /** Aborts attempts in flight: they do not count, and are sent again after the next start. */
  async close(): Promise<void> {
    this.#lifetime.abort();
    this.#cancelTimer();
    await this.#polling;
    await Promise.all(this.#inFlight.values());
  }

  async #poll(): Promise<void> {
    const { clock, log } = this.#options;
    while (this.#pollAgain && !this.#lifetime.signal.aborted) {
      this.#pollAgain = false;
      this.#cancelTimer();
      try {
        const nextMs = await this.#startDue();
        if (nextMs === undefined) continue;
        const delayMs = Math.min(Math.max(nextMs - clock.now(), 0), MAX_POLL_INTERVAL_MS);
        this.#cancelTimer = clock.after(delayMs, () => this.schedulePoll(), this.#lifetime.signal);
      } catch (error) {
        if (this.#lifetime.signal.aborted) break;
        log.warn({ err: error }, 'webhook delivery poll failed: retrying');
        this.#cancelTimer = clock.after(DATABASE_RETRY_MS, () => this.schedulePoll(), this.#lifetime.signal);
      }
    }
    this.#isPolling = false;
  }

  /**
   * Starts due deliveries up to the limit. @returns time of the next one, Unix ms; undefined if a finishing attempt
   * polls again
   */
  async #startDue(): Promise<number | undefined> {
    const { table, clock } = this.#options;
    const freeSlots = MAX_IN_FLIGHT - this.#inFlight.size;
    if (freeSlots <= 0) return undefined;
    const due = await table.due(new Date(clock.now()), [...this.#inFlight.keys()]);
    if (this.#lifetime.signal.aborted) return undefined;
    due.sort((a, b) => this.#lastAttempt(a) - this.#lastAttempt(b));
    for (const delivery of due.slice(0, freeSlots)) {
      this.#lastAttemptByWebhook.set(delivery.webhookId, ++this.#attemptCount);
      const attempt = this.#send(delivery).finally(() => {
        this.#inFlight.delete(delivery.webhookId);
        this.schedulePoll();
      });
      this.#inFlight.set(delivery.webhookId, attempt);
    }
    if (due.length > freeSlots) return undefined;
    return (await table.nextDue([...this.#inFlight.keys()]))?.getTime();
  }

  #lastAttempt({ webhookId }: DueDelivery): number {
    return this.#lastAttemptByWebhook.get(webhookId) ?? 0;
  }

  async #send(delivery: DueDelivery): Promise<void> {
    const { policy, clock, log, agent, onGone } = this.#options;
    const { id, url, secret, webhookId, event } = delivery;
    const body = JSON.stringify(delivery.payload);
    const timestamp = Math.floor(clock.now() / 1_000);
    const headers = { 'user-agent': agent, ...signatureHeaders(secret, { id, timestamp, body }) };
    const { signal } = this.#lifetime;
    const answer = await post({ url, headers, body, timeoutMs: ATTEMPT_TIMEOUT_MS, policy, clock, signal });
    if (signal.aborted && !('status' in answer)) return;
    const result = this.#evaluate(delivery, answer);
    const level = result.status === 'failed' ? 'warn' : 'debug';
    log[level]({ webhookId, deliveryId: id, event, ...answer }, `webhook delivery: ${result.status}`);
    await this.#storeResult(async () => {
      await this.#options.table.recordAttempt(id, result);
      if ('status' in answer && answer.status === GONE) await onGone(webhookId);
    });
  }

  #evaluate({ event, attempts }: DueDelivery, answer: PostResult): AttemptResult {
    const { clock, random } = this.#options;
    const at = new Date(clock.now());
    const responseStatus = 'status' in answer ? answer.status : null;
    if (responseStatus !== null && responseStatus >= 200 && responseStatus < 300)
      return { at, status: 'delivered', responseStatus, error: null };
    const error = 'error' in answer ? answer.error : `The receiver answered ${answer.status}.`;
    const delayMs = event === PING || responseStatus === GONE ? undefined : RETRY_DELAYS_MS[attempts];
    if (delayMs === undefined) return { at, status: 'failed', responseStatus, error };
    const retryAt = new Date(clock.now() + Math.round(delayMs * (1 + JITTER_RATIO * random())));
    return { at, status: 'pending', responseStatus, error, retryAt };
  }

  /** Retries until the result is stored: otherwise the next poll would send the same delivery again at once. */
  async #storeResult(store: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#options;
    for (;;) {
      try {
        return await store();
      } catch (error) {
        log.error({ err: error }, 'webhook delivery result not stored: retrying');
        if (this.#lifetime.signal.aborted) return;
        await sleep(clock, DATABASE_RETRY_MS, this.#lifetime.signal);
      }
    }
  }
}
