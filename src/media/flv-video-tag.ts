import { unwrapEnhancedTag } from './flv-enhanced-tag.js';
import type { VideoCodec } from './source-info.js';
import { PLAIN_TRACK, TrackSelection } from './track-selection.js';

/** Header of a video tag's body. */
export type FlvVideoTag =
  | {
      packet: 'configuration' | 'frame';
      codec: VideoCodec;
      keyframe: boolean;
      /** CompositionTime: presentation time minus decode time, ms. */
      compositionTime: number;
      /**
       * Body with a legacy header for H.264, and with an enhanced one of a single track for other codecs: rewritten in
       * place where it was another.
       */
      body: Buffer;
      /** Offset of the codec's data in `body`. */
      dataOffset: number;
    }
  /** Nothing to play: the end of a sequence, HDR metadata, seek commands, other tracks than the selected one. */
  | { packet: 'other' }
  /** A codec the gateway cannot read; its display name. */
  | { packet: 'unsupported'; codec: string };

/** Frame types (Flash Video File Format 10.1, annex E.4.3.1). */
const FRAME_TYPE_KEY = 1;
const FRAME_TYPE_COMMAND = 5;
/** CodecID (annex E.4.3.1). */
const CODEC_ID_AVC = 7;
const CODEC_NAMES: Record<number, string> = {
  2: 'Sorenson H.263',
  3: 'Screen Video',
  4: 'On2 VP6',
  5: 'On2 VP6 with alpha',
  6: 'Screen Video 2',
  8: 'H.263',
  9: 'MPEG-4 Part 2',
  12: 'HEVC with the non-standard codec id 12',
};
/** AVCPacketType (annex E.4.3.2). */
const AVC_SEQUENCE_HEADER = 0;
const AVC_NALU = 1;
const CLASSIC_HEADER_SIZE = 5;

/** Enhanced RTMP v2, "Enhanced Video": IsExHeader, the top bit, announces a FourCC. */
const ENHANCED = 0x80;
const VIDEO_PACKET = { sequenceStart: 0, codedFrames: 1, codedFramesX: 3, multitrack: 6, modEx: 7 } as const;
const FOUR_CC: Record<string, VideoCodec> = {
  avc1: 'h264',
  hvc1: 'hevc',
  av01: 'av1',
  vp09: 'vp9',
  vp08: 'vp8',
};
const ENHANCED_HEADER_SIZE = 5;
const COMPOSITION_TIME_SIZE = 3;

/** Reads the header of a video tag's body. Returns undefined if the body is too short. @param tracks of the stream */
export function readFlvVideoTag(body: Buffer, tracks = new TrackSelection()): FlvVideoTag | undefined {
  if (body.length < 1) return undefined;
  if (body[0]! & ENHANCED) return readEnhanced(body, tracks);
  tracks.note(PLAIN_TRACK);
  return readClassic(body);
}

function readClassic(body: Buffer): FlvVideoTag | undefined {
  const frameType = body[0]! >> 4;
  const codecId = body[0]! & 0x0f;
  if (frameType === FRAME_TYPE_COMMAND) return { packet: 'other' };
  if (codecId !== CODEC_ID_AVC) {
    return { packet: 'unsupported', codec: CODEC_NAMES[codecId] ?? `codec ${codecId}` };
  }
  if (body.length < CLASSIC_HEADER_SIZE) return undefined;
  const type = body[1];
  if (type !== AVC_SEQUENCE_HEADER && type !== AVC_NALU) return { packet: 'other' };
  return {
    packet: type === AVC_SEQUENCE_HEADER ? 'configuration' : 'frame',
    codec: 'h264',
    keyframe: type === AVC_NALU && frameType === FRAME_TYPE_KEY,
    compositionTime: body.readIntBE(2, COMPOSITION_TIME_SIZE),
    body,
    dataOffset: CLASSIC_HEADER_SIZE,
  };
}

function readEnhanced(body: Buffer, tracks: TrackSelection): FlvVideoTag | undefined {
  const type = body[0]! & 0x0f;
  if (type === VIDEO_PACKET.multitrack || type === VIDEO_PACKET.modEx) {
    const single = unwrapEnhancedTag(body, VIDEO_PACKET, tracks);
    return single === 'other-track' ? { packet: 'other' } : single && readSingle(single);
  }
  tracks.note(PLAIN_TRACK);
  return readSingle(body);
}

function readSingle(body: Buffer): FlvVideoTag | undefined {
  const frameType = (body[0]! >> 4) & 0x07;
  const type = body[0]! & 0x0f;
  if (frameType === FRAME_TYPE_COMMAND) return { packet: 'other' };
  if (body.length < ENHANCED_HEADER_SIZE) return undefined;
  const fourCc = body.toString('latin1', 1, ENHANCED_HEADER_SIZE);
  const codec = FOUR_CC[fourCc];
  if (codec === undefined) {
    return { packet: 'unsupported', codec: `video "${fourCc.replace(/[^\w-]/g, '?')}"` };
  }
  const coded = type === VIDEO_PACKET.codedFrames;
  if (!coded && type !== VIDEO_PACKET.codedFramesX && type !== VIDEO_PACKET.sequenceStart) {
    return { packet: 'other' };
  }
  const timed = coded && (codec === 'h264' || codec === 'hevc');
  if (timed && body.length < ENHANCED_HEADER_SIZE + COMPOSITION_TIME_SIZE) return undefined;
  const frame = type !== VIDEO_PACKET.sequenceStart;
  const head = {
    packet: frame ? ('frame' as const) : ('configuration' as const),
    codec,
    keyframe: frame && frameType === FRAME_TYPE_KEY,
    compositionTime: timed ? body.readIntBE(ENHANCED_HEADER_SIZE, COMPOSITION_TIME_SIZE) : 0,
  };
  if (codec === 'h264')
    return { ...head, body: toClassic(body, frame, timed), dataOffset: CLASSIC_HEADER_SIZE };
  return { ...head, body, dataOffset: ENHANCED_HEADER_SIZE + (timed ? COMPOSITION_TIME_SIZE : 0) };
}

/**
 * Rewrites an enhanced header as a legacy one, in place. Both are five bytes long, or eight with the composition
 * time: the legacy header, which ends with the composition time, fits over the end of the enhanced one.
 */
function toClassic(body: Buffer, frame: boolean, timed: boolean): Buffer {
  const frameType = (body[0]! >> 4) & 0x07;
  const classic = timed ? body.subarray(COMPOSITION_TIME_SIZE) : body;
  classic[0] = (frameType << 4) | CODEC_ID_AVC;
  classic[1] = frame ? AVC_NALU : AVC_SEQUENCE_HEADER;
  if (!timed) classic.fill(0, 2, CLASSIC_HEADER_SIZE);
  return classic;
}
