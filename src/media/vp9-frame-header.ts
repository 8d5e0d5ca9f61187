import { BitReader } from './bit-reader.js';
import type { PictureSize } from './picture-size.js';

/** frame_sync_code (VP9 Bitstream & Decoding Process Specification, section 7.2.1). */
const SYNC_CODE = 0x498342;
/** color_space of RGB. */
const CS_RGB = 7;
const FRAME_MARKER = 2;

/**
 * Reads whether a frame, or the first of a superframe, is a keyframe (VP9 specification, section 6.2). Undefined for other
 * bytes.
 */
export function readVp9FrameKind(frame: Uint8Array): 'key' | 'inter' | undefined {
  const first = frame[0];
  if (first === undefined || first >> 6 !== FRAME_MARKER) return undefined;
  const profile = ((first >> 5) & 1) | ((first >> 3) & 2);
  // Profile 3 has a reserved bit before show_existing_frame and frame_type.
  const flags = profile === 3 ? first >> 1 : first >> 2;
  return (flags & 0x03) === 0 ? 'key' : 'inter';
}

/** The size that a keyframe's uncompressed header says (VP9 specification, section 6.2); undefined for other frames. */
export function readVp9CodedSize(frame: Uint8Array): PictureSize | undefined {
  try {
    return readKeyframe(new BitReader(frame));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readKeyframe(bits: BitReader): PictureSize | undefined {
  if (bits.bits(2) !== FRAME_MARKER) return undefined;
  const profile = bits.bit() + 2 * bits.bit();
  if (profile === 3) bits.bit(); // reserved_zero
  if (bits.flag()) return undefined; // show_existing_frame
  if (bits.flag()) return undefined; // frame_type: 0 is a keyframe
  bits.skip(2); // show_frame, error_resilient_mode
  if (bits.bits(24) !== SYNC_CODE) return undefined;
  if (profile >= 2) bits.bit(); // ten_or_twelve_bit
  if (bits.bits(3) !== CS_RGB) {
    bits.bit(); // color_range
    if (profile === 1 || profile === 3) bits.skip(3); // subsampling, reserved_zero
  } else if (profile === 1 || profile === 3) bits.bit(); // reserved_zero
  return { width: bits.bits(16) + 1, height: bits.bits(16) + 1 };
}
