import { readAv1CodedSize } from '../av1-sequence-header.js';
import { larger } from '../coded-size.js';
import { readH264CodedSize, readH264Sps } from '../h264-configuration.js';
import type { VideoCodec } from '../source-info.js';
import { readVp9CodedSize } from '../vp9-frame-header.js';
import { findAv1SequenceHeader } from './av1-elements.js';
import { readVp8Descriptor } from './vp8-descriptor.js';
import { readVp9Descriptor } from './vp9-descriptor.js';

const H264_SPS = 7;
const H264_STAP_A = 24;
const H264_FU_A = 28;
const FU_START = 0x80;
/** Pixels: encoders crop what fills up macroblocks, or pairs of them in interlaced pictures. */
const LARGEST_CROP = 64;
/** RFC 6386 section 9.1: three bytes of frame tag, this start code, then width and height of 14 bits each. */
const VP8_START_CODE = 0x9d012a;
const VP8_SIZE_OFFSET = 6;

/** Pixels. */
export type PictureSize = { width: number; height: number };

/**
 * The size of the picture, where the payload from `offset` to `end` tells it cheaply: in the parameter sets of H.264,
 * the key frames of VP8 and VP9, the scalability structure of VP9 and the sequence header of AV1 (the largest layer).
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
  if (codec === 'av1') return readAv1Size(packet, offset, end);
  return undefined;
}

function readH264Size(packet: Buffer, offset: number, end: number): PictureSize | undefined {
  if (offset >= end) return undefined;
  const type = packet[offset]! & 0x1f;
  // The FU header behind the indicator has the unit's type where the unit itself would have it.
  if (type === H264_FU_A)
    return (packet[offset + 1]! & FU_START) === 0 ? undefined : readSpsSize(packet, offset + 1, end);
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
  // Cropping that leaves out more than part of a block hides what a decoder makes room for.
  const hidden = Math.max(coded.width - shown.width, coded.height - shown.height);
  return hidden < LARGEST_CROP ? { width: shown.width, height: shown.height } : coded;
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
