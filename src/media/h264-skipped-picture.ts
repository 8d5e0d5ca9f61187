import { BitReader, withoutEmulationPrevention } from './bit-reader.js';
import { findBox } from './fmp4/box.js';
import type { TrackInit } from './fmp4/index.js';
import { type H264Format, readH264CodedSize, readH264Format } from './h264-configuration.js';

/** H.264 sample that repeats the picture before it; `index`: pictures since the IDR picture, from 1. */
export type SkippedPicture = (index: number) => Buffer;

type PictureSet = {
  id: number;
  /** bottom_field_pic_order_in_frame_present_flag: a frame has an offset of its second field. */
  hasFieldOrder: boolean;
  /** deblocking_filter_control_present_flag. */
  hasDeblocking: boolean;
  /** redundant_pic_cnt_present_flag. */
  hasRedundant: boolean;
};

/** Header of a slice (nal_unit_type 1) that later pictures refer to. */
const REFERENCE_SLICE = 0x41;
/** slice_type of a picture of P slices alone (ITU-T H.264, table 7-6). */
const ALL_P = 5;
const LENGTH_SIZE = 4;
/** Offset of the first SPS's length in an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1). */
const SPS_OFFSET = 6;
const MACROBLOCK = 16;
/** Bytes before the boxes of a VisualSampleEntry (ISO/IEC 14496-12, 12.1.3). */
const SAMPLE_ENTRY_BYTES = 78;

/** Returns the AVCDecoderConfigurationRecord of an initialization section; undefined for other codecs. */
export function h264ConfigurationOf({ data }: TrackInit): Buffer | undefined {
  const stsd = findBox(data, ['moov', 'trak', 'mdia', 'minf', 'stbl', 'stsd']);
  const entry = stsd && findBox(data, ['avc1'], stsd.body + 8, stsd.end);
  const box = entry && findBox(data, ['avcC'], entry.body + SAMPLE_ENTRY_BYTES, entry.end);
  return box && data.subarray(box.body, box.end);
}

/**
 * Returns a writer of pictures that repeat the one before them: a P slice that skips every macroblock, about ten bytes.
 * Undefined where that cannot be written: CABAC, fields, several slice groups, weighted prediction.
 */
export function skippedPicture(configuration: Buffer): SkippedPicture | undefined {
  const sps = setAt(configuration, SPS_OFFSET);
  const pps = sps && setAt(configuration, SPS_OFFSET + 2 + sps.length + 1);
  const format = sps && readH264Format(sps);
  const size = sps && readH264CodedSize(sps);
  const pictureSet = pps && readPictureSet(pps);
  if (!format?.framesOnly || !size || !pictureSet || format.pictureOrder.type === 1) return undefined;
  const macroblocks = (size.width / MACROBLOCK) * (size.height / MACROBLOCK);
  return (index) => writeSlice(format, pictureSet, macroblocks, index);
}

function setAt(record: Buffer, offset: number): Buffer | undefined {
  if (offset + 2 > record.length) return undefined;
  const end = offset + 2 + record.readUInt16BE(offset);
  return end > record.length ? undefined : record.subarray(offset + 2, end);
}

/** Reads a PPS (ITU-T H.264, 7.3.2.2). @returns undefined when skipped slices cannot refer to it */
function readPictureSet(nal: Buffer): PictureSet | undefined {
  const bits = new BitReader(withoutEmulationPrevention(nal.subarray(1)));
  try {
    const id = bits.unsigned();
    bits.unsigned(); // seq_parameter_set_id
    const isCabac = bits.flag();
    const hasFieldOrder = bits.flag();
    const sliceGroups = bits.unsigned() + 1;
    if (isCabac || sliceGroups > 1) return undefined;
    bits.unsigned(); // num_ref_idx_l0_default_active_minus1
    bits.unsigned(); // num_ref_idx_l1_default_active_minus1
    const isWeighted = bits.flag();
    if (isWeighted) return undefined;
    bits.skip(2); // weighted_bipred_idc
    // pic_init_qp_minus26, pic_init_qs_minus26, chroma_qp_index_offset.
    for (let count = 0; count < 3; count++) bits.signed();
    const hasDeblocking = bits.flag();
    bits.skip(1); // constrained_intra_pred_flag
    return { id, hasFieldOrder, hasDeblocking, hasRedundant: bits.flag() };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Writes slice header and data (7.3.3, 7.3.4). */
function writeSlice(format: H264Format, pps: PictureSet, macroblocks: number, index: number): Buffer {
  const { frameNumberBits, pictureOrder } = format;
  const bits = new BitWriter();
  bits.unsigned(0); // first_mb_in_slice
  bits.unsigned(ALL_P);
  bits.unsigned(pps.id);
  bits.bits(index % 2 ** frameNumberBits, frameNumberBits);
  if (pictureOrder.type === 0) {
    bits.bits((index * 2) % 2 ** pictureOrder.bits, pictureOrder.bits);
    if (pps.hasFieldOrder) bits.unsigned(0); // delta_pic_order_cnt_bottom: se(0)
  }
  if (pps.hasRedundant) bits.unsigned(0);
  bits.bits(1, 1); // num_ref_idx_active_override_flag
  bits.unsigned(0); // num_ref_idx_l0_active_minus1
  bits.bits(0, 1); // ref_pic_list_modification_flag_l0
  bits.bits(0, 1); // adaptive_ref_pic_marking_mode_flag
  bits.unsigned(0); // slice_qp_delta: se(0)
  if (pps.hasDeblocking) bits.unsigned(1); // disable_deblocking_filter_idc
  bits.unsigned(macroblocks); // mb_skip_run
  bits.bits(1, 1); // rbsp_stop_one_bit
  return withLength(Buffer.from([REFERENCE_SLICE, ...withEmulationPrevention(bits.bytes)]));
}

function withLength(unit: Buffer): Buffer {
  const length = Buffer.alloc(LENGTH_SIZE);
  length.writeUInt32BE(unit.length);
  return Buffer.concat([length, unit]);
}

/** Inserts emulation_prevention_three_byte (7.4.1). */
function withEmulationPrevention(bytes: readonly number[]): number[] {
  const escaped: number[] = [];
  let zeros = 0;
  for (const byte of bytes) {
    if (zeros >= 2 && byte <= 3) {
      escaped.push(3);
      zeros = 0;
    }
    escaped.push(byte);
    zeros = byte === 0 ? zeros + 1 : 0;
  }
  return escaped;
}

/** Writes bits, most significant first. */
class BitWriter {
  readonly bytes: number[] = [];
  #free = 0;

  bits(value: number, count: number): void {
    for (let bit = count - 1; bit >= 0; bit--) {
      if (this.#free === 0) {
        this.bytes.push(0);
        this.#free = 8;
      }
      this.#free--;
      this.bytes[this.bytes.length - 1]! |= (Math.floor(value / 2 ** bit) & 1) << this.#free;
    }
  }

  /** Writes an unsigned Exp-Golomb code, `ue(v)` (9.1). */
  unsigned(value: number): void {
    const length = Math.floor(Math.log2(value + 1));
    this.bits(0, length);
    this.bits(value + 1, length + 1);
  }
}
