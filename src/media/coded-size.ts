import { AV1_OBU, readAv1ObuHeader } from './av1-obu.js';
import { readAv1CodedSize } from './av1-sequence-header.js';
import { readH264CodedSize } from './h264-configuration.js';
import { readHevcCodedSize } from './hevc-parameter-set.js';
import type { PictureSize } from './picture-size.js';
import type { VideoCodec } from './source-info.js';
import { readVp8CodedSize, readVp9CodedSize } from './vpx-frame-header.js';

/** Sequence parameter sets: nal_unit_type of H.264 (table 7-1) and of HEVC (table 7-1). */
const H264_SPS = 7;
const HEVC_SPS = 33;
/** Bytes before the parameter sets of an AVCDecoderConfigurationRecord and an HEVCDecoderConfigurationRecord. */
const AVCC_HEAD = 5;
const HVCC_HEAD = 22;
/** Bytes before the OBUs of an AV1CodecConfigurationRecord. */
const AV1C_HEAD = 4;
const USUAL_LENGTH_SIZE = 4;

/**
 * Reads the picture size that a decoder must allocate from the bitstream of one track: from decoder configurations, and
 * from parameter sets and headers in the frames. Sizes of containers and metadata are not considered.
 */
export class CodedSizeReader {
  /** Bytes of the length in front of each NAL unit. */
  #lengthSize = USUAL_LENGTH_SIZE;

  /** @returns the largest size that the decoder configuration (ISO/IEC 14496-15; AV1's `av1C`) announces */
  configuration(codec: VideoCodec, record: Uint8Array): PictureSize | undefined {
    if (codec === 'h264') return this.#avcConfiguration(record);
    if (codec === 'hevc') return this.#hevcConfiguration(record);
    return codec === 'av1' ? largestAv1(record, AV1C_HEAD) : undefined;
  }

  /** @returns the largest size that a frame announces; undefined for most of them */
  frame(codec: VideoCodec, data: Uint8Array): PictureSize | undefined {
    if (codec === 'vp9') return readVp9CodedSize(data);
    if (codec === 'vp8') return readVp8CodedSize(data);
    return codec === 'av1' ? largestAv1(data, 0) : this.#units(codec, data);
  }

  #avcConfiguration(record: Uint8Array): PictureSize | undefined {
    if (record.length <= AVCC_HEAD) return undefined;
    this.#lengthSize = (record[4]! & 0x03) + 1;
    return this.#sets('h264', record, AVCC_HEAD + 1, record[AVCC_HEAD]! & 0x1f).largest;
  }

  #hevcConfiguration(record: Uint8Array): PictureSize | undefined {
    if (record.length <= HVCC_HEAD) return undefined;
    this.#lengthSize = (record[HVCC_HEAD - 1]! & 0x03) + 1;
    let found: PictureSize | undefined;
    let at = HVCC_HEAD + 1;
    for (let arrays = record[HVCC_HEAD]!; arrays > 0 && at + 3 <= record.length; arrays--) {
      const { end, largest } = this.#sets('hevc', record, at + 3, (record[at + 1]! << 8) | record[at + 2]!);
      found = larger(found, largest);
      at = end;
    }
    return found;
  }

  /** Parameter sets with 16 bits of length in front of each. */
  #sets(
    codec: 'h264' | 'hevc',
    record: Uint8Array,
    start: number,
    count: number,
  ): { end: number; largest: PictureSize | undefined } {
    let largest: PictureSize | undefined;
    let at = start;
    for (let i = 0; i < count && at + 2 <= record.length; i++) {
      const end = at + 2 + ((record[at]! << 8) | record[at + 1]!);
      largest = larger(largest, sizeOfUnit(codec, record.subarray(at + 2, end)));
      at = end;
    }
    return { end: at, largest };
  }

  #units(codec: 'h264' | 'hevc', data: Uint8Array): PictureSize | undefined {
    const size = this.#lengthSize;
    let found: PictureSize | undefined;
    for (let at = 0; at + size < data.length; ) {
      let length = 0;
      for (let i = 0; i < size; i++) length = length * 256 + data[at + i]!;
      const start = at + size;
      at = start + length;
      if (isParameterSet(codec, data[start]!))
        found = larger(found, sizeOfUnit(codec, data.subarray(start, at)));
    }
    return found;
  }
}

function isParameterSet(codec: 'h264' | 'hevc', first: number): boolean {
  return codec === 'h264' ? (first & 0x1f) === H264_SPS : ((first >> 1) & 0x3f) === HEVC_SPS;
}

function sizeOfUnit(codec: 'h264' | 'hevc', nal: Uint8Array): PictureSize | undefined {
  return codec === 'h264' ? readH264CodedSize(nal) : readHevcCodedSize(nal);
}

function largestAv1(data: Uint8Array, start: number): PictureSize | undefined {
  let found: PictureSize | undefined;
  for (let at = start; at < data.length; ) {
    const header = readAv1ObuHeader(data, at, data.length);
    if (!header) break;
    const end = header.size === undefined ? data.length : header.payloadOffset + header.size;
    if (header.type === AV1_OBU.sequenceHeader)
      found = larger(found, readAv1CodedSize(data.subarray(header.payloadOffset, end)));
    at = end;
  }
  return found;
}

/** Returns the size with more pixels. */
export function larger(a: PictureSize | undefined, b: PictureSize | undefined): PictureSize | undefined {
  if (!a || !b) return a ?? b;
  return b.width * b.height > a.width * a.height ? b : a;
}
