/** Samples in a frame of AAC-LC (ISO/IEC 14496-3, 4.5.2.1.1). */
export const AAC_FRAME_SAMPLES = 1024;

/**
 * Raw_data_block without spectral coefficients (ISO/IEC 14496-3, table 4.3): max_sfb is 0. One channel element (SCE),
 * or a pair (CPE) with a common window, then the end element.
 */
const SILENCE = {
  1: Buffer.from([0x00, 0x00, 0x00, 0x07]),
  2: Buffer.from([0x21, 0x00, 0x00, 0x00, 0x00, 0x1c]),
};

/** Returns an AAC-LC frame of silence; undefined for layouts other than mono and stereo. */
export function silentAacFrame(channels: number): Buffer | undefined {
  return channels === 1 || channels === 2 ? SILENCE[channels] : undefined;
}
