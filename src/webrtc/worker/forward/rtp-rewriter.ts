import type { Clock } from '../../../platform/index.js';
import type { Layer } from '../receive/layer.js';
import { type Vp8Shift, vp8ShiftAfter } from './vp8-shift.js';

/** Smallest timestamp step at a switch, s: one frame at 30 fps. */
const MINIMUM_STEP_S = 1 / 30;

/** Backlog timestamps are compressed by 2 to the power of this; frames keep distinct timestamps. */
const BACKLOG_COMPRESSION_SHIFT = 6;

/** Offsets added to a layer's sequence numbers and timestamps between two switches. */
type Offsets = {
  layer: Layer;
  sequenceOffset: number;
  timestampOffset: number;
  vp8Shift: Vp8Shift | undefined;
  /** First packet that was live when the reader was attached, and the timestamp of the one before it. */
  liveSequence: number;
  liveTimestamp: number;
};

/** Offsets before the last switch; `end` is the last sequence number they produced. */
type PreviousOffsets = Offsets & { end: number };

export type RtpRewriterOptions = {
  /**
   * Compresses the timestamps of the backlog sent on join. Receivers derive a stream's clock from the arrival of its
   * first packets, and would otherwise be delayed by the length of the backlog.
   */
  compressesBacklog?: boolean;
};

/**
 * Combines packets of successive layers into one stream. Sequence numbers stay contiguous at a switch, and timestamps
 * advance by the elapsed time.
 */
export class RtpRewriter {
  layer: Layer | undefined;
  /** The layer's sequence number of the first packet; earlier ones that arrive late are not part of the stream. */
  first = 0;
  sequenceOffset = 0;
  timestampOffset = 0;
  /** Shift of VP8 picture ids after a switch. */
  vp8Shift: Vp8Shift | undefined;
  /** Highest sequence number produced, extended, with its timestamp; -1 before the first. */
  lastSequence = -1;
  lastTimestamp = 0;
  liveSequence = 0;
  liveTimestamp = 0;
  /** Offsets before the switch: viewers may still request those packets. */
  previous: PreviousOffsets | undefined;
  readonly #clock: Clock;
  readonly #compressesBacklog: boolean;

  constructor(clock: Clock, { compressesBacklog = false }: RtpRewriterOptions = {}) {
    this.#clock = clock;
    this.#compressesBacklog = compressesBacklog;
  }

  /** Continues the stream with packet `sequence` of this layer. */
  switchLayer(layer: Layer, sequence: number): void {
    const before = this.layer;
    const hasBacklog = this.#compressesBacklog && sequence <= layer.head;
    const liveSequence = hasBacklog ? layer.head + 1 : sequence;
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

  #timestampOffset(
    layer: Layer,
    sequence: number,
    begin: Pick<Offsets, 'liveSequence' | 'liveTimestamp'>,
  ): number {
    const slot = layer.ring.slotOf(sequence);
    const start =
      slot < 0
        ? layer.headTimestamp
        : rewriteTimestamp({ ...begin, timestampOffset: 0 }, sequence, layer.ring.timestamps[slot]!);
    const offset = this.#continuousOffset(layer);
    // Timestamps always increase at a switch.
    const step = (start + offset - this.lastTimestamp) | 0;
    const minimumTicks = Math.round(layer.rate * MINIMUM_STEP_S);
    return (step >= minimumTicks ? offset : offset + (minimumTicks - step)) | 0;
  }

  /**
   * Returns the offset that keeps timestamps continuous: by sender reports when both layers have them, else by the
   * time elapsed between arrivals.
   */
  #continuousOffset(layer: Layer): number {
    const before = this.layer!;
    const now = this.#clock.now();
    if (before !== layer && before.mediaClock.exact && layer.mediaClock.exact) {
      const old = before.mediaClock.timestampAt(now)!;
      return (old + this.timestampOffset - layer.mediaClock.timestampAt(now)!) | 0;
    }
    const elapsedMs = Math.max(0, layer.headAt - before.headAt);
    const ticks = Math.round((elapsedMs * layer.rate) / 1000);
    return (this.lastTimestamp + ticks - layer.headTimestamp) | 0;
  }
}

/** Returns the outgoing timestamp (32 bits) of a packet of the layer. */
export function rewriteTimestamp(
  {
    liveSequence,
    liveTimestamp,
    timestampOffset,
  }: Pick<Offsets, 'liveSequence' | 'liveTimestamp' | 'timestampOffset'>,
  sequence: number,
  timestamp: number,
): number {
  if (sequence >= liveSequence) return (timestamp + timestampOffset) >>> 0;
  const ageTicks = (liveTimestamp - timestamp) | 0;
  return (liveTimestamp - (ageTicks >> BACKLOG_COMPRESSION_SHIFT) + timestampOffset) >>> 0;
}
