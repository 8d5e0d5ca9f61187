/** Picture of H.264. */
export type H264Picture = {
  /** NAL units, each after its length in four bytes (ISO/IEC 14496-15 5.3.3.1), from `offset` on. */
  data: Buffer;
  offset: number;
  /** Presentation time since the origin of the stream, ms. */
  timeMs: number;
};

/** Takes streams of H.264 without reordered pictures. */
export type H264Sink = {
  /**
   * Begins a stream, which continues the one before for viewers. Pictures before its first keyframe are dropped.
   *
   * @param parameterSets precede every keyframe
   * @param originMs Unix ms of presentation time 0
   */
  beginStream(parameterSets: readonly Buffer[], originMs: number): void;
  /** Writes a picture. @returns false when it was dropped */
  writePicture(picture: H264Picture): boolean;
};
