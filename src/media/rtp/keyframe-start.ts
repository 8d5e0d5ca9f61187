import type { VideoCodec } from '../source-info.js';
import { startsAv1Sequence } from './av1-elements.js';
import { readVp8Descriptor } from './vp8-descriptor.js';
import { readVp9Descriptor } from './vp9-descriptor.js';

/** NAL unit types (ITU-T H.264 table 7-1, RFC 6184 section 5.2). */
const H264_IDR = 5;
const H264_SPS = 7;
const H264_STAP_A = 24;
const H264_FU_A = 28;
const FU_START = 0x80;
/** NAL unit types (ITU-T H.265 table 7-1), and packet types (RFC 7798 section 4.4). */
const HEVC = { firstIrap: 16, lastIrap: 23, vps: 32, pps: 34, aggregation: 48, fragment: 49 } as const;
const HEVC_HEADER_BYTES = 2;

/**
 * Whether the payload from `offset` to `end` begins a picture that decodes without earlier ones, or its parameter
 * sets (H.264: RFC 6184; HEVC: RFC 7798; VP8: RFC 7741; VP9: RFC 9628; AV1: "RTP Payload Format For AV1" of the Alliance for Open
 * Media).
 */
export function startsKeyframe(codec: VideoCodec, packet: Buffer, offset: number, end: number): boolean {
  if (offset >= end) return false;
  switch (codec) {
    case 'h264':
      return startsH264Keyframe(packet, offset, end);
    case 'hevc':
      return startsHevcKeyframe(packet, offset, end);
    case 'vp8': {
      const payload = readVp8Descriptor(packet, offset, end);
      // Bit 0 of the VP8 frame header: 0 is a key frame (RFC 6386 section 9.1).
      return payload?.startsFrame === true && (packet[payload.frameOffset]! & 0x01) === 0;
    }
    case 'vp9': {
      const payload = readVp9Descriptor(packet, offset, end);
      // Higher spatial layers without inter prediction still refer to the layer below.
      return payload?.startsFrame === true && !payload.interPredicted && payload.spatialLayer === 0;
    }
    case 'av1':
      return startsAv1Sequence(packet, offset);
    default:
      return false;
  }
}

function isKeyUnit(type: number): boolean {
  return type === H264_IDR || type === H264_SPS;
}

function startsH264Keyframe(packet: Buffer, offset: number, end: number): boolean {
  const type = packet[offset]! & 0x1f;
  if (isKeyUnit(type)) return true;
  if (type === H264_FU_A) {
    if (offset + 1 >= end) return false;
    const header = packet[offset + 1]!;
    return (header & FU_START) !== 0 && isKeyUnit(header & 0x1f);
  }
  if (type !== H264_STAP_A) return false;
  for (let at = offset + 1; at + 2 < end; ) {
    if (isKeyUnit(packet[at + 2]! & 0x1f)) return true;
    at += 2 + packet.readUInt16BE(at);
  }
  return false;
}

function isHevcKeyUnit(type: number): boolean {
  return (type >= HEVC.firstIrap && type <= HEVC.lastIrap) || (type >= HEVC.vps && type <= HEVC.pps);
}

function startsHevcKeyframe(packet: Buffer, offset: number, end: number): boolean {
  if (offset + HEVC_HEADER_BYTES >= end) return false;
  const type = hevcType(packet, offset);
  if (isHevcKeyUnit(type)) return true;
  if (type === HEVC.fragment) {
    const header = packet[offset + HEVC_HEADER_BYTES]!;
    return (header & FU_START) !== 0 && isHevcKeyUnit(header & 0x3f);
  }
  if (type !== HEVC.aggregation) return false;
  for (let at = offset + HEVC_HEADER_BYTES; at + 2 < end; ) {
    if (isHevcKeyUnit(hevcType(packet, at + 2))) return true;
    at += 2 + packet.readUInt16BE(at);
  }
  return false;
}

function hevcType(packet: Buffer, at: number): number {
  return (packet[at]! >> 1) & 0x3f;
}
