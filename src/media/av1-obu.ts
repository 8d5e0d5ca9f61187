/** Types of OBUs (AV1 Bitstream & Decoding Process Specification, section 6.2.2). */
export const AV1_OBU = {
  sequenceHeader: 1,
  temporalDelimiter: 2,
  frameHeader: 3,
  frame: 6,
  tileList: 8,
  padding: 15,
} as const;

/** Bits of an OBU's first byte (section 5.3.2). */
const FORBIDDEN = 0x80;
const HAS_EXTENSION = 0x04;
const HAS_SIZE = 0x02;
/** Limits of leb128 (section 4.10.5): eight bytes, value at most 2^32 - 1. */
const LEB128_BYTES = 8;
const LEB128_MAXIMUM = 0xffff_ffff;

/**
 * Returns the number of bytes of the leb128 value at `offset`; 0 if it does not end before `end`, or exceeds 2^32 -
 * 1.
 */
export function leb128Length(bytes: Uint8Array, offset: number, end: number): number {
  for (let count = 1; count <= LEB128_BYTES && offset + count <= end; count++) {
    if (bytes[offset + count - 1]! < 0x80) return leb128(bytes, offset, count) <= LEB128_MAXIMUM ? count : 0;
  }
  return 0;
}

/** Reads the leb128 value of `length` bytes at `offset`. */
export function leb128(bytes: Uint8Array, offset: number, length: number): number {
  let value = 0;
  for (let i = length - 1; i >= 0; i--) value = value * 128 + (bytes[offset + i]! & 0x7f);
  return value;
}

/** Writes a value as leb128. @returns the offset after it */
export function writeLeb128(target: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) target[at++] = (rest % 128) | 0x80;
  target[at++] = rest;
  return at;
}

/** Header of an OBU. */
export type Av1ObuHeader = {
  type: number;
  /** 1, or 2 with the extension byte. */
  headerBytes: number;
  /** Offset after the header and, if present, the size field. */
  payloadOffset: number;
  /** Payload bytes as in the size field; undefined without one: the payload then fills its container. */
  size: number | undefined;
};

/** Reads the OBU header at `offset` (section 5.3). Returns undefined if it is invalid. */
export function readAv1ObuHeader(bytes: Uint8Array, offset: number, end: number): Av1ObuHeader | undefined {
  const first = bytes[offset];
  if (first === undefined || offset >= end || (first & FORBIDDEN) !== 0) return undefined;
  const headerBytes = first & HAS_EXTENSION ? 2 : 1;
  const behind = offset + headerBytes;
  if (behind > end) return undefined;
  const type = (first >> 3) & 0x0f;
  if ((first & HAS_SIZE) === 0) return { type, headerBytes, payloadOffset: behind, size: undefined };
  const length = leb128Length(bytes, behind, end);
  if (length === 0) return undefined;
  return { type, headerBytes, payloadOffset: behind + length, size: leb128(bytes, behind, length) };
}

/** Returns the first byte of an OBU header with obu_has_size_field set. */
export function withSize(first: number): number {
  return first | HAS_SIZE;
}
