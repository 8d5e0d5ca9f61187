import { BitReader, withoutEmulationPrevention } from './bit-reader.js';
import type { PictureSize } from './picture-size.js';

const NAL_HEADER_BYTES = 2;
/** Bits of general_profile_space to general_reserved_zero_bit, and of a level (ITU-T H.265 7.3.3). */
const PROFILE_BITS = 88;
const LEVEL_BITS = 8;
const PROFILE_BYTES = (PROFILE_BITS + LEVEL_BITS) / 8;
/** sub_layer_profile_present_flag and its sibling stand for so many sub-layers once there is one. */
const MOST_SUB_LAYERS = 8;
const CHROMA_420 = 1;
const CHROMA_422 = 2;
const CHROMA_444 = 3;
/** More bytes of a parameter set are not needed for its size. */
const HEAD_BYTES = 256;

/** Fields of an HEVC sequence parameter set that decoder configurations depend on. */
export type HevcFormat = {
  /** sps_seq_parameter_set_id, sps_video_parameter_set_id. */
  id: number;
  vpsId: number;
  subLayers: number;
  temporalNesting: number;
  /** general_profile_space to general_level_idc: twelve bytes. */
  profile: Uint8Array;
  /** chroma_format_idc. */
  chromaFormat: number;
  lumaDepth: number;
  chromaDepth: number;
  /** Coded size, pixels. */
  size: PictureSize;
  /** The same after cropping to the conformance window. */
  shownSize: PictureSize;
};

/**
 * Reads the format of an HEVC sequence parameter set (ITU-T H.265 7.3.2.2.1). Returns undefined if it is invalid.
 *
 * @param nal the NAL unit, whose type is not looked at
 */
export function readHevcFormat(nal: Uint8Array): HevcFormat | undefined {
  return readUnit(nal, (bits, bytes) => {
    const head = readHead(bits);
    const shownSize = readShownSize(bits, head);
    const lumaDepth = bits.unsigned() + 8;
    const chromaDepth = bits.unsigned() + 8;
    return { ...head, shownSize, profile: bytes.slice(1, 1 + PROFILE_BYTES), lumaDepth, chromaDepth };
  });
}

/**
 * The size in luma samples that pictures of an HEVC sequence parameter set are coded with, before cropping (ITU-T H.265
 * 7.3.2.2.1). Undefined when it cannot be read.
 *
 * @param nal the NAL unit, whose type is not looked at
 */
export function readHevcCodedSize(nal: Uint8Array): PictureSize | undefined {
  return readUnit(nal, (bits) => readHead(bits).size);
}

function readUnit<T>(nal: Uint8Array, read: (bits: BitReader, bytes: Uint8Array) => T): T | undefined {
  try {
    const bytes = withoutEmulationPrevention(nal.subarray(NAL_HEADER_BYTES, NAL_HEADER_BYTES + HEAD_BYTES));
    return read(new BitReader(bytes), bytes);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

type Head = Omit<HevcFormat, 'shownSize' | 'profile' | 'lumaDepth' | 'chromaDepth'>;

/** Reads up to the picture size. */
function readHead(bits: BitReader): Head {
  const vpsId = bits.bits(4);
  const mostSubLayer = bits.bits(3);
  const temporalNesting = bits.bit();
  skipProfileAndLevel(bits, mostSubLayer);
  const id = bits.unsigned();
  const chromaFormat = bits.unsigned();
  if (chromaFormat === CHROMA_444) bits.bit(); // separate_colour_plane_flag
  const size = { width: bits.unsigned(), height: bits.unsigned() };
  return { id, vpsId, subLayers: mostSubLayer + 1, temporalNesting, chromaFormat, size };
}

/** Reads the conformance window, in units of chroma samples (7.4.3.2.1). */
function readShownSize(bits: BitReader, { size, chromaFormat }: Head): PictureSize {
  if (!bits.flag()) return size;
  const [left, right, top, bottom] = [bits.unsigned(), bits.unsigned(), bits.unsigned(), bits.unsigned()];
  const unitX = chromaFormat === CHROMA_420 || chromaFormat === CHROMA_422 ? 2 : 1;
  const unitY = chromaFormat === CHROMA_420 ? 2 : 1;
  const width = size.width - unitX * (left + right);
  const height = size.height - unitY * (top + bottom);
  return width > 0 && height > 0 ? { width, height } : size;
}

/** profile_tier_level(1, sps_max_sub_layers_minus1). */
function skipProfileAndLevel(bits: BitReader, subLayers: number): void {
  bits.skip(PROFILE_BITS + LEVEL_BITS);
  let present = 0;
  for (let i = 0; i < subLayers; i++)
    present += (bits.flag() ? PROFILE_BITS : 0) + (bits.flag() ? LEVEL_BITS : 0);
  if (subLayers > 0) bits.skip(2 * (MOST_SUB_LAYERS - subLayers));
  bits.skip(present);
}
