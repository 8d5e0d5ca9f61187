import type { Cancel, Clock } from '../platform/index.js';
import { MessageBatch, type OutgoingMessage } from './message-batch.js';

/** A recipient in a room. */
export type Member = { deliver(batch: MessageBatch): void };

/**
 * Batching delay after a delivery, as a share of the time that it took: other work gets a fifth of the time at least. Messages
 * that come during a delivery are batched anyway, so more delay saves little.
 */
const HOLD_SHARE = 1 / 4;
const HOLD_MINIMUM_MS = 5;
const HOLD_MAXIMUM_MS = 100;
/** Approximate limit of a batch, in characters. */
const BATCH_LENGTH = 64 * 1024;
/** Where the server itself does not keep up, droppable messages are left out above so many characters. */
const QUEUE_LENGTH = 256 * 1024;
/** Members served before control returns to the event loop. */
const SLICE = 2_000;

/**
 * Broadcasts messages to its members in order. The first message is sent at once, those that follow within the batching
 * delay together: the cost of a broadcast is the number of writes, not of bytes.
 */
export class Room {
  readonly #clock: Clock;
  /** Sequence number of the first message for each member: earlier messages are not sent to it. */
  readonly #members = new Map<Member, number>();
  #queue: OutgoingMessage[] = [];
  #queuedLength = 0;
  /** Sequence number of the first message in the queue. */
  #number = 0;
  #holdUntil = Number.NEGATIVE_INFINITY;
  #release: Cancel | undefined;
  #isDelivering = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#members.size;
  }

  enter(member: Member): void {
    this.#members.set(member, this.#number + this.#queue.length);
  }

  leave(member: Member): void {
    this.#members.delete(member);
    if (this.#members.size === 0) this.#clear();
  }

  broadcast(message: OutgoingMessage): void {
    if (this.#members.size === 0) return;
    if (message.droppable && this.#queuedLength > QUEUE_LENGTH) return;
    this.#queue.push(message);
    this.#queuedLength += message.length;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isDelivering || this.#queue.length === 0) return;
    const waitMs = this.#holdUntil - this.#clock.monotonic();
    if (waitMs <= 0 || this.#queuedLength >= BATCH_LENGTH) this.#deliver();
    else this.#release ??= this.#clock.after(waitMs, () => this.#deliver());
  }

  #clear(): void {
    this.#number += this.#queue.length;
    this.#queue = [];
    this.#queuedLength = 0;
    this.#release?.();
    this.#release = undefined;
  }

  #deliver(): void {
    const delivery = new Delivery(this.#queue, this.#number);
    this.#clear();
    this.#isDelivering = true;
    this.#deliverSlice(delivery, this.#members.entries(), this.#clock.monotonic());
  }

  /** Members that enter meanwhile are visited last, and skipped because their sequence number is higher. */
  #deliverSlice(delivery: Delivery, members: IterableIterator<[Member, number]>, startedAt: number): void {
    for (let delivered = 0; delivered < SLICE; delivered++) {
      const next = members.next();
      if (next.done) {
        this.#isDelivering = false;
        const now = this.#clock.monotonic();
        this.#holdUntil =
          now + Math.min(Math.max((now - startedAt) * HOLD_SHARE, HOLD_MINIMUM_MS), HOLD_MAXIMUM_MS);
        this.#schedule();
        return;
      }
      const [member, since] = next.value;
      for (const batch of delivery.since(since)) member.deliver(batch);
    }
    setImmediate(() => this.#deliverSlice(delivery, members, startedAt));
  }
}

/** The messages of one broadcast, batched for members by their sequence number. */
class Delivery {
  readonly #messages: OutgoingMessage[];
  readonly #number: number;
  readonly #whole: MessageBatch[];
  readonly #parts = new Map<number, MessageBatch[]>();

  constructor(messages: OutgoingMessage[], number: number) {
    this.#messages = messages;
    this.#number = number;
    this.#whole = batchesOf(messages);
  }

  /** Returns the batches for a member whose first message has this sequence number. */
  since(number: number): MessageBatch[] {
    const from = number - this.#number;
    if (from <= 0) return this.#whole;
    let part = this.#parts.get(from);
    if (!part) this.#parts.set(from, (part = batchesOf(this.#messages.slice(from))));
    return part;
  }
}

function batchesOf(messages: readonly OutgoingMessage[]): MessageBatch[] {
  const batches: MessageBatch[] = [];
  let together: OutgoingMessage[] = [];
  let length = 0;
  for (const message of messages) {
    if (together.length > 0 && length + message.length > BATCH_LENGTH) {
      batches.push(new MessageBatch(together));
      together = [];
      length = 0;
    }
    together.push(message);
    length += message.length;
  }
  if (together.length > 0) batches.push(new MessageBatch(together));
  return batches;
}
