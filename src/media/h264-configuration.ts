import { BitReader, withoutEmulationPrevention } from './bit-reader.js';
import type { PictureSize } from './picture-size.js';

/** Properties of an H.264 stream from its SPS. */
export type H264Configuration = {
  /** profile_idc: 66 Baseline, 77 Main, 100 High, ... */
  profile: number;
  /** Constraint flags, the byte after profile_idc. */
  constraints: number;
  /** level_idc: 31 is level 3.1. */
  level: number;
  /** Pixels after cropping. */
  width: number;
  height: number;
  /** Width and height of a pixel, if the VUI has them and they differ. */
  pixelAspect?: { width: number; height: number };
  /** Frame rate of the VUI, if present. */
  frameRate?: number;
};

/** Profiles whose SPS has chroma_format_idc and scaling lists (ITU-T H.264 7.3.2.1.1). */
const PROFILES_WITH_CHROMA = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);
const EXTENDED_SAR = 255;
/** Widths and heights of pixels by aspect_ratio_idc (table E-1), from 1. */
const PIXEL_ASPECTS = [
  ...[
    [1, 1],
    [12, 11],
    [10, 11],
    [16, 11],
    [40, 33],
    [24, 11],
    [20, 11],
    [32, 11],
  ],
  ...[
    [80, 33],
    [18, 11],
    [15, 11],
    [64, 33],
    [160, 99],
    [4, 3],
    [3, 2],
    [2, 1],
  ],
] as const;
const NAL_TYPE_SPS = 7;
const MACROBLOCK = 16;
/** Greatest SPS accepted, bytes: two sets of scaling lists and the longest picture order count cycle fit. */
const SPS_BYTES = 4_096;
/** Greatest width or height, pixels: level 6.2 has 139,264 macroblocks, and a side is at most 8 times their root. */
const MAXIMUM_SIDE = 16_384;

/**
 * Reads an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 5.3.3.1), which follows the five header bytes of an RTMP
 * AVC sequence header. Returns undefined if it is invalid.
 */
export function readH264Configuration(record: Uint8Array): H264Configuration | undefined {
  // Version, profile, constraints, level, length size, number of SPS, then 16 bits of length and the SPS.
  if (record.length < 8 || record[0] !== 1 || (record[5]! & 0x1f) === 0) return undefined;
  const length = (record[6]! << 8) | record[7]!;
  if (record.length < 8 + length) return undefined;
  return readH264Sps(record.subarray(8, 8 + length));
}

/** Reads a sequence parameter set NAL unit (ITU-T H.264 7.3.2.1.1). Returns undefined if it is invalid. */
export function readH264Sps(nal: Uint8Array): H264Configuration | undefined {
  return readUnit(nal, readSps);
}

/**
 * The size in luma samples that pictures of a sequence parameter set are coded with, before cropping, however large:
 * what a decoder makes room for. Undefined when it cannot be read.
 */
export function readH264CodedSize(nal: Uint8Array): PictureSize | undefined {
  return readUnit(nal, (bits) => {
    const { columns, rows } = readFrame(bits);
    return { width: columns * MACROBLOCK, height: rows * MACROBLOCK };
  });
}

