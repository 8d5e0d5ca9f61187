import { RtmpDemuxer } from '../../../src/ingest/rtmp/rtmp-demuxer.js';
import { FakeClock } from '../fakes/fake-clock.js';
import { RecordingPublication } from '../fakes/recording-publication.js';

/** SPS of 320x180 at 30 frames per second by x264; another level changes the configuration. */
export const SPS = '6742c00dda05067e7c0440000003004000000f03c50aa8';

export function avcHeader(level = 0x0d): Buffer {
  const sps = Buffer.from(SPS, 'hex');
  sps[3] = level;
  return Buffer.concat([
    Buffer.from([0x17, 0, 0, 0, 0, 1, 0x42, 0xc0, level, 0xff, 0xe1, 0, sps.length]),
    sps,
  ]);
}

export const AAC_44100 = Buffer.from([0xaf, 0, 0x12, 0x10]);
export const AAC_48000 = Buffer.from([0xaf, 0, 0x11, 0x90]);
/** Configuration of H.264 without parameter sets. */
export const EMPTY_AVC_HEADER = Buffer.from([0x17, 0, 0, 0, 0, 1, 0x42, 0xc0, 0x0d, 0xff, 0xe0, 0]);

/** Builds the body of a frame with one slice, the first of its picture: an IDR or a P slice. */
export function pictureTag(keyframe: boolean, { compositionTime = 0, paddingBytes = 0 } = {}): Buffer {
  const head = Buffer.from([keyframe ? 0x17 : 0x27, 1, 0, 0, 0, 0, 0, 0, 0]);
  head.writeIntBE(compositionTime, 2, 3);
  head.writeUInt32BE(3 + paddingBytes, 5);
  const slice = keyframe ? [0x65, 0x88, 0x84] : [0x41, 0x9a, 0x02];
  return Buffer.concat([head, Buffer.from(slice), Buffer.alloc(paddingBytes, 0x5a)]);
}

export const KEY = pictureTag(true);
export const INTER = pictureTag(false);
export const SOUND = Buffer.from([0xaf, 1, 6, 7]);

export type Feeding = {
  demuxer: RtmpDemuxer;
  publication: RecordingPublication;
  clock: FakeClock;
  refusals: string[];
  /** Summaries of a timeline’s tags: kind, timestamp and content. */
  story(timeline?: number): string[];
};

export function feeding(encoder?: string): Feeding {
  const publication = new RecordingPublication();
  const clock = new FakeClock();
  const refusals: string[] = [];
  const demuxer = new RtmpDemuxer({
    publication,
    encoder,
    readsAv1: true,
    maxPixels: 2_073_600,
    clock,
    refuse: (message) => refusals.push(message),
  });
  const story = (timeline = 0): string[] =>
    (publication.timelines[timeline]?.tags ?? []).map(
      ({ kind, timestamp, header, keyframe }) =>
        `${kind} ${timestamp}${header ? ' header' : ''}${keyframe ? ' key' : ''}`,
    );
  return { demuxer, publication, clock, refusals, story };
}

/** Starts a stream with both tracks at RTMP timestamp `base`. */
export function begun(base = 5_000): Feeding {
  const all = feeding();
  all.demuxer.video(0, avcHeader());
  all.demuxer.audio(0, AAC_44100);
  all.demuxer.video(base, KEY);
  all.demuxer.audio(base + 10, SOUND);
  return all;
}
