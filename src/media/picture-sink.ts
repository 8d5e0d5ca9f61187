/** Picture as it was encoded. */
export type CodedPicture = {
  /** From `offset` on; of H.264 and HEVC: NAL units, each after its length in four bytes (ISO/IEC 14496-15 5.3.3.1). */
  data: Buffer;
  offset: number;
  /** Presentation time since the origin of the stream, ms. */
  timeMs: number;
};

/** Takes streams of pictures of one codec, in the order of presentation. */
export type PictureSink = {
  /**
   * Begins a stream, which continues the one before for viewers. Pictures before its first keyframe are dropped.
   *
   * @param parameterSets of H.264 and HEVC, precede every keyframe
   * @param originMs Unix ms of presentation time 0
   */
  beginStream(parameterSets: readonly Buffer[], originMs: number): void;
  /** Writes a picture. @returns false when it was dropped */
  writePicture(picture: CodedPicture): boolean;
};
