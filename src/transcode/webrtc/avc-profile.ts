import type { FlvTag } from '../../media/index.js';

/** AVC profiles that are 4:2:0 with 8 bits: Baseline, Main, High (ITU-T H.264, annex A.2). */
const PLAIN_PROFILES = new Set([66, 77, 100]);
/**
 * Offset of AVCProfileIndication (ISO/IEC 14496-15, 5.3.3.1.2) in an FLV sequence header: after 5 bytes of tag header,
 * in both the old form and the one with a FourCC, and the version.
 */
const PROFILE_OFFSET = 6;

/** Whether every browser can play this H.264. */
export function isPlainAvc(header: FlvTag | undefined): boolean {
  return PLAIN_PROFILES.has(header?.body[PROFILE_OFFSET] ?? 0);
}
