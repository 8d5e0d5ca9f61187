import { AV1_OBU, readAv1ObuHeader, writeLeb128 } from '../av1-obu.js';
import { RTP_HEADER_BYTES } from '../rtp/rtp-header.js';
import type { VideoCodec } from '../source-info.js';
import { readVp8FrameKind, readVp9FrameKind } from '../vpx-frame-header.js';
import { MAXIMUM_RTP_PACKET_BYTES } from './nal-packetiser.js';

export type FrameCodec = Extract<VideoCodec, 'vp8' | 'vp9' | 'av1'>;

/** Frame of VP8 or VP9, or temporal unit of AV1 whose OBUs have their sizes. */
export type CodedFrame = {
  /** From `offset` on. */
  data: Buffer;
  offset: number;
  /** RTP ticks, 90 kHz; wrapped to 32 bits. */
  timestamp: number;
};

export type FramePacketiserOptions = {
  codec: FrameCodec;
  ssrc: number;
  payloadType: number;
  /** First sequence number. */
  sequence?: number;
};

const MAXIMUM_PAYLOAD_BYTES = MAXIMUM_RTP_PACKET_BYTES - RTP_HEADER_BYTES;
/** Bytes of the length in front of a packet (RFC 4571 section 2). */
const FRAME_LENGTH_BYTES = 2;
const VERSION = 0x80;
const MARKER = 0x80;
/** Start of a partition in the VP8 payload descriptor (RFC 7741 section 4.2). */
const VP8_START = 0x10;
/** Bits of the VP9 payload descriptor (RFC 9628 section 4.2). */
const VP9 = { interPredicted: 0x40, start: 0x08, end: 0x04 } as const;
/** Aggregation header of AV1 (section 4.4 of its RTP payload format): Z, Y, N. */
const AV1 = { continues: 0x80, continued: 0x40, newSequence: 0x08 } as const;
/** Bytes of the length of an AV1 element, at most: payloads are shorter than 2^14. */
const ELEMENT_LENGTH_BYTES = 2;
/** has_size_field of an OBU (AV1 specification, section 5.3.2). */
const OBU_HAS_SIZE = 0x02;

/** Whether decoding can start with this frame. */
export function isKeyFrame(codec: FrameCodec, data: Buffer, offset: number): boolean {
  const frame = data.subarray(offset);
  if (codec === 'vp8') return readVp8FrameKind(frame) === 'key';
  if (codec === 'vp9') return readVp9FrameKind(frame) === 'key';
  return unitsOf(frame).some(({ type }) => type === AV1_OBU.sequenceHeader);
}

/**
 * Packetises VP8 (RFC 7741), VP9 (RFC 9628) and AV1 ("RTP Payload Format For AV1" of the Alliance for Open Media), of one
 * layer.
 */
export class FramePacketiser {
  readonly ssrc: number;
  /** Packets so far, and their payload. */
  packets = 0;
  payloadBytes = 0;
  readonly #codec: FrameCodec;
  readonly #payloadType: number;
  #sequence: number;

  constructor({ codec, ssrc, payloadType, sequence = 0 }: FramePacketiserOptions) {
    this.#codec = codec;
    this.ssrc = ssrc;
    this.#payloadType = payloadType;
    this.#sequence = sequence;
  }

  /**
   * Packetises a frame.
   *
   * @returns its RTP packets, each after its length in 16 bits (RFC 4571 section 2); undefined when there is nothing to
   * send
   */
  packetise({ data, offset, timestamp }: CodedFrame): Buffer | undefined {
    const frame = data.subarray(offset);
    const payloads = this.#codec === 'av1' ? av1Payloads(frame) : vpxPayloads(this.#codec, frame);
    if (payloads.length === 0) return undefined;
    return Buffer.concat(
      payloads.flatMap((payload, index) => [
        this.#header(payload.length, timestamp, index === payloads.length - 1),
        payload,
      ]),
    );
  }

