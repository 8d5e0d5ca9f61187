import type { Sample, TrackInit } from '../../media/index.js';
import type {
  EncoderRun,
  EncoderRunOptions,
  EncoderRunReader,
  EncoderRunWriter,
  Rendition,
  SlateReason,
} from './encoder-run.js';

/** Carries the media of one encoder run from transcode to its readers, synchronously and without copying. */
export class EncoderRunPipe implements EncoderRun, EncoderRunWriter {
  readonly index: number;
  readonly renditions: Rendition[];
  readonly originMs: number;
  readonly slate: SlateReason | undefined;
  delayMs = 0;
  isSuperseded = false;
  onSuperseded: ((atMs: number) => void) | undefined;
  #readers: EncoderRunReader[] = [];
  #closed = false;

  constructor(index: number, options: EncoderRunOptions) {
    this.index = index;
    this.renditions = options.renditions;
    this.originMs = options.originMs;
    this.slate = options.slate;
  }

  read(reader: EncoderRunReader): void {
    if (this.#closed) reader.close();
    else this.#readers.push(reader);
  }

  placed(delayMs: number): void {
    this.delayMs = delayMs;
  }

  superseded(startsAtMs?: number): void {
    if (this.isSuperseded) return;
    this.isSuperseded = true;
    if (startsAtMs !== undefined) this.onSuperseded?.(startsAtMs);
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

  renditionSuspended(renditionId: string): void {
    for (const reader of this.#readers) reader.renditionSuspended(renditionId);
  }

  renditionEnded(renditionId: string): void {
    for (const reader of this.#readers) reader.renditionEnded(renditionId);
  }

  close(endsAtVideo?: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const reader of this.#readers) reader.close(endsAtVideo);
    this.#readers = [];
  }
}
