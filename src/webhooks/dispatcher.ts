import { setMaxListeners } from 'node:events';
import { type Cancel, type Clock, type Logger, sleep } from '../platform/index.js';
import type { AttemptResult, DeliveryTable, DueDelivery } from './delivery-table.js';
import { type PostResult, post } from './post.js';
import { signatureHeaders } from './signature.js';
import type { TargetPolicy } from './target-policy.js';
import { PING } from './webhook-event.js';

/** How long one attempt may take. */
const TIMEOUT_MS = 10_000;
/** Attempts under way at the same time, of all webhooks. */
const IN_FLIGHT = 8;
/** What hangs on the dispatcher's life at most: of each attempt its request and its timeout, and a few timers. */
const LISTENERS = 2 * IN_FLIGHT + 4;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** How long to wait after the first, second ... attempt that failed; after the last one there is no further. */
const RETRIES_MS = [5_000, 30_000, 2 * MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, 24 * HOUR_MS];
/** The delays are longer by up to this part of them, so that not everything comes back at the same moment. */
const JITTER = 0.2;
/** Delay before the database is asked again, in ms. */
const DATABASE_RETRY_MS = 2_000;
/** Timers are not set further ahead. */
const LOOK_AT_LEAST_MS = HOUR_MS;
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
  readonly #life = new AbortController();
  /** What is under way, by webhook. */
  readonly #busy = new Map<string, Promise<void>>();
  /** Webhooks in the order of their last turn, so that slow ones can't keep the others from theirs. */
  readonly #served = new Map<string, number>();
  #turn = 0;
  #looking: Promise<void> = Promise.resolve();
  #isLooking = false;
  #again = false;
  #cancelTimer: Cancel = () => {};

  constructor(options: DispatcherOptions) {
    this.#options = options;
    setMaxListeners(LISTENERS, this.#life.signal);
  }

  /** Something may be due. */
  poke(): void {
    if (this.#life.signal.aborted) return;
    this.#again = true;
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.#looking = this.#look();
  }

  /** Breaks off what is under way: it counts as not tried, and is sent again after the next start. */
  async close(): Promise<void> {
    this.#life.abort();
    this.#cancelTimer();
    await this.#looking;
    await Promise.all(this.#busy.values());
  }

  async #look(): Promise<void> {
    const { clock, log } = this.#options;
    while (this.#again && !this.#life.signal.aborted) {
      this.#again = false;
      this.#cancelTimer();
      try {
        const next = await this.#begin();
        if (next === undefined) continue;
        const delay = Math.min(Math.max(next - clock.now(), 0), LOOK_AT_LEAST_MS);
        this.#cancelTimer = clock.after(delay, () => this.poke(), this.#life.signal);
      } catch (error) {
        if (this.#life.signal.aborted) break;
        log.warn({ err: error }, 'webhook deliveries could not be looked for');
        this.#cancelTimer = clock.after(DATABASE_RETRY_MS, () => this.poke(), this.#life.signal);
      }
    }
    this.#isLooking = false;
  }

  /** Begins what there is room for. @returns when there will be more to do, unless an end under way says so. */
  async #begin(): Promise<number | undefined> {
    const { table, clock } = this.#options;
    const room = IN_FLIGHT - this.#busy.size;
    if (room <= 0) return undefined;
    const due = await table.due(new Date(clock.now()), [...this.#busy.keys()]);
    if (this.#life.signal.aborted) return undefined;
    due.sort((a, b) => this.#lastTurn(a) - this.#lastTurn(b));
    for (const delivery of due.slice(0, room)) {
      this.#served.set(delivery.webhookId, ++this.#turn);
      const sending = this.#send(delivery).finally(() => {
        this.#busy.delete(delivery.webhookId);
        this.poke();
      });
      this.#busy.set(delivery.webhookId, sending);
    }
    if (due.length > room) return undefined;
    return (await table.nextDue([...this.#busy.keys()]))?.getTime();
  }

  #lastTurn({ webhookId }: DueDelivery): number {
    return this.#served.get(webhookId) ?? 0;
  }

  async #send(delivery: DueDelivery): Promise<void> {
    const { policy, clock, log, agent, onGone } = this.#options;
    const { id, url, secret, webhookId, event } = delivery;
    const body = JSON.stringify(delivery.payload);
    const timestamp = Math.floor(clock.now() / 1_000);
    const headers = { 'user-agent': agent, ...signatureHeaders(secret, { id, timestamp, body }) };
    const { signal } = this.#life;
    const answer = await post({ url, headers, body, timeoutMs: TIMEOUT_MS, policy, clock, signal });
    if (signal.aborted && !('status' in answer)) return;
    const result = this.#judge(delivery, answer);
    const level = result.status === 'failed' ? 'warn' : 'debug';
    log[level]({ webhookId, deliveryId: id, event, ...answer }, `webhook delivery: ${result.status}`);
    await this.#insist(async () => {
      await this.#options.table.noteAttempt(id, result);
      if ('status' in answer && answer.status === GONE) await onGone(webhookId);
    });
  }

  #judge({ event, attempts }: DueDelivery, answer: PostResult): AttemptResult {
    const { clock, random } = this.#options;
    const at = new Date(clock.now());
    const responseStatus = 'status' in answer ? answer.status : null;
    if (responseStatus !== null && responseStatus >= 200 && responseStatus < 300)
      return { at, status: 'delivered', responseStatus, error: null };
    const error = 'error' in answer ? answer.error : `The receiver answered ${answer.status}.`;
    const delay = event === PING || responseStatus === GONE ? undefined : RETRIES_MS[attempts];
    if (delay === undefined) return { at, status: 'failed', responseStatus, error };
    const retryAt = new Date(clock.now() + Math.round(delay * (1 + JITTER * random())));
    return { at, status: 'pending', responseStatus, error, retryAt };
  }

  /** The result must be known before the webhook has its next turn: else it would be sent the same again at once. */
  async #insist(store: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#options;
    for (;;) {
      try {
        return await store();
      } catch (error) {
        log.error({ err: error }, 'the result of a webhook delivery could not be stored');
        if (this.#life.signal.aborted) return;
        await sleep(clock, DATABASE_RETRY_MS, this.#life.signal);
      }
    }
  }
}
