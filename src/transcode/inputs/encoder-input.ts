import type { Writable } from 'node:stream';
import type { InputFormat } from '../ffmpeg/ffmpeg-arguments.js';

export type MediaKind = 'video' | 'audio';

/** Input of an encoder. Methods do not throw. */
export type EncoderInput = {
  readonly format: InputFormat;
  /** Connects ffmpeg's standard input. Called once. */
  attach(output: Writable): void;
  /** Ends the media: ffmpeg writes its remaining output. */
  end(): void;
  /** Releases the input of an ended ffmpeg. Idempotent. */
  close(): void;
  /** Records output of a kind. */
  outputReceived(kind: MediaKind): void;
  /** Returns the lag of a rendition at `position` (media time, ms) behind the input, ms. */
  lag(kind: MediaKind, position: number): number;
};

/** Input in real time that does not pass through the gateway. */
export type LiveInput = EncoderInput & {
  /**
   * Starts the media.
   *
   * @returns Unix ms of the start of media time; undefined when closed meanwhile
   * @throws what the source throws
   */
  startSource(): Promise<number | undefined>;
  /** Maximum time since the last output of any kind, ms. */
  readonly quiet: number;
  /** No output (any more): a new encoder should wait for media. */
  readonly stalled: boolean;
};
