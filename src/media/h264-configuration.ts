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
  /** max_num_reorder_frames of the VUI, if present: frames that precede another in decode order and follow it in output. */
  reorderFrames?: number;
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
/** MaxDpbFrames has no greater value (annex A.3.1). */
const MAXIMUM_REORDER_FRAMES = 16;

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

/** Fields of an SPS that slice headers and decoder configurations depend on. */
export type H264Format = Pick<H264Configuration, 'profile' | 'constraints' | 'level'> & {
  /** seq_parameter_set_id. */
  id: number;
  /** chroma_format_idc. */
  chromaFormat: number;
  separatePlanes: boolean;
  lumaDepth: number;
  chromaDepth: number;
  /** Bits of frame_num. */
  frameNumberBits: number;
  /** pic_order_cnt_type, and bits of pic_order_cnt_lsb for type 0. */
  pictureOrder: { type: number; bits: number };
  /** frame_mbs_only_flag: pictures are never fields. */
  framesOnly: number;
};

type Frame = H264Format & {
  /** Macroblocks. */
  columns: number;
  rows: number;
};

/** Reads the format of a sequence parameter set NAL unit. Returns undefined if it is invalid. */
export function readH264Format(nal: Uint8Array): H264Format | undefined {
  return readUnit(nal, readFrame);
}

/** An SPS up to its frame size. */
function readFrame(bits: BitReader): Frame {
  const profile = bits.bits(8);
  const constraints = bits.bits(8);
  const level = bits.bits(8);
  const id = bits.unsigned();
  const chroma = PROFILES_WITH_CHROMA.has(profile) ? readChroma(bits) : PLAIN_CHROMA;
  const frameNumberBits = bits.unsigned() + 4;
  const pictureOrder = readPictureOrder(bits);
  bits.unsigned(); // max_num_ref_frames
  bits.bit(); // gaps_in_frame_num_value_allowed_flag
  const columns = bits.unsigned() + 1;
  const mapRows = bits.unsigned() + 1;
  const framesOnly = bits.bit();
  if (!framesOnly) bits.bit(); // mb_adaptive_frame_field_flag
  bits.bit(); // direct_8x8_inference_flag
  const rows = mapRows * (2 - framesOnly);
  const frame = { frameNumberBits, pictureOrder, framesOnly, columns, rows };
  return { profile, constraints, level, id, ...chroma, ...frame };
}

