import { CmafError } from './cmaf-error.js';
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

/** Offset of the base media decode time in what `writeFragment` writes: behind the version and flags of tfdt. */
const DECODE_TIME_OFFSET = BOX_HEADER_SIZE + MFHD_SIZE + BOX_HEADER_SIZE + TFHD_SIZE + BOX_HEADER_SIZE + 4;

/** Returns the decode time of the first sample of a fragment that `writeFragment` wrote, ticks. */
export function fragmentDecodeTime(fragment: Buffer): number {
  return Number(fragment.readBigUInt64BE(DECODE_TIME_OFFSET));
}

/** Position of fields in what `writeFragment` writes. */
const AT = {
  sequence: BOX_HEADER_SIZE + 12,
  traf: BOX_HEADER_SIZE + MFHD_SIZE,
  tfhd: BOX_HEADER_SIZE + MFHD_SIZE + BOX_HEADER_SIZE,
  decodeTime: DECODE_TIME_OFFSET,
  trun: DECODE_TIME_OFFSET + 8,
} as const;
/** sample-description-index-present (8.8.7). */
const WITH_DESCRIPTION = 0x2;
/** Bytes that a sample description index adds to a moof box. */
export const DESCRIPTION_INDEX_SIZE = 4;

/** Change of a fragment for another movie. */
export type FragmentChange = {
  trackId: number;
  sequence: number;
  /** Sample description, from 1; undefined: that of the track's defaults. Makes the box longer. */
  description: number | undefined;
  /** Ticks per second of the fragment and of the movie. */
  timescales: { from: number; to: number };
  /** Added to decode times, ticks of the movie. */
  shift: number;
  /** Bytes that the caller puts before the first sample. */
  addedBytes: number;
};

/**
 * Copies a moof box that `writeFragment` wrote for another movie. Its mdat box stays as it is.
 *
 * @throws CmafError for any other box
 */
export function changeFragment(moof: Buffer, change: FragmentChange): Buffer {
  const { trackId, sequence, description, timescales, shift, addedBytes } = change;
  const isKnown =
    moof.length >= AT.trun + TRUN_HEADER_SIZE &&
    moof.readUInt32BE(0) === moof.length &&
    moof.toString('latin1', AT.tfhd + 4, AT.tfhd + 8) === 'tfhd' &&
    moof.readUInt32BE(AT.tfhd + 8) === TFHD_FLAGS &&
    moof.toString('latin1', AT.trun + 4, AT.trun + 8) === 'trun' &&
    moof.readUInt32BE(AT.trun + 8) === TRUN_VERSION_AND_FLAGS;
  const count = isKnown ? moof.readUInt32BE(AT.trun + 12) : 0;
  if (count === 0 || moof.length !== AT.trun + TRUN_HEADER_SIZE + count * TRUN_ROW_SIZE)
    throw new CmafError('cmaf_fragment_invalid', 'Not a fragment of this gateway');
  const added = description === undefined ? 0 : DESCRIPTION_INDEX_SIZE;
  const out = Buffer.allocUnsafe(moof.length + added);
  const head = AT.tfhd + TFHD_SIZE;
  moof.copy(out, 0, 0, head);
  moof.copy(out, head + added, head);
  for (const at of [0, AT.traf, AT.tfhd]) out.writeUInt32BE(moof.readUInt32BE(at) + added, at);
  out.writeUInt32BE(sequence, AT.sequence);
  out.writeUInt32BE(trackId, AT.tfhd + 12);
  if (description !== undefined) {
    out.writeUInt32BE(TFHD_FLAGS | WITH_DESCRIPTION, AT.tfhd + 8);
    out.writeUInt32BE(description, head);
  }
  let decodeTime = fragmentDecodeTime(moof);
  const scale = timescales.to / timescales.from;
  // Each time is rounded by itself, so that rounding does not add up.
  const scaled = (ticks: number): number => Math.round(ticks * scale);
  out.writeBigUInt64BE(BigInt(Math.max(0, scaled(decodeTime) + shift)), AT.decodeTime + added);
  const trun = AT.trun + added;
  out.writeUInt32BE(moof.readUInt32BE(AT.trun + 16) + added, trun + 16);
  const firstSize = trun + TRUN_HEADER_SIZE + 4;
  out.writeUInt32BE(out.readUInt32BE(firstSize) + addedBytes, firstSize);
  if (scale === 1) return out;
  for (let row = trun + TRUN_HEADER_SIZE; row < out.length; row += TRUN_ROW_SIZE) {
    const duration = out.readUInt32BE(row);
    out.writeUInt32BE(scaled(decodeTime + duration) - scaled(decodeTime), row);
    out.writeInt32BE(scaled(out.readInt32BE(row + 12)), row + 12);
    decodeTime += duration;
  }
  return out;
}
