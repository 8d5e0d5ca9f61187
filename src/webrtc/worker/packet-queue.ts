import type { Clock } from '../../platform/index.js';

/** Takes packets out of the queue; `at` is when they arrived (monotonic ms). */
export type PacketReceiver = { receivePacket(packet: Buffer, at: number): void };

export type PacketQueueOptions = {
  clock: Clock;
  /** Packets; more are dropped. A power of two. */
  capacity?: number;
  /** ms that one turn may take before timers and other events get theirs. */
  budgetMs?: number;
  /** ms after which a packet is of no use any more. */
  staleMs?: number;
  /** Told when a receiver threw: a packet must not be able to stop the others. */
  receiverFailed(error: unknown): void;
};

/**
 * Packets between the native callbacks and their handling. The native queue behind the callbacks has no bound and no
 * mercy: whatever it holds is called before timers run. So the callbacks only put packets here, and here they are
 * drained with a time budget; what has waited too long is dropped and counted.
 */
export class PacketQueue {
  /** Packets dropped since the start: too old, or too many. */
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
