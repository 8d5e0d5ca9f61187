import type { Cancel, Clock } from '../platform/index.js';

/**
 * Result of a wait: the condition holds, cannot hold any more, timed out, the broadcast closed, or the caller
 * cancelled.
 */
export type WaitOutcome = 'ready' | 'never' | 'late' | 'closed' | 'cancelled';

export type Wait = {
  readonly outcome: Promise<WaitOutcome>;
  /** Ends the wait as `cancelled`; no effect afterwards. */
  cancel(): void;
};

export type WaitState = 'ready' | 'never' | 'wait';

type Waiter = { state(): WaitState; deadlineMs: number; settle(outcome: WaitOutcome): void };

/** Blocked requests of one rendition, in order of arrival. */
export class WaitQueue {
  readonly #blockingRequests: BlockingRequests;
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  #timer: Cancel | undefined;

  constructor(requests: BlockingRequests, clock: Clock) {
    this.#blockingRequests = requests;
    this.#clock = clock;
  }

  /**
   * Waits until `state` is `ready` or `never`, at most `timeoutMs`. Returns undefined when the broadcast's limit is
   * reached.
   */
  wait(state: () => WaitState, timeoutMs: number): Wait | undefined {
    if (!this.#blockingRequests.tryAcquire()) return undefined;
    let settle: (outcome: WaitOutcome) => void = () => {};
    const outcome = new Promise<WaitOutcome>((resolve) => {
      settle = resolve;
    });
    const waiter: Waiter = { state, deadlineMs: this.#clock.monotonic() + timeoutMs, settle };
    this.#waiters.add(waiter);
    this.#timer ??= this.#clock.after(timeoutMs, () => this.#expire());
    return { outcome, cancel: () => this.#end(waiter, 'cancelled') };
  }

  /** Checks every waiter's state after a change of the rendition. */
  changed(): void {
    for (const waiter of this.#waiters) {
      const state = waiter.state();
      if (state !== 'wait') this.#end(waiter, state);
    }
  }

  endAll(outcome: WaitOutcome): void {
    for (const waiter of this.#waiters) this.#end(waiter, outcome);
  }

  #end(waiter: Waiter, outcome: WaitOutcome): void {
    if (!this.#waiters.delete(waiter)) return;
    this.#blockingRequests.release();
    waiter.settle(outcome);
    if (this.#waiters.size > 0) return;
    this.#timer?.();
    this.#timer = undefined;
  }

  /** Uses one timer for all: the timeout is the same, so the oldest waiter is due first. */
  #expire(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.monotonic();
    for (const waiter of this.#waiters) {
      if (waiter.deadlineMs > nowMs) {
        this.#timer = this.#clock.after(waiter.deadlineMs - nowMs, () => this.#expire());
        return;
      }
      this.#end(waiter, 'late');
    }
  }
}

/** Limits the blocked requests of one broadcast. */
export class BlockingRequests {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #queues = new Set<WaitQueue>();
  #waitingCount = 0;
  #closed = false;

  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  get waitingCount(): number {
    return this.#waitingCount;
  }

  queue(): WaitQueue {
    const queue = new WaitQueue(this, this.#clock);
    this.#queues.add(queue);
    return queue;
  }

  tryAcquire(): boolean {
    if (this.#closed || this.#waitingCount >= this.#limit) return false;
    this.#waitingCount++;
    return true;
  }

  release(): void {
    this.#waitingCount--;
  }

  /** Ends all waits as `closed` and refuses further ones. */
  close(): void {
    this.#closed = true;
    for (const queue of this.#queues) queue.endAll('closed');
  }
}
