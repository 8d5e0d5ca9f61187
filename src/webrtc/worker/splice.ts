import type { Clock } from '../../platform/index.js';
import type { Layer } from './layer.js';

/** A step of the timestamps over a cut for which no time can be told: one frame of 30 a second. */
const FRAME_SECONDS = 1 / 30;

/**
 * Makes one stream of what comes from one layer after another: the numbers it adds to those of the layer. A cut is
 * not to be seen in the sequence numbers, and in the timestamps only by the time that has gone by.
 */
export class Splice {
  layer: Layer | undefined;
  /** The layer's number of the first packet; what comes late from before is not part of this stream. */
  first = 0;
  sequenceOffset = 0;
  timestampOffset = 0;
  /** The highest number that was given, with its timestamp; extended, -1 before the first. */
  lastSequence = -1;
  lastTimestamp = 0;
  /** Where the stream was before the cut: retransmissions may still be asked for. */
  previous: { layer: Layer; sequenceOffset: number; timestampOffset: number; end: number } | undefined;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The stream goes on with packet `sequence` of this layer. */
  begin(layer: Layer, sequence: number): void {
    const before = this.layer;
    if (this.lastSequence >= 0) {
      const timestampOffset = this.#timestampOffset(layer, sequence);
      this.previous = before && {
        layer: before,
        sequenceOffset: this.sequenceOffset,
        timestampOffset: this.timestampOffset,
        end: this.lastSequence,
      };
      this.sequenceOffset = this.lastSequence + 1 - sequence;
      this.timestampOffset = timestampOffset;
    } else {
      this.sequenceOffset = 0;
      this.timestampOffset = 0;
    }
    this.layer = layer;
    this.first = sequence;
  }

  #timestampOffset(layer: Layer, sequence: number): number {
    const slot = layer.ring.slotOf(sequence);
    const start = slot < 0 ? layer.headTimestamp : layer.ring.timestamps[slot]!;
    const offset = this.#wantedOffset(layer);
    // Time never stands still or goes back at a cut.
    const step = (start + offset - this.lastTimestamp) | 0;
    const least = Math.round(layer.rate * FRAME_SECONDS);
    return (step >= least ? offset : offset + (least - step)) | 0;
  }

  /** So that the same moment gets the same timestamp as before, or else that the clock on the wall goes on. */
  #wantedOffset(layer: Layer): number {
    const before = this.layer!;
    const now = this.#clock.now();
    if (before !== layer && before.mediaClock.exact && layer.mediaClock.exact) {
      const old = before.mediaClock.timestampAt(now)!;
      return (old + this.timestampOffset - layer.mediaClock.timestampAt(now)!) | 0;
    }
    const elapsed = Math.max(0, layer.headAt - before.headAt);
    const ticks = Math.round((elapsed * layer.rate) / 1000);
    return (this.lastTimestamp + ticks - layer.headTimestamp) | 0;
  }
}
