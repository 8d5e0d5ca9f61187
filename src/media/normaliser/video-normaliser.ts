import type { VideoCodec } from '../source-info.js';

/** Tag of an encoder: its header has been read, its data have not. */
export type VideoPacket = {
  codec: VideoCodec;
  /** As the header says; only the data tell. */
  keyframe: boolean;
  compositionTime: number;
  /** Body with the tag header, which may be rewritten in place. */
  body: Buffer;
  /** Offset of the codec's data in `body`. */
  dataOffset: number;
};

/**
 * How a picture that is no random access point lets a decoder start: at a picture without references, after which
 * earlier pictures may follow (`open-gop`), or by refreshing parts of several pictures (`gradual`).
 */
export type RecoveryPoint = 'open-gop' | 'gradual';

/** One access unit: one picture with its parameter sets and SEI. */
export type VideoFrame = {
  /** Timestamp of the encoder, ms. */
  time: number;
  compositionTime: number;
  /** Random access point: decoding can start here. */
  keyframe: boolean;
  recoveryPoint: RecoveryPoint | undefined;
  /** Refers to pictures before the preceding keyframe (RASL of HEVC): not decodable when decoding starts there. */
  skippable: boolean;
  body: Buffer;
  dataOffset: number;
};

/** Receives what a normaliser finds, in decode order. */
export type VideoSink = {
  /** Decoder configuration of the frames that follow; it differs from the one before. */
  configuration(body: Buffer, dataOffset: number): void;
  frame(frame: VideoFrame): void;
  /**
   * Replaces the body of the last frame, of which more has arrived. Called for the first frame of a stream only.
   *
   * @returns false if the frame has been passed on
   */
  amend(body: Buffer): boolean;
};

/** Makes access units of one codec from the tags of an encoder. Nothing throws. */
export type VideoNormaliser = {
  /** Whether a frame is known to be complete when it is passed on. */
  readonly settled: boolean;
  /** Tags, and parts of them, that were left out as unreadable. */
  readonly dropped: number;
  configure(packet: VideoPacket): void;
  /** @param time timestamp of the encoder, ms, wrapping after 2^32 */
  push(packet: VideoPacket, time: number): void;
  /** Passes on a frame that waits for more, if it is older than the timestamp of another track, ms. */
  flush(time: number): void;
};
