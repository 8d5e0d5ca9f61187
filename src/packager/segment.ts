/** A partial segment (RFC 8216bis, 4.4.4.9): one moof and mdat. */
export type Part = {
  data: Buffer;
  /** Seconds. */
  duration: number;
  /** Begins with a picture that can be decoded by itself; always true for sound. */
  independent: boolean;
};

/** A segment; its parts are where its bytes are kept. */
export type Segment = {
  /** Media sequence number. */
  msn: number;
  /** Index of the encoder run that it belongs to. */
  run: number;
  /** How many discontinuities stand before it, behind the segment before it in this rendition. */
  discontinuities: number;
  /** Unix ms of its first presented sample. */
  programDateTime: number;
  /** Seconds; the sum of its parts. */
  duration: number;
  bytes: number;
  parts: Part[];
  /** No further part will come. */
  complete: boolean;
  /** Other renditions have it, this one does not (RFC 8216bis, 4.4.4.7). */
  gap: boolean;
};

/**
 * The whole segment in one buffer. Made once, when somebody asks: from then on the parts are views into it, so that
 * nothing is held twice.
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
