import {
  isRandomAccessUnit,
  NalPacketiser,
  type NalPacketiserOptions,
  type NalPacketSyntax,
} from './nal-packetiser.js';

/** nal_unit_type (ITU-T H.265 table 7-1) and packet types (RFC 7798 section 4.4). */
const NAL = {
  firstIrap: 16,
  lastIrap: 23,
  lastVcl: 31,
  vps: 32,
  pps: 34,
  aggregation: 48,
  fragment: 49,
} as const;
/** Fields of a NAL unit header, of two bytes (RFC 7798 section 1.1.4). */
const TYPE_SHIFT = 9;
const TYPE_BITS = 0x7e00;
const LAYER_BITS = 0x01f8;
const TEMPORAL_ID_BITS = 0x0007;

const HEVC: NalPacketSyntax = {
  headerBytes: 2,
  // The header of the packet, which replaces that of the unit, and the FU header (RFC 7798 section 4.4.3).
  fragmentHeaderBytes: 3,
  typeOf: (data, at) => (data[at]! >> 1) & 0x3f,
  isRandomAccess: (type) => type >= NAL.firstIrap && type <= NAL.lastIrap,
  isSlice: (type) => type <= NAL.lastVcl,
  isParameterSet: (type) => type >= NAL.vps && type <= NAL.pps,
  // LayerId and TID are the lowest of the units (section 4.4.2).
  aggregationHeader: (headers) =>
    (NAL.aggregation << TYPE_SHIFT) |
    Math.min(...headers.map((header) => header & LAYER_BITS)) |
    Math.min(...headers.map((header) => header & TEMPORAL_ID_BITS)),
  writeFragmentHeader(output, at, header, flags) {
    output.writeUInt16BE((header & ~TYPE_BITS & 0xffff) | (NAL.fragment << TYPE_SHIFT), at);
    output[at + 2] = flags | ((header & TYPE_BITS) >> TYPE_SHIFT);
  },
};

/** Whether an access unit is a random access point: it has an IRAP picture. */
export function isHevcKeyframe(data: Buffer, offset: number): boolean {
  return isRandomAccessUnit(HEVC, data, offset);
}

/** Packetises HEVC (RFC 7798), without DONL fields. */
export class HevcPacketiser extends NalPacketiser {
  constructor(options: NalPacketiserOptions) {
    super(HEVC, options);
  }
}
