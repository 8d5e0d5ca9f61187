import { readHevcFormat } from '../hevc-parameter-set.js';
import type { PictureSize } from '../picture-size.js';
import { tryRead } from './h264-syntax.js';
import { type NalSyntax, ROLE, type Role, readSetList, SET, writeSetList } from './nal-syntax.js';

/** nal_unit_type (ITU-T H.265 table 7-1). */
const NAL = {
  raslN: 8,
  raslR: 9,
  reservedVcl: 10,
  blaFirst: 16,
  blaLast: 18,
  cra: 21,
  lastIrap: 23,
  lastVcl: 31,
  vps: 32,
  sps: 33,
  pps: 34,
  delimiter: 35,
  fillerData: 38,
  prefixSei: 39,
  suffixSei: 40,
} as const;
const NAL_HEADER_BYTES = 2;
const FIRST_SLICE_SEGMENT = 0x80;
/** Bytes before the arrays of an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15 8.3.3.1). */
const RECORD_HEAD = 22;
const ARRAY_HEAD = 3;
const MAXIMUM_SETS = 0xffff;

function typeAt(bytes: Uint8Array, start: number): number {
  return (bytes[start]! >> 1) & 0x3f;
}

/** nuh_layer_id: above 0 for the layers of multilayer extensions, such as an alpha channel. */
function layerAt(bytes: Uint8Array, start: number): number {
  return ((bytes[start]! & 1) << 5) | ((bytes[start + 1] ?? 0) >> 3);
}

function isIrap(type: number): boolean {
  return type >= NAL.blaFirst && type <= NAL.lastIrap;
}

export const hevcSyntax: NalSyntax = {
  lengthSizeOffset: RECORD_HEAD - 1,
  maximumIds: [0, 16, 16, 64],
  role(bytes, start): Role {
    const type = typeAt(bytes, start);
    if (type <= NAL.lastVcl) {
      const reserved = (type >= NAL.reservedVcl && type < NAL.blaFirst) || type > NAL.cra;
      if (reserved) return ROLE.unknown;
      return layerAt(bytes, start) === 0 ? ROLE.slice : ROLE.tail;
    }
    if (type <= NAL.delimiter || type === NAL.prefixSei) return ROLE.prefix;
    return type <= NAL.suffixSei ? ROLE.tail : ROLE.unknown;
  },
  setKind(bytes, start) {
    const type = typeAt(bytes, start);
    if (type < NAL.vps || type > NAL.pps || layerAt(bytes, start) !== 0) return SET.none;
    return type === NAL.vps ? SET.vps : type === NAL.sps ? SET.sps : SET.pps;
  },
  startsPicture: (bytes, start) => (bytes[start + NAL_HEADER_BYTES]! & FIRST_SLICE_SEGMENT) !== 0,
  isRandomAccess: (bytes, start) => isIrap(typeAt(bytes, start)),
  isSkippable(bytes, start) {
    const type = typeAt(bytes, start);
    return type === NAL.raslN || type === NAL.raslR;
  },
  breaksLinks(bytes, start) {
    const type = typeAt(bytes, start);
    return type >= NAL.blaFirst && type <= NAL.blaLast;
  },
  recoveryPoint: () => undefined,
  readSetIds(kind, unit) {
    if (kind === SET.vps)
      return tryRead(unit, NAL_HEADER_BYTES, (bits) => ({ id: bits.bits(4), refersTo: 0 }));
    if (kind === SET.sps) {
      const format = readHevcFormat(unit);
      return format && { id: format.id, refersTo: format.vpsId };
    }
    return tryRead(unit, NAL_HEADER_BYTES, (bits) => ({ id: bits.unsigned(), refersTo: bits.unsigned() }));
  },
  readPpsId(bytes, start) {
    return tryRead(bytes, start + NAL_HEADER_BYTES, (bits) => {
      bits.bit(); // first_slice_segment_in_pic_flag
      if (isIrap(typeAt(bytes, start))) bits.bit(); // no_output_of_prior_pics_flag
      return bits.unsigned();
    });
  },
  areFields: () => false,
  readConfiguration(record) {
    if (record.length <= RECORD_HEAD || record[0] !== 1) return undefined;
    const sets: Buffer[] = [];
    let at = RECORD_HEAD + 1;
    for (let arrays = record[RECORD_HEAD]!; arrays > 0; arrays--) {
      if (at + ARRAY_HEAD > record.length) return undefined;
      const list = readSetList(record, at + ARRAY_HEAD, record.readUInt16BE(at + 1));
      if (!list) return undefined;
      sets.push(...list.sets.filter((set) => hevcSyntax.setKind(set, 0) !== SET.none));
      at = list.end;
    }
    return { lengthSize: (record[RECORD_HEAD - 1]! & 0x03) + 1, sets };
  },
  buildConfiguration(sets) {
    const ofType = (type: number): Buffer[] => sets.filter((set) => typeAt(set, 0) === type);
    const sps = ofType(NAL.sps)[0];
    const format = sps && readHevcFormat(sps);
    if (!format || ofType(NAL.pps).length === 0 || sets.length > MAXIMUM_SETS) return undefined;
    const { chromaFormat, lumaDepth, chromaDepth, subLayers, temporalNesting } = format;
    const arrays = [NAL.vps, NAL.sps, NAL.pps].map((type) => ({ type, list: ofType(type) }));
    return Buffer.concat([
      Buffer.from([1]),
      format.profile,
      // No minimum of segmentation, parallelism unknown, no average frame rate.
      Buffer.from([
        0xf0,
        0,
        0xfc,
        0xfc | chromaFormat,
        0xf8 | (lumaDepth - 8),
        0xf8 | (chromaDepth - 8),
        0,
        0,
      ]),
      Buffer.from([(subLayers << 3) | (temporalNesting << 2) | 3, arrays.length]),
      ...arrays.flatMap(({ type, list }) => [
        // array_completeness.
        Buffer.from([0x80 | type, list.length >> 8, list.length & 0xff]),
        ...writeSetList(list),
      ]),
    ]);
  },
};

/** Returns the size of the pictures that an HEVCDecoderConfigurationRecord announces, after cropping. */
export function readHevcShownSize(record: Buffer): PictureSize | undefined {
  const sets = hevcSyntax.readConfiguration(record)?.sets ?? [];
  const sps = sets.find((set) => typeAt(set, 0) === NAL.sps);
  return sps && readHevcFormat(sps)?.shownSize;
}

/** Returns the parameter sets of an HEVCDecoderConfigurationRecord; undefined if it is invalid. */
export function readHevcParameterSets(record: Buffer): Buffer[] | undefined {
  return hevcSyntax.readConfiguration(record)?.sets;
}
