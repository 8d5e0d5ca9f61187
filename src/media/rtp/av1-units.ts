import { AV1_OBU, readAv1ObuHeader, withSize, writeLeb128 } from '../av1-obu.js';
import { visitAv1Elements } from './av1-elements.js';

/** Temporal unit: all OBUs with one presentation time (AV1 specification, section 7.5). */
export type Av1Unit = {
  /** Low-overhead format (section 5.2): every OBU with its size, without temporal delimiters, which containers omit. */
  data: Buffer;
  /** RTP ticks. */
  timestamp: number;
  /** Random access point: a sequence header, and a key frame as the first frame. */
  keyframe: boolean;
  /** Sequence header OBU with its size; a view of `data`. */
  sequenceHeader: Buffer | undefined;
};

/** Limits of a temporal unit, bytes and elements; no browser sends larger ones. */
const MAXIMUM_BYTES = 4 << 20;
const MAXIMUM_PIECES = 8192;
/** Longest OBU header: two bytes and a size of eight. */
const OBU_HEADER_BYTES = 10;
/** Bits of a frame header's first byte (section 5.9.2): show_existing_frame and frame_type, 0 for a key frame. */
const NOT_KEY_FRAME = 0xe0;

/**
 * Reassembles temporal units from AV1 packets, which must come in order. After a loss or an invalid packet nothing is
 * emitted before the next keyframe, so that no unit is incomplete or refers to lost ones.
 */
export class Av1Units {
  readonly #take: (unit: Av1Unit) => void;
  /** Elements of the current unit, and the indexes at which an OBU begins. */
  #pieces: Buffer[] = [];
  #begins: number[] = [];
  #bytes = 0;
  #timestamp = 0;
  /** The last OBU continues in the next packet. */
  #open = false;
  #waiting = true;

  /** @param take receives each unit and owns its memory */
  constructor(take: (unit: Av1Unit) => void) {
    this.#take = take;
  }

  /** Whether the next unit must be a keyframe. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /**
   * Reports a loss before the next packet. The rest of the incomplete unit has no sequence header and is therefore no
   * keyframe.
   */
  lost(): void {
    this.#forget();
    this.#waiting = true;
  }

  /**
   * Adds the next packet, whose payload reaches from `offset` to `end`. Its memory must not change until the unit is
   * complete.
   *
   * @param marker whether the packet is the last of its unit
   */
  push(packet: Buffer, offset: number, end: number, timestamp: number, marker: boolean): void {
    // The marker bit is optional.
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

  /** @returns undefined if an OBU is invalid */
  #assemble(): Av1Unit | undefined {
    const begins = this.#begins;
    // Each OBU may grow by a size field.
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

/** Temporal delimiters and tile lists must be ignored (payload format, section 4.3); padding carries nothing. */
function isSuperfluous(type: number): boolean {
  return type === AV1_OBU.temporalDelimiter || type === AV1_OBU.tileList || type === AV1_OBU.padding;
}

/**
 * Writes the OBU that the elements form, with a size field; writes nothing of a superfluous one.
 *
 * @returns its type and the offsets of its payload; undefined if it is invalid
 */
function writeObu(
  target: Buffer,
  offset: number,
  pieces: Buffer[],
): { type: number; payload: number; end: number } | undefined {
  const [first] = pieces;
  if (!first) return undefined;
  // The header may span two elements.
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
    // Bytes after the OBU's own size are not part of it.
    at += piece.copy(target, at, Math.min(skip, piece.length), Math.min(piece.length, skip + end - at));
    skip = Math.max(0, skip - piece.length);
  }
  return { type, payload, end };
}
