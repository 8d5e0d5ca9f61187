import type { RecoveryPoint } from './video-normaliser.js';

/** Place of a NAL unit in an access unit. */
export const ROLE = {
  /** Precedes the slices of a picture: access unit delimiters, parameter sets, SEI. */
  prefix: 0,
  slice: 1,
  /** Follows the slice before: partitions, auxiliary pictures, filler data. */
  tail: 2,
  /** Reserved or unspecified: left out. */
  unknown: 3,
} as const;
export type Role = (typeof ROLE)[keyof typeof ROLE];

/** Kinds of parameter sets, from the outermost. */
export const SET = { none: 0, vps: 1, sps: 2, pps: 3 } as const;
export type SetKind = (typeof SET)[keyof typeof SET];

/** Parameter sets that apply to one picture. */
export type ActiveSets = { vps: Buffer | undefined; sps: Buffer; pps: Buffer };

/** Differences between H.264 and HEVC. Units are given by their position, without the length in front. */
export type NalSyntax = {
  /** Offset of lengthSizeMinusOne in a decoder configuration record. */
  readonly lengthSizeOffset: number;
  /** Maxima of ids, exclusive, by kind of set. */
  readonly maximumIds: readonly number[];
  role(bytes: Uint8Array, start: number): Role;
  setKind(bytes: Uint8Array, start: number): SetKind;
  /** Whether a slice is the first of its picture. */
  startsPicture(bytes: Uint8Array, start: number): boolean;
  isRandomAccess(bytes: Uint8Array, start: number): boolean;
  /** Whether decoding cannot start before this picture's preceding random access point. */
  isSkippable(bytes: Uint8Array, start: number): boolean;
  /** Whether skippable pictures never decode after this random access point. */
  breaksLinks(bytes: Uint8Array, start: number): boolean;
  /** Reads a recovery point from an SEI unit; undefined for other units. */
  recoveryPoint(bytes: Uint8Array, start: number, end: number): RecoveryPoint | undefined;
  /** Id of a set and of the set that it refers to. Undefined if it cannot be read. */
  readSetIds(kind: SetKind, unit: Uint8Array): { id: number; refersTo: number } | undefined;
  /** Id of the PPS of a slice. */
  readPpsId(bytes: Uint8Array, start: number): number | undefined;
  /** Whether two slices are the fields of one frame. */
  areFields(first: Uint8Array, second: Uint8Array, sps: Uint8Array | undefined): boolean;
  /** Bytes of the length in front of each unit, and the parameter sets. Undefined for an invalid record. */
  readConfiguration(record: Buffer): { lengthSize: number; sets: Buffer[] } | undefined;
  /** Builds a decoder configuration record with lengths of four bytes; the first SPS is the active one. */
  buildConfiguration(sets: readonly Buffer[]): Buffer | undefined;
};

/** Reads 16 bits of length and that many bytes, `count` times. @returns undefined beyond the end */
export function readSetList(
  record: Buffer,
  start: number,
  count: number,
): { sets: Buffer[]; end: number } | undefined {
  const sets: Buffer[] = [];
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + 2 > record.length) return undefined;
    const end = at + 2 + record.readUInt16BE(at);
    if (end > record.length) return undefined;
    if (end > at + 2) sets.push(record.subarray(at + 2, end));
    at = end;
  }
  return { sets, end: at };
}

/** Writes sets, each after 16 bits of length. */
export function writeSetList(sets: readonly Buffer[]): Buffer[] {
  return sets.flatMap((set) => [Buffer.from([set.length >> 8, set.length & 0xff]), set]);
}
