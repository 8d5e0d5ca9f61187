/** Header of an ADTS frame (ISO/IEC 14496-3, 1.A.2.2). */
export type AdtsHeader = {
  /** AudioSpecificConfig with the same profile, sample rate and channels. */
  configuration: Buffer;
  /** 7, or 9 with a checksum. */
  headerBytes: number;
  /** Bytes with the header. */
  frameBytes: number;
  /** raw_data_blocks in the frame. */
  blocks: number;
};

const HEADER_BYTES = 7;
const CHECKSUM_BYTES = 2;
/** samplingFrequencyIndex from 13 on is reserved or escaped. */
const RATES = 13;

/** Whether bytes begin with an ADTS syncword and layer 0. No raw_data_block does: it would begin with its end. */
export function isAdts(bytes: Uint8Array, offset: number): boolean {
  return (
    bytes.length >= offset + HEADER_BYTES && bytes[offset] === 0xff && (bytes[offset + 1]! & 0xf6) === 0xf0
  );
}

/** Reads the ADTS header at `offset`. Returns undefined if it is invalid, or its frame ends beyond the bytes. */
export function readAdts(bytes: Uint8Array, offset: number): AdtsHeader | undefined {
  if (!isAdts(bytes, offset)) return undefined;
  const objectType = (bytes[offset + 2]! >> 6) + 1;
  const rate = (bytes[offset + 2]! >> 2) & 0x0f;
  const channels = ((bytes[offset + 2]! & 1) << 2) | (bytes[offset + 3]! >> 6);
  const frameBytes = ((bytes[offset + 3]! & 3) << 11) | (bytes[offset + 4]! << 3) | (bytes[offset + 5]! >> 5);
  const blocks = (bytes[offset + 6]! & 3) + 1;
  const headerBytes = HEADER_BYTES + (bytes[offset + 1]! & 1 ? 0 : CHECKSUM_BYTES);
  if (rate >= RATES || frameBytes <= headerBytes || offset + frameBytes > bytes.length) return undefined;
  // The layout of channel configuration 0 is described in the frames, which decoders of RTMP do not read.
  if (channels === 0) return undefined;
  const configuration = Buffer.from([(objectType << 3) | (rate >> 1), ((rate & 1) << 7) | (channels << 3)]);
  return { configuration, headerBytes, frameBytes, blocks };
}
