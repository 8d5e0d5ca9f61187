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

/** Reader of an encoder run: CMAF bytes (ISO/IEC 23000-19) in order, per rendition, in chunks of any size. */
export type EncoderRunReader = {
  /** @throws when the bytes are not CMAF: the writer then stops the run. */
  write(renditionId: string, bytes: Buffer): void;
  /** Called after the last bytes. */
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
export type EncoderRunWriter = {
  readonly index: number;
  /** @throws when a reader cannot understand the bytes. */
  write(renditionId: string, bytes: Buffer): void;
  close(): void;
};
