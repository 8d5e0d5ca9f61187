import type { TrackInit } from '../media/index.js';
import type { SlateReason } from '../streams/index.js';
import type { RenditionWindow } from './rendition-window.js';
import type { Segment } from './segment.js';

/** A segment that is complete, with its bytes, for a listener of the packager. */
export type CompletedSegment = {
  renditionId: string;
  /** Initialization section of its encoder run. */
  init: TrackInit;
  /** Frames per second, measured or announced (video only). */
  frameRate: number | undefined;
  /** Index of its encoder run: another run is a discontinuity. */
  run: number;
  /** Its run shows a slate. */
  slate: SlateReason | undefined;
  /** Media sequence number, the same for all renditions. */
  msn: number;
  /** Time of the first presented sample (Unix). */
  programDateTimeMs: number;
  durationS: number;
  sizeBytes: number;
  /** Its bytes in order; never changed. */
  parts: readonly Buffer[];
};

/** Called with each segment of each rendition, once, when it is complete. Must not throw. */
export type SegmentListener = (
  broadcast: { streamId: string; broadcastId: string },
  segment: CompletedSegment,
) => void;

export function completedSegment(
  window: RenditionWindow,
  segment: Segment,
  init: TrackInit,
): CompletedSegment {
  return {
    renditionId: window.id,
    init,
    frameRate: window.kind === 'video' ? window.frameRate : undefined,
    run: segment.run,
    slate: segment.slate,
    msn: segment.msn,
    programDateTimeMs: segment.programDateTimeMs,
    durationS: segment.durationS,
    sizeBytes: segment.bytes,
    parts: segment.parts.map(({ data }) => data),
  };
}
