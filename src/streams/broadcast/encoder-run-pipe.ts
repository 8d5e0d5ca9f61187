import type { Sample, TrackInit } from '../../media/index.js';
import type {
  EncoderRun,
  EncoderRunOptions,
  EncoderRunReader,
  EncoderRunWriter,
  Rendition,
} from './encoder-run.js';

/** Carries the media of one encoder run from transcode to its readers, synchronously and without copying. */
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
    for (const reader of this.#readers) reader.write(renditionId, bytes);
  }

  startCopy(renditionId: string, init: TrackInit): void {
    for (const reader of this.#readers) reader.startCopy(renditionId, init);
  }

  sample(renditionId: string, sample: Sample): void {
    for (const reader of this.#readers) reader.sample(renditionId, sample);
  }

  encoderEnded(renditionId: string): void {
    for (const reader of this.#readers) reader.encoderEnded(renditionId);
  }

  renditionEnded(renditionId: string): void {
    for (const reader of this.#readers) reader.renditionEnded(renditionId);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const reader of this.#readers) reader.close();
    this.#readers = [];
  }
}
