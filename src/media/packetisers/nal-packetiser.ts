import { RTP_HEADER_BYTES } from '../rtp/rtp-header.js';

/** Picture of H.264 or HEVC. */
export type NalAccessUnit = {
  /** NAL units, each after its length in four bytes (ISO/IEC 14496-15 5.3.3.1), from `offset` on. */
  data: Buffer;
  offset: number;
  /** RTP ticks, 90 kHz; wrapped to 32 bits. */
  timestamp: number;
};

export type NalPacketiserOptions = {
  ssrc: number;
  payloadType: number;
  /** First sequence number. */
  sequence?: number;
};

/** Bytes of a packet; leaves room for SRTP and tunnels. */
export const MAXIMUM_RTP_PACKET_BYTES = 1_200;
const MAXIMUM_PAYLOAD_BYTES = MAXIMUM_RTP_PACKET_BYTES - RTP_HEADER_BYTES;
/** Bytes of the length in front of a NAL unit of `NalAccessUnit`. */
const UNIT_LENGTH_BYTES = 4;
/** Bytes of the length in front of a packet (RFC 4571 section 2) and of a unit in an aggregation packet. */
const SHORT_LENGTH_BYTES = 2;
const PACKET_OVERHEAD_BYTES = SHORT_LENGTH_BYTES + RTP_HEADER_BYTES;
const FU_START = 0x80;
const FU_END = 0x40;
const MARKER = 0x80;
const VERSION = 0x80;

/** How a codec writes the headers of NAL units and of the packets that have several of them, or a part of one. */
export type NalPacketSyntax = {
  /** Bytes of the header of a NAL unit, and of an aggregation packet. */
  headerBytes: number;
  /** Bytes in front of a fragment. */
  fragmentHeaderBytes: number;
  /** Returns nal_unit_type. */
  typeOf(data: Buffer, at: number): number;
  isRandomAccess(type: number): boolean;
  isSlice(type: number): boolean;
  isParameterSet(type: number): boolean;
  /** Returns the header of an aggregation packet as one number. @param headers those of its units */
  aggregationHeader(headers: readonly number[]): number;
  /** Writes what precedes a fragment. @param header that of the unit @param flags first or last fragment */
  writeFragmentHeader(output: Buffer, at: number, header: number, flags: number): void;
};

/** Whether an access unit is a random access point. */
export function isRandomAccessUnit(syntax: NalPacketSyntax, data: Buffer, offset: number): boolean {
  for (let at = offset; at + UNIT_LENGTH_BYTES + syntax.headerBytes <= data.length; ) {
    if (syntax.isRandomAccess(syntax.typeOf(data, at + UNIT_LENGTH_BYTES))) return true;
    at += UNIT_LENGTH_BYTES + data.readUInt32BE(at);
  }
  return false;
}

/**
 * Packetises H.264 (RFC 6184, packetization mode 1) and HEVC (RFC 7798): small units together in aggregation packets, larger
 * ones in fragments. Sends slices and parameter sets alone: viewers need no delimiters, SEI and filler data.
 */
export class NalPacketiser {
  readonly #syntax: NalPacketSyntax;
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

  constructor(syntax: NalPacketSyntax, { ssrc, payloadType, sequence = 0 }: NalPacketiserOptions) {
    this.#syntax = syntax;
    this.ssrc = ssrc;
    this.#payloadType = payloadType;
    this.#sequence = sequence;
  }

  /** Sets the parameter sets that precede every random access point. */
  configure(sets: readonly Buffer[]): void {
    this.#sets = sets;
  }

  /**
   * Packetises a picture.
   *
   * @returns its RTP packets, each after its length in 16 bits (RFC 4571 section 2); undefined when the lengths of the
   * units contradict each other or nothing is to be sent
   */
  packetise({ data, offset, timestamp }: NalAccessUnit): Buffer | undefined {
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
    const keyframe = isRandomAccessUnit(this.#syntax, data, offset);
    if (keyframe) for (const set of this.#sets) this.#addUnit(set, 0, set.length);
    let at = offset;
    while (at + UNIT_LENGTH_BYTES <= data.length) {
      const start = at + UNIT_LENGTH_BYTES;
      at = start + data.readUInt32BE(at);
      if (at > data.length) return false;
      const isUnit = at >= start + this.#syntax.headerBytes;
      if (isUnit && this.#isSent(data, start, at, keyframe)) this.#addUnit(data, start, at);
    }
    return at === data.length;
  }

  #isSent(data: Buffer, start: number, end: number, keyframe: boolean): boolean {
    const type = this.#syntax.typeOf(data, start);
    if (this.#syntax.isSlice(type)) return true;
    if (!this.#syntax.isParameterSet(type)) return false;
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
    const { headerBytes, fragmentHeaderBytes } = this.#syntax;
    let bytes = 0;
    for (let unit = 0; unit < this.#count; unit++) {
      const length = this.#ends[unit]! - this.#starts[unit]!;
      const packets = Math.ceil(length / (MAXIMUM_PAYLOAD_BYTES - fragmentHeaderBytes));
      bytes += length + packets * (PACKET_OVERHEAD_BYTES + fragmentHeaderBytes + headerBytes);
    }
    return bytes;
  }

  /** Returns the unit after the last one that fits into a packet with this one. */
  #aggregationEnd(first: number): number {
    let bytes = this.#syntax.headerBytes;
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
    const { headerBytes } = this.#syntax;
    let bytes = headerBytes;
    const headers: number[] = [];
    for (let unit = first; unit < end; unit++) {
      bytes += SHORT_LENGTH_BYTES + this.#ends[unit]! - this.#starts[unit]!;
      headers.push(this.#headerOf(unit));
    }
    this.#writeHeader(bytes, timestamp);
    this.#at = this.#output.writeUIntBE(this.#syntax.aggregationHeader(headers), this.#at, headerBytes);
    for (let unit = first; unit < end; unit++) {
      this.#at = this.#output.writeUInt16BE(this.#ends[unit]! - this.#starts[unit]!, this.#at);
      this.#writeBytes(unit, this.#starts[unit]!, this.#ends[unit]!);
    }
  }

  /** Writes the fragments of a unit, of equal size. @returns where the last packet begins */
  #writeFragments(unit: number, timestamp: number): number {
    const end = this.#ends[unit]!;
    const { headerBytes, fragmentHeaderBytes } = this.#syntax;
    const header = this.#headerOf(unit);
    let from = this.#starts[unit]! + headerBytes;
    let left = Math.ceil((end - from) / (MAXIMUM_PAYLOAD_BYTES - fragmentHeaderBytes));
    let packet = this.#at;
    for (let flag = FU_START; left > 0; left--, flag = 0) {
      packet = this.#at;
      const to = from + Math.ceil((end - from) / left);
      this.#writeHeader(fragmentHeaderBytes + to - from, timestamp);
      this.#syntax.writeFragmentHeader(this.#output, this.#at, header, flag | (left === 1 ? FU_END : 0));
      this.#at += fragmentHeaderBytes;
      this.#writeBytes(unit, from, to);
      from = to;
    }
    return packet;
  }

  /** Header of a unit, as one number. */
  #headerOf(unit: number): number {
    return this.#sources[unit]!.readUIntBE(this.#starts[unit]!, this.#syntax.headerBytes);
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
