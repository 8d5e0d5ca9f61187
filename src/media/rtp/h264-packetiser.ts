import { RTP_HEADER_BYTES } from './rtp-header.js';

/** Picture of H.264. */
export type H264AccessUnit = {
  /** NAL units, each after its length in four bytes (ISO/IEC 14496-15 5.3.3.1), from `offset` on. */
  data: Buffer;
  offset: number;
  /** RTP ticks, 90 kHz; wrapped to 32 bits. */
  timestamp: number;
};

export type H264PacketiserOptions = {
  ssrc: number;
  payloadType: number;
  /** First sequence number. */
  sequence?: number;
};

/** Bytes of a packet; leaves room for SRTP and tunnels. */
export const MAXIMUM_RTP_PACKET_BYTES = 1_200;
const MAXIMUM_PAYLOAD_BYTES = MAXIMUM_RTP_PACKET_BYTES - RTP_HEADER_BYTES;
/** Bytes of the length in front of a NAL unit of `H264AccessUnit`. */
const UNIT_LENGTH_BYTES = 4;
/** Bytes of the length in front of a packet (RFC 4571 section 2) and of a unit in an aggregation packet. */
const SHORT_LENGTH_BYTES = 2;
const PACKET_OVERHEAD_BYTES = SHORT_LENGTH_BYTES + RTP_HEADER_BYTES;
/** nal_unit_type (ITU-T H.264 table 7-1) and packet types (RFC 6184 section 5.2). */
const NAL = { slice: 1, idr: 5, sps: 7, pps: 8, stapA: 24, fuA: 28 } as const;
const TYPE_MASK = 0x1f;
const NRI_MASK = 0x60;
/** FU indicator and FU header (RFC 6184 section 5.8); they replace the header of the NAL unit. */
const FU_BYTES = 2;
const FU_START = 0x80;
const FU_END = 0x40;
const MARKER = 0x80;
const VERSION = 0x80;

/** Whether an access unit is a random access point: it has an IDR picture. */
export function isH264Keyframe(data: Buffer, offset: number): boolean {
  for (let at = offset; at + UNIT_LENGTH_BYTES < data.length; ) {
    if ((data[at + UNIT_LENGTH_BYTES]! & TYPE_MASK) === NAL.idr) return true;
    at += UNIT_LENGTH_BYTES + data.readUInt32BE(at);
  }
  return false;
}

/**
 * Packetises H.264 (RFC 6184, packetization mode 1): small units together in aggregation packets (STAP-A), larger ones in
 * fragments (FU-A). Sends slices and parameter sets alone: viewers need no delimiters, SEI and filler data.
 */
export class H264Packetiser {
  readonly ssrc: number;
  /** Packets so far, and their payload. */
  packets = 0;
  payloadBytes = 0;
  readonly #payloadType: number;
  #sequence: number;
  /** Parameter sets of the decoder configuration. */
  #sets: readonly Buffer[] = [];
  /** Units of the current picture: memory, start and end of each. The arrays are reused. */
  readonly #sources: Buffer[] = [];
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  #count = 0;
  #output = Buffer.alloc(0);
  #at = 0;

  constructor({ ssrc, payloadType, sequence = 0 }: H264PacketiserOptions) {
    this.ssrc = ssrc;
    this.#payloadType = payloadType;
    this.#sequence = sequence;
  }

  /** Sets the parameter sets that precede every IDR picture. */
  configure(sets: readonly Buffer[]): void {
    this.#sets = sets;
  }

  /**
   * Packetises a picture.
   *
   * @returns its RTP packets, each after its length in 16 bits (RFC 4571 section 2); undefined when the lengths of the
   * units contradict each other or nothing is to be sent
   */
  packetise({ data, offset, timestamp }: H264AccessUnit): Buffer | undefined {
    if (!this.#collectUnits(data, offset) || this.#count === 0) return undefined;
    this.#output = Buffer.allocUnsafe(this.#outputBytes());
    this.#at = 0;
    let lastPacket = 0;
    for (let unit = 0; unit < this.#count; ) {
      lastPacket = this.#at;
      const bytes = this.#ends[unit]! - this.#starts[unit]!;
      if (bytes > MAXIMUM_PAYLOAD_BYTES) lastPacket = this.#writeFragments(unit++, timestamp);
      else {
        const end = this.#aggregationEnd(unit);
        if (end - unit === 1) this.#writeSingle(unit, timestamp);
        else this.#writeAggregation(unit, end, timestamp);
        unit = end;
      }
    }
    const output = this.#output.subarray(0, this.#at);
    output[lastPacket + SHORT_LENGTH_BYTES + 1]! |= MARKER;
    this.#output = output;
    return output;
  }

  /** Finds the units to send. @returns false when their lengths contradict each other */
  #collectUnits(data: Buffer, offset: number): boolean {
    this.#count = 0;
    const keyframe = isH264Keyframe(data, offset);
    if (keyframe) for (const set of this.#sets) this.#addUnit(set, 0, set.length);
    let at = offset;
    while (at + UNIT_LENGTH_BYTES <= data.length) {
      const start = at + UNIT_LENGTH_BYTES;
      at = start + data.readUInt32BE(at);
      if (at > data.length) return false;
      if (at > start && this.#isSent(data, start, at, keyframe)) this.#addUnit(data, start, at);
    }
    return at === data.length;
  }

  #isSent(data: Buffer, start: number, end: number, keyframe: boolean): boolean {
    const type = data[start]! & TYPE_MASK;
    if (type === NAL.slice || type === NAL.idr) return true;
    if (type !== NAL.sps && type !== NAL.pps) return false;
    // Those of the configuration are already in front.
    return !keyframe || !this.#sets.some((set) => data.compare(set, 0, set.length, start, end) === 0);
  }

  #addUnit(source: Buffer, start: number, end: number): void {
    this.#sources[this.#count] = source;
    this.#starts[this.#count] = start;
    this.#ends[this.#count] = end;
    this.#count++;
  }