function readSps(bits: BitReader): H264Configuration | undefined {
  const { profile, constraints, level, framesOnly, columns, rows, ...format } = readFrame(bits);
  // ChromaArrayType: separate planes are cropped as monochrome.
  const chroma = format.separatePlanes ? 0 : format.chromaFormat;
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

type Chroma = Pick<H264Format, 'chromaFormat' | 'separatePlanes' | 'lumaDepth' | 'chromaDepth'>;

/** Profiles without these fields have 4:2:0 with 8 bits. */
const PLAIN_CHROMA: Chroma = { chromaFormat: 1, separatePlanes: false, lumaDepth: 8, chromaDepth: 8 };

/** Reads chroma_format_idc and the fields after it. */
function readChroma(bits: BitReader): Chroma {
  const chromaFormat = bits.unsigned();
  const separatePlanes = chromaFormat === 3 && bits.flag();
  const lumaDepth = bits.unsigned() + 8;
  const chromaDepth = bits.unsigned() + 8;
  bits.bit(); // qpprime_y_zero_transform_bypass_flag
  if (bits.flag()) {
    const lists = chromaFormat === 3 ? 12 : 8;
    for (let i = 0; i < lists; i++) if (bits.flag()) skipScalingList(bits, i < 6 ? 16 : 64);
  }
  return { chromaFormat, separatePlanes, lumaDepth, chromaDepth };
}

function skipScalingList(bits: BitReader, size: number): void {
  let last = 8;
  let next = 8;
  for (let i = 0; i < size; i++) {
    if (next !== 0) next = (last + bits.signed() + 256) % 256;
    if (next !== 0) last = next;
  }
}

function readPictureOrder(bits: BitReader): H264Format['pictureOrder'] {
  const type = bits.unsigned();
  if (type === 0) return { type, bits: bits.unsigned() + 4 }; // log2_max_pic_order_cnt_lsb_minus4
  if (type === 1) {
    bits.bit(); // delta_pic_order_always_zero_flag
    bits.signed(); // offset_for_non_ref_pic
    bits.signed(); // offset_for_top_to_bottom_field
    const cycle = bits.unsigned();
    if (cycle > 255) throw new RangeError('picture order count cycle too long');
    for (let i = 0; i < cycle; i++) bits.signed();
  }
  return { type, bits: 0 };
}

/** Reads the VUI's pixel aspect ratio, timing and bitstream restriction (annex E.1.1). */
function readVui(bits: BitReader): Pick<H264Configuration, 'pixelAspect' | 'frameRate' | 'reorderFrames'> {
  const pixelAspect = bits.flag() ? readPixelAspect(bits) : undefined;
  skipSignalType(bits);
  const frameRate = bits.flag() ? readFrameRate(bits) : undefined;
  const reorderFrames = readReorderFrames(bits);
  return {
    ...(pixelAspect && { pixelAspect }),
    ...(frameRate !== undefined && { frameRate }),
    ...(reorderFrames !== undefined && { reorderFrames }),
  };
}

function readPixelAspect(bits: BitReader): H264Configuration['pixelAspect'] {
  const index = bits.bits(8);
  const [width = 0, height = 0] =
    index === EXTENDED_SAR ? [bits.bits(16), bits.bits(16)] : (PIXEL_ASPECTS[index - 1] ?? []);
  return width === height || width === 0 || height === 0 ? undefined : { width, height };
}

/** Skips overscan, video signal type and chroma location. */
function skipSignalType(bits: BitReader): void {
  if (bits.flag()) bits.bit(); // overscan
  if (bits.flag()) {
    bits.skip(4); // video_format, video_full_range_flag
    if (bits.flag()) bits.skip(24); // colour description
  }
  if (bits.flag()) {
    bits.unsigned(); // chroma_sample_loc_type_top_field
    bits.unsigned(); // chroma_sample_loc_type_bottom_field
  }
}

/** Reads the VUI's timing: two ticks are one frame. */
function readFrameRate(bits: BitReader): number | undefined {
  const ticks = bits.bits(32);
  const scale = bits.bits(32);
  if (bits.left > 0) bits.bit(); // fixed_frame_rate_flag
  const rate = scale / (2 * ticks);
  return rate >= 1 && rate <= 300 ? rate : undefined;
}

/** Reads on to max_num_reorder_frames; undefined if it is absent or the SPS ends before it. */
function readReorderFrames(bits: BitReader): number | undefined {
  try {
    const hasNal = bits.flag();
    if (hasNal) skipHrd(bits);
    const hasVcl = bits.flag();
    if (hasVcl) skipHrd(bits);
    if (hasNal || hasVcl) bits.bit(); // low_delay_hrd_flag
    bits.bit(); // pic_struct_present_flag
    if (!bits.flag()) return undefined;
    bits.bit(); // motion_vectors_over_pic_boundaries_flag
    // max_bytes_per_pic_denom, max_bits_per_mb_denom, log2_max_mv_length_horizontal and _vertical.
    for (let i = 0; i < 4; i++) bits.unsigned();
    const frames = bits.unsigned();
    return frames <= MAXIMUM_REORDER_FRAMES ? frames : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Skips hrd_parameters (annex E.1.2). */
function skipHrd(bits: BitReader): void {
  const count = bits.unsigned() + 1;
  if (count > 32) throw new RangeError('too many coded picture buffers');
  bits.skip(8); // bit_rate_scale, cpb_size_scale
  for (let i = 0; i < count; i++) {
    bits.unsigned(); // bit_rate_value_minus1
    bits.unsigned(); // cpb_size_value_minus1
    bits.bit(); // cbr_flag
  }
  bits.skip(20); // three delay lengths, time_offset_length
}
