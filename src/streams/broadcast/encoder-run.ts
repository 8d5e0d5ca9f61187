import type { Sample, TrackInit } from '../../media/index.js';

/** One encoded video version of the stream, or its audio. */
export type Rendition = {
  /** Stable within a stream and safe in URLs: `1080p`, `720p`, `source`, `audio`. */
  id: string;
  kind: 'video' | 'audio';
  /** Forwarded as received, not encoded. */
  passthrough: boolean;
  /** Frames per second, if known (video only). */
  frameRate?: number;
};

/**
 * Receiver of an encoder run. Encoded renditions arrive as CMAF bytes (ISO/IEC 23000-19) in order, in chunks of any size;
 * copied ones as an initialization section and samples.
 */
export type EncoderRunReader = {
  /** @throws when the bytes are not CMAF: the writer then stops the encoder */
  write(renditionId: string, bytes: Buffer): void;
  /** Starts a copied rendition; called once per run, before its samples. */
  startCopy(renditionId: string, init: TrackInit): void;
  /** @throws when the sample cannot be packaged: the writer then ends the run */
  sample(renditionId: string, sample: Sample): void;
  /** Ends the bytes of a rendition's encoder. Another encoder may continue the rendition with a new section. */
  encoderEnded(renditionId: string): void;
  /** Ends a rendition: the run has no more of it. */
  renditionEnded(renditionId: string): void;
  /** Called after the last media. */
  close(): void;
};

/** Properties of an encoder run, known when the encoder starts. */
export type EncoderRunOptions = {
  renditions: Rendition[];
  /** Wall-clock time of media time 0 of the run's CMAF, Unix ms. */
  originMs: number;
};

/** One run of the encoder: a contiguous piece of the broadcast's timeline. A new run is a discontinuity. */
export type EncoderRun = EncoderRunOptions & {
  /** 0 for the first run of the broadcast, then incremented by 1, also across restarts of the gateway. */
  readonly index: number;
  read(reader: EncoderRunReader): void;
};

/** The write handle of an encoder run. */
export type EncoderRunWriter = EncoderRunReader & { readonly index: number };
