import { BitReader } from '../bit-reader.js';

export type Ac3Header = {
  /** Hz. */
  sampleRate: number;
  /** With the low-frequency channel. */
  channels: number;
};

const SYNC_WORD = 0x0b77;
/** Bytes that hold all fields that are read. */
const HEADER_BYTES = 8;
/** bsid of AC-3 at most; above: E-AC-3 (ETSI TS 102 366, annex E.1.3.1.6). */
const LAST_AC3 = 10;
/** Bits before bsid, in both. */
const BSID_AT = 40;
/** Sampling rates by fscod (section 4.4.1.3), and of E-AC-3 at half the rate by fscod2. */
const SAMPLE_RATES = [48_000, 44_100, 32_000];
/** Channels by acmod (section 4.4.2.3). */
const CHANNELS = [2, 1, 2, 3, 3, 4, 4, 5];

/** Reads the header of a frame of AC-3 or E-AC-3 (ETSI TS 102 366). @returns undefined for other bytes */
export function readAc3Header(frame: Buffer): Ac3Header | undefined {
  if (frame.length < HEADER_BYTES || frame.readUInt16BE(0) !== SYNC_WORD) return undefined;
  const bits = new BitReader(frame.subarray(0, HEADER_BYTES));
  bits.skip(16);
  return frame[BSID_AT / 8]! >> 3 <= LAST_AC3 ? readPlain(bits) : readEnhanced(bits);
}

function readPlain(bits: BitReader): Ac3Header | undefined {
  bits.skip(16); // crc1
  const sampleRate = SAMPLE_RATES[bits.bits(2)];
  bits.skip(6 + 5 + 3); // frmsizecod, bsid, bsmod
  const mode = bits.bits(3);
  if ((mode & 1) !== 0 && mode !== 1) bits.skip(2); // cmixlev
  if ((mode & 4) !== 0) bits.skip(2); // surmixlev
  if (mode === 2) bits.skip(2); // dsurmod
  return sampleRate === undefined ? undefined : { sampleRate, channels: CHANNELS[mode]! + bits.bit() };
}

function readEnhanced(bits: BitReader): Ac3Header | undefined {
  bits.skip(2 + 3 + 11); // strmtyp, substreamid, frmsiz
  const rate = SAMPLE_RATES[bits.bits(2)];
  const second = bits.bits(2); // numblkscod, or fscod2
  const half = SAMPLE_RATES[second];
  const sampleRate = rate ?? (half === undefined ? undefined : half / 2);
  const mode = bits.bits(3);
  return sampleRate === undefined ? undefined : { sampleRate, channels: CHANNELS[mode]! + bits.bit() };
}
