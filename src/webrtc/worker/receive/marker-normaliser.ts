import type { Layer } from './layer.js';

/** Weight of a wrong marker bit against a correct one, and the sum at which marker bits are not believed. */
const WRONG_WEIGHT = 16;
const DISTRUST_AT = 5 * WRONG_WEIGHT;
/** Longest time for which a packet waits for the next one, ms. */
const MAXIMUM_WAIT_MS = 100;

type Held = { packet: Buffer; sequence: number; timestamp: number; orientation: number; at: number };

/**
 * Writes packets of video to a layer. Where the sender sets the marker bit, which ends a frame, on no or on every
 * packet, it is derived from the timestamps: each packet then waits for the next one. Browsers and ffmpeg assemble
 * nothing otherwise.
 */
export class MarkerNormaliser {
  readonly #layer: Layer;
  #last = { sequence: -1, timestamp: 0, marker: false };
  #wrong = 0;
  #distrusted = false;
  #held: Held | undefined;

  constructor(layer: Layer) {
    this.#layer = layer;
  }

  writePacket(
    packet: Buffer,
    sequence: number,
    timestamp: number,
    marker: boolean,
    orientation: number,
    at: number,
  ): void {
    const isNewest = sequence > this.#last.sequence;
    if (isNewest) this.#judge(sequence, timestamp, marker);
    if (!this.#distrusted) {
      this.#layer.writePacket(packet, sequence, timestamp, marker, orientation, at);
      return;
    }
    if (!isNewest) {
      const { ring } = this.#layer;
      const next = ring.slotOf(sequence + 1);
      const ends = next >= 0 && ring.timestamps[next] !== timestamp;
      this.#layer.writePacket(packet, sequence, timestamp, ends, orientation, at);
      return;
    }
    if (this.#held) this.#release(this.#held.timestamp !== timestamp);
    this.#held = { packet, sequence, timestamp, orientation, at };
  }

  /** Releases a packet that no other has followed. */
  flush(now: number): void {
    if (this.#held && now - this.#held.at >= MAXIMUM_WAIT_MS) this.#release(true);
  }

  /** Forgets the packet before, as the stream has restarted. */
  restart(): void {
    if (this.#held) this.#release(true);
    this.#last.sequence = -1;
  }

  #judge(sequence: number, timestamp: number, marker: boolean): void {
    const last = this.#last;
    // Without the packets between, nothing is known.
    if (sequence === last.sequence + 1) {
      if ((timestamp === last.timestamp) === last.marker) this.#wrong += WRONG_WEIGHT;
      else if (this.#wrong > 0 && last.marker) this.#wrong--;
      if (this.#wrong >= DISTRUST_AT) this.#distrusted = true;
    }
    last.sequence = sequence;
    last.timestamp = timestamp;
    last.marker = marker;
  }

  #release(marker: boolean): void {
    const { packet, sequence, timestamp, orientation, at } = this.#held!;
    this.#held = undefined;
    this.#layer.writePacket(packet, sequence, timestamp, marker, orientation, at);
  }
}
