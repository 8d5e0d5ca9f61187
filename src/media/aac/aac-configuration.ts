import { BitReader } from '../bit-reader.js';

export type AacConfiguration = {
  /** Audio object type: 2 is AAC-LC, 5 HE-AAC (SBR), 29 HE-AAC v2 (PS). */
  objectType: number;
  /** Output sample rate, Hz: with SBR twice the core rate. */
  sampleRate: number;
  channels: number;
};

/** samplingFrequencyIndex (ISO/IEC 14496-3 table 1.18). */
const SAMPLE_RATES = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];
const ESCAPED_RATE = 15;
/** Channels by channelConfiguration (table 1.19); 0: given by a program config element. */
const CHANNELS = [0, 1, 2, 3, 4, 5, 6, 8];
const OBJECT_TYPE_ESCAPE = 31;
const OBJECT_TYPE_SBR = 5;
const OBJECT_TYPE_PS = 29;

/** Reads an AudioSpecificConfig (ISO/IEC 14496-3 1.6.2.1). Returns undefined for invalid bytes. */
export function readAacConfiguration(config: Uint8Array): AacConfiguration | undefined {
  try {
    const bits = new BitReader(config);
    const objectType = readObjectType(bits);
    let sampleRate = readSampleRate(bits);
    const layout = bits.bits(4);
    if (objectType === OBJECT_TYPE_SBR || objectType === OBJECT_TYPE_PS) sampleRate = readSampleRate(bits);
    // Parametric stereo is coded as mono. An unknown layout is taken for stereo.
    const channels = objectType === OBJECT_TYPE_PS ? 2 : CHANNELS[layout] || 2;
    if (objectType === 0 || sampleRate === undefined) return undefined;
    return { objectType, sampleRate, channels };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readObjectType(bits: BitReader): number {
  const type = bits.bits(5);
  return type === OBJECT_TYPE_ESCAPE ? 32 + bits.bits(6) : type;
}

function readSampleRate(bits: BitReader): number | undefined {
  const index = bits.bits(4);
  return index === ESCAPED_RATE ? bits.bits(24) || undefined : SAMPLE_RATES[index];
}
