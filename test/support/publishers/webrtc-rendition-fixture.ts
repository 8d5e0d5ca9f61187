import type { Test } from 'tap';
import type { FlvTag } from '../../../src/media/index.js';
import type { BroadcastSubscription, WebrtcRendition } from '../../../src/streams/index.js';
import { FakeSource } from '../fakes/fake-broadcast.js';
import { isAlive } from '../fixtures/transcoder-fixture.js';
import { createTestMedia, repeatTags, sendTags, type TestMedia } from '../media/flv-media.js';
import type { RtpPacket, RtpReceiver } from '../media/rtp/rtp-receiver.js';

export const LONG = 4;
export const VIDEO = { width: 640, height: 360, rate: '30', keyframes: 2 };
export const AUDIO = { sampleRate: 44_100, channels: 2 } as const;
export type Media = { bFrames?: number; keyframes?: number; video?: false; audio?: false; seconds?: number };

export const films = new Map<string, Promise<TestMedia>>();

/** Encodes media of some minutes, once for all tests with equal options. */
export async function make(t: Test, media: Media): Promise<TestMedia> {
  const { bFrames = 0, keyframes = 2, seconds = LONG } = media;
  const key = JSON.stringify(media);
  const made =
    films.get(key) ??
    createTestMedia({
      file: `${t.testdir()}/film.flv`,
      durationS: seconds,
      ...(media.video === false ? {} : { video: { ...VIDEO, bFrames, keyframes } }),
      ...(media.audio === false ? {} : { audio: AUDIO }),
    });
  films.set(key, made);
  const { has, info, tags } = await made;
  const own = structuredClone(info);
  if (own.video) own.video.bFrames = bFrames > 0;
  return { has, info: own, tags: repeatTags(tags, seconds, 8) };
}

/** Publishes in real time until the test ends. */
export function publish(t: Test, subscription: BroadcastSubscription, made: TestMedia) {
  const source = new FakeSource(made.info);
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  subscription.publicationStarted?.(source);
  const startedAt = Date.now();
  source.restart(startedAt, made.has);
  let position = 0;
  const write = (tag: FlvTag): void => {
    position = tag.timestamp;
    source.write(tag);
  };
  void sendTags(made.tags, write, { signal: stop.signal });
  return {
    source,
    startedAt,
    stop: () => stop.abort(),
    /** Media time sent so far, ms: on a busy machine less than the elapsed time. */
    position: () => position,
  };
}

export function realtime(
  subscription: BroadcastSubscription,
  source: FakeSource,
  video?: RtpReceiver,
  audio?: RtpReceiver,
) {
  const rendition = subscription.encodeForWebrtc?.(source, {
    ...(video ? { videoPort: video.port, passed: { codec: 'h264' as const, pictures: video.pictures } } : {}),
    ...(audio ? { audioPort: audio.port } : {}),
  });
  if (!rendition) throw new Error('no WebRTC rendition');
  return rendition;
}

export function processes(lines: Record<string, unknown>[]): number[] {
  return lines.filter(({ msg }) => msg === 'WebRTC encoder started').map(({ pid }) => Number(pid));
}

/** Asserts that every process of the rendition has exited. */
export async function isGone(t: Test, rendition: WebrtcRendition, lines: Record<string, unknown>[]) {
  await rendition.closed;
  t.strictSame(processes(lines).filter(isAlive), [], 'no process is left');
}

export const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
export const steps = (packets: readonly RtpPacket[]): Set<number> =>
  new Set(packets.slice(1).map(({ timestamp }, index) => (timestamp - (packets[index]?.timestamp ?? 0)) | 0));

/** Asserts that sequence numbers have no gap. */
export function isWhole(t: Test, packets: readonly RtpPacket[]): void {
  const gaps = packets
    .slice(1)
    .filter(({ sequence }, index) => ((sequence - (packets[index]?.sequence ?? 0)) & 0xffff) !== 1);
  t.strictSame(gaps, [], 'no packet is missing');
}
