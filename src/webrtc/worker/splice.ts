import type { Clock } from '../../platform/index.js';
import type { Layer } from './layer.js';
import { type Vp8Shift, vp8ShiftAfter } from './vp8-shift.js';

/** A step of the timestamps over a cut for which no time can be told: one frame of 30 a second. */
const FRAME_SECONDS = 1 / 30;

/** What was added to the numbers of a layer before the last cut, and the last number that was given so. */
type Spliced = {
  layer: Layer;
  sequenceOffset: number;
  timestampOffset: number;
  vp8Shift: Vp8Shift | undefined;
  end: number;
};

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
  /** Of VP8, after a cut. */
  vp8Shift: Vp8Shift | undefined;
  /** The highest number that was given, with its timestamp; extended, -1 before the first. */
  lastSequence = -1;
  lastTimestamp = 0;
  /** Where the stream was before the cut: retransmissions may still be asked for. */
  previous: Spliced | undefined;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The stream goes on with packet `sequence` of this layer. */
  begin(layer: Layer, sequence: number): void {
    const before = this.layer;
    if (this.lastSequence >= 0) {
      const timestampOffset = this.#timestampOffset(layer, sequence);
      const vp8Shift = this.#vp8Shift(layer, sequence);
      this.previous = before && {
        layer: before,
        sequenceOffset: this.sequenceOffset,
        timestampOffset: this.timestampOffset,
        vp8Shift: this.vp8Shift,
        end: this.lastSequence,
      };
      this.sequenceOffset = this.lastSequence + 1 - sequence;
      this.timestampOffset = timestampOffset;
      this.vp8Shift = vp8Shift;
    } else {
      this.sequenceOffset = 0;
      this.timestampOffset = 0;
      this.vp8Shift = undefined;
    }
    this.layer = layer;
    this.first = sequence;
  }

  #vp8Shift(layer: Layer, sequence: number): Vp8Shift | undefined {
    const before = this.layer;
    if (layer.codec !== 'vp8' || before?.codec !== 'vp8') return undefined;
    const last = before.ring.packets[before.ring.slotOf(this.lastSequence - this.sequenceOffset)];
    const next = layer.ring.packets[layer.ring.slotOf(sequence)];
    return vp8ShiftAfter(last, next, this.vp8Shift);
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
