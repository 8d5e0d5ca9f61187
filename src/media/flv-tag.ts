import type { RecoveryPoint } from './normaliser/video-normaliser.js';

/**
 * An FLV tag without framing (Adobe Flash Video File Format 10.1, annex E.4.1): the payload of RTMP audio, video and
 * data messages, and the input of ffmpeg's FLV demuxer.
 */
export type FlvTag = {
  kind: 'audio' | 'video' | 'script';
  /** Decode time, ms from the start of the publication's current timeline. Not wrapped. */
  timestamp: number;
  /** Body from the audio or video tag header on. Immutable after publication. */
  body: Buffer;
  /** Decoder configuration (AVC/HEVC/AV1 sequence header, AudioSpecificConfig) rather than a coded frame. */
  header: boolean;
  /** Random access point. Always false for audio and script tags. */
  keyframe: boolean;
  /** Decoders can start here without a keyframe, though not show all pictures that follow. */
  recoveryPoint?: RecoveryPoint;
};

/** FLV tag types (annex E.4.1), equal to the RTMP message type ids. */
export const FLV_TAG_TYPE = { audio: 8, video: 9, script: 18 } as const;

/** Builds the FLV file header (annex E.2) with the first PreviousTagSize. The flags must match the tags that follow. */
export function flvFileHeader(has: { audio: boolean; video: boolean }): Buffer {
  return Buffer.from([
    0x46,
    0x4c,
    0x56,
    1,
    (has.audio ? 4 : 0) | (has.video ? 1 : 0),
    0,
    0,
    0,
    9,
    0,
    0,
    0,
    0,
  ]);
}

const TAG_HEADER_SIZE = 11;

/**
 * Frames a tag. `timestamp` (ms) must fit 31 bits, because readers take it as signed. Returns two small buffers
 * around the body, which is not copied.
 */
export function frameFlvTag(tag: FlvTag, timestamp: number): [head: Buffer, body: Buffer, tail: Buffer] {
  const head = Buffer.allocUnsafe(TAG_HEADER_SIZE);
  head[0] = FLV_TAG_TYPE[tag.kind];
  head.writeUIntBE(tag.body.length, 1, 3);
  head.writeUIntBE(timestamp & 0xffffff, 4, 3);
  head[7] = (timestamp >>> 24) & 0x7f;
  head.writeUIntBE(0, 8, 3);
  const tail = Buffer.allocUnsafe(4);
  tail.writeUInt32BE(TAG_HEADER_SIZE + tag.body.length, 0);
  return [head, tag.body, tail];
}
