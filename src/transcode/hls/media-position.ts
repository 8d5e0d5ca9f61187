const BOX_HEADER_SIZE = 8;
/** A `moof` of one frame has about 150 bytes; a large one is not from our encoder. */
const MAXIMUM_MOOF_BYTES = 65_536;

/**
 * Reads a rendition's position from the decode time (`tfdt`, ISO/IEC 14496-12, 8.8.12) of each passing fragment,
 * without storing media. Bytes that are no boxes are ignored; the packager refuses them.
 */
export class MediaPosition {
  readonly #timescale: number;
  #milliseconds: number | undefined;
  /** Remaining bytes of a box that is skipped. */
  #skip = 0;
  /** Incomplete box header or `moof`. */
  #held: Buffer | undefined;
  #lost = false;

  /** @param timescale ticks per second of the track */
  constructor(timescale: number) {
    this.#timescale = timescale;
  }

  /** Decode time of the newest fragment, ms; undefined before the first. */
  get milliseconds(): number | undefined {
    return this.#milliseconds;
  }

  push(bytes: Buffer): void {
    if (this.#lost) return;
    let offset = 0;
    if (this.#held) {
      bytes = Buffer.concat([this.#held, bytes]);
      this.#held = undefined;
    }
    while (offset < bytes.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length - offset);
        this.#skip -= skipped;
        offset += skipped;
        continue;
      }
      const left = bytes.length - offset;
      if (left < BOX_HEADER_SIZE) break;
      const size = bytes.readUInt32BE(offset);
      const type = bytes.toString('latin1', offset + 4, offset + 8);
      if (size < BOX_HEADER_SIZE || (type === 'moof' && size > MAXIMUM_MOOF_BYTES)) {
        this.#lost = true;
        return;
      }
      if (type !== 'moof') {
        this.#skip = size;
        continue;
      }
      if (left < size) break;
      this.#read(bytes.subarray(offset, offset + size));
      offset += size;
    }
    if (offset < bytes.length) this.#held = Buffer.from(bytes.subarray(offset));
  }

  #read(moof: Buffer): void {
    const traf = childBox(moof, BOX_HEADER_SIZE, 'traf');
    const tfdt = traf && childBox(traf, BOX_HEADER_SIZE, 'tfdt');
    if (!tfdt || tfdt.length < 16) return;
    const long = tfdt[8] === 1 && tfdt.length >= 20;
    const ticks = long ? Number(tfdt.readBigUInt64BE(12)) : tfdt.readUInt32BE(12);
    this.#milliseconds = (ticks * 1000) / this.#timescale;
  }
}

function childBox(parent: Buffer, from: number, type: string): Buffer | undefined {
  for (let offset = from; offset + BOX_HEADER_SIZE <= parent.length; ) {
    const size = parent.readUInt32BE(offset);
    if (size < BOX_HEADER_SIZE || offset + size > parent.length) return undefined;
    if (parent.toString('latin1', offset + 4, offset + 8) === type)
      return parent.subarray(offset, offset + size);
    offset += size;
  }
  return undefined;
}
