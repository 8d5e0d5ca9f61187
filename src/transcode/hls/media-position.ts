const BOX_HEADER_SIZE = 8;
/** A `moof` of one frame has about 150 bytes; a large one is not from our encoder. */
const MAXIMUM_MOOF_BYTES = 65_536;

/** Flags of tfhd (8.8.7): fields before the default sample duration, and that itself. */
const TFHD = { baseDataOffset: 0x1, descriptionIndex: 0x2, duration: 0x8 } as const;
/** Flags of trun (8.8.8). */
const TRUN = {
  ...{ dataOffset: 0x1, firstFlags: 0x4 },
  ...{ duration: 0x100, size: 0x200, flags: 0x400, compositionOffset: 0x800 },
} as const;

/**
 * Reads a rendition's position from the decode time (`tfdt`, ISO/IEC 14496-12, 8.8.12) of each passing fragment,
 * without storing media. Bytes that are no boxes are ignored; the packager refuses them.
 */
export class MediaPosition {
  readonly #timescale: number;
  #milliseconds: number | undefined;
  #endMs: number | undefined;
  /** End of the fragment whose data have not all passed, ms. */
  #pendingEndMs: number | undefined;
  /** Remaining bytes of a box that is skipped. */
  #skip = 0;
  /** The skipped box has the data of a fragment. */
  #isData = false;
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

  /** End of the newest fragment whose data have all passed, ms; undefined before the first. */
  get endMs(): number | undefined {
    return this.#endMs;
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
        if (this.#skip === 0 && this.#isData) this.#endMs = this.#pendingEndMs;
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
        this.#isData = type === 'mdat';
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
    this.#pendingEndMs = ((ticks + durationOf(traf)) * 1000) / this.#timescale;
  }
}

/** Returns the duration of the samples of a fragment, ticks. @param traf track fragment with one track run */
function durationOf(traf: Buffer): number {
  const tfhd = childBox(traf, BOX_HEADER_SIZE, 'tfhd');
  const trun = childBox(traf, BOX_HEADER_SIZE, 'trun');
  if (!trun || trun.length < 16) return 0;
  const flags = trun.readUInt32BE(8) & 0xff_ffff;
  const count = trun.readUInt32BE(12);
  if (!(flags & TRUN.duration)) return count * defaultDuration(tfhd);
  const first = 16 + (flags & TRUN.dataOffset ? 4 : 0) + (flags & TRUN.firstFlags ? 4 : 0);
  const columns = [TRUN.duration, TRUN.size, TRUN.flags, TRUN.compositionOffset];
  const row = 4 * columns.filter((column) => flags & column).length;
  let duration = 0;
  for (let at = first, index = 0; index < count && at + row <= trun.length; at += row, index++)
    duration += trun.readUInt32BE(at);
  return duration;
}

function defaultDuration(tfhd: Buffer | undefined): number {
  if (!tfhd || tfhd.length < 16) return 0;
  const flags = tfhd.readUInt32BE(8) & 0xff_ffff;
  if (!(flags & TFHD.duration)) return 0;
  const at = 16 + (flags & TFHD.baseDataOffset ? 8 : 0) + (flags & TFHD.descriptionIndex ? 4 : 0);
  return at + 4 <= tfhd.length ? tfhd.readUInt32BE(at) : 0;
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
