import { readAv1CodedSize } from '../av1-sequence-header.js';
import { larger } from '../coded-size.js';
import { readH264CodedSize, readH264Sps } from '../h264-configuration.js';
import { readHevcFormat } from '../hevc-parameter-set.js';
import type { PictureSize } from '../picture-size.js';
import type { VideoCodec } from '../source-info.js';
import { readVp8CodedSize, readVp9CodedSize } from '../vpx-frame-header.js';
import { findAv1SequenceHeader } from './av1-elements.js';
import { readVp8Descriptor } from './vp8-descriptor.js';
import { readVp9Descriptor } from './vp9-descriptor.js';

const H264_SPS = 7;
const H264_STAP_A = 24;
const H264_FU_A = 28;
const FU_START = 0x80;
const HEVC_SPS = 33;
const HEVC_AGGREGATION = 48;
/** Cropping that encoders need to fill up macroblocks, or pairs of them in interlaced pictures, is less; pixels. */
const LARGEST_CROP = 64;
/**
 * VP8 frame header (RFC 6386 section 9.1): a frame tag of three bytes, this start code, width and height of 14 bits
 * each.
 */

/**
 * Reads the picture size if the payload from `offset` to `end` carries it: in H.264 and HEVC parameter sets, VP8 and VP9 key
 * frames, the VP9 scalability structure and the AV1 sequence header (largest layer).
 */
export function readPictureSize(
  codec: VideoCodec,
  packet: Buffer,
  offset: number,
  end: number,
): PictureSize | undefined {
  if (codec === 'h264') return readH264Size(packet, offset, end);
  if (codec === 'hevc') return readHevcSize(packet, offset, end);
  if (codec === 'vp8') return readVp8Size(packet, offset, end);
  if (codec === 'vp9') return readVp9Size(packet, offset, end);
  if (codec === 'av1') return readAv1Size(packet, offset, end);
  return undefined;
}

function readH264Size(packet: Buffer, offset: number, end: number): PictureSize | undefined {
  if (offset >= end) return undefined;
  const type = packet[offset]! & 0x1f;
  // The FU header (RFC 6184 section 5.8) has the NAL unit type in the same bits as a NAL unit header.
  if (type === H264_FU_A)
    return (packet[offset + 1]! & FU_START) === 0 ? undefined : readSpsSize(packet, offset + 1, end);
  // Some encoders send an access unit delimiter before the parameter sets.
  if (type !== H264_STAP_A) return readSpsSize(packet, offset, end);
  let found: PictureSize | undefined;
  for (let at = offset + 1; at + 2 < end; ) {
    const unit = at + 2;
    at = unit + packet.readUInt16BE(at);
    if (at <= end) found = larger(found, readSpsSize(packet, unit, at));
  }
  return found;
}

function readSpsSize(packet: Buffer, start: number, end: number): PictureSize | undefined {
  if (start >= end || (packet[start]! & 0x1f) !== H264_SPS) return undefined;
  const unit = packet.subarray(start, end);
  const coded = readH264CodedSize(unit);
  const shown = readH264Sps(unit);
  if (!coded || !shown) return coded;
  // Larger cropping would hide the size that a decoder allocates.
  const hidden = Math.max(coded.width - shown.width, coded.height - shown.height);
  return hidden < LARGEST_CROP ? { width: shown.width, height: shown.height } : coded;
}

/** Parameter sets of HEVC come together in the first packet of a keyframe (RFC 7798 section 4.4.2), or alone. */
function readHevcSize(packet: Buffer, offset: number, end: number): PictureSize | undefined {
  if (offset + 2 >= end) return undefined;
  const typeAt = (at: number): number => (packet[at]! >> 1) & 0x3f;
  if (typeAt(offset) === HEVC_SPS) return readHevcFormat(packet.subarray(offset, end))?.shownSize;
  if (typeAt(offset) !== HEVC_AGGREGATION) return undefined;
  for (let at = offset + 2; at + 2 < end; ) {
    const unit = at + 2;
    at = unit + packet.readUInt16BE(at);
    if (at > end) return undefined;
    if (typeAt(unit) === HEVC_SPS) return readHevcFormat(packet.subarray(unit, at))?.shownSize;
  }
  return undefined;
}

function readVp8Size(packet: Buffer, offset: number, end: number): PictureSize | undefined {
  const payload = readVp8Descriptor(packet, offset, end);
  if (!payload?.startsFrame) return undefined;
  return readVp8CodedSize(packet.subarray(payload.frameOffset, end));
}

function readVp9Size(packet: Buffer, offset: number, end: number): PictureSize | undefined {
  const payload = readVp9Descriptor(packet, offset, end);
  if (!payload) return undefined;
  const { sizeOffset: at, startsFrame, frameOffset } = payload;
  const frame = startsFrame ? readVp9CodedSize(packet.subarray(frameOffset, end)) : undefined;
  if (!at) return frame;
  const width = packet.readUInt16BE(at);
  const height = packet.readUInt16BE(at + 2);
  return larger(frame, width > 0 && height > 0 ? { width, height } : undefined);
}

function readAv1Size(packet: Buffer, offset: number, end: number): PictureSize | undefined {
  const found = findAv1SequenceHeader(packet, offset, end);
  return found && readAv1CodedSize(packet.subarray(found.start, found.end));
}
