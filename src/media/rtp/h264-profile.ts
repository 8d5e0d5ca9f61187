/** profile_idc and the byte of constraint flags that follows it in an H.264 SPS (ITU-T H.264 7.3.2.1.1). */
export type H264ProfileBytes = { idc: number; constraints: number };

/** NAL unit types (ITU-T H.264 table 7-1, RFC 6184 section 5.2). */
const SPS = 7;
const STAP_A = 24;
const FU_A = 28;
const FU_START = 0x80;

/**
 * Reads the profile if the H.264 payload (RFC 6184) from `offset` to `end` begins a sequence parameter set: alone, in an
 * aggregation packet, or in its first fragment.
 */
export function readH264Profile(packet: Buffer, offset: number, end: number): H264ProfileBytes | undefined {
  if (offset >= end) return undefined;
  const type = packet[offset]! & 0x1f;
  // The FU header (section 5.8) has the NAL unit type in the same bits as a NAL unit header.
  if (type === FU_A)
    return (packet[offset + 1]! & FU_START) === 0 ? undefined : profileOfUnit(packet, offset + 1, end);
  if (type !== STAP_A) return profileOfUnit(packet, offset, end);
  for (let at = offset + 1; at + 2 < end; ) {
    const unit = at + 2;
    at = unit + packet.readUInt16BE(at);
    const profile = at <= end ? profileOfUnit(packet, unit, at) : undefined;
    if (profile) return profile;
  }
  return undefined;
}

function profileOfUnit(packet: Buffer, start: number, end: number): H264ProfileBytes | undefined {
  if (end - start < 4 || (packet[start]! & 0x1f) !== SPS) return undefined;
  return { idc: packet[start + 1]!, constraints: packet[start + 2]! };
}
