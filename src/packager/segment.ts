import type { SlateReason } from '../streams/index.js';

/** A partial segment (RFC 8216bis, 4.4.4.9): one moof and mdat. */
export type Part = {
  data: Buffer;
  durationS: number;
  /** Begins with a keyframe; always true for audio. */
  independent: boolean;
};

/** Segment; its bytes are those of its parts. */
export type Segment = {
  /** Media sequence number. */
  msn: number;
  /** Index of its encoder run. */
  run: number;
  /** Number of discontinuities between it and the previous segment of this rendition. */
  discontinuities: number;
  /** Time of the first presented sample (Unix). */
  programDateTimeMs: number;
  /** Sum of its parts. */
  durationS: number;
  bytes: number;
  parts: Part[];
  /** No further part will come. */
  complete: boolean;
  /** Shows a slate instead of the publisher's picture. */
  slate: SlateReason | undefined;
  /** Missing here, present in other renditions (RFC 8216bis, 4.4.4.7). */
  gap: boolean;
};

/**
 * Returns the whole segment in one buffer. Built on first use; its parts then become views into it, so that bytes are
 * stored once.
 */
export function segmentBytes(segment: Segment): Buffer {
  const { parts } = segment;
  const [first] = parts;
  if (!first) return Buffer.alloc(0);
  const whole = first.data.buffer;
  if (whole.byteLength === segment.bytes) return Buffer.from(whole, 0, segment.bytes);
  const out = Buffer.allocUnsafeSlow(segment.bytes);
  let at = 0;
  for (const part of parts) {
    const { length } = part.data;
    part.data.copy(out, at);
    part.data = out.subarray(at, at + length);
    at += length;
  }
  return out;
}
