import type { Writable } from 'node:stream';
import type { InputFormat } from '../ffmpeg/ffmpeg-arguments.js';

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

/** Media that come as a sender makes them, without passing through here. */
export type LiveInput = EncoderInput & {
  /**
   * Has the media flow.
   *
   * @returns Unix ms at which it began: the beginning of media time; undefined when it was closed meanwhile
   * @throws what the source throws
   */
  flow(): Promise<number | undefined>;
  /** How long ago something of every kind that comes out did so, ms. */
  readonly quiet: number;
  /** Nothing comes out (any more): a new encoder should wait for the sender. */
  readonly stalled: boolean;
};
