import type { AudioCodec, VideoCodec } from '../../media/index.js';

/** Enhanced RTMP video codecs that the installed ffmpeg can demux from FLV. */
export type ReadableCodecs = { hevc: boolean; av1: boolean; vp9: boolean };

const NAMES: Partial<Record<VideoCodec | AudioCodec, string>> = {
  hevc: 'HEVC (H.265)',
  av1: 'AV1',
  vp9: 'VP9',
  vp8: 'VP8',
};

/** Returns the reason for refusing a video codec, for the broadcaster; undefined when it is supported. */
export function refusalOfVideo(codec: VideoCodec, readable: ReadableCodecs): string | undefined {
  if (codec === 'h264') return undefined;
  if (codec !== 'vp8' && readable[codec]) return undefined;
  return unreadableVideo(NAMES[codec] ?? codec);
}

/** @param name display name of the codec */
export function unreadableVideo(name: string): string {
  return `This server cannot read ${name}: choose H.264 as the video encoder in your streaming software.`;
}

/** @param name display name of the codec */
export function unreadableAudio(name: string): string {
  return `This server cannot read ${name} over RTMP: choose AAC as the audio encoder in your streaming software.`;
}

/** The FourCCs to announce in the answer to `connect` (Enhanced RTMP v2, "Enhancing NetConnection connect"). */
export function readableFourCcs(readable: ReadableCodecs): string[] {
  return [
    'avc1',
    ...(readable.hevc ? ['hvc1'] : []),
    ...(readable.av1 ? ['av01'] : []),
    ...(readable.vp9 ? ['vp09'] : []),
    'mp4a',
    '.mp3',
  ];
}
