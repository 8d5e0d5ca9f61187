import assert from 'node:assert/strict';
import type { Test } from 'tap';
import { systemClock } from '../../../src/platform/index.js';
import type { BroadcastSubscription } from '../../../src/streams/index.js';
import {
  createTranscoder,
  type Rung,
  type Transcoder,
  type TranscoderOptions,
} from '../../../src/transcode/index.js';
import { bytesOf, FakeBroadcast, FakeSource, type RecordedRun } from '../fakes/fake-broadcast.js';
import { recordLog } from '../fixtures/log-record.js';
import { type CmafTrack, parseCmaf } from '../media/cmaf.js';
import { createTestMedia, repeatTags, sendTags, type TestMedia } from '../media/media.js';

/** Two small renditions below a picture of 360 lines. */
export const SMALL_LADDER: Rung[] = [
  { height: 240, bitrate: 350_000 },
  { height: 180, bitrate: 200_000 },
];

/** A running transcoder with one broadcast, and what it logged; all gone when the test ends. */
export async function startTranscoderFixture(t: Test, options: Partial<TranscoderOptions> = {}) {
  const { log, lines } = recordLog();
  const transcoder: Transcoder = createTranscoder({
    environment: process.env,
    ladder: SMALL_LADDER,
    preset: 'ultrafast',
    clock: systemClock,
    log,
    ...options,
  });
  await transcoder.start();
  const broadcast = new FakeBroadcast();
  const subscription = transcoder.subscribe(broadcast);
  t.teardown(async () => {
    await transcoder.close();
    assert.equal(broadcast.runsOverlapped, false, 'two runs were open at once');
    const open = broadcast.runs.filter(({ closed }) => !closed);
    assert.equal(open.length, 0, 'a run was not closed');
    assert.deepEqual(encoderPidsOf(lines()).filter(isAlive), [], 'an encoder is left');
  });
  return { transcoder, broadcast, subscription, lines };
}

/** Process ids of all encoders that were started, in order. */
export function encoderPidsOf(lines: Record<string, unknown>[]): number[] {
  return lines.filter(({ msg }) => msg === 'encoder started').map(({ pid }) => Number(pid));
}

/** Whether a process exists (a zombie does not count: it is gone but for its parent's question). */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const VIDEO = { width: 640, height: 360, rate: '30', bFrames: 2, keyframes: 2 };
const AUDIO = { sampleRate: 44_100, channels: 2 } as const;
const MEDIA_DURATION_S = 4;

const mediaByKeyframes = new Map<string, Promise<TestMedia>>();

/** A film that goes on for minutes; with keyframes every 2 s, or as given. */
export async function loopedMedia(t: Test, keyframes: number | number[] = 2): Promise<TestMedia> {
  const key = String(keyframes);
  const video = { ...VIDEO, keyframes };
  const made =
    mediaByKeyframes.get(key) ??
    createTestMedia({ file: `${t.testdir()}/film.flv`, durationS: MEDIA_DURATION_S, video, audio: AUDIO });
  mediaByKeyframes.set(key, made);
  const { tags, ...rest } = await made;
  return { ...structuredClone(rest), tags: repeatTags(tags, MEDIA_DURATION_S, 15) };
}

/** Publishes in real time until the test ends. */
export function publishInRealTime(
  t: Test,
  subscription: Pick<BroadcastSubscription, 'publicationStarted'>,
  media: TestMedia,
  speed = 1,
) {
  const source = new FakeSource(structuredClone(media.info));
  const stop = new AbortController();
  t.teardown(() => stop.abort());
  subscription.publicationStarted?.(source);
  source.restart(Date.now(), media.has);
  const sent = sendTags(media.tags, source.write, { speed, signal: stop.signal });
  return { source, sent, stop: () => stop.abort() };
}

/** What a rendition of a run consists of so far; undefined before its first fragment. */
export function parsedRendition(run: RecordedRun | undefined, id: string): CmafTrack | undefined {
  const bytes = bytesOf(run, id);
  return bytes.includes('moof') ? parseCmaf(bytes) : undefined;
}

/** Waits until a rendition of a run has this much media, in seconds. */
export function untilRenditionHas(
  broadcast: FakeBroadcast,
  index: number,
  id: string,
  durationS: number,
): Promise<CmafTrack> {
  return broadcast.until(() => {
    const found = parsedRendition(broadcast.runs[index], id);
    return found && endTimeS(found) - startTimeS(found) >= durationS ? found : undefined;
  });
}

/** The same for long ones: it looks only now and then, as taking long tracks apart keeps the test from its work. */
export async function untilLongRenditionHas(
  broadcast: FakeBroadcast,
  index: number,
  id: string,
  durationS: number,
): Promise<CmafTrack> {
  for (const deadline = performance.now() + 15_000 + durationS * 1000; performance.now() < deadline; ) {
    const found = parsedRendition(broadcast.runs[index], id);
    if (found && endTimeS(found) - startTimeS(found) >= durationS) return found;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  const runs = broadcast.runs.map((run) =>
    run.renditions
      .map((one) => `${one.id} ${endTimeS(parsedRendition(run, one.id) ?? { fragments: [] })}`)
      .join(', '),
  );
  throw new Error(`run ${index} does not come to ${durationS} s of ${id}: ${runs.join('; ')}`);
}

/** First presentation time, in seconds. */
export function startTimeS({ fragments }: CmafTrack): number {
  return Math.min(...fragments.slice(0, 5).map(({ presentation }) => presentation));
}

/** End of the last picture or sound, in seconds. */
export function endTimeS({ fragments }: Pick<CmafTrack, 'fragments'>): number {
  return Math.max(...fragments.slice(-5).map(({ presentation, duration }) => presentation + duration));
}
