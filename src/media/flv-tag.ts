/**
 * One FLV tag without its framing (Adobe Flash Video File Format 10.1, annex E.4.1): what RTMP audio, video and
 * data messages carry and what ffmpeg's FLV demuxer reads.
 */
export type FlvTag = {
  kind: 'audio' | 'video' | 'script';
  /** Milliseconds from the start of the publication's current timeline (decode time). Not wrapped. */
  timestamp: number;
  /** The tag's body, beginning with the audio or video tag header. Never written to after publication. */
  body: Buffer;
  /** A decoder configuration (AVC/HEVC/AV1 sequence header, AudioSpecificConfig), not a picture or sound. */
  header: boolean;
  /** A picture that can be decoded by itself. Always false for audio and script tags. */
  keyframe: boolean;
};

/** FLV tag types (annex E.4.1), the same numbers as RTMP message type ids. */
export const FLV_TAG_TYPE = { audio: 8, video: 9, script: 18 } as const;

/** FLV file header (annex E.2) with its first PreviousTagSize. The flags must match what follows. */
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
 * The tag with its framing. `timestamp` (ms) must fit 31 bits: FLV readers take it as a signed number.
 * Gives two small buffers around the body, so that the body is not copied.
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
