import type { Sample } from './fragment-reader.js';

/** default-base-is-moof (ISO/IEC 14496-12, 8.8.7). */
const TFHD_FLAGS = 0x020000;
/** Version 1 (signed composition offsets) with data offset, duration, size, flags and composition offset (8.8.8). */
const TRUN_VERSION_AND_FLAGS = 0x01000f01;

const MFHD_SIZE = 16;
const TFHD_SIZE = 16;
const TFDT_SIZE = 20;
const TRUN_HEADER_SIZE = 20;
const TRUN_ROW_SIZE = 16;
const BOX_HEADER_SIZE = 8;

export type Fragment = {
  trackId: number;
  /** mfhd sequence_number: rises from fragment to fragment. */
  sequence: number;
  /** Decode time of the first sample, ticks. The samples' own decode times are ignored. */
  decodeTime: number;
  samples: readonly Sample[];
};

/** Writes samples as one CMAF chunk, a moof and an mdat, in a buffer of its own. */
export function writeFragment({ trackId, sequence, decodeTime, samples }: Fragment): Buffer {
  const trunSize = TRUN_HEADER_SIZE + TRUN_ROW_SIZE * samples.length;
  const trafSize = BOX_HEADER_SIZE + TFHD_SIZE + TFDT_SIZE + trunSize;
  const moofSize = BOX_HEADER_SIZE + MFHD_SIZE + trafSize;
  let dataSize = 0;
  for (const sample of samples) dataSize += sample.data.length;

  // Not from the shared pool: a small part would keep the pool's whole slab alive.
  const out = Buffer.allocUnsafeSlow(moofSize + BOX_HEADER_SIZE + dataSize);
  let at = 0;
  const word = (value: number): void => {
    at = out.writeUInt32BE(value >>> 0, at);
  };
  const head = (size: number, type: string): void => {
    word(size);
    at += out.write(type, at, 'latin1');
  };
  head(moofSize, 'moof');
  head(MFHD_SIZE, 'mfhd');
  word(0);
  word(sequence);
  head(trafSize, 'traf');
  head(TFHD_SIZE, 'tfhd');
  word(TFHD_FLAGS);
  word(trackId);
  head(TFDT_SIZE, 'tfdt');
  word(0x01000000);
  at = out.writeBigUInt64BE(BigInt(decodeTime), at);
  head(trunSize, 'trun');
  word(TRUN_VERSION_AND_FLAGS);
  word(samples.length);
  word(moofSize + BOX_HEADER_SIZE);
  for (const sample of samples) {
    word(sample.duration);
    word(sample.data.length);
    word(sample.flags);
    word(sample.compositionOffset);
  }
  head(BOX_HEADER_SIZE + dataSize, 'mdat');
  for (const sample of samples) at += sample.data.copy(out, at);
  return out;
}
