export type FlacStreamInfo = {
  /** Hz. */
  sampleRate: number;
  channels: number;
  /** Stream marker and this block, as decoders are configured (RFC 9639 section 8). */
  configuration: Buffer;
};

const MARKER = Buffer.from('fLaC');
/** Type and length of a metadata block (RFC 9639 section 8.1). */
const BLOCK_HEAD_BYTES = 4;
const STREAM_INFO_BYTES = 34;
/** Head of the last metadata block, a stream info. */
const LAST_STREAM_INFO = Buffer.of(0x80, 0, 0, STREAM_INFO_BYTES);
/** Offset of the sample rate (20 bits) and channels (3 bits) in the block (section 8.2). */
const RATE_AT = 10;

/**
 * Reads the stream info that configures FLAC in enhanced RTMP: after the stream marker, or the block alone. @returns
 * undefined for other bytes
 */
export function readFlacStreamInfo(record: Buffer): FlacStreamInfo | undefined {
  const marked = record.subarray(0, MARKER.length).equals(MARKER) ? record.subarray(MARKER.length) : record;
  const isWhole = marked.length >= BLOCK_HEAD_BYTES + STREAM_INFO_BYTES && (marked[0]! & 0x7f) === 0;
  const info = isWhole ? marked.subarray(BLOCK_HEAD_BYTES) : marked;
  if (info.length < STREAM_INFO_BYTES) return undefined;
  const block = info.subarray(0, STREAM_INFO_BYTES);
  const sampleRate = block.readUIntBE(RATE_AT, 3) >> 4;
  const channels = ((block[RATE_AT + 2]! >> 1) & 0x07) + 1;
  if (sampleRate === 0) return undefined;
  return { sampleRate, channels, configuration: Buffer.concat([MARKER, LAST_STREAM_INFO, block]) };
}
