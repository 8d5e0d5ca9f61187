/** Samples in a frame of AAC-LC (ISO/IEC 14496-3, 4.5.2.1.1). */
export const AAC_FRAME_SAMPLES = 1024;

/**
 * A raw_data_block without a single spectral line (ISO/IEC 14496-3, table 4.3): max_sfb is 0, so that nothing else is
 * sent. One channel element (SCE), or a pair (CPE) with a common window, and the end.
 */
const SILENCE = {
  1: Buffer.from([0x00, 0x00, 0x00, 0x07]),
  2: Buffer.from([0x21, 0x00, 0x00, 0x00, 0x00, 0x1c]),
};

/** A frame of silence in AAC-LC; undefined for layouts other than mono and stereo. */
export function silentAacFrame(channels: number): Buffer | undefined {
  return channels === 1 || channels === 2 ? SILENCE[channels] : undefined;
}
