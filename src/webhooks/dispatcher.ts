import { setMaxListeners } from 'node:events';
import { type Cancel, type Clock, type Logger, sleep } from '../platform/index.js';
import type { AttemptResult, DeliveryTable, DueDelivery } from './delivery-table.js';
import { type PostResult, post } from './post.js';
import { signatureHeaders } from './signature.js';
import type { TargetPolicy } from './target-policy.js';
import { PING } from './webhook-event.js';

/** How long one attempt may take. */
const ATTEMPT_TIMEOUT_MS = 10_000;
/** Attempts under way at the same time, of all webhooks. */
const MAX_IN_FLIGHT = 8;
/** What hangs on the dispatcher's life at most: of each attempt its request and its timeout, and a few timers. */
const MAX_LISTENERS = 2 * MAX_IN_FLIGHT + 4;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** How long to wait after the first, second ... attempt that failed; after the last one there is no further. */
const RETRY_DELAYS_MS = [5_000, 30_000, 2 * MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS];
/** The delays are longer by up to this part of them, so that not everything comes back at the same moment. */
const JITTER_RATIO = 0.2;
/** Delay before the database is asked again, in ms. */
const DATABASE_RETRY_MS = 2_000;
/** Timers are not set further ahead. */
const MAX_POLL_INTERVAL_MS = HOUR_MS;
/** RFC 9110 section 15.5.11: the receiver says that it will never be there again. */
const GONE = 410;

export type DispatcherOptions = {
  table: DeliveryTable;
  policy: TargetPolicy;
  /** A receiver said that it is gone for good. */
  onGone: (webhookId: string) => Promise<void>;
  clock: Clock;
  log: Logger;
  /** For `User-Agent`. */
  agent: string;
  /** From 0 to 1. */
  random: () => number;
};

/**
 * Sends what is due, one delivery of a webhook at a time, the oldest first. One that failed waits for its next time and
 * lets the others pass: order is kept among first attempts, and a message comes at least once.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #lifetime = new AbortController();
  /** What is under way, by webhook. */
  readonly #inFlight = new Map<string, Promise<void>>();
  /** Webhooks in the order of their last turn, so that slow ones can't keep the others from theirs. */
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

  /** Something may be due. */
  schedulePoll(): void {
    if (this.#lifetime.signal.aborted) return;
    this.#pollAgain = true;
    if (this.#isPolling) return;
    this.#isPolling = true;
    this.#polling = this.#poll();
  }

  /** Breaks off what is under way: it counts as not tried, and is sent again after the next start. */
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
        const next = await this.#startDue();
        if (next === undefined) continue;
        const delay = Math.min(Math.max(next - clock.now(), 0), MAX_POLL_INTERVAL_MS);
        this.#cancelTimer = clock.after(delay, () => this.schedulePoll(), this.#lifetime.signal);
      } catch (error) {
        if (this.#lifetime.signal.aborted) break;
        log.warn({ err: error }, 'webhook deliveries could not be looked for');
        this.#cancelTimer = clock.after(DATABASE_RETRY_MS, () => this.schedulePoll(), this.#lifetime.signal);
      }
    }
    this.#isPolling = false;
  }

  /** Begins what there is room for. @returns when there will be more to do, unless an end under way says so. */
  async #startDue(): Promise<number | undefined> {
    const { table, clock } = this.#options;
    const room = MAX_IN_FLIGHT - this.#inFlight.size;
    if (room <= 0) return undefined;
    const due = await table.due(new Date(clock.now()), [...this.#inFlight.keys()]);
    if (this.#lifetime.signal.aborted) return undefined;
    due.sort((a, b) => this.#lastAttempt(a) - this.#lastAttempt(b));
    for (const delivery of due.slice(0, room)) {
      this.#lastAttemptByWebhook.set(delivery.webhookId, ++this.#attemptCount);
      const sending = this.#send(delivery).finally(() => {
        this.#inFlight.delete(delivery.webhookId);
        this.schedulePoll();
      });
      this.#inFlight.set(delivery.webhookId, sending);
    }
    if (due.length > room) return undefined;
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
    const delay = event === PING || responseStatus === GONE ? undefined : RETRY_DELAYS_MS[attempts];
    if (delay === undefined) return { at, status: 'failed', responseStatus, error };
    const retryAt = new Date(clock.now() + Math.round(delay * (1 + JITTER_RATIO * random())));
    return { at, status: 'pending', responseStatus, error, retryAt };
  }

  /** The result must be known before the webhook has its next turn: else it would be sent the same again at once. */
  async #storeResult(store: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#options;
    for (;;) {
      try {
        return await store();
      } catch (error) {
        log.error({ err: error }, 'the result of a webhook delivery could not be stored');
        if (this.#lifetime.signal.aborted) return;
        await sleep(clock, DATABASE_RETRY_MS, this.#lifetime.signal);
      }
    }
  }
}
