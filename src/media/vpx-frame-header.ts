import { BitReader } from './bit-reader.js';
import type { PictureSize } from './picture-size.js';

/** frame_sync_code (VP9 Bitstream & Decoding Process Specification, section 7.2.1). */
const SYNC_CODE = 0x498342;
/** color_space of RGB. */
const CS_RGB = 7;
const FRAME_MARKER = 2;
/** Start code of a VP8 keyframe, and its header (RFC 6386, section 9.1). */
const VP8_START_CODE = [0x9d, 0x01, 0x2a] as const;
const VP8_KEYFRAME_BYTES = 10;
const VP8_TAG_BYTES = 3;

/** Reads whether a VP8 frame is a keyframe (RFC 6386, section 9.1). Undefined for other bytes. */
export function readVp8FrameKind(frame: Uint8Array): 'key' | 'inter' | undefined {
  if (frame.length < VP8_TAG_BYTES) return undefined;
  if ((frame[0]! & 1) !== 0) return 'inter';
  return readVp8CodedSize(frame) && 'key';
}

/** The size that the header of a VP8 keyframe says; undefined for other frames. */
export function readVp8CodedSize(frame: Uint8Array): PictureSize | undefined {
  if (frame.length < VP8_KEYFRAME_BYTES || (frame[0]! & 1) !== 0) return undefined;
  if (VP8_START_CODE.some((byte, i) => frame[VP8_TAG_BYTES + i] !== byte)) return undefined;
  const width = frame[6]! | ((frame[7]! & 0x3f) << 8);
  const height = frame[8]! | ((frame[9]! & 0x3f) << 8);
  return width > 0 && height > 0 ? { width, height } : undefined;
}

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
