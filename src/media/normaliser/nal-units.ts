/** Maximum NAL units of a tag; more are refused as malformed. */
const MAXIMUM_UNITS = 1_024;
const START_CODE = Buffer.from([0, 0, 1]);
const FORBIDDEN_ZERO_BIT = 0x80;
/** Bytes of the length that is written in front of each NAL unit. */
export const LENGTH_SIZE = 4;

/**
 * Positions of the NAL units in one buffer. The arrays are reused: reading a tag allocates nothing.
 */
export class NalUnits {
  count = 0;
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** The bytes are units with lengths of four bytes and nothing else: they can be passed on unchanged. */
  plain = false;
  /** Format of the last tag that could be read. */
  #format: 'lengths' | 'start-codes' | undefined;

  /**
   * Finds the units from `offset` on: with lengths of `lengthSize` bytes (ISO/IEC 14496-15 5.3.3.1), else with start codes
   * (ITU-T H.264 annex B).
   *
   * @returns false if the bytes are neither
   */
  read(bytes: Buffer, offset: number, lengthSize: number): boolean {
    const hasStartCode = beginsWithStartCode(bytes, offset);
    // A start code of four bytes is also a length of 1, and one of three bytes the begin of a length above 255: a stream
    // keeps its format.
    if (this.#format === 'start-codes' && hasStartCode) return this.#readStartCodes(bytes, offset);
    if (this.#readLengths(bytes, offset, lengthSize)) {
      this.#format = 'lengths';
      return true;
    }
    const isLong = bytes[offset + 2] === 0;
    if (hasStartCode && (isLong || this.#format !== 'lengths') && this.#readStartCodes(bytes, offset)) {
      this.#format = 'start-codes';
      return true;
    }
    this.count = 0;
    return false;
  }

  #readLengths(bytes: Buffer, offset: number, lengthSize: number): boolean {
    this.count = 0;
    this.plain = lengthSize === LENGTH_SIZE;
    let at = offset;
    while (at + lengthSize <= bytes.length) {
      const length = bytes.readUIntBE(at, lengthSize);
      at += lengthSize;
      if (length > bytes.length - at) return false;
      if (length === 0) this.plain = false;
      else if (!this.#add(bytes, at, at + length)) return false;
      at += length;
    }
    return at === bytes.length;
  }

  #readStartCodes(bytes: Buffer, offset: number): boolean {
    this.count = 0;
    this.plain = false;
    let at = bytes.indexOf(START_CODE, offset);
    while (at >= 0) {
      const start = at + START_CODE.length;
      at = bytes.indexOf(START_CODE, start);
      let end = at < 0 ? bytes.length : at;
      // trailing_zero_8bits, and the first byte of a start code of four bytes.
      while (end > start && bytes[end - 1] === 0) end--;
      if (end > start && !this.#add(bytes, start, end)) return false;
    }
    return true;
  }

  #add(bytes: Buffer, start: number, end: number): boolean {
    if (this.count === MAXIMUM_UNITS || (bytes[start]! & FORBIDDEN_ZERO_BIT) !== 0) return false;
    this.starts[this.count] = start;
    this.ends[this.count] = end;
    this.count++;
    return true;
  }
}

/** Whether bytes from `offset` on begin with a start code of three or four bytes. */
export function beginsWithStartCode(bytes: Uint8Array, offset: number): boolean {
  const one = bytes[offset + 2] === 0 ? offset + 3 : offset + 2;
  return bytes[offset] === 0 && bytes[offset + 1] === 0 && bytes[one] === 1;
}

/** Joins `head` and NAL units, each after its length in four bytes. */
export function joinUnits(head: Buffer, units: readonly Buffer[]): Buffer {
  const size = units.reduce((sum, unit) => sum + LENGTH_SIZE + unit.length, head.length);
  const joined = Buffer.allocUnsafe(size);
  let at = head.copy(joined);
  for (const unit of units) {
    at = joined.writeUInt32BE(unit.length, at);
    at += unit.copy(joined, at);
  }
  return joined;
}
