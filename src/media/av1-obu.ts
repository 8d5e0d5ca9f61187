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
/** A leb128 number is written in at most so many bytes (section 4.10.5), and never above 2^32 - 1. */
const LEB128_BYTES = 8;
const LEB128_MAXIMUM = 0xffff_ffff;

/** How many bytes the leb128 number at `offset` takes; 0 when it does not end before `end`, or is too large. */
export function leb128Length(bytes: Uint8Array, offset: number, end: number): number {
  for (let count = 1; count <= LEB128_BYTES && offset + count <= end; count++) {
    if (bytes[offset + count - 1]! < 0x80) return leb128(bytes, offset, count) <= LEB128_MAXIMUM ? count : 0;
  }
  return 0;
}

/** The leb128 number of `length` bytes at `offset`. */
export function leb128(bytes: Uint8Array, offset: number, length: number): number {
  let value = 0;
  for (let i = length - 1; i >= 0; i--) value = value * 128 + (bytes[offset + i]! & 0x7f);
  return value;
}

/** Writes a number as leb128. @returns the offset behind it */
export function writeLeb128(target: Uint8Array, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) target[at++] = (rest % 128) | 0x80;
  target[at++] = rest;
  return at;
}

/** What the first bytes of an OBU say. */
export type Av1ObuHeader = {
  type: number;
  /** 1, or 2 with an extension. */
  headerBytes: number;
  /** With the size field behind the header, if there is one. */
  payloadOffset: number;
  /** As the size field has it; undefined when there is none: the payload then fills what it stands in. */
  size: number | undefined;
};

/** Reads the header of the OBU at `offset` (section 5.3); undefined when it is broken. */
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

/** The first byte of an OBU, changed so that a size field follows its header. */
export function withSize(first: number): number {
  return first | HAS_SIZE;
}
