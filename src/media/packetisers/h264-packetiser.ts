import {
  isRandomAccessUnit,
  NalPacketiser,
  type NalPacketiserOptions,
  type NalPacketSyntax,
} from './nal-packetiser.js';

/** nal_unit_type (ITU-T H.264 table 7-1) and packet types (RFC 6184 section 5.2). */
const NAL = { slice: 1, idr: 5, sps: 7, pps: 8, stapA: 24, fuA: 28 } as const;
const TYPE_MASK = 0x1f;
const NRI_MASK = 0x60;

const H264: NalPacketSyntax = {
  headerBytes: 1,
  // FU indicator and FU header (RFC 6184 section 5.8) replace the header of the NAL unit.
  fragmentHeaderBytes: 2,
  typeOf: (data, at) => data[at]! & TYPE_MASK,
  isRandomAccess: (type) => type === NAL.idr,
  isSlice: (type) => type === NAL.slice || type === NAL.idr,
  isParameterSet: (type) => type === NAL.sps || type === NAL.pps,
  aggregationHeader: (headers) => Math.max(...headers.map((header) => header & NRI_MASK)) | NAL.stapA,
  writeFragmentHeader(output, at, header, flags) {
    output[at] = (header & ~TYPE_MASK) | NAL.fuA;
    output[at + 1] = flags | (header & TYPE_MASK);
  },
};

/** Whether an access unit is a random access point: it has an IDR picture. */
export function isH264Keyframe(data: Buffer, offset: number): boolean {
  return isRandomAccessUnit(H264, data, offset);
}

/** Packetises H.264 (RFC 6184, packetization mode 1). */
export class H264Packetiser extends NalPacketiser {
  constructor(options: NalPacketiserOptions) {
    super(H264, options);
  }
}
