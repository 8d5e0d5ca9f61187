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
  /** Frames of the source per frame; default: 1. */
  frameStep?: number;
  /** Properties before the first initialization section; a rendition without them cannot be suspended. */
  expected?: ExpectedMedia;
};

/** Properties of a rendition that its encoder will have. */
export type ExpectedMedia = {
  /** Codec string (RFC 6381); of at least the level that the encoder uses. */
  codec: string;
  /** Peak bits per second. */
  bitrate: number;
} & (
  | {
      kind: 'video';
      /** Pixels. */
      width: number;
      height: number;
    }
  | { kind: 'audio'; channels: number }
);

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
  /**
   * Suspends an encoded rendition with `expected` properties: no encoder makes it until viewers request it. Its next
   * encoder joins at any keyframe. A run with all renditions suspended gets no more media.
   */
  renditionSuspended(renditionId: string): void;
  /** Ends a rendition: the run has no more of it. */
  renditionEnded(renditionId: string): void;
  /** Called after the last media. @param endsAtVideo drop audio after the end of the video: the next run repeats it */
  close(endsAtVideo?: boolean): void;
};

/** Why a run shows a slate: the publisher is away, or is there and its picture pauses, while its sound goes on. */
export type SlateReason = 'publisher-away' | 'picture-paused';

/** Properties of an encoder run, known when the encoder starts. */
export type EncoderRunOptions = {
  renditions: Rendition[];
  /** Wall-clock time of media time 0 of the run's CMAF, Unix ms. */
  originMs: number;
  /** Shows a slate instead of the publisher's picture, in segments of the configured duration. */
  slate?: SlateReason | undefined;
};

/** One run of the encoder: a contiguous piece of the broadcast's timeline. A new run is a discontinuity. */
export type EncoderRun = EncoderRunOptions & {
  /** 0 for the first run of the broadcast, then incremented by 1, also across restarts of the gateway. */
  readonly index: number;
  read(reader: EncoderRunReader): void;
  /** Reports that the run begins to be published, so many ms later than its origin says. */
  placed(delayMs: number): void;
  /**
   * Reports that a later run is published: what is written before this returns is the last of this one.
   *
   * @param startsAtMs Unix ms at which the later run starts
   */
  superseded(startsAtMs?: number): void;
};

/** The write handle of an encoder run. */
export type EncoderRunWriter = EncoderRunReader & {
  readonly index: number;
  /** Difference between its media time and the wall clock as published, ms; 0 before. */
  readonly delayMs: number;
  readonly isSuperseded: boolean;
  /** Called when a later run that starts at `atMs` (Unix ms) is published; may write what is missing up to there. */
  onSuperseded?: ((atMs: number) => void) | undefined;
};
