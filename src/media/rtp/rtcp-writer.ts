import { ntpFraction, ntpSeconds } from './ntp-time.js';
import {
  EXTENDED_BLOCK,
  FEEDBACK_HEADER_BYTES,
  PAYLOAD_FEEDBACK,
  RTCP,
  TRANSPORT_FEEDBACK,
} from './rtcp-reader.js';
import { sequenceDistance } from './sequence-numbers.js';

const VERSION = 0x80;
const CNAME = 1;
const SENDER_REPORT_BYTES = 28;
const REPORT_BLOCK_BYTES = 24;
/** Extended reports with one block each. */
const REFERENCE_TIME_BYTES = 20;
const DELAY_REPORT_BYTES = 24;
/** Greatest value of the five-bit report count. */
const MAXIMUM_REPORT_BLOCKS = 31;
/** Sequence numbers covered by one NACK entry after the first: a bit mask of 16. */
const NACK_SPAN = 16;

function writeHeader(target: Buffer, offset: number, count: number, type: number, bytes: number): void {
  target[offset] = VERSION | count;
  target[offset + 1] = type;
  target.writeUInt16BE(bytes / 4 - 1, offset + 2);
}

/** Fields of a sender report. */
export type SenderReportFields = {
  ssrc: number;
  /** Wall clock of `timestamp`, Unix ms. */
  time: number;
  timestamp: number;
  packets: number;
  bytes: number;
  cname: string;
};

/** Builds a sender report followed by the source's CNAME (RFC 3550 sections 6.4.1 and 6.5). */
export function senderReport(fields: SenderReportFields): Buffer {
  const name = Buffer.from(fields.cname, 'utf8').subarray(0, 255);
  const chunk = Math.ceil((4 + 2 + name.length + 1) / 4) * 4;
  const packet = Buffer.alloc(SENDER_REPORT_BYTES + 4 + chunk);
  writeHeader(packet, 0, 0, RTCP.senderReport, SENDER_REPORT_BYTES);
  packet.writeUInt32BE(fields.ssrc, 4);
  packet.writeUInt32BE(ntpSeconds(fields.time), 8);
  packet.writeUInt32BE(ntpFraction(fields.time), 12);
  packet.writeUInt32BE(fields.timestamp >>> 0, 16);
  packet.writeUInt32BE(fields.packets >>> 0, 20);
  packet.writeUInt32BE(fields.bytes % 2 ** 32, 24);
  writeHeader(packet, SENDER_REPORT_BYTES, 1, RTCP.sourceDescription, 4 + chunk);
  packet.writeUInt32BE(fields.ssrc, SENDER_REPORT_BYTES + 4);
  packet[SENDER_REPORT_BYTES + 8] = CNAME;
  packet[SENDER_REPORT_BYTES + 9] = name.length;
  name.copy(packet, SENDER_REPORT_BYTES + 10);
  return packet;
}

/** Report block: reception quality of one source (RFC 3550 section 6.4.1). */
export type ReportBlock = {
  ssrc: number;
  /** Share of packets lost since the last report, 0 to 1. */
  fractionLost: number;
  /** Cumulative number of packets lost. */
  lost: number;
  /** Extended highest sequence number received: wraps in the upper 16 bits. */
  highest: number;
  /** Interarrival jitter, ticks of the source's clock. */
  jitter: number;
  /** LSR: middle 32 bits of the last sender report's NTP timestamp, or 0. */
  lastReport: number;
  /** DLSR: delay since that report arrived, 1/65536 s. */
  delay: number;
};

/** Builds a receiver report (RFC 3550 section 6.4.2). */
export function receiverReport(sender: number, blocks: readonly ReportBlock[]): Buffer {
  const count = Math.min(blocks.length, MAXIMUM_REPORT_BLOCKS);
  const packet = Buffer.alloc(8 + count * REPORT_BLOCK_BYTES);
  writeHeader(packet, 0, count, RTCP.receiverReport, packet.length);
  packet.writeUInt32BE(sender, 4);
  for (let i = 0; i < count; i++) {
    const block = blocks[i]!;
    const at = 8 + i * REPORT_BLOCK_BYTES;
    packet.writeUInt32BE(block.ssrc, at);
    packet[at + 4] = Math.min(255, Math.floor(block.fractionLost * 256));
    packet.writeIntBE(Math.max(-0x800000, Math.min(0x7fffff, block.lost)), at + 5, 3);
    packet.writeUInt32BE(block.highest % 2 ** 32, at + 8);
    packet.writeUInt32BE(Math.min(0xffffffff, Math.floor(block.jitter)), at + 12);
    packet.writeUInt32BE(block.lastReport >>> 0, at + 16);
    packet.writeUInt32BE(Math.min(0xffffffff, Math.floor(block.delay)), at + 20);
  }
  return packet;
}

