import type { Writable } from 'node:stream';
import type { InputFormat } from './ffmpeg-arguments.js';

export type MediaKind = 'video' | 'audio';

/** How media get into an encoder. Nothing here throws. */
export type EncoderInput = {
  readonly format: InputFormat;
  /** ffmpeg was started and reads `output`. Called once. */
  attach(output: Writable): void;
  /** No more media will come: ffmpeg is told to put out what it has. */
  end(): void;
  /** ffmpeg is gone, or is being killed. Idempotent. */
  close(): void;
  /** Something of this kind came out. */
  answered(kind: MediaKind): void;
  /** How far a rendition that has come to `position` (media time, ms) is behind what went in, ms. */
  lag(kind: MediaKind, position: number): number;
};
