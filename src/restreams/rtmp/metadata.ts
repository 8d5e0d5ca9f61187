import { amf } from '../../ingest/rtmp/index.js';
import type { FeedTracks } from '../media-feed.js';

/** Codec ids of FLV (Flash Video File Format 10.1, annex E.4). */
const AVC = 7;
const AAC = 10;

/** Builds the data message `@setDataFrame onMetaData` (annex E.5) with properties that were measured here. */
export function streamMetadata(tracks: FeedTracks, relayPath: string, encoder: string): Buffer {
  const { video, audio } = tracks;
  const values: Record<string, unknown> = {
    ...(video && {
      videocodecid: AVC,
      ...(video.width !== undefined &&
        video.height !== undefined && { width: video.width, height: video.height }),
      ...(video.frameRate !== undefined && { framerate: video.frameRate }),
      ...(video.bitrate !== undefined && { videodatarate: video.bitrate / 1_000 }),
    }),
    ...(audio && {
      audiocodecid: AAC,
      ...(audio.sampleRate !== undefined && { audiosamplerate: audio.sampleRate, audiosamplesize: 16 }),
      ...(audio.channels !== undefined && { stereo: audio.channels > 1 }),
      ...(audio.bitrate !== undefined && { audiodatarate: audio.bitrate / 1_000 }),
    }),
    encoder,
    relayPath,
  };
  return Buffer.concat(['@setDataFrame', 'onMetaData', values].map((value) => amf.amf0EncodeOne(value)));
}
