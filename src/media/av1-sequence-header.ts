import { AV1_OBU, readAv1ObuHeader } from './av1-obu.js';
import { BitReader } from './bit-reader.js';
import type { PictureSize } from './picture-size.js';

/** Fields of an AV1 sequence header (AV1 Bitstream & Decoding Process Specification, section 5.5). */
export type Av1SequenceHeader = {
  /** seq_profile: 0 Main, 1 High, 2 Professional. */
  profile: number;
  /** seq_level_idx and seq_tier of the first operating point, which includes all layers. */
  level: number;
  tier: number;
  /** Largest frame, pixels; single frames may be smaller. */
  width: number;
  height: number;
  /** 8, 10 or 12 bits. */
  bitDepth: number;
  monochrome: boolean;
  subsamplingX: number;
  subsamplingY: number;
  chromaSamplePosition: number;
};

/** Levels above this one have a seq_tier (section 5.5.1). */
const HIGHEST_LEVEL_WITHOUT_TIER = 7;
/** MaxPicSize of the highest levels (section A.3), pixels. */
const MAXIMUM_PICTURE = 35_651_584;
const PROFILE_HIGH = 1;
const PROFILE_PROFESSIONAL = 2;
/** color_primaries, transfer_characteristics and matrix_coefficients of sRGB (section 6.4.2). */
const BT_709 = 1;
const SRGB = 13;
const IDENTITY = 0;
/** Marker bit and version 1: first byte of an AV1CodecConfigurationRecord. */
const CONFIGURATION_VERSION = 0x81;

/**
 * Reads the payload of a sequence header OBU. Returns undefined if it is invalid, or larger than every level allows.
 */