  #header(payloadBytes: number, timestamp: number, isLast: boolean): Buffer {
    const header = Buffer.allocUnsafe(FRAME_LENGTH_BYTES + RTP_HEADER_BYTES);
    let at = header.writeUInt16BE(RTP_HEADER_BYTES + payloadBytes);
    header[at++] = VERSION;
    header[at++] = (isLast ? MARKER : 0) | this.#payloadType;
    at = header.writeUInt16BE(this.#sequence, at);
    at = header.writeUInt32BE(timestamp >>> 0, at);
    header.writeUInt32BE(this.ssrc, at);
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.packets++;
    this.payloadBytes += payloadBytes;
    return header;
  }
}

function vpxPayloads(codec: 'vp8' | 'vp9', frame: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  const bytes = MAXIMUM_PAYLOAD_BYTES - 1;
  const interPredicted = codec === 'vp9' && readVp9FrameKind(frame) !== 'key' ? VP9.interPredicted : 0;
  for (let at = 0; at < frame.length; at += bytes) {
    const isFirst = at === 0;
    const isLast = at + bytes >= frame.length;
    const descriptor =
      codec === 'vp8'
        ? isFirst
          ? VP8_START
          : 0
        : interPredicted | (isFirst ? VP9.start : 0) | (isLast ? VP9.end : 0);
    payloads.push(Buffer.concat([Buffer.of(descriptor), frame.subarray(at, at + bytes)]));
  }
  return payloads;
}

/** OBU: its header, its payload and its end. */
type Unit = { type: number; start: number; headerBytes: number; payload: number; end: number };

/** Lists the OBUs of a temporal unit; those after one that cannot be read are left out. */
function unitsOf(frame: Buffer): Unit[] {
  const units: Unit[] = [];
  for (let at = 0; at < frame.length; ) {
    const header = readAv1ObuHeader(frame, at, frame.length);
    if (!header) break;
    const end = header.size === undefined ? frame.length : header.payloadOffset + header.size;
    if (end > frame.length) break;
    const { type, headerBytes, payloadOffset: payload } = header;
    units.push({ type, start: at, headerBytes, payload, end });
    at = end;
  }
  return units;
}

/** Packs the OBUs of a temporal unit, without delimiters and size fields, into elements that have a length. */
function av1Payloads(frame: Buffer): Buffer[] {
  const units = unitsOf(frame).filter(
    ({ type }) => type !== AV1_OBU.temporalDelimiter && type !== AV1_OBU.tileList && type !== AV1_OBU.padding,
  );
  const isNewSequence = units.some(({ type }) => type === AV1_OBU.sequenceHeader);
  const payloads: Buffer[] = [];
  let payload = Buffer.alloc(0);
  let used = 0;
  const begin = (continues: boolean): void => {
    payload = Buffer.alloc(MAXIMUM_PAYLOAD_BYTES);
    payload[0] =
      (continues ? AV1.continues : 0) | (isNewSequence && payloads.length === 0 ? AV1.newSequence : 0);
    used = 1;
  };
  const finish = (continued: boolean): void => {
    if (continued) payload[0]! |= AV1.continued;
    payloads.push(payload.subarray(0, used));
    used = 0;
  };
  for (const unit of units) {
    const bytes = withoutSize(frame, unit);
    for (let from = 0; from < bytes.length; ) {
      if (used === 0) begin(from > 0);
      const room = MAXIMUM_PAYLOAD_BYTES - used - ELEMENT_LENGTH_BYTES;
      if (room < 1) {
        finish(from > 0);
        continue;
      }
      const to = Math.min(bytes.length, from + room);
      used = writeLeb128(payload, used, to - from);
      used += bytes.copy(payload, used, from, to);
      from = to;
      if (from < bytes.length) finish(true);
    }
  }
  if (used > 0) finish(false);
  return payloads;
}

/** An OBU without its size field, as its element has a length. */
function withoutSize(frame: Buffer, { start, headerBytes, payload, end }: Unit): Buffer {
  const head = Buffer.from(frame.subarray(start, start + headerBytes));
  head[0]! &= ~OBU_HAS_SIZE;
  return Buffer.concat([head, frame.subarray(payload, end)]);
}
