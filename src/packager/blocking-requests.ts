import type { Cancel, Clock } from '../platform/index.js';

/** How a wait ended: what was waited for is there, never comes, took too long, or nobody needs it any more. */
export type WaitOutcome = 'ready' | 'never' | 'late' | 'closed' | 'cancelled';

export type Wait = {
  readonly outcome: Promise<WaitOutcome>;
  /** The one who waits has gone. Harmless after the end. */
  cancel(): void;
};

export type WaitState = 'ready' | 'never' | 'wait';

type Waiter = { state(): WaitState; deadline: number; settle(outcome: WaitOutcome): void };

/** Everybody who waits for one rendition, in the order in which they came. */
export class WaitQueue {
  readonly #room: BlockingRequests;
  readonly #clock: Clock;
  readonly #waiters = new Set<Waiter>();
  #timer: Cancel | undefined;

  constructor(room: BlockingRequests, clock: Clock) {
    this.#room = room;
    this.#clock = clock;
  }

  /** Waits until `state` says otherwise, at most `timeoutMs`; undefined when the room is full. */
  wait(state: () => WaitState, timeoutMs: number): Wait | undefined {
    if (!this.#room.enter()) return undefined;
    let settle: (outcome: WaitOutcome) => void = () => {};
    const outcome = new Promise<WaitOutcome>((resolve) => {
      settle = resolve;
    });
    const waiter: Waiter = { state, deadline: this.#clock.monotonic() + timeoutMs, settle };
    this.#waiters.add(waiter);
    this.#timer ??= this.#clock.after(timeoutMs, () => this.#expire());
    return { outcome, cancel: () => this.#end(waiter, 'cancelled') };
  }

  /** Something changed: whoever has what it waits for goes. */
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
    this.#room.leave();
    waiter.settle(outcome);
    if (this.#waiters.size > 0) return;
    this.#timer?.();
    this.#timer = undefined;
  }

  /** One timer for all: those who came first are due first. */
  #expire(): void {
    this.#timer = undefined;
    const now = this.#clock.monotonic();
    for (const waiter of this.#waiters) {
      if (waiter.deadline > now) {
        this.#timer = this.#clock.after(waiter.deadline - now, () => this.#expire());
        return;
      }
      this.#end(waiter, 'late');
    }
  }
}

/** Counts the waiting requests of one broadcast, so that there are never more than `limit`. */
export class BlockingRequests {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #queues = new Set<WaitQueue>();
  #inside = 0;
  #closed = false;

  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  get inside(): number {
    return this.#inside;
  }

  queue(): WaitQueue {
    const queue = new WaitQueue(this, this.#clock);
    this.#queues.add(queue);
    return queue;
  }

  enter(): boolean {
    if (this.#closed || this.#inside >= this.#limit) return false;
    this.#inside++;
    return true;
  }

  leave(): void {
    this.#inside--;
  }

  /** Sends everybody away; nobody gets in any more. */
  close(): void {
    this.#closed = true;
    for (const queue of this.#queues) queue.endAll('closed');
  }
}
