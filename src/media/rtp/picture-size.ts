import { readH264Sps } from '../h264-configuration.js';
import type { VideoCodec } from '../source-info.js';
import { readVp8Descriptor } from './vp8-descriptor.js';

const H264_SPS = 7;
const H264_STAP_A = 24;
/** RFC 6386 section 9.1: three bytes of frame tag, this start code, then width and height of 14 bits each. */
const VP8_START_CODE = 0x9d012a;
const VP8_SIZE_OFFSET = 6;
/** RFC 9628 section 4.2: bits of the VP9 payload descriptor. */
const VP9_PICTURE_ID = 0x80;
const VP9_INTER_PREDICTED = 0x40;
const VP9_LAYERS = 0x20;
const VP9_FLEXIBLE = 0x10;
const VP9_SCALABILITY = 0x02;
const VP9_SIZES_PRESENT = 0x10;

/** Pixels. */
export type PictureSize = { width: number; height: number };

/**
 * The size of the picture, where the payload from `offset` to `end` tells it cheaply: in the parameter sets of H.264,
 * the key frames of VP8, and the scalability structure of VP9 (its largest layer).
 */
export function readPictureSize(
  codec: VideoCodec,
  packet: Buffer,
  offset: number,
  end: number,
): PictureSize | undefined {
  if (codec === 'h264') return readH264Size(packet, offset, end);
  if (codec === 'vp8') return readVp8Size(packet, offset, end);
  if (codec === 'vp9') return readVp9Size(packet, offset, end);
  return undefined;
}

function readH264Size(packet: Buffer, offset: number, end: number): PictureSize | undefined {
  if (offset >= end) return undefined;
  let start = offset;
  let length = end - offset;
  if ((packet[offset]! & 0x1f) === H264_STAP_A) {
    // Parameter sets come first.
    if (offset + 3 > end) return undefined;
    start = offset + 3;
    length = packet.readUInt16BE(offset + 1);
  }
  if (start >= end || start + length > end || (packet[start]! & 0x1f) !== H264_SPS) return undefined;
  const sps = readH264Sps(packet.subarray(start, start + length));
  return sps && { width: sps.width, height: sps.height };
}

function readVp8Size(packet: Buffer, offset: number, end: number): PictureSize | undefined {
  const payload = readVp8Descriptor(packet, offset, end);
  if (!payload?.startsFrame) return undefined;
  const frame = payload.frameOffset;
  if (frame + 10 > end || (packet[frame]! & 1) !== 0) return undefined;
  if (packet.readUIntBE(frame + 3, 3) !== VP8_START_CODE) return undefined;
  const width = packet.readUInt16LE(frame + VP8_SIZE_OFFSET) & 0x3fff;
  const height = packet.readUInt16LE(frame + VP8_SIZE_OFFSET + 2) & 0x3fff;
  return width > 0 && height > 0 ? { width, height } : undefined;
}

function readVp9Size(packet: Buffer, offset: number, end: number): PictureSize | undefined {
  const first = packet[offset]!;
  if ((first & VP9_SCALABILITY) === 0) return undefined;
  let at = offset + 1;
  if (first & VP9_PICTURE_ID) at += at < end && packet[at]! & 0x80 ? 2 : 1;
  if (first & VP9_LAYERS) at += first & VP9_FLEXIBLE ? 1 : 2;
  // In flexible mode up to three reference distances follow, but a picture with a structure is a key picture.
  if (first & VP9_FLEXIBLE && first & VP9_INTER_PREDICTED) return undefined;
  if (at >= end || (packet[at]! & VP9_SIZES_PRESENT) === 0) return undefined;
  const layers = (packet[at]! >> 5) + 1;
  const largest = at + 1 + (layers - 1) * 4;
  if (largest + 4 > end) return undefined;
  const width = packet.readUInt16BE(largest);
  const height = packet.readUInt16BE(largest + 2);
  return width > 0 && height > 0 ? { width, height } : undefined;
}
