import { h264Syntax } from '../normaliser/h264-syntax.js';
import { SET } from '../normaliser/nal-syntax.js';
import { ParameterSets } from '../normaliser/parameter-sets.js';
import { RTP_HEADER_BYTES } from './rtp-header.js';

/** NAL unit types (ITU-T H.264 table 7-1, RFC 6184 section 5.2). */
const NAL = { slice: 1, partitionC: 4, idr: 5, sps: 7, pps: 8, stapA: 24, fuA: 28 } as const;
const TYPE_MASK = 0x1f;
/** F and nal_ref_idc. */
const REFERENCE_MASK = 0xe0;
const FU_START = 0x80;
const FU_END = 0x40;
const LENGTH_BYTES = 2;
/** Greatest parameter set that is sent on, and greatest sum of those inserted, bytes: one packet. */
const MAXIMUM_SET_BYTES = 1_100;
/** Greatest number of parameter sets of a picture that are remembered. */
const MAXIMUM_SETS = 64;
/** Base64 NAL units separated by commas (RFC 6184 section 8.1). */
const PARAMETER_SETS = /(?:^|;)\s*sprop-parameter-sets=([A-Za-z0-9+/=,]+)/;
const NOTHING: readonly Buffer[] = [];

/** Reads the parameter sets of H.264 in a value of `a=fmtp`. */
export function announcedParameterSets(parameters: string): Buffer[] {
  const list = PARAMETER_SETS.exec(parameters)?.[1]?.split(',') ?? [];
  return list.map((set) => Buffer.from(set, 'base64')).filter((set) => set.length > 0);
}

/**
 * Makes H.264 over RTP decodable from each IDR picture on by itself: inserts parameter sets that were announced in SDP,
 * or sent with an earlier picture alone. Puts fragmented sets together, which browsers do not. Other packets are not
 * touched.
 */
export class H264PacketNormaliser {
  readonly #sets = new ParameterSets(h264Syntax);
  /** Timestamp of the current picture, its parameter sets so far, and whether its first slice has passed. */
  #timestamp = -1;
  #pictureSets: Buffer[] = [];
  #sliceSeen = false;
  #fragments: Buffer[] = [];
  #fragmentBytes = 0;

  /** @param announced sets of the session description */
  constructor(announced: readonly Buffer[] = []) {
    for (const set of announced) this.#store(set, 0, set.length);
  }

  /**
   * Takes the next packet in order: fixed header and payload.
   *
   * @returns the packets to send in its place, with room for the header; undefined: the packet as it is
   */
  normalise(packet: Buffer, timestamp: number): readonly Buffer[] | undefined {
    if (timestamp !== this.#timestamp) {
      this.#timestamp = timestamp;
      this.#sliceSeen = false;
      if (this.#pictureSets.length > 0) this.#pictureSets = [];
    }
    const type = packet[RTP_HEADER_BYTES]! & TYPE_MASK;
    if (type === NAL.stapA) return this.#aggregated(packet);
    if (type === NAL.fuA) return this.#fragment(packet);
    if (type === NAL.sps || type === NAL.pps) this.#storeOfPicture(packet, RTP_HEADER_BYTES, packet.length);
    else if (type === NAL.idr) return this.#withSets(packet, RTP_HEADER_BYTES);
    else if (isOtherSlice(type)) this.#sliceSeen = true;
    return undefined;
  }

  #aggregated(packet: Buffer): readonly Buffer[] | undefined {
    let firstIdr = -1;
    for (let at = RTP_HEADER_BYTES + 1; at + LENGTH_BYTES < packet.length; ) {
      const start = at + LENGTH_BYTES;
      at = start + packet.readUInt16BE(at);
      if (at > packet.length) return undefined;
      const type = at > start ? packet[start]! & TYPE_MASK : 0;
      if (type === NAL.sps || type === NAL.pps) this.#storeOfPicture(packet, start, at);
      else if (type === NAL.idr && firstIdr < 0) firstIdr = start;
      else if (isOtherSlice(type)) this.#sliceSeen = true;
    }
    return firstIdr < 0 ? undefined : this.#withSets(packet, firstIdr);
  }

