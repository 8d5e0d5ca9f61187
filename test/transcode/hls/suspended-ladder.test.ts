import { createFile, type MP4BoxBuffer } from 'mp4box';
import t from 'tap';
import type { FlvTag } from '../../../src/media/index.js';
import type { Clock } from '../../../src/platform/index.js';
import { systemClock } from '../../../src/platform/index.js';
import { bytesOf } from '../../support/fakes/fake-broadcast.js';
import {
  encoderPidsOf,
  endTimeS,
  isAlive,
  loopedMedia,
  parsedRendition,
  publishInRealTime,
  startTimeS,
  startTranscoderFixture,
  untilRenditionHas,
} from '../../support/fixtures/transcoder-fixture.js';

const IDLE_MS = 60_000;
const ENCODED = ['240p', '180p'];

/** System clock whose monotonic time the test moves on. */
function shiftedClock(): Clock & { shiftMs: number } {
  return {
    ...systemClock,
    shiftMs: 0,
    monotonic() {
      return systemClock.monotonic() + this.shiftMs;
    },
  };
}

t.test('encoded renditions are suspended without viewers and continue when one comes', async (t) => {
  const made = await loopedMedia(t);
  const { broadcast, subscription, lines } = await startTranscoderFixture(t, { ladderIdleMs: IDLE_MS });
  publishInRealTime(t, subscription, made);
  const copied = await untilRenditionHas(broadcast, 0, '360p', 5);
  const [run] = broadcast.runs;
  t.strictSame(run?.renditionsSuspended, ENCODED);
  t.strictSame(encoderPidsOf(lines()), [], 'no encoder was started');
  t.equal(bytesOf(run, '240p').length, 0);

  broadcast.hlsDemand.record(undefined);
  for (const id of ENCODED) {
    const encoded = await untilRenditionHas(broadcast, 0, id, 3);
    const behindS = endTimeS(copied) - startTimeS(encoded);
    t.ok(
      behindS > 2 && behindS < 4.1,
      `${id} begins ${behindS} s earlier, a group of pictures before the last`,
    );
    const keyframes = copied.fragments.filter(
      ({ presentation }) => presentation <= startTimeS(encoded) + 0.01,
    );
    t.ok(keyframes.length > 0, 'at a frame of the source');
  }
  t.equal(encoderPidsOf(lines()).length, 1);
  t.equal(broadcast.runs.length, 1, 'the run goes on');
  t.notOk(run?.closed);
});

t.test('the encoder ends when the last request is as old as the setting says', async (t) => {
  const made = await loopedMedia(t);
  const clock = shiftedClock();
  const { broadcast, subscription, lines } = await startTranscoderFixture(t, {
    ladderIdleMs: IDLE_MS,
    clock,
  });
  broadcast.hlsDemand.record(undefined);
  publishInRealTime(t, subscription, made);
  await untilRenditionHas(broadcast, 0, '240p', 1);
  const [run] = broadcast.runs;
  const [first] = encoderPidsOf(lines());
  clock.shiftMs = IDLE_MS - 15_000;
  broadcast.hlsDemand.record('240p');
  clock.shiftMs = 2 * IDLE_MS - 30_000;
  await untilRenditionHas(broadcast, 0, '360p', 3);
  t.ok(isAlive(first ?? 0), 'a later request keeps it');
  t.strictSame(run?.renditionsSuspended, []);
  clock.shiftMs = 2 * IDLE_MS;
  await broadcast.until(() => run?.renditionsSuspended.length === 2);
  t.notOk(isAlive(first ?? 0));
  const ends = ENCODED.map((id) => endTimeS(parsedRendition(run, id)!));

  broadcast.hlsDemand.record('180p');
  await broadcast.until(() => encoderPidsOf(lines()).length === 2);
  for (const [index, id] of ENCODED.entries()) {
    await broadcast.until(() => run?.earlier.some(({ renditionId }) => renditionId === id));
    const next = await untilRenditionHas(broadcast, 0, id, 0.5);
    const gapS = startTimeS(next) - ends[index]!;
    t.ok(Math.abs(gapS) < 0.002, `${id} goes on where it has ended: ${gapS} s`);
  }
  t.equal(broadcast.runs.length, 1);
});

