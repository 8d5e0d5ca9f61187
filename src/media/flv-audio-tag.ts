import { unwrapEnhancedTag } from './flv-enhanced-tag.js';
import { OPUS_RATE } from './matroska/index.js';
import type { AudioCodec } from './source-info.js';
import { PLAIN_TRACK, TrackSelection } from './track-selection.js';

/** Header of an audio tag's body. */
export type FlvAudioTag =
  | {
      packet: 'configuration' | 'frame';
      codec: AudioCodec;
      /**
       * Body with a legacy header. The enhanced header of AAC and MP3 is rewritten in place; other bodies are
       * unchanged.
       */
      body: Buffer;
      /** Offset of the codec's data in `body`. */
      dataOffset: number;
      /** Values of the tag header; not valid for AAC, whose configuration holds them. */
      sampleRate: number;
      channels: number;
    }
  /** Nothing to play: the end of a sequence, a channel layout, other tracks than the selected one. */
  | { packet: 'other' }
  /** A codec the gateway cannot read; its display name. */
  | { packet: 'unsupported'; codec: string };

/** SoundFormat (Flash Video File Format 10.1, annex E.4.2.1). */
const SOUND_FORMAT = { mp3: 2, enhanced: 9, aac: 10 } as const;
const FORMAT_NAMES: Record<number, string> = {
  0: 'PCM',
  1: 'ADPCM',
  3: 'PCM',
  4: 'Nellymoser',
  5: 'Nellymoser',
  6: 'Nellymoser',
  7: 'G.711',
  8: 'G.711',
  11: 'Speex',
  14: 'MP3 at 8 kHz',
};
const SOUND_RATES = [5_512, 11_025, 22_050, 44_100];
/** AAC is always signalled as 44.1 kHz, 16 bit, stereo (annex E.4.2.1). */
const AAC_TAG = 0xaf;
/** MP3, 44.1 kHz, 16 bit, stereo: decoders read the real values from the frames. */
const MP3_TAG = 0x2f;
const AAC_SEQUENCE_HEADER = 0;
const AAC_RAW = 1;

/** Enhanced RTMP v2, "Enhanced Audio". */
const AUDIO_PACKET = { sequenceStart: 0, codedFrames: 1, multitrack: 5, modEx: 7 } as const;
const ENHANCED_HEADER_SIZE = 5;
const FOUR_CC: Record<string, AudioCodec> = {
  ...{ mp4a: 'aac', '.mp3': 'mp3', Opus: 'opus' },
  ...{ fLaC: 'flac', 'ac-3': 'ac3', 'ec-3': 'eac3' },
};
/** Until the stream tells it. */
const USUAL_RATE = 48_000;

/** Reads the header of an audio tag's body. Returns undefined if the body is too short. @param tracks of the stream */
export function readFlvAudioTag(body: Buffer, tracks = new TrackSelection()): FlvAudioTag | undefined {
  if (body.length < 1) return undefined;
  const format = body[0]! >> 4;
  if (format === SOUND_FORMAT.enhanced) return readEnhanced(body, tracks);
  tracks.note(PLAIN_TRACK);
  const sampleRate = SOUND_RATES[(body[0]! >> 2) & 0x03]!;
  const channels = (body[0]! & 0x01) + 1;
  if (format === SOUND_FORMAT.mp3) {
    return { packet: 'frame', codec: 'mp3', body, dataOffset: 1, sampleRate, channels };
  }
  if (format !== SOUND_FORMAT.aac) {
    return { packet: 'unsupported', codec: FORMAT_NAMES[format] ?? `sound format ${format}` };
  }
  if (body.length < 2) return undefined;
  if (body[1] !== AAC_SEQUENCE_HEADER && body[1] !== AAC_RAW) return { packet: 'other' };
  const packet = body[1] === AAC_SEQUENCE_HEADER ? 'configuration' : 'frame';
  return { packet, codec: 'aac', body, dataOffset: 2, sampleRate, channels };
}

function readEnhanced(body: Buffer, tracks: TrackSelection): FlvAudioTag | undefined {
  const type = body[0]! & 0x0f;
  if (type === AUDIO_PACKET.multitrack || type === AUDIO_PACKET.modEx) {
    const single = unwrapEnhancedTag(body, AUDIO_PACKET, tracks);
    return single === 'other-track' ? { packet: 'other' } : single && readSingle(single);
  }
  tracks.note(PLAIN_TRACK);
  return readSingle(body);
}

function readSingle(body: Buffer): FlvAudioTag | undefined {
  const type = body[0]! & 0x0f;
  if (body.length < ENHANCED_HEADER_SIZE) return undefined;
  const fourCc = body.toString('latin1', 1, ENHANCED_HEADER_SIZE);
  const codec = FOUR_CC[fourCc];
  if (codec === undefined) {
    return { packet: 'unsupported', codec: `audio "${fourCc.replace(/[^\w-]/g, '?')}"` };
  }
  if (type !== AUDIO_PACKET.sequenceStart && type !== AUDIO_PACKET.codedFrames) return { packet: 'other' };
  const known = { sampleRate: 44_100, channels: 2 };
  const configuration = type === AUDIO_PACKET.sequenceStart;
  const packet = configuration ? 'configuration' : 'frame';
  if (codec !== 'mp3' && codec !== 'aac') {
    const sampleRate = codec === 'opus' ? OPUS_RATE : USUAL_RATE;
    return { packet, codec, body, dataOffset: ENHANCED_HEADER_SIZE, ...known, sampleRate };
  }
  if (codec === 'mp3') {
    if (configuration) return { packet: 'other' };
    const classic = body.subarray(ENHANCED_HEADER_SIZE - 1);
    classic[0] = MP3_TAG;
    return { packet: 'frame', codec: 'mp3', body: classic, dataOffset: 1, ...known };
  }
  const classic = body.subarray(ENHANCED_HEADER_SIZE - 2);
  classic[0] = AAC_TAG;
  classic[1] = configuration ? AAC_SEQUENCE_HEADER : AAC_RAW;
  return { packet, codec: 'aac', body: classic, dataOffset: 2, ...known };
}
