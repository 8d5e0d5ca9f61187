/** Bytes of the fixed header (RFC 3550 section 5.1). */
export const RTP_HEADER_BYTES = 12;

const VERSION = 2;
const PADDING_BIT = 0x20;
const EXTENSION_BIT = 0x10;
const MARKER_BIT = 0x80;

/** RTCP packet types that share a port with RTP (RFC 5761 section 4). */
const FIRST_RTCP_TYPE = 192;
const LAST_RTCP_TYPE = 223;

/** Whether a packet of a port that multiplexes RTP and RTCP is RTCP (RFC 5761 section 4). */
export function isRtcp(packet: Uint8Array): boolean {
  const type = packet[1]!;
  return type >= FIRST_RTCP_TYPE && type <= LAST_RTCP_TYPE;
}

/**
 * Header of an RTP packet (RFC 3550 section 5.1). One object serves all packets of a connection: `read` overwrites it
 * without allocating.
 */
export class RtpHeader {
  payloadType = 0;
  marker = false;
  sequence = 0;
  timestamp = 0;
  ssrc = 0;
  /** Offsets of the payload; padding follows `payloadEnd`. */
  payloadOffset = 0;
  payloadEnd = 0;
  /** "Defined by profile" field of the header extension: its format (RFC 8285). */
  extensionProfile = 0;
  extensionOffset = 0;
  /** Length in bytes; 0 without an extension. */
  extensionLength = 0;

  /**
   * Parses a packet. Returns false, and leaves the object undefined, if it is not RTP or its lengths contradict each
   * other.
   */
  read(packet: Buffer): boolean {
    const length = packet.length;
    if (length < RTP_HEADER_BYTES) return false;
    const first = packet[0]!;
    if (first >> 6 !== VERSION) return false;
    const second = packet[1]!;
    this.marker = (second & MARKER_BIT) !== 0;
    this.payloadType = second & 0x7f;
    this.sequence = (packet[2]! << 8) | packet[3]!;
    this.timestamp = packet.readUInt32BE(4);
    this.ssrc = packet.readUInt32BE(8);
    let offset = RTP_HEADER_BYTES + (first & 0x0f) * 4;
    this.extensionLength = 0;
    if (first & EXTENSION_BIT) {
      if (offset + 4 > length) return false;
      this.extensionProfile = (packet[offset]! << 8) | packet[offset + 1]!;
      this.extensionLength = ((packet[offset + 2]! << 8) | packet[offset + 3]!) * 4;
      this.extensionOffset = offset + 4;
      offset = this.extensionOffset + this.extensionLength;
    }
    let end = length;
    if (first & PADDING_BIT) {
      const padding = packet[length - 1]!;
      if (padding === 0) return false;
      end -= padding;
    }
    if (offset > end) return false;
    this.payloadOffset = offset;
    this.payloadEnd = end;
    return true;
  }
}

/**
 * Removes contributing sources, header extensions and padding in place: the fixed header is moved up to the payload.
 * Returns the remaining view of the same memory.
 */
export function bareRtp(packet: Buffer, header: RtpHeader): Buffer {
  const start = header.payloadOffset - RTP_HEADER_BYTES;
  if (start > 0) packet.copyWithin(start, 0, RTP_HEADER_BYTES);
  packet[start] = VERSION << 6;
  return packet.subarray(start, header.payloadEnd);
}
