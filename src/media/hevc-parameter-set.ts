import { BitReader, withoutEmulationPrevention } from './bit-reader.js';
import type { PictureSize } from './picture-size.js';

const NAL_HEADER_BYTES = 2;
/** Bits of general_profile_space to general_reserved_zero_bit, and of a level (ITU-T H.265 7.3.3). */
const PROFILE_BITS = 88;
const LEVEL_BITS = 8;
/** sub_layer_profile_present_flag and its sibling stand for so many sub-layers once there is one. */
const MOST_SUB_LAYERS = 8;
const CHROMA_444 = 3;
/** More bytes of a parameter set are not needed for its size. */
const HEAD_BYTES = 256;

/**
 * The size in luma samples that pictures of an HEVC sequence parameter set are coded with, before cropping (ITU-T H.265
 * 7.3.2.2.1). Undefined when it cannot be read.
 *
 * @param nal the NAL unit, whose type is not looked at
 */
export function readHevcCodedSize(nal: Uint8Array): PictureSize | undefined {
  try {
    const head = nal.subarray(NAL_HEADER_BYTES, NAL_HEADER_BYTES + HEAD_BYTES);
    return readSize(new BitReader(withoutEmulationPrevention(head)));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readSize(bits: BitReader): PictureSize {
  bits.skip(4); // sps_video_parameter_set_id
  const subLayers = bits.bits(3);
  bits.bit(); // sps_temporal_id_nesting_flag
  skipProfileAndLevel(bits, subLayers);
  bits.unsigned(); // sps_seq_parameter_set_id
  if (bits.unsigned() === CHROMA_444) bits.bit(); // separate_colour_plane_flag
  return { width: bits.unsigned(), height: bits.unsigned() };
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
