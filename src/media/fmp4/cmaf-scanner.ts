import { BOX_HEADER_SIZE, LARGE_BOX_HEADER_SIZE } from './box.js';
import { CmafError } from './cmaf-error.js';
import { readFragment, type Sample } from './fragment-reader.js';
import { parseTrackInit, type TrackInit } from './track-init.js';

export type CmafHandlers = {
  /** Called once, before the first sample. */
  init(init: TrackInit): void;
  /** Called for each sample in decode order. Its data are a view of the bytes written. */
  sample(sample: Sample): void;
  /** Called after the samples of a fragment. @param byteLength bytes since the end of what was before it */
  fragment?(byteLength: number): void;
};

const MEBIBYTE = 1 << 20;

/** Boxes allowed at the top level, with their maximum size in bytes. Any other box is an error. */
const TOP_LEVEL: Record<string, number> = {
  ftyp: 4096,
  styp: 4096,
  moov: MEBIBYTE,
  moof: MEBIBYTE,
  mdat: 32 * MEBIBYTE,
  prft: 4096,
  emsg: MEBIBYTE,
  sidx: MEBIBYTE,
  ssix: MEBIBYTE,
  mfra: MEBIBYTE,
  free: MEBIBYTE,
  skip: MEBIBYTE,
  uuid: MEBIBYTE,
};

type BoxHead = { type: string; size: number; header: number };

/**
 * Parses a CMAF track (ISO/IEC 23000-19) from chunks of any size. Buffers at most one box. Copies bytes only where a
 * box spans chunks; chunks must not be changed after `write`.
 */
export class CmafScanner {
  readonly #handlers: CmafHandlers;
  #pieces: Buffer[] = [];
  #available = 0;
  #head: BoxHead | undefined;
  #ftyp: Buffer | undefined;
  #init: TrackInit | undefined;
  #moof: Buffer | undefined;
  /** Bytes since the last fragment or initialization section. */
  #unreported = 0;
  #failure: CmafError | undefined;

  constructor(handlers: CmafHandlers) {
    this.#handlers = handlers;
  }

  /** Bytes of the incomplete box, lost if the input ends here. */
  get pending(): number {
    return this.#available;
  }

  /** Parses more bytes. @throws CmafError for invalid input, and again on every later call */
  write(bytes: Buffer): void {
    if (this.#failure) throw this.#failure;
    if (bytes.length === 0) return;
    this.#pieces.push(bytes);
    this.#available += bytes.length;
    let box: { head: BoxHead; bytes: Buffer } | undefined;
    while ((box = this.#nextBox())) this.#accept(box.head, box.bytes);
  }

  #nextBox(): { head: BoxHead; bytes: Buffer } | undefined {
    this.#head ??= this.#readHead();
    const head = this.#head;
    if (!head || this.#available < head.size) return undefined;
    this.#head = undefined;
    return { head, bytes: this.#take(head.size) };
  }

  #readHead(): BoxHead | undefined {
    if (this.#available < BOX_HEADER_SIZE) return undefined;
    const start = this.#peek(BOX_HEADER_SIZE);
    const type = start.toString('latin1', 4, 8);
    const limit = Object.hasOwn(TOP_LEVEL, type) ? TOP_LEVEL[type]! : undefined;
    if (limit === undefined) {
      throw this.#fail('cmaf_box_invalid', `Unknown box ${JSON.stringify(type)}`);
    }
    let size = start.readUInt32BE(0);
    let header = BOX_HEADER_SIZE;
    if (size === 1) {
      if (this.#available < LARGE_BOX_HEADER_SIZE) return undefined;
      header = LARGE_BOX_HEADER_SIZE;
      size = Number(this.#peek(header).readBigUInt64BE(BOX_HEADER_SIZE));
    }
    if (size < header || size > limit) {
      throw this.#fail('cmaf_box_invalid', `A ${type} box of ${size} bytes`);
    }
    return { type, size, header };
  }

  #accept(head: BoxHead, bytes: Buffer): void {
    this.#unreported += head.size;
    switch (head.type) {
      case 'ftyp':
        this.#ftyp = bytes;
        return;
      case 'moov': {
        if (this.#init) throw this.#fail('cmaf_out_of_order', 'A second initialization section');
        const data = Buffer.concat(this.#ftyp ? [this.#ftyp, bytes] : [bytes]);
        this.#init = this.#parse(() => parseTrackInit(data), 'cmaf_init_invalid');
        this.#unreported = 0;
        this.#handlers.init(this.#init);
        return;
      }
      case 'moof':
        if (!this.#init)
          throw this.#fail('cmaf_out_of_order', 'A fragment before the initialization section');
        if (this.#moof) throw this.#fail('cmaf_out_of_order', 'A fragment without data');
        this.#moof = bytes;
        return;
      case 'mdat': {
        const moof = this.#moof;
        const init = this.#init;
        if (!moof || !init) throw this.#fail('cmaf_out_of_order', 'Data without a fragment');
        this.#moof = undefined;
        const samples = this.#parse(
          () => readFragment(moof, bytes, head.header, init),
          'cmaf_fragment_invalid',
        );
        for (const sample of samples) this.#handlers.sample(sample);
        this.#handlers.fragment?.(this.#unreported);
        this.#unreported = 0;
        return;
      }
      default:
        // prft, styp, sidx and others are not needed here.
        return;
    }
  }

  /** Maps reads beyond the end of a buffer to a CmafError: the box is shorter than its fields claim. */
  #parse<T>(read: () => T, code: CmafError['code']): T {
    try {
      return read();
    } catch (error) {
      if (error instanceof CmafError) {
        this.#failure = error;
        throw error;
      }
      throw this.#fail(code, 'A box is shorter than its fields', error);
    }
  }

  #fail(code: CmafError['code'], message: string, cause?: unknown): CmafError {
    this.#failure = new CmafError(code, message, { cause });
    this.#pieces = [];
    this.#available = 0;
    return this.#failure;
  }

  /** Returns the next `size` bytes in one buffer without consuming them. */
  #peek(size: number): Buffer {
    const first = this.#pieces[0]!;
    if (first.length >= size) return first;
    return Buffer.concat(this.#pieces, size);
  }

  /** Consumes the next `size` bytes and returns them in one buffer. */
  #take(size: number): Buffer {
    this.#available -= size;
    const first = this.#pieces[0]!;
    if (first.length > size) {
      this.#pieces[0] = first.subarray(size);
      return first.subarray(0, size);
    }
    if (first.length === size) {
      this.#pieces.shift();
      return first;
    }
    const out = Buffer.allocUnsafeSlow(size);
    let at = 0;
    let used = 0;
    while (at < size) {
      const piece = this.#pieces[used]!;
      const length = Math.min(piece.length, size - at);
      piece.copy(out, at, 0, length);
      at += length;
      if (length < piece.length) this.#pieces[used] = piece.subarray(length);
      else used++;
    }
    this.#pieces.splice(0, used);
    return out;
  }
}
