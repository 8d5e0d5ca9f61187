import { AV1_OBU, readAv1ObuHeader, writeLeb128 } from '../av1-obu.js';
import { av1Configuration, readAv1SequenceHeader } from '../av1-sequence-header.js';
import { setFrameType } from './tag-header.js';
import type { VideoNormaliser, VideoPacket, VideoSink } from './video-normaliser.js';

/** Bytes before the OBUs of an AV1CodecConfigurationRecord. */
const RECORD_HEAD = 4;
const RECORD_VERSION = 0x81;
/** Header of a sequence header OBU with a size field. */
const SEQUENCE_HEADER_OBU = (AV1_OBU.sequenceHeader << 3) | 0x02;
const MAXIMUM_LEB128_BYTES = 8;
/** Bits of a frame header (AV1 specification, section 5.9.2). */
const SHOW_EXISTING_FRAME = 0x80;
const FRAME_TYPE = 0x60;
const SHOW_FRAME = 0x10;
/** reduced_still_picture_header, after seq_profile and still_picture (section 5.5.1). */
const REDUCED_STILL_PICTURE = 0x08;
/** Tag header of a sequence start with the FourCC of AV1 (Enhanced RTMP v2). */
const CONFIGURATION_HEAD = Buffer.from('\x90av01', 'latin1');

/** Contents of a temporal unit. */
type TemporalUnit = {
  hasFrame: boolean;
  keyframe: boolean;
  sequence: Buffer | undefined;
  delimiters: number[];
};

/** Makes temporal units of AV1: one shown frame each, without temporal delimiters. */
export class Av1Normaliser implements VideoNormaliser {
  readonly settled = true;
  readonly #sink: VideoSink;
  #record: Buffer | undefined;
  /** Payloads of the sequence headers of the stream and of the last configuration. */
  #sequence: Buffer | undefined;
  #configured: Buffer | undefined;
  dropped = 0;

  constructor(sink: VideoSink) {
    this.#sink = sink;
  }

  configure({ body, dataOffset }: VideoPacket): void {
    const record = body.subarray(dataOffset);
    if (this.#record?.equals(record)) return;
    this.#record = record;
    const unit = record[0] === RECORD_VERSION ? this.#read(record, RECORD_HEAD) : undefined;
    if (!unit) {
      this.dropped++;
      return;
    }
    if (unit.sequence && this.#configured?.equals(unit.sequence)) return;
    this.#sequence = unit.sequence;
    this.#configured = unit.sequence;
    this.#sink.configuration(body, dataOffset);
  }

  push(packet: VideoPacket, time: number): void {
    const { dataOffset, compositionTime } = packet;
    const unit = this.#read(packet.body, dataOffset);
    if (!unit) {
      this.dropped++;
      return;
    }
    if (unit.sequence && !this.#sequence?.equals(unit.sequence)) this.#sequence = Buffer.from(unit.sequence);
    if (!unit.hasFrame) return;
    if (unit.keyframe) this.#configureFor();
    const body = withoutRanges(packet.body, dataOffset, unit.delimiters);
    setFrameType(body, unit.keyframe);
    this.#sink.frame({
      time,
      compositionTime,
      keyframe: unit.keyframe,
      recoveryPoint: undefined,
      skippable: false,
      body,
      dataOffset,
    });
  }

  flush(): void {}

  #configureFor(): void {
    const payload = this.#sequence;
    if (!payload || this.#configured?.equals(payload)) return;
    const header = readAv1SequenceHeader(payload);
    if (!header) return;
    this.#configured = payload;
    const head = Buffer.alloc(1 + MAXIMUM_LEB128_BYTES);
    head[0] = SEQUENCE_HEADER_OBU;
    const obu = Buffer.concat([head.subarray(0, writeLeb128(head, 1, payload.length)), payload]);
    const body = Buffer.concat([CONFIGURATION_HEAD, av1Configuration(header, obu)]);
    this.#sink.configuration(body, CONFIGURATION_HEAD.length);
  }

  /** Reads the OBUs of a tag. Returns undefined if they are malformed. */
  #read(bytes: Buffer, offset: number): TemporalUnit | undefined {
    const unit: TemporalUnit = { hasFrame: false, keyframe: false, sequence: undefined, delimiters: [] };
    for (let at = offset; at < bytes.length; ) {
      const header = readAv1ObuHeader(bytes, at, bytes.length);
      if (!header) return undefined;
      const { type, payloadOffset } = header;
      const end = header.size === undefined ? bytes.length : payloadOffset + header.size;
      if (end > bytes.length) return undefined;
      if (type === AV1_OBU.temporalDelimiter) unit.delimiters.push(at, end);
      else if (type === AV1_OBU.sequenceHeader) unit.sequence ??= bytes.subarray(payloadOffset, end);
      else if (
        (type === AV1_OBU.frame || type === AV1_OBU.frameHeader) &&
        !unit.hasFrame &&
        end > payloadOffset
      ) {
        unit.hasFrame = true;
        unit.keyframe = this.#isKeyframe(bytes[payloadOffset]!, unit.sequence ?? this.#sequence);
      }
      at = end;
    }
    return unit;
  }

  #isKeyframe(first: number, sequence: Buffer | undefined): boolean {
    if (((sequence?.[0] ?? 0) & REDUCED_STILL_PICTURE) !== 0) return true;
    return (first & (SHOW_EXISTING_FRAME | FRAME_TYPE)) === 0 && (first & SHOW_FRAME) !== 0;
  }
}

/** Removes byte ranges, given as pairs. Moves the tag header over a single range at the beginning; copies otherwise. */
function withoutRanges(body: Buffer, dataOffset: number, ranges: readonly number[]): Buffer {
  if (ranges.length === 0) return body;
  if (ranges.length === 2 && ranges[0] === dataOffset) {
    const removed = ranges[1]! - dataOffset;
    body.copyWithin(removed, 0, dataOffset);
    return body.subarray(removed);
  }
  const pieces: Buffer[] = [];
  let at = 0;
  for (let i = 0; i < ranges.length; i += 2) {
    pieces.push(body.subarray(at, ranges[i]));
    at = ranges[i + 1]!;
  }
  return Buffer.concat([...pieces, body.subarray(at)]);
}
