/**
 * Reads bits, most significant first, from a NAL unit's payload or a decoder configuration. Emulation prevention
 * bytes (ITU-T H.264 7.4.1) must have been removed.
 */
export class BitReader {
  readonly #bytes: Uint8Array;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Remaining bits. */
  get left(): number {
    return this.#bytes.length * 8 - this.#position;
  }

  /** Reads one bit. @throws RangeError at the end */
  bit(): number {
    const byte = this.#bytes[this.#position >> 3];
    if (byte === undefined) throw new RangeError('read beyond the end');
    const bit = (byte >> (7 - (this.#position & 7))) & 1;
    this.#position++;
    return bit;
  }

  flag(): boolean {
    return this.bit() === 1;
  }

  /** Reads an unsigned integer of up to 32 bits. */
  bits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 2 + this.bit();
    return value;
  }

  skip(count: number): void {
    if (count > this.left) throw new RangeError('read beyond the end');
    this.#position += count;
  }

  /** Reads an unsigned Exp-Golomb code, `ue(v)` (ITU-T H.264 9.1). */
  unsigned(): number {
    let zeros = 0;
    while (this.bit() === 0) if (++zeros > 31) throw new RangeError('Exp-Golomb code too long');
    return 2 ** zeros - 1 + this.bits(zeros);
  }

  /** Reads a signed Exp-Golomb code, `se(v)` (ITU-T H.264 9.1.1). */
  signed(): number {
    const code = this.unsigned();
    return code % 2 === 1 ? (code + 1) / 2 : -code / 2;
  }
}

/** Removes emulation_prevention_three_byte (ITU-T H.264 7.3.1). */
export function withoutEmulationPrevention(bytes: Uint8Array): Uint8Array {
  const clean = new Uint8Array(bytes.length);
  let length = 0;
  let zeros = 0;
  for (const byte of bytes) {
    if (zeros >= 2 && byte === 3) {
      zeros = 0;
      continue;
    }
    zeros = byte === 0 ? zeros + 1 : 0;
    clean[length++] = byte;
  }
  return clean.subarray(0, length);
}
