import { readAv1SequenceHeader } from '../av1-sequence-header.js';
import { readH264Sps } from '../h264-configuration.js';
import type { VideoCodec } from '../source-info.js';
import { findAv1SequenceHeader } from './av1-elements.js';
import { readVp8Descriptor } from './vp8-descriptor.js';
import { readVp9Descriptor } from './vp9-descriptor.js';

const H264_SPS = 7;
const H264_STAP_A = 24;
/** RFC 6386 section 9.1: three bytes of frame tag, this start code, then width and height of 14 bits each. */
const VP8_START_CODE = 0x9d012a;
const VP8_SIZE_OFFSET = 6;

/** Pixels. */
export type PictureSize = { width: number; height: number };

/**
 * The size of the picture, where the payload from `offset` to `end` tells it cheaply: in the parameter sets of H.264,
 * the key frames of VP8, the scalability structure of VP9 and the sequence header of AV1 (the largest layer).
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
  if ((packet[offset]! & 0x1f) !== H264_STAP_A) return readSpsSize(packet, offset, end);
  // Some encoders put an access unit delimiter before the parameter sets.
  for (let at = offset + 1; at + 2 < end; ) {
    const unit = at + 2;
    at = unit + packet.readUInt16BE(at);
    const size = at <= end ? readSpsSize(packet, unit, at) : undefined;
    if (size) return size;
  }
  return undefined;
}

function readSpsSize(packet: Buffer, start: number, end: number): PictureSize | undefined {
  if (start >= end || (packet[start]! & 0x1f) !== H264_SPS) return undefined;
  const sps = readH264Sps(packet.subarray(start, end));
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
  const at = readVp9Descriptor(packet, offset, end)?.sizeOffset;
  if (!at) return undefined;
  const width = packet.readUInt16BE(at);
  const height = packet.readUInt16BE(at + 2);
  return width > 0 && height > 0 ? { width, height } : undefined;
}

function readAv1Size(packet: Buffer, offset: number, end: number): PictureSize | undefined {
  const found = findAv1SequenceHeader(packet, offset, end);
  const header = found && readAv1SequenceHeader(packet.subarray(found.start, found.end));
  return header && { width: header.width, height: header.height };
}
