/** One encoded version of the stream, or its sound. */
export type Rendition = {
  /** Stable in a stream and fit for URLs: `1080p`, `720p`, `source`, `audio`. */
  id: string;
  kind: 'video' | 'audio';
  /** Passed through as it arrived, not encoded here. */
  passthrough: boolean;
  /** Frames per second, if known (video only). */
  frameRate?: number;
};

/** How a guest reads an encoder run: CMAF bytes (ISO/IEC 23000-19) as they come, in order, per rendition. */
export type EncoderRunReader = {
  /** @throws when the bytes are not CMAF: the run is then stopped by whoever writes it. */
  write(renditionId: string, bytes: Buffer): void;
  /** No more bytes will come. */
  close(): void;
};

/** What transcode says when it starts an encoder. */
export type EncoderRunOptions = {
  renditions: Rendition[];
  /** Unix ms at which media time 0 of the run's CMAF stands on the wall clock. */
  originMs: number;
};

/** One run of the encoder: a contiguous piece of the broadcast's timeline. A new run is a discontinuity. */
export type EncoderRun = EncoderRunOptions & {
  /** 0 for the first run of the broadcast, then rising by 1, also over restarts of the gateway. */
  readonly index: number;
  read(reader: EncoderRunReader): void;
};

/** The write handle of an encoder run. */
export type EncoderRunWriter = {
  readonly index: number;
  /** @throws when a reader cannot understand the bytes. */
  write(renditionId: string, bytes: Buffer): void;
  close(): void;
};
