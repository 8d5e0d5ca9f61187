import { AV1_OBU, readAv1ObuHeader, withSize, writeLeb128 } from '../av1-obu.js';
import { visitAv1Elements } from './av1-elements.js';

/** A temporal unit: all OBUs of one moment (AV1 specification, section 7.5). */
export type Av1Unit = {
  /**
   * In the low-overhead format (section 5.2): every OBU with its size. Without temporal delimiters, which containers do
   * not keep.
   */
  data: Buffer;
  /** RTP ticks. */
  timestamp: number;
  /** Where to begin: a sequence header, and a key frame as the first one. */
  keyframe: boolean;
  /** The sequence header OBU with its size, a part of `data`. */
  sequenceHeader: Buffer | undefined;
};

/** What is larger, or in more pieces, is no picture that a browser sends. */
const MAXIMUM_BYTES = 4 << 20;
const MAXIMUM_PIECES = 8192;
/** The longest header of an OBU: two bytes and a size of eight. */
const OBU_HEADER_BYTES = 10;
/** The first byte of a frame header (section 5.9.2): show_existing_frame, and frame_type, which is 0 for a key frame. */
const NOT_KEY_FRAME = 0xe0;

/**
 * Puts the OBUs of AV1 packets together again. Packets come in order; after a loss, or a packet that is broken, nothing
 * is given out before the next keyframe: never a torn unit, never one that leans on what was lost.
 */
export class Av1Units {
  readonly #take: (unit: Av1Unit) => void;
  /** Of the unit so far: pieces of OBUs, and at which of them an OBU begins. */
  #pieces: Buffer[] = [];
  #begins: number[] = [];
  #bytes = 0;
  #timestamp = 0;
  /** The last OBU goes on in the next packet. */
  #open = false;
  #waiting = true;

  /** @param take is given each unit; its memory is the taker's. */
  constructor(take: (unit: Av1Unit) => void) {
    this.#take = take;
  }

  /** Only a keyframe is of use now. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** Packets are missing in front of the next one. What is left of their unit has no sequence header: it is no keyframe. */
  lost(): void {
    this.#forget();
    this.#waiting = true;
  }

  /**
   * The next packet, whose payload reaches from `offset` to `end`; its memory must stay as it is until the unit is over.
   *
   * @param marker it is the last of its unit.
   */
  push(packet: Buffer, offset: number, end: number, timestamp: number, marker: boolean): void {
    // Senders need not mark the end of a unit.
    if (this.#pieces.length > 0 && timestamp !== this.#timestamp) this.#finish();
    this.#timestamp = timestamp;
    const whole = visitAv1Elements(packet, offset, end, {
      element: (at, stop, first, last) => this.#add(packet.subarray(at, stop), first, last),
    });
    if (!whole) this.lost();
    else if (marker) this.#finish();
  }

  #add(piece: Buffer, first: boolean, last: boolean): void {
    this.#bytes += piece.length;
    if (first === this.#open || this.#bytes > MAXIMUM_BYTES || this.#pieces.length === MAXIMUM_PIECES) {
      this.lost();
      return;
    }
    if (first) this.#begins.push(this.#pieces.length);
    this.#pieces.push(piece);
    this.#open = !last;
  }

  #forget(): void {
    this.#pieces = [];
    this.#begins = [];
    this.#bytes = 0;
    this.#open = false;
  }

  #finish(): void {
    const unit = this.#open ? undefined : this.#assemble();
    if (!unit) {
      this.lost();
      return;
    }
    this.#forget();
    if (unit.data.length === 0 || (this.#waiting && !unit.keyframe)) return;
    this.#waiting = false;
    this.#take(unit);
  }

  /** @returns undefined when an OBU is broken */
  #assemble(): Av1Unit | undefined {
    const begins = this.#begins;
    // An OBU may grow by its size field.
    const data = Buffer.allocUnsafe(this.#bytes + begins.length * OBU_HEADER_BYTES);
    let length = 0;
    let sequenceHeader: Buffer | undefined;
    let firstFrame: number | undefined;
    for (let i = 0; i < begins.length; i++) {
      const pieces = this.#pieces.slice(begins[i], begins[i + 1]);
      const start = length;
      const obu = writeObu(data, start, pieces);
      if (!obu) return undefined;
      length = obu.end;
      if (obu.type === AV1_OBU.sequenceHeader) sequenceHeader ??= data.subarray(start, length);
      if (obu.type === AV1_OBU.frame || obu.type === AV1_OBU.frameHeader)
        firstFrame ??= sequenceHeader && obu.payload < length ? data[obu.payload]! : NOT_KEY_FRAME;
    }
    return {
      data: data.subarray(0, length),
      timestamp: this.#timestamp,
      keyframe: firstFrame !== undefined && (firstFrame & NOT_KEY_FRAME) === 0,
      sequenceHeader,
    };
  }
}

/** Temporal delimiters and tile lists are to be ignored (payload format, section 4.3); padding says nothing. */
function isSuperfluous(type: number): boolean {
  return type === AV1_OBU.temporalDelimiter || type === AV1_OBU.tileList || type === AV1_OBU.padding;
}

/**
 * Writes the OBU that these pieces make, with a size field whether it had one or not; nothing of one that is superfluous.
 *
 * @returns where its payload begins and ends; undefined when it is broken
 */
function writeObu(
  target: Buffer,
  offset: number,
  pieces: Buffer[],
): { type: number; payload: number; end: number } | undefined {
  const [first] = pieces;
  if (!first) return undefined;
  // The header may lie in two pieces.
  const head = first.length < OBU_HEADER_BYTES && pieces.length > 1 ? Buffer.concat(pieces) : first;
  const header = readAv1ObuHeader(head, 0, head.length);
  if (!header) return undefined;
  const { type, headerBytes, payloadOffset } = header;
  if (isSuperfluous(type)) return { type, payload: offset, end: offset };
  const present = pieces.reduce((sum, { length }) => sum + length, -payloadOffset);
  const size = header.size ?? present;
  if (size > present) return undefined;
  target[offset] = withSize(head[0]!);
  if (headerBytes > 1) target[offset + 1] = head[1]!;
  const payload = writeLeb128(target, offset + headerBytes, size);
  const end = payload + size;
  let skip = payloadOffset;
  let at = payload;
  for (const piece of pieces) {
    // What is behind the size that an OBU tells is not a part of it.
    at += piece.copy(target, at, Math.min(skip, piece.length), Math.min(piece.length, skip + end - at));
    skip = Math.max(0, skip - piece.length);
  }
  return { type, payload, end };
}