t.test('the expected properties of a rendition are those of its encoder, or above', async (t) => {
  const made = await loopedMedia(t);
  const { broadcast, subscription } = await startTranscoderFixture(t, { ladderIdleMs: IDLE_MS });
  broadcast.hlsDemand.record(undefined);
  publishInRealTime(t, subscription, made);
  for (const id of ENCODED) {
    await untilRenditionHas(broadcast, 0, id, 0.5);
    const [run] = broadcast.runs;
    const expected = run?.renditions.find((rendition) => rendition.id === id)?.expected;
    const file = createFile();
    const bytes = bytesOf(run, id);
    file.appendBuffer(Object.assign(new Uint8Array(bytes).buffer, { fileStart: 0 }) as MP4BoxBuffer);
    const [track] = file.getInfo().videoTracks;
    if (expected?.kind !== 'video') throw new Error(`${id} has no expected picture`);
    t.match(track?.video, { width: expected.width, height: expected.height });
    const level = (codec = ''): number => Number.parseInt(codec.slice(-2), 16);
    t.ok(level(expected.codec) >= level(track?.codec), `${expected.codec} for ${track?.codec}`);
  }
  t.notOk(broadcast.runs[0]?.renditions.find(({ id }) => id === '360p')?.expected);
});

t.test('audio that must be encoded is suspended with the video', async (t) => {
  const made = await loopedMedia(t);
  const { broadcast, subscription, lines } = await startTranscoderFixture(t, { ladderIdleMs: IDLE_MS });
  // Announced as MP3, which is not copied.
  made.info.audio = { codec: 'mp3' };
  publishInRealTime(t, subscription, made);
  await untilRenditionHas(broadcast, 0, '360p', 3);
  t.strictSame(encoderPidsOf(lines()), []);
  t.strictSame(broadcast.runs[0]?.renditionsSuspended, [...ENCODED, 'audio']);
  broadcast.hlsDemand.record('360p');
  const audio = await untilRenditionHas(broadcast, 0, 'audio', 1);
  const video = await untilRenditionHas(broadcast, 0, '240p', 1);
  t.ok(
    Math.abs(startTimeS(audio) - startTimeS(video)) < 0.1,
    `audio begins with the video: ${startTimeS(audio)}, ${startTimeS(video)}`,
  );
  t.equal(broadcast.runs.length, 1);
});

/** Media whose video is announced with a profile (High 4:2:2) that is not copied. */
const withEncodedVideo = (tags: FlvTag[]): FlvTag[] =>
  tags.map((tag) => {
    if (tag.kind !== 'video' || !tag.header) return tag;
    const body = Buffer.from(tag.body);
    body[6] = 122;
    return { ...tag, body };
  });

t.test('a ladder without copied renditions is suspended in a run of its own', async (t) => {
  const made = await loopedMedia(t);
  const clock = shiftedClock();
  const { broadcast, subscription, lines } = await startTranscoderFixture(t, {
    ladderIdleMs: IDLE_MS,
    clock,
  });
  publishInRealTime(t, subscription, { ...made, tags: withEncodedVideo(made.tags) });
  const all = ['360p', ...ENCODED, 'audio'];
  await broadcast.until(() => broadcast.runs[0]?.renditionsSuspended.length === all.length);
  t.strictSame(broadcast.runs[0]?.renditionsSuspended, all);
  t.strictSame(encoderPidsOf(lines()), [], 'no encoder was started');

  for (const visit of [1, 3]) {
    broadcast.hlsDemand.record(undefined);
    await untilRenditionHas(broadcast, visit, '240p', 3);
    t.ok(broadcast.runs[visit - 1]?.closed, 'the run without media has ended');
    t.strictSame(broadcast.runs[visit]?.renditionsSuspended, []);
    clock.shiftMs += IDLE_MS;
    await broadcast.until(() => broadcast.runs[visit + 1]?.renditionsSuspended.length === all.length);
    t.ok(broadcast.runs[visit]?.closed);
    t.notOk(encoderPidsOf(lines()).some(isAlive));
  }
  t.notOk(broadcast.runsOverlapped);
});
