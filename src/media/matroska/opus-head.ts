/** Sample rate of decoded Opus, Hz. */
export const OPUS_RATE = 48_000;

const MAGIC = 'OpusHead';
const CHANNELS_OFFSET = 9;
const RATE_OFFSET = 12;
/** Bytes with channel mapping family 0. */
const HEAD_BYTES = 19;
/** Channels of mapping family 1 (section 5.1.1.2). */
const MAXIMUM_CHANNELS = 8;

/**
 * Builds Opus's identification header (RFC 7845, section 5.1), which Matroska stores as CodecPrivate: one stream, pre-skip
 * 0, because a live stream has no beginning.
 */
export function opusHead(channels: 1 | 2): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.write(`${MAGIC}\x01`, 'latin1');
  head[CHANNELS_OFFSET] = channels;
  head.writeUInt32LE(OPUS_RATE, RATE_OFFSET);
  return head;
}

/** Reads an identification header. @returns undefined for other bytes */
export function readOpusHead(head: Buffer): { channels: number } | undefined {
  if (head.length < HEAD_BYTES || head.toString('latin1', 0, MAGIC.length) !== MAGIC) return undefined;
  const channels = head[CHANNELS_OFFSET]!;
  return channels >= 1 && channels <= MAXIMUM_CHANNELS ? { channels } : undefined;
}