function readUnit<T>(nal: Uint8Array, read: (bits: BitReader) => T | undefined): T | undefined {
  if (nal.length < 4 || (nal[0]! & 0x1f) !== NAL_TYPE_SPS) return undefined;
  try {
    return read(new BitReader(withoutEmulationPrevention(nal.subarray(1, 1 + SPS_BYTES))));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

type Frame = Pick<H264Configuration, 'profile' | 'constraints' | 'level'> & {
  chroma: number;
  framesOnly: number;
  /** Macroblocks. */
  columns: number;
  rows: number;
};

/** An SPS up to its frame size. */
function readFrame(bits: BitReader): Frame {
  const profile = bits.bits(8);
  const constraints = bits.bits(8);
  const level = bits.bits(8);
  bits.unsigned(); // seq_parameter_set_id
  const chroma = PROFILES_WITH_CHROMA.has(profile) ? readChroma(bits) : 1;
  bits.unsigned(); // log2_max_frame_num_minus4
  skipPictureOrder(bits);
  bits.unsigned(); // max_num_ref_frames
  bits.bit(); // gaps_in_frame_num_value_allowed_flag
  const columns = bits.unsigned() + 1;
  const mapRows = bits.unsigned() + 1;
  const framesOnly = bits.bit();
  if (!framesOnly) bits.bit(); // mb_adaptive_frame_field_flag
  bits.bit(); // direct_8x8_inference_flag
  return { profile, constraints, level, chroma, framesOnly, columns, rows: mapRows * (2 - framesOnly) };
}

function readSps(bits: BitReader): H264Configuration | undefined {
  const { profile, constraints, level, chroma, framesOnly, columns, rows } = readFrame(bits);
  const crop = bits.flag()
    ? [bits.unsigned(), bits.unsigned(), bits.unsigned(), bits.unsigned()]
    : [0, 0, 0, 0];
  // Table 6-1: a cropping unit of 4:2:0 is two pixels wide and high, of 4:2:2 two wide.
  const unitWidth = chroma === 1 || chroma === 2 ? 2 : 1;
  const unitHeight = (chroma === 1 ? 2 : 1) * (2 - framesOnly);
  const width = columns * MACROBLOCK - (crop[0]! + crop[1]!) * unitWidth;
  const height = rows * MACROBLOCK - (crop[2]! + crop[3]!) * unitHeight;
  if (width <= 0 || height <= 0 || width > MAXIMUM_SIDE || height > MAXIMUM_SIDE) return undefined;
  return { profile, constraints, level, width, height, ...(bits.flag() && readVui(bits)) };
}

/** Reads chroma_format_idc and skips the fields after it. 0 also stands for separate colour planes. */
function readChroma(bits: BitReader): number {
  const format = bits.unsigned();
  const separate = format === 3 && bits.flag();
  bits.unsigned(); // bit_depth_luma_minus8
  bits.unsigned(); // bit_depth_chroma_minus8
  bits.bit(); // qpprime_y_zero_transform_bypass_flag
  if (bits.flag()) {
    const lists = format === 3 ? 12 : 8;
    for (let i = 0; i < lists; i++) if (bits.flag()) skipScalingList(bits, i < 6 ? 16 : 64);
  }
  return separate ? 0 : format;
}

function skipScalingList(bits: BitReader, size: number): void {
  let last = 8;
  let next = 8;
  for (let i = 0; i < size; i++) {
    if (next !== 0) next = (last + bits.signed() + 256) % 256;
    if (next !== 0) last = next;
  }
}

function skipPictureOrder(bits: BitReader): void {
  const type = bits.unsigned();
  if (type === 0) {
    bits.unsigned(); // log2_max_pic_order_cnt_lsb_minus4
  } else if (type === 1) {
    bits.bit(); // delta_pic_order_always_zero_flag
    bits.signed(); // offset_for_non_ref_pic
    bits.signed(); // offset_for_top_to_bottom_field
    const cycle = bits.unsigned();
    if (cycle > 255) throw new RangeError('picture order count cycle too long');
    for (let i = 0; i < cycle; i++) bits.signed();
  }
}

/** Reads the VUI's pixel aspect ratio and frame rate (annex E.1.1). */
function readVui(bits: BitReader): Pick<H264Configuration, 'pixelAspect' | 'frameRate'> {
  const pixelAspect = bits.flag() ? readPixelAspect(bits) : undefined;
  const frameRate = readFrameRate(bits);
  return { ...(pixelAspect && { pixelAspect }), ...(frameRate !== undefined && { frameRate }) };
}

function readPixelAspect(bits: BitReader): H264Configuration['pixelAspect'] {
  const index = bits.bits(8);
  const [width = 0, height = 0] =
    index === EXTENDED_SAR ? [bits.bits(16), bits.bits(16)] : (PIXEL_ASPECTS[index - 1] ?? []);
  return width === height || width === 0 || height === 0 ? undefined : { width, height };
}

/** Reads the VUI's timing, after its aspect ratio: two ticks are one frame. */
function readFrameRate(bits: BitReader): number | undefined {
  if (bits.flag()) bits.bit(); // overscan
  if (bits.flag()) {
    bits.skip(4); // video_format, video_full_range_flag
    if (bits.flag()) bits.skip(24); // colour description
  }
  if (bits.flag()) {
    bits.unsigned(); // chroma_sample_loc_type_top_field
    bits.unsigned(); // chroma_sample_loc_type_bottom_field
  }
  if (!bits.flag()) return undefined;
  const ticks = bits.bits(32);
  const scale = bits.bits(32);
  const rate = scale / (2 * ticks);
  return rate >= 1 && rate <= 300 ? rate : undefined;
}
