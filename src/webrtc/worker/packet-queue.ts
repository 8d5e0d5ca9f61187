import type { Clock } from '../../platform/index.js';

/** Handles packets from the queue; `at` is their arrival (monotonic ms). */
export type PacketReceiver = { receivePacket(packet: Buffer, at: number): void };

export type PacketQueueOptions = {
  clock: Clock;
  /** Maximum packets, a power of two; more are dropped. */
  capacity?: number;
  /** Time budget of one turn, ms, so that timers and other events run in between. */
  budgetMs?: number;
  /** Age limit, ms; older packets are dropped. */
  staleMs?: number;
  /** Called when a receiver throws: one bad packet must not stop the others. */
  receiverFailed(error: unknown): void;
};

/**
 * Queue between the native callbacks and packet handling. The native queue is unbounded and calls back for all of its
 * packets before timers run, so the callbacks only enqueue. Packets are drained within a time budget; those above the
 * age limit are dropped and counted.
 */
export class PacketQueue {
  /** Packets dropped since the start: too old, or over capacity. */
  dropped = 0;
  readonly #clock: Clock;
  readonly #capacity: number;
  readonly #budgetMs: number;
  readonly staleMs: number;
  readonly #receiverFailed: (error: unknown) => void;
  readonly #packets: (Buffer | undefined)[];
  readonly #receivers: (PacketReceiver | undefined)[];
  readonly #times: Float64Array;
  #first = 0;
  #end = 0;
  #scheduled = false;

  constructor(options: PacketQueueOptions) {
    this.#clock = options.clock;
    this.#capacity = options.capacity ?? 8192;
    this.#budgetMs = options.budgetMs ?? 5;
    this.staleMs = options.staleMs ?? 500;
    this.#receiverFailed = options.receiverFailed;
    this.#packets = new Array(this.#capacity);
    this.#receivers = new Array(this.#capacity);
    this.#times = new Float64Array(this.#capacity);
  }

  /** Waiting packets. */
  get length(): number {
    return this.#end - this.#first;
  }

  push(receiver: PacketReceiver, packet: Buffer): void {
    if (this.#end - this.#first >= this.#capacity) {
      this.dropped++;
      return;
    }
    const slot = this.#end++ & (this.#capacity - 1);
    this.#packets[slot] = packet;
    this.#receivers[slot] = receiver;
    this.#times[slot] = this.#clock.monotonic();
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#drain);
  }

  readonly #drain = (): void => {
    this.#scheduled = false;
    const start = this.#clock.monotonic();
    while (this.#first < this.#end) {
      const slot = this.#first++ & (this.#capacity - 1);
      const packet = this.#packets[slot]!;
      const receiver = this.#receivers[slot]!;
      const at = this.#times[slot]!;
      this.#packets[slot] = undefined;
      this.#receivers[slot] = undefined;
      if (start - at > this.staleMs) {
        this.dropped++;
        continue;
      }
      try {
        receiver.receivePacket(packet, at);
      } catch (error) {
        this.#receiverFailed(error);
      }
      if (this.#clock.monotonic() - start > this.#budgetMs) break;
    }
    if (this.#first < this.#end) this.#schedule();
  };
}
