import type {
  EncoderRun,
  EncoderRunOptions,
  EncoderRunReader,
  EncoderRunWriter,
  Rendition,
} from './encoder-run.js';

/** Carries the bytes of one encoder run from transcode to its readers, synchronously and without copying. */
export class EncoderRunPipe implements EncoderRun, EncoderRunWriter {
  readonly index: number;
  readonly renditions: Rendition[];
  readonly originMs: number;
  #readers: EncoderRunReader[] = [];
  #closed = false;

  constructor(index: number, options: EncoderRunOptions) {
    this.index = index;
    this.renditions = options.renditions;
    this.originMs = options.originMs;
  }

  read(reader: EncoderRunReader): void {
    if (this.#closed) reader.close();
    else this.#readers.push(reader);
  }

  write(renditionId: string, bytes: Buffer): void {
    if (this.#closed) return;
    for (const reader of this.#readers) reader.write(renditionId, bytes);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const reader of this.#readers) reader.close();
    this.#readers = [];
  }
}
