import type { FlvTag } from '../../media/index.js';

/** Offset of an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1): after 5 bytes of tag header. */
const RECORD_OFFSET = 5;
/** Bytes of general_profile_idc, chroma_format_idc, bit_depth_luma_minus8 and bit_depth_chroma_minus8 in it. */
const PROFILE = { at: 1, mask: 0x1f, main: 1 } as const;
const CHROMA = { at: 16, mask: 0x03, yuv420: 1 } as const;
const DEPTHS = { at: [17, 18], mask: 0x07 } as const;

/** Whether every decoder of HEVC over WebRTC can play it: Main profile, 4:2:0 with 8 bits. */
export function isPlainHevc(header: FlvTag | undefined): boolean {
  const record = header?.body.subarray(RECORD_OFFSET);
  if (!record || record.length <= DEPTHS.at[1]) return false;
  return (
    (record[PROFILE.at]! & PROFILE.mask) === PROFILE.main &&
    (record[CHROMA.at]! & CHROMA.mask) === CHROMA.yuv420 &&
    DEPTHS.at.every((at) => (record[at]! & DEPTHS.mask) === 0)
  );
}
