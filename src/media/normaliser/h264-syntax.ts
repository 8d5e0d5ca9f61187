import { BitReader, withoutEmulationPrevention } from '../bit-reader.js';
import { readH264Format } from '../h264-configuration.js';
import { type NalSyntax, ROLE, type Role, readSetList, SET, writeSetList } from './nal-syntax.js';

/** nal_unit_type (ITU-T H.264 table 7-1). */
const NAL = { slice: 1, partitionA: 2, idr: 5, sei: 6, sps: 7, pps: 8 } as const;
const TYPE_MASK = 0x1f;
/** Roles by nal_unit_type; types after the last are unspecified. */
const ROLES: readonly Role[] = [
  ROLE.unknown, // 0
  ROLE.slice,
  ROLE.slice, // 2: partition A
  ROLE.tail,
  ROLE.tail, // 4: partition C
  ROLE.slice, // 5: IDR
  ROLE.prefix,
  ROLE.prefix,
  ROLE.prefix,
  ROLE.prefix, // 9: access unit delimiter
  ROLE.tail, // 10: end of sequence
  ROLE.tail,
  ROLE.tail, // 12: filler data
  ROLE.prefix, // 13: SPS extension
  ROLE.prefix, // 14: prefix of a slice
  ROLE.prefix, // 15: subset SPS
  ROLE.unknown,
  ROLE.unknown,
  ROLE.unknown,
  ROLE.tail, // 19: auxiliary picture
  ROLE.tail,
  ROLE.tail,
];
/** payloadType of recovery_point (annex D.1.1). */
const SEI_RECOVERY_POINT = 6;
/** Bytes of a slice header up to its field flags, at most. */
const SLICE_HEAD_BYTES = 24;
/** Bytes before the sets of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1). */
const RECORD_HEAD = 5;
const PROFILES_WITHOUT_FORMAT = new Set([66, 77, 88]);
const MAXIMUM_SPS = 31;
const MAXIMUM_PPS = 255;

/** first_mb_in_slice is 0: its Exp-Golomb code is one bit. */
const FIRST_MACROBLOCK = 0x80;

function typeAt(bytes: Uint8Array, start: number): number {
  return bytes[start]! & TYPE_MASK;
}

export const h264Syntax: NalSyntax = {
  lengthSizeOffset: RECORD_HEAD - 1,
  maximumIds: [0, 0, 32, 256],
  role: (bytes, start) => ROLES[typeAt(bytes, start)] ?? ROLE.unknown,
  setKind(bytes, start) {
    const type = typeAt(bytes, start);
    return type === NAL.sps ? SET.sps : type === NAL.pps ? SET.pps : SET.none;
  },
  startsPicture: (bytes, start) => (bytes[start + 1]! & FIRST_MACROBLOCK) !== 0,
  isRandomAccess: (bytes, start) => typeAt(bytes, start) === NAL.idr,
  isSkippable: () => false,
  breaksLinks: () => false,
  recoveryPoint(bytes, start, end) {
    if (typeAt(bytes, start) !== NAL.sei) return undefined;
    for (let at = start + 1; at + 2 < end; ) {
      let type = 0;
      let size = 0;
      for (; at < end && bytes[at] === 0xff; at++) type += 255;
      type += bytes[at++] ?? 0;
      for (; at < end && bytes[at] === 0xff; at++) size += 255;
      size += bytes[at++] ?? 0;
      // recovery_frame_cnt is 0: its code is one bit.
      if (type === SEI_RECOVERY_POINT && at < end) return bytes[at]! & 0x80 ? 'open-gop' : 'gradual';
      at += size;
    }
    return undefined;
  },
  readSetIds(kind, unit) {
    if (kind === SET.sps) {
      const format = readH264Format(unit);
      return format && { id: format.id, refersTo: 0 };
    }
    return tryRead(unit, 1, (bits) => ({ id: bits.unsigned(), refersTo: bits.unsigned() }));
  },
  readPpsId(bytes, start) {
    return tryRead(bytes, start + 1, (bits) => {
      bits.unsigned(); // first_mb_in_slice
      bits.unsigned(); // slice_type
      return bits.unsigned();
    });
  },
  areFields(first, second, sps) {
    const format = sps && readH264Format(sps);
    if (!format || format.framesOnly) return false;
    const read = (slice: Uint8Array): { frameNumber: number; bottom: number } | undefined =>
      tryRead(slice, 1, (bits) => {
        for (let i = 0; i < 3; i++) bits.unsigned(); // first_mb_in_slice, slice_type, pic_parameter_set_id
        if (format.separatePlanes) bits.skip(2);
        const frameNumber = bits.bits(format.frameNumberBits);
        return bits.flag() ? { frameNumber, bottom: bits.bit() } : undefined;
      });
    const one = read(first);
    const other = read(second);
    return !!one && !!other && one.frameNumber === other.frameNumber && one.bottom !== other.bottom;
  },
  readConfiguration(record) {
    if (record.length < RECORD_HEAD + 2 || record[0] !== 1) return undefined;
    const sps = readSetList(record, RECORD_HEAD + 1, record[RECORD_HEAD]! & 0x1f);
    if (!sps) return undefined;
    // Some encoders end their record here, and send the PPS in band.
    const pps = sps.end < record.length ? readSetList(record, sps.end + 1, record[sps.end]!) : undefined;
    const sets = [...sps.sets, ...(pps?.sets ?? [])].filter((set) => h264Syntax.setKind(set, 0) !== SET.none);
    return { lengthSize: (record[RECORD_HEAD - 1]! & 0x03) + 1, sets };
  },
  buildConfiguration(sets) {
    const sps = sets.filter((set) => typeAt(set, 0) === NAL.sps).slice(0, MAXIMUM_SPS);
    const pps = sets.filter((set) => typeAt(set, 0) === NAL.pps).slice(0, MAXIMUM_PPS);
    const format = sps[0] && readH264Format(sps[0]);
    if (!format || pps.length === 0) return undefined;
    const { profile, constraints, level, chromaFormat, lumaDepth, chromaDepth } = format;
    const extension = PROFILES_WITHOUT_FORMAT.has(profile)
      ? []
      : [0xfc | chromaFormat, 0xf8 | (lumaDepth - 8), 0xf8 | (chromaDepth - 8), 0];
    return Buffer.concat([
      Buffer.from([1, profile, constraints, level, 0xff, 0xe0 | sps.length]),
      ...writeSetList(sps),
      Buffer.from([pps.length]),
      ...writeSetList(pps),
      Buffer.from(extension),
    ]);
  },
};

/** Reads the beginning of a unit. @returns undefined at its end */
export function tryRead<T>(unit: Uint8Array, offset: number, read: (bits: BitReader) => T): T | undefined {
  try {
    return read(new BitReader(withoutEmulationPrevention(unit.subarray(offset, offset + SLICE_HEAD_BYTES))));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/**
 * Reads the parameter sets of an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1), which follows the five header
 * bytes of an AVC sequence header. Returns undefined if it is invalid.
 */
export function readH264ParameterSets(record: Buffer): Buffer[] | undefined {
  return h264Syntax.readConfiguration(record)?.sets;
}
