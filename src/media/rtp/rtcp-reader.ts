import { unixFromNtp } from './ntp-time.js';

/** RTCP packet types (RFC 3550 section 12.1, RFC 4585 section 6.1). */
export const RTCP = {
  senderReport: 200,
  receiverReport: 201,
  sourceDescription: 202,
  goodbye: 203,
  transportFeedback: 205,
  payloadFeedback: 206,
  extendedReport: 207,
} as const;

/** Feedback message types, by packet type. */
export const TRANSPORT_FEEDBACK = { nack: 1, transportCc: 15 } as const;
export const PAYLOAD_FEEDBACK = { pli: 1, fir: 4, application: 15 } as const;

const VERSION = 2;
const HEADER_BYTES = 4;
const SENDER_REPORT_BYTES = 28;
const REPORT_BLOCK_BYTES = 24;
/** Header, SSRC of the sender, SSRC of the media (RFC 4585 section 6.1). */
export const FEEDBACK_HEADER_BYTES = 12;
/** Header and SSRC of an extended report, and a block of each type (RFC 3611 sections 4.4 and 4.5). */
const EXTENDED_HEADER_BYTES = 8;
const BLOCK_HEADER_BYTES = 4;
const DELAY_ITEM_BYTES = 12;
/** Block types of extended reports. */
export const EXTENDED_BLOCK = { referenceTime: 4, delay: 5 } as const;
const REMB_IDENTIFIER = 0x52454d42; // 'REMB'
const REMB_HEADER_BYTES = 20;

/** Receives the packets of a compound; `count` is the five-bit field: a count, or the feedback message type. */
export type RtcpVisitor = {
  rtcp(packet: Buffer, type: number, count: number, offset: number, length: number): void;
};

/**
 * Visits the packets of an RTCP compound (RFC 3550 section 6.1; RFC 5506 for reduced sizes). Stops at the first with
 * a wrong version or length.
 */
export function visitRtcp(packet: Buffer, visitor: RtcpVisitor): void {
  let offset = 0;
  while (offset + HEADER_BYTES <= packet.length) {
    const first = packet[offset]!;
    if (first >> 6 !== VERSION) return;
    const length = (((packet[offset + 2]! << 8) | packet[offset + 3]!) + 1) * 4;
    if (offset + length > packet.length) return;
    visitor.rtcp(packet, packet[offset + 1]!, first & 0x1f, offset, length);
    offset += length;
  }
}

/** Fields of a sender report (RFC 3550 section 6.4.1). */
export type SenderReport = {
  ssrc: number;
  /** Wall clock of the sender, Unix ms. */
  time: number;
  /** RTP timestamp of the same instant. */
  timestamp: number;
  /** Middle 32 bits of the NTP timestamp, returned as LSR in receiver reports. */
  middle: number;
};

export function readSenderReport(packet: Buffer, offset: number, length: number): SenderReport | undefined {
  if (length < SENDER_REPORT_BYTES) return undefined;
  const seconds = packet.readUInt32BE(offset + 8);
  const fraction = packet.readUInt32BE(offset + 12);
  return {
    ssrc: packet.readUInt32BE(offset + 4),
    time: unixFromNtp(seconds, fraction),
    timestamp: packet.readUInt32BE(offset + 16),
    middle: ((seconds & 0xffff) * 0x10000 + (fraction >>> 16)) >>> 0,
  };
}

/** Receives the report blocks of a sender or receiver report (RFC 3550 section 6.4.1). */
export type ReportBlockVisitor = {
  /** @param fractionLost share of the packets since the last report, 0 to 1 */
  reportBlock(ssrc: number, fractionLost: number): void;
};

export function visitReportBlocks(
  packet: Buffer,
  type: number,
  count: number,
  offset: number,
  length: number,
  visitor: ReportBlockVisitor,
): void {
  let at = offset + (type === RTCP.senderReport ? SENDER_REPORT_BYTES : 8);
  const end = offset + length;
  for (let i = 0; i < count && at + REPORT_BLOCK_BYTES <= end; i++, at += REPORT_BLOCK_BYTES)
    visitor.reportBlock(packet.readUInt32BE(at), packet[at + 4]! / 256);
}

/** Receives what an extended report answers to earlier reference times (DLRR, RFC 3611 section 4.5). */
export type DelayVisitor = {
  /**
   * @param lastReference middle 32 bits of the reference time that was received
   * @param delay since it was received, 1/65536 s
   */
  delaySinceReference(ssrc: number, lastReference: number, delay: number): void;
};

export function visitDelays(packet: Buffer, offset: number, length: number, visitor: DelayVisitor): void {
  const end = offset + length;
  for (let at = offset + EXTENDED_HEADER_BYTES; at + BLOCK_HEADER_BYTES <= end; ) {
    const next = at + (packet.readUInt16BE(at + 2) + 1) * 4;
    if (next > end) return;
    if (packet[at] === EXTENDED_BLOCK.delay)
      for (let item = at + BLOCK_HEADER_BYTES; item + DELAY_ITEM_BYTES <= next; item += DELAY_ITEM_BYTES)
        visitor.delaySinceReference(
          packet.readUInt32BE(item),
          packet.readUInt32BE(item + 4),
          packet.readUInt32BE(item + 8),
        );
    at = next;
  }
}

/** Returns the media SSRC of a feedback message (RFC 4585 section 6.1); 0 if the message is too short. */
export function feedbackMedia(packet: Buffer, offset: number, length: number): number {
  return length < FEEDBACK_HEADER_BYTES ? 0 : packet.readUInt32BE(offset + 8);
}

/** Receives the sequence numbers that a generic NACK requests (RFC 4585 section 6.2.1). */
export type NackVisitor = { nack(sequence: number): void };

export function visitNack(packet: Buffer, offset: number, length: number, visitor: NackVisitor): void {
  const end = offset + length;
  for (let at = offset + FEEDBACK_HEADER_BYTES; at + 4 <= end; at += 4) {
    const first = (packet[at]! << 8) | packet[at + 1]!;
    visitor.nack(first);
    let mask = (packet[at + 2]! << 8) | packet[at + 3]!;
    for (let next = first + 1; mask !== 0; next++, mask >>= 1) if (mask & 1) visitor.nack(next & 0xffff);
  }
}

/**
 * Returns the bitrate of a REMB message, bits/s (draft-alvestrand-rmcat-remb-03 section 2.2); undefined for other
 * messages.
 */
export function readRemb(packet: Buffer, offset: number, length: number): number | undefined {
  if (length < REMB_HEADER_BYTES || packet.readUInt32BE(offset + 12) !== REMB_IDENTIFIER) return undefined;
  const exponent = packet[offset + 17]! >> 2;
  const mantissa = ((packet[offset + 17]! & 0x03) << 16) | packet.readUInt16BE(offset + 18);
  return mantissa * 2 ** exponent;
}
