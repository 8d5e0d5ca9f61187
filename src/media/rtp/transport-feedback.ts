import { FEEDBACK_HEADER_BYTES, RTCP, TRANSPORT_FEEDBACK } from './rtcp-reader.js';
import { extendSequence } from './sequence-numbers.js';

/** Number of arrivals remembered; a power of two. */
const MEMORY = 4096;
/** Packets reported by one feedback, which keeps it below 1,100 bytes. */
const MAXIMUM_STATUSES = 400;
/** Units of the draft: 64 ms for the reference time, 250 us for the deltas. */
const REFERENCE_MICROSECONDS = 64_000;
const DELTA_MICROSECONDS = 250;
const FIXED_BYTES = FEEDBACK_HEADER_BYTES + 8;
const MAXIMUM_SMALL_DELTA = 255;
const MAXIMUM_DELTA = 32_767;
const NOT_RECEIVED = 0;
const SMALL_DELTA = 1;
const LARGE_DELTA = 2;
/** Symbols in a status vector chunk of two-bit symbols. */
const TWO_BIT_VECTOR = 0xc000;
const VECTOR_SYMBOLS = 7;

/**
 * Records packet arrivals of a transport and writes transport-wide congestion control feedback
 * (draft-holmer-rmcat-transport-wide-cc-extensions-01).
 */
export class TransportFeedback {
  readonly #numbers = new Float64Array(MEMORY).fill(-1);
  readonly #times = new Float64Array(MEMORY);
  readonly #packet = Buffer.alloc(
    FIXED_BYTES + 2 * Math.ceil(MAXIMUM_STATUSES / VECTOR_SYMBOLS) + 2 * MAXIMUM_STATUSES + 4,
  );
  readonly #symbols = new Uint8Array(MAXIMUM_STATUSES + VECTOR_SYMBOLS);
  #highest = -1;
  #next = -1;
  #count = 0;

  /** @param microseconds of any monotonic clock that starts at or after 0 */
  received(sequence: number, microseconds: number): void {
    // Far above 0, so that packets before the first one also get a positive number.
    const number = this.#highest < 0 ? 0x10000 + sequence : extendSequence(sequence, this.#highest);
    if (number <= this.#highest - MEMORY) return;
    this.#numbers[number & (MEMORY - 1)] = number;
    this.#times[number & (MEMORY - 1)] = microseconds;
    if (this.#next < 0 || number < this.#next) this.#next = number;
    if (number > this.#highest) this.#highest = number;
    if (this.#next <= this.#highest - MEMORY) this.#next = this.#highest - MEMORY + 1;
  }

  /**
   * Returns the next feedback packet; undefined if every arrival was reported. Call it until then. The next call
   * reuses the packet's memory.
   */
  write(sender: number, media: number): Buffer | undefined {
    if (this.#next < 0 || this.#next > this.#highest) return undefined;
    const base = this.#next;
    const limit = Math.min(this.#highest + 1, base + MAXIMUM_STATUSES);
    let first = base;
    while (first < limit && !this.#has(first)) first++;
    const packet = this.#packet;
    const start = first < limit ? this.#times[first & (MEMORY - 1)]! : 0;
    const reference = Math.floor(start / REFERENCE_MICROSECONDS);
    const statuses = this.#statuses(base, limit, reference * REFERENCE_MICROSECONDS);
    const length = this.#writeStatuses(base, statuses, reference * REFERENCE_MICROSECONDS);
    this.#next = base + statuses;
    const padded = Math.ceil(length / 4) * 4;
    packet.fill(0, length, padded);
    packet[0] = 0x80 | TRANSPORT_FEEDBACK.transportCc;
    packet[1] = RTCP.transportFeedback;
    if (padded > length) {
      packet[0] |= 0x20;
      packet[padded - 1] = padded - length;
    }
    packet.writeUInt16BE(padded / 4 - 1, 2);
    packet.writeUInt32BE(sender, 4);
    packet.writeUInt32BE(media, 8);
    packet.writeUInt16BE(base & 0xffff, 12);
    packet.writeUInt16BE(statuses, 14);
    packet.writeUIntBE(reference & 0xffffff, 16, 3);
    packet[19] = this.#count++ & 0xff;
    return packet.subarray(0, padded);
  }

  #has(number: number): boolean {
    return this.#numbers[number & (MEMORY - 1)] === number;
  }

  /** Collects symbols up to a delta that cannot be encoded. Returns their number, at least one. */
  #statuses(base: number, limit: number, reference: number): number {
    let previous = reference;
    let count = 0;
    for (let number = base; number < limit; number++, count++) {
      if (!this.#has(number)) {
        this.#symbols[count] = NOT_RECEIVED;
        continue;
      }
      const delta = Math.round((this.#times[number & (MEMORY - 1)]! - previous) / DELTA_MICROSECONDS);
      if (delta > MAXIMUM_DELTA || delta < -MAXIMUM_DELTA) break;
      this.#symbols[count] = delta >= 0 && delta <= MAXIMUM_SMALL_DELTA ? SMALL_DELTA : LARGE_DELTA;
      previous += delta * DELTA_MICROSECONDS;
    }
    this.#symbols.fill(NOT_RECEIVED, count, count + VECTOR_SYMBOLS);
    return count;
  }

  /** Returns the packet's length without padding. */
  #writeStatuses(base: number, count: number, reference: number): number {
    const packet = this.#packet;
    let at = FIXED_BYTES;
    for (let i = 0; i < count; i += VECTOR_SYMBOLS, at += 2) {
      let chunk = TWO_BIT_VECTOR;
      for (let k = 0; k < VECTOR_SYMBOLS; k++) chunk |= this.#symbols[i + k]! << (12 - 2 * k);
      packet.writeUInt16BE(chunk, at);
    }
    let previous = reference;
    for (let i = 0; i < count; i++) {
      const symbol = this.#symbols[i]!;
      if (symbol === NOT_RECEIVED) continue;
      const time = this.#times[(base + i) & (MEMORY - 1)]!;
      const delta = Math.round((time - previous) / DELTA_MICROSECONDS);
      previous += delta * DELTA_MICROSECONDS;
      if (symbol === SMALL_DELTA) packet[at++] = delta;
      else at = packet.writeInt16BE(delta, at);
    }
    return at;
  }
}