/** Builds an extended report with our time (RRTR, RFC 3611 section 4.4), which senders of media answer. */
export function referenceTimeReport(sender: number, timeMs: number): Buffer {
  const packet = Buffer.alloc(REFERENCE_TIME_BYTES);
  writeHeader(packet, 0, 0, RTCP.extendedReport, packet.length);
  packet.writeUInt32BE(sender, 4);
  packet[8] = EXTENDED_BLOCK.referenceTime;
  packet.writeUInt16BE(2, 10);
  packet.writeUInt32BE(ntpSeconds(timeMs), 12);
  packet.writeUInt32BE(ntpFraction(timeMs), 16);
  return packet;
}

/** Builds an extended report that answers a reference time (DLRR, RFC 3611 section 4.5). */
export function delayReport(
  sender: number,
  { ssrc, lastReference, delay }: { ssrc: number; lastReference: number; delay: number },
): Buffer {
  const packet = Buffer.alloc(DELAY_REPORT_BYTES);
  writeHeader(packet, 0, 0, RTCP.extendedReport, packet.length);
  packet.writeUInt32BE(sender, 4);
  packet[8] = EXTENDED_BLOCK.delay;
  packet.writeUInt16BE(3, 10);
  packet.writeUInt32BE(ssrc, 12);
  packet.writeUInt32BE(lastReference, 16);
  packet.writeUInt32BE(delay, 20);
  return packet;
}

function feedback(type: number, format: number, sender: number, media: number, body: number): Buffer {
  const packet = Buffer.alloc(FEEDBACK_HEADER_BYTES + body);
  writeHeader(packet, 0, format, type, packet.length);
  packet.writeUInt32BE(sender, 4);
  packet.writeUInt32BE(media, 8);
  return packet;
}

/** Builds a picture loss indication, which requests a keyframe (RFC 4585 section 6.3.1). */
export function pictureLossIndication(sender: number, media: number): Buffer {
  return feedback(RTCP.payloadFeedback, PAYLOAD_FEEDBACK.pli, sender, media, 0);
}

/** Builds a full intra request (RFC 5104 section 4.3.1); `count` rises with every new request. */
export function fullIntraRequest(sender: number, media: number, count: number): Buffer {
  const packet = feedback(RTCP.payloadFeedback, PAYLOAD_FEEDBACK.fir, sender, 0, 8);
  packet.writeUInt32BE(media, 12);
  packet[16] = count & 0xff;
  return packet;
}

/** Builds a generic NACK (RFC 4585 section 6.2.1) of ascending sequence numbers. */
export function genericNack(sender: number, media: number, sequences: readonly number[]): Buffer {
  const entries: number[] = [];
  for (let i = 0; i < sequences.length; ) {
    const first = sequences[i++]!;
    let mask = 0;
    for (; i < sequences.length; i++) {
      const distance = sequenceDistance(first, sequences[i]!);
      if (distance < 1 || distance > NACK_SPAN) break;
      mask |= 1 << (distance - 1);
    }
    entries.push(first, mask);
  }
  const packet = feedback(RTCP.transportFeedback, TRANSPORT_FEEDBACK.nack, sender, media, entries.length * 2);
  entries.forEach((entry, i) => {
    packet.writeUInt16BE(entry, FEEDBACK_HEADER_BYTES + i * 2);
  });
  return packet;
}

/** Builds a REMB (draft-alvestrand-rmcat-remb-03): maximum total bitrate of the sources. */
export function receiverEstimatedBitrate(
  sender: number,
  bitsPerSecond: number,
  ssrcs: readonly number[],
): Buffer {
  const count = Math.min(ssrcs.length, 255);
  const packet = feedback(RTCP.payloadFeedback, PAYLOAD_FEEDBACK.application, sender, 0, 8 + count * 4);
  let mantissa = Math.floor(Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, bitsPerSecond)));
  let exponent = 0;
  for (; mantissa > 0x3ffff; exponent++) mantissa = Math.floor(mantissa / 2);
  packet.write('REMB', 12, 'latin1');
  packet[16] = count;
  packet[17] = (exponent << 2) | (mantissa >> 16);
  packet.writeUInt16BE(mantissa & 0xffff, 18);
  for (let i = 0; i < count; i++) packet.writeUInt32BE(ssrcs[i]!, 20 + i * 4);
  return packet;
}

/** Builds a BYE for the sources (RFC 3550 section 6.6). */
export function goodbye(ssrcs: readonly number[]): Buffer {
  const count = Math.min(ssrcs.length, MAXIMUM_REPORT_BLOCKS);
  const packet = Buffer.alloc(4 + count * 4);
  writeHeader(packet, 0, count, RTCP.goodbye, packet.length);
  for (let i = 0; i < count; i++) packet.writeUInt32BE(ssrcs[i]!, 4 + i * 4);
  return packet;
}
