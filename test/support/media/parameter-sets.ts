/** Writes the bits of parameter sets. */
class BitWriter {
  #bits = '';

  bits(value: number, count: number): this {
    this.#bits += value.toString(2).padStart(count, '0').slice(-count);
    return this;
  }

  /** `ue(v)` (ITU-T H.264 9.1). */
  unsigned(value: number): this {
    const code = (value + 1).toString(2);
    this.#bits += '0'.repeat(code.length - 1) + code;
    return this;
  }

  /** Appends rbsp_trailing_bits and adds emulation prevention. */
  bytes(): Buffer {
    const text = `${this.#bits}1`;
    const padded = text.padEnd(Math.ceil(text.length / 8) * 8, '0');
    const bytes: number[] = [];
    for (let at = 0; at < padded.length; at += 8) {
      const byte = Number.parseInt(padded.slice(at, at + 8), 2);
      if (byte <= 3 && bytes.at(-1) === 0 && bytes.at(-2) === 0) bytes.push(3);
      bytes.push(byte);
    }
    return Buffer.from(bytes);
  }
}

/** Writes an H.264 SPS of High profile for whole macroblocks, with `crop` pixels cut at the right and bottom. */
export function h264Sps(width: number, height: number, crop: [number, number] = [0, 0]): Buffer {
  const bits = new BitWriter().bits(100, 8).bits(0, 8).bits(62, 8);
  bits.unsigned(0).unsigned(1).unsigned(0).unsigned(0).bits(0, 2); // id, 4:2:0, bit depths, scaling
  bits.unsigned(0).unsigned(2).unsigned(1).bits(0, 1); // frame numbers, picture order, references
  bits
    .unsigned(width / 16 - 1)
    .unsigned(height / 16 - 1)
    .bits(0b11, 2);
  const [right, bottom] = crop;
  if (right + bottom === 0) bits.bits(0, 1);
  else
    bits
      .bits(1, 1)
      .unsigned(0)
      .unsigned(right / 2)
      .unsigned(0)
      .unsigned(bottom / 2);
  return Buffer.concat([Buffer.from([0x67]), bits.bits(0, 1).bytes()]);
}

/** Writes an AVCDecoderConfigurationRecord with SPSs alone. */
export function avcRecord(...sets: Buffer[]): Buffer {
  const lengths = sets.map((set) => Buffer.from([set.length >> 8, set.length & 0xff]));
  const head = Buffer.from([1, 100, 0, 62, 0xff, 0xe0 | sets.length]);
  return Buffer.concat([head, ...sets.flatMap((set, i) => [lengths[i]!, set]), Buffer.from([0])]);
}

/** Prefixes a NAL unit with its length in four bytes. */
export function withLength(unit: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(unit.length);
  return Buffer.concat([length, unit]);
}
