import type { Clock } from '../../../platform/index.js';
import type { Layer } from '../receive/layer.js';
import { type Vp8Shift, vp8ShiftAfter } from './vp8-shift.js';

/** A step of the timestamps over a cut for which no time can be told: one frame of 30 a second. */
const MINIMUM_STEP_S = 1 / 30;

/** The past goes by so much faster, by its timestamps: 2 to the power of this. Pictures are still told apart. */
const BACKLOG_COMPRESSION_SHIFT = 6;

/** What is added to the numbers of a layer between two cuts. */
type Offsets = {
  layer: Layer;
  sequenceOffset: number;
  timestampOffset: number;
  vp8Shift: Vp8Shift | undefined;
  /** Packets before this one were past when the reader began; and the timestamp of the one before it. */
  liveSequence: number;
  liveTimestamp: number;
};

/** Before the last cut; `end` is the last number that was given so. */
type PreviousOffsets = Offsets & { end: number };

export type RtpRewriterOptions = {
  /**
   * What a reader is sent of the past, so that it can begin at once, gets timestamps of the present: receivers take the
   * clock of a stream from the arrival of its first packets, and would be out of time by the length of that past.
   */
  compressesBacklog?: boolean;
};

/**
 * Makes one stream of what comes from one layer after another: the numbers it adds to those of the layer. A cut is
 * not to be seen in the sequence numbers, and in the timestamps only by the time that has gone by.
 */
export class RtpRewriter {
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
  liveSequence = 0;
  liveTimestamp = 0;
  /** Where the stream was before the cut: retransmissions may still be asked for. */
  previous: PreviousOffsets | undefined;
  readonly #clock: Clock;
  readonly #compressesBacklog: boolean;

  constructor(clock: Clock, { compressesBacklog = false }: RtpRewriterOptions = {}) {
    this.#clock = clock;
    this.#compressesBacklog = compressesBacklog;
  }

  /** The stream goes on with packet `sequence` of this layer. */
  switchLayer(layer: Layer, sequence: number): void {
    const before = this.layer;
    const past = this.#compressesBacklog && sequence <= layer.head;
    const liveSequence = past ? layer.head + 1 : sequence;
    const liveTimestamp = layer.headTimestamp;
    if (this.lastSequence >= 0) {
      const timestampOffset = this.#timestampOffset(layer, sequence, { liveSequence, liveTimestamp });
      const vp8Shift = this.#vp8Shift(layer, sequence);
      this.previous = before && {
        layer: before,
        sequenceOffset: this.sequenceOffset,
        timestampOffset: this.timestampOffset,
        vp8Shift: this.vp8Shift,
        liveSequence: this.liveSequence,
        liveTimestamp: this.liveTimestamp,
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
    this.liveSequence = liveSequence;
    this.liveTimestamp = liveTimestamp;
  }

  #vp8Shift(layer: Layer, sequence: number): Vp8Shift | undefined {
    const before = this.layer;
    if (layer.codec !== 'vp8' || before?.codec !== 'vp8') return undefined;
    const last = before.ring.packets[before.ring.slotOf(this.lastSequence - this.sequenceOffset)];
    const next = layer.ring.packets[layer.ring.slotOf(sequence)];
    return vp8ShiftAfter(last, next, this.vp8Shift);
  }

  #timestampOffset(layer: Layer, sequence: number, begin: Pick<Offsets, 'liveSequence' | 'liveTimestamp'>): number {
    const slot = layer.ring.slotOf(sequence);
    const start =
      slot < 0
        ? layer.headTimestamp
        : rewriteTimestamp({ ...begin, timestampOffset: 0 }, sequence, layer.ring.timestamps[slot]!);
    const offset = this.#continuousOffset(layer);
    // Time never stands still or goes back at a cut.
    const step = (start + offset - this.lastTimestamp) | 0;
    const least = Math.round(layer.rate * MINIMUM_STEP_S);
    return (step >= least ? offset : offset + (least - step)) | 0;
  }

  /** So that the same moment gets the same timestamp as before, or else that the clock on the wall goes on. */
  #continuousOffset(layer: Layer): number {
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

/** The timestamp (32 bits) that a packet of the layer is given. */
export function rewriteTimestamp(
  { liveSequence, liveTimestamp, timestampOffset }: Pick<Offsets, 'liveSequence' | 'liveTimestamp' | 'timestampOffset'>,
  sequence: number,
  timestamp: number,
): number {
  if (sequence >= liveSequence) return (timestamp + timestampOffset) >>> 0;
  const ago = (liveTimestamp - timestamp) | 0;
  return (liveTimestamp - (ago >> BACKLOG_COMPRESSION_SHIFT) + timestampOffset) >>> 0;
}