export function readAv1SequenceHeader(payload: Uint8Array): Av1SequenceHeader | undefined {
  try {
    const header = readSequence(new BitReader(payload));
    return header.width * header.height > MAXIMUM_PICTURE ? undefined : header;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Reads the largest frame size of a sequence header OBU's payload, also one that no level allows. */
export function readAv1CodedSize(payload: Uint8Array): PictureSize | undefined {
  try {
    const { width, height } = readFrameSize(new BitReader(payload));
    return { width, height };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Reads a sequence header OBU including its OBU header. */
export function readAv1SequenceHeaderObu(obu: Uint8Array): Av1SequenceHeader | undefined {
  const header = readAv1ObuHeader(obu, 0, obu.length);
  if (header?.type !== AV1_OBU.sequenceHeader) return undefined;
  return readAv1SequenceHeader(obu.subarray(header.payloadOffset));
}

/**
 * Builds an AV1CodecConfigurationRecord ("av1C"; AV1 Codec ISO Media File Format Binding, section 2.3.3), which is
 * also Matroska's CodecPrivate.
 *
 * @param obu the sequence header OBU with its size field
 */
export function av1Configuration(header: Av1SequenceHeader, obu: Uint8Array): Buffer {
  const highBitDepth = header.bitDepth > 8 ? 0x40 : 0;
  const twelveBit = header.bitDepth === 12 ? 0x20 : 0;
  const depth = highBitDepth | twelveBit | (header.monochrome ? 0x10 : 0);
  const chroma = (header.subsamplingX << 3) | (header.subsamplingY << 2) | header.chromaSamplePosition;
  const start = [CONFIGURATION_VERSION, (header.profile << 5) | header.level];
  return Buffer.concat([Uint8Array.from([...start, (header.tier << 7) | depth | chroma, 0]), obu]);
}

type FrameSize = Pick<Av1SequenceHeader, 'profile' | 'level' | 'tier' | 'width' | 'height'> & {
  reduced: boolean;
};

/** Reads a sequence header up to its frame size. */
function readFrameSize(bits: BitReader): FrameSize {
  const profile = bits.bits(3);
  bits.bit(); // still_picture
  const reduced = bits.flag();
  const { level, tier } = reduced ? { level: bits.bits(5), tier: 0 } : readOperatingPoints(bits);
  const widthBits = bits.bits(4) + 1;
  const heightBits = bits.bits(4) + 1;
  const width = bits.bits(widthBits) + 1;
  const height = bits.bits(heightBits) + 1;
  return { profile, level, tier, width, height, reduced };
}

function readSequence(bits: BitReader): Av1SequenceHeader {
  const { profile, level, tier, width, height, reduced } = readFrameSize(bits);
  if (!reduced && bits.flag()) bits.skip(7); // delta_frame_id_length_minus_2, additional_frame_id_length_minus_1
  bits.skip(3); // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
  if (!reduced) skipTools(bits);
  bits.skip(3); // enable_superres, enable_cdef, enable_restoration
  return { profile, level, tier, width, height, ...readColour(bits, profile) };
}

function readOperatingPoints(bits: BitReader): { level: number; tier: number } {
  let delayBits = 0;
  let hasDecoderModel = false;
  if (bits.flag()) {
    bits.skip(64); // num_units_in_display_tick, time_scale
    if (bits.flag()) bits.unsigned(); // num_ticks_per_picture_minus_1: uvlc() is an Exp-Golomb code
    hasDecoderModel = bits.flag();
    if (hasDecoderModel) {
      delayBits = bits.bits(5) + 1;
      bits.skip(42);
    }
  }
  const hasDisplayDelay = bits.flag();
  const count = bits.bits(5) + 1;
  let first = { level: 0, tier: 0 };
  for (let i = 0; i < count; i++) {
    bits.skip(12); // operating_point_idc
    const level = bits.bits(5);
    const tier = level > HIGHEST_LEVEL_WITHOUT_TIER ? bits.bit() : 0;
    if (i === 0) first = { level, tier };
    if (hasDecoderModel && bits.flag()) bits.skip(2 * delayBits + 1);
    if (hasDisplayDelay && bits.flag()) bits.skip(4);
  }
  return first;
}

function skipTools(bits: BitReader): void {
  bits.skip(4); // enable_interintra_compound, enable_masked_compound, enable_warped_motion, enable_dual_filter
  const hasOrderHint = bits.flag();
  if (hasOrderHint) bits.skip(2); // enable_jnt_comp, enable_ref_frame_mvs
  const choosesScreenTools = bits.flag();
  const screenTools = choosesScreenTools || bits.flag();
  if (screenTools && !bits.flag()) bits.bit(); // seq_choose_integer_mv, seq_force_integer_mv
  if (hasOrderHint) bits.skip(3);
}

type Colour = Pick<
  Av1SequenceHeader,
  'bitDepth' | 'monochrome' | 'subsamplingX' | 'subsamplingY' | 'chromaSamplePosition'
>;

/** Reads color_config() (section 5.5.2) as far as the codec configuration needs it. */
function readColour(bits: BitReader, profile: number): Colour {
  const high = bits.flag();
  const twelve = high && profile === PROFILE_PROFESSIONAL && bits.flag();
  const bitDepth = twelve ? 12 : high ? 10 : 8;
  const monochrome = profile !== PROFILE_HIGH && bits.flag();
  const described = bits.flag();
  const [primaries, transfer, matrix] = described ? [bits.bits(8), bits.bits(8), bits.bits(8)] : [];
  const colour = { bitDepth, monochrome, subsamplingX: 1, subsamplingY: 1, chromaSamplePosition: 0 };
  if (monochrome) return colour;
  if (primaries === BT_709 && transfer === SRGB && matrix === IDENTITY)
    return { ...colour, subsamplingX: 0, subsamplingY: 0 };
  bits.bit(); // color_range
  const [x, y] = readSubsampling(bits, profile, bitDepth);
  const position = x === 1 && y === 1 ? bits.bits(2) : 0;
  return { ...colour, subsamplingX: x, subsamplingY: y, chromaSamplePosition: position };
}

function readSubsampling(bits: BitReader, profile: number, bitDepth: number): [number, number] {
  if (profile === 0) return [1, 1];
  if (profile === PROFILE_HIGH) return [0, 0];
  if (bitDepth < 12) return [1, 0];
  const x = bits.bit();
  return [x, x === 1 ? bits.bit() : 0];
}