  /** Returns an upper bound of the output's size. */
  #outputBytes(): number {
    let bytes = 0;
    for (let unit = 0; unit < this.#count; unit++) {
      const length = this.#ends[unit]! - this.#starts[unit]!;
      const packets = Math.ceil(length / (MAXIMUM_PAYLOAD_BYTES - FU_BYTES));
      bytes += length + packets * (PACKET_OVERHEAD_BYTES + FU_BYTES + 1);
    }
    return bytes;
  }

  /** Returns the unit after the last one that fits into a packet with this one. */
  #aggregationEnd(first: number): number {
    let bytes = 1;
    let end = first;
    for (; end < this.#count; end++) {
      bytes += SHORT_LENGTH_BYTES + this.#ends[end]! - this.#starts[end]!;
      if (bytes > MAXIMUM_PAYLOAD_BYTES) break;
    }
    return Math.max(end, first + 1);
  }

  #writeSingle(unit: number, timestamp: number): void {
    const bytes = this.#ends[unit]! - this.#starts[unit]!;
    this.#writeHeader(bytes, timestamp);
    this.#writeBytes(unit, this.#starts[unit]!, this.#ends[unit]!);
  }

  #writeAggregation(first: number, end: number, timestamp: number): void {
    let bytes = 1;
    let importance = 0;
    for (let unit = first; unit < end; unit++) {
      bytes += SHORT_LENGTH_BYTES + this.#ends[unit]! - this.#starts[unit]!;
      importance = Math.max(importance, this.#sources[unit]![this.#starts[unit]!]! & NRI_MASK);
    }
    this.#writeHeader(bytes, timestamp);
    this.#output[this.#at++] = importance | NAL.stapA;
    for (let unit = first; unit < end; unit++) {
      this.#at = this.#output.writeUInt16BE(this.#ends[unit]! - this.#starts[unit]!, this.#at);
      this.#writeBytes(unit, this.#starts[unit]!, this.#ends[unit]!);
    }
  }

  /** Writes the fragments of a unit, of equal size. @returns where the last packet begins */
  #writeFragments(unit: number, timestamp: number): number {
    const end = this.#ends[unit]!;
    const header = this.#sources[unit]![this.#starts[unit]!]!;
    let from = this.#starts[unit]! + 1;
    let left = Math.ceil((end - from) / (MAXIMUM_PAYLOAD_BYTES - FU_BYTES));
    let packet = this.#at;
    for (let flag = FU_START; left > 0; left--, flag = 0) {
      packet = this.#at;
      const to = from + Math.ceil((end - from) / left);
      this.#writeHeader(FU_BYTES + to - from, timestamp);
      this.#output[this.#at++] = (header & ~TYPE_MASK) | NAL.fuA;
      this.#output[this.#at++] = flag | (left === 1 ? FU_END : 0) | (header & TYPE_MASK);
      this.#writeBytes(unit, from, to);
      from = to;
    }
    return packet;
  }

  #writeHeader(payloadBytes: number, timestamp: number): void {
    const output = this.#output;
    let at = output.writeUInt16BE(RTP_HEADER_BYTES + payloadBytes, this.#at);
    output[at++] = VERSION;
    output[at++] = this.#payloadType;
    at = output.writeUInt16BE(this.#sequence, at);
    at = output.writeUInt32BE(timestamp >>> 0, at);
    this.#at = output.writeUInt32BE(this.ssrc, at);
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.packets++;
    this.payloadBytes += payloadBytes;
  }

  #writeBytes(unit: number, from: number, to: number): void {
    this.#at += this.#sources[unit]!.copy(this.#output, this.#at, from, to);
  }
}
