import { RTP_HEADER_BYTES, type RtpHeader } from './rtp-header.js';

/** Bytes of the original sequence number before the payload (RFC 4588 section 4). */
export const ORIGINAL_SEQUENCE_BYTES = 2;

/** Returns the original sequence number of a retransmission; undefined for an empty one (a padding probe). */
export function originalSequence(packet: Buffer, header: RtpHeader): number | undefined {
  if (header.payloadEnd - header.payloadOffset <= ORIGINAL_SEQUENCE_BYTES) return undefined;
  return packet.readUInt16BE(header.payloadOffset);
}

/**
 * Restores the original packet of a retransmission (RFC 4588 section 4) in place, without header extensions and
 * padding.
 */
export function restoreOriginal(
  packet: Buffer,
  header: RtpHeader,
  payloadType: number,
  ssrc: number,
): Buffer {
  const sequence = packet.readUInt16BE(header.payloadOffset);
  const start = header.payloadOffset + ORIGINAL_SEQUENCE_BYTES - RTP_HEADER_BYTES;
  const original = packet.subarray(start, header.payloadEnd);
  original[0] = 0x80;
  original[1] = (header.marker ? 0x80 : 0) | payloadType;
  original.writeUInt16BE(sequence, 2);
  original.writeUInt32BE(header.timestamp, 4);
  original.writeUInt32BE(ssrc, 8);
  return original;
}
