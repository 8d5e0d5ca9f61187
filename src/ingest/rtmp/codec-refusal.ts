import type { VideoCodec } from '../../media/index.js';

/** Returns the reason for refusing a video codec, for the broadcaster; undefined when it is supported. */
export function refusalOfVideo(codec: VideoCodec, readsAv1: boolean): string | undefined {
  return codec === 'av1' && !readsAv1 ? unreadableVideo('AV1') : undefined;
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
export function readableFourCcs(readsAv1: boolean): string[] {
  return [
    'avc1',
    'hvc1',
    ...(readsAv1 ? ['av01'] : []),
    ...['vp09', 'vp08', 'mp4a', '.mp3', 'Opus', 'fLaC', 'ac-3', 'ec-3'],
  ];
}