  #fragment(packet: Buffer): readonly Buffer[] | undefined {
    if (packet.length < RTP_HEADER_BYTES + 2) return undefined;
    const header = packet[RTP_HEADER_BYTES + 1]!;
    const type = header & TYPE_MASK;
    if (type === NAL.sps || type === NAL.pps) return this.#setFragment(packet, header);
    if ((header & FU_START) === 0) return undefined;
    // The unit begins with the slice header in both forms.
    if (type === NAL.idr) return this.#withSets(packet, RTP_HEADER_BYTES + 1);
    this.#sliceSeen = true;
    return undefined;
  }

  /** Holds the fragments of a set until it is complete. */
  #setFragment(packet: Buffer, header: number): readonly Buffer[] {
    if ((header & FU_START) !== 0) {
      const first = (packet[RTP_HEADER_BYTES]! & REFERENCE_MASK) | (header & TYPE_MASK);
      this.#fragments = [Buffer.of(first)];
      this.#fragmentBytes = 1;
    }
    const body = packet.subarray(RTP_HEADER_BYTES + 2);
    this.#fragmentBytes += body.length;
    if (this.#fragments.length === 0 || this.#fragmentBytes > MAXIMUM_SET_BYTES) {
      this.#fragments = [];
      return NOTHING;
    }
    this.#fragments.push(body);
    if ((header & FU_END) === 0) return NOTHING;
    const set = Buffer.concat(this.#fragments);
    this.#fragments = [];
    this.#storeOfPicture(set, 0, set.length);
    return [toPacket(set)];
  }

  /** Puts the sets that an IDR slice needs in front of the first one of its picture, unless they have come with it. */
  #withSets(packet: Buffer, slice: number): readonly Buffer[] | undefined {
    if (this.#sliceSeen) return undefined;
    this.#sliceSeen = true;
    const active = this.#sets.activeFor(packet, slice);
    if (!active) return undefined;
    const { sps, pps } = active;
    const isSent = (set: Buffer): boolean => this.#pictureSets.some((sent) => sent.equals(set));
    if ((isSent(sps) && isSent(pps)) || sps.length + pps.length > MAXIMUM_SET_BYTES) return undefined;
    return [aggregate(sps, pps), packet];
  }

  #storeOfPicture(bytes: Buffer, start: number, end: number): void {
    if (end - start > MAXIMUM_SET_BYTES || this.#pictureSets.length === MAXIMUM_SETS) return;
    this.#store(bytes, start, end);
    this.#pictureSets.push(bytes.subarray(start, end));
  }

  #store(bytes: Buffer, start: number, end: number): void {
    const kind = h264Syntax.setKind(bytes, start);
    if (kind !== SET.none) this.#sets.add(kind, bytes, start, end);
  }
}

/** Whether a unit is a slice of a picture that is no IDR picture, or a partition of one. */
function isOtherSlice(type: number): boolean {
  return type >= NAL.slice && type <= NAL.partitionC;
}

/** Makes a packet of a unit. */
function toPacket(unit: Buffer): Buffer {
  const packet = Buffer.alloc(RTP_HEADER_BYTES + unit.length);
  unit.copy(packet, RTP_HEADER_BYTES);
  return packet;
}

/** Makes an aggregation packet (RFC 6184 section 5.7.1). */
function aggregate(...units: Buffer[]): Buffer {
  const bytes = units.reduce((sum, unit) => sum + LENGTH_BYTES + unit.length, RTP_HEADER_BYTES + 1);
  const packet = Buffer.alloc(bytes);
  let at = packet.writeUInt8((units[0]![0]! & REFERENCE_MASK) | NAL.stapA, RTP_HEADER_BYTES);
  for (const unit of units) {
    at = packet.writeUInt16BE(unit.length, at);
    at += unit.copy(packet, at);
  }
  return packet;
}
