import t from 'tap';
import type { FlvTag } from '../../src/media/index.js';
import { createLog } from '../../src/platform/index.js';
import { chooseLadder, DEFAULT_LADDER } from '../../src/transcode/hls/ladder.js';
import { LoadWatch, renditionsToShed } from '../../src/transcode/hls/load-watch.js';
import { Shedding } from '../../src/transcode/hls/shedding.js';
import { GopBuffer } from '../../src/transcode/inputs/gop-buffer.js';
import { KeyframeWatch } from '../../src/transcode/inputs/keyframe-watch.js';
import { FakeBroadcast } from '../support/fakes/fake-broadcast.js';
import { FakeClock } from '../support/fakes/fake-clock.js';

/** Pictures at 25 frames per second with keyframes at the given seconds, until `end`. */
function faultOf(keyframes: number[], end: number): string | undefined {
  const watch = new KeyframeWatch();
  const times = new Set(keyframes.map((seconds) => seconds * 1000));
  for (let at = 0; at <= end * 1000; at += 40) watch.picture(at, times.has(at));
  return watch.fault;
}

t.test('regular keyframes from 0.9 to 4 s apart can be passed through', async (t) => {
  for (const interval of [0.92, 1, 2, 3, 4]) {
    const times = Array.from({ length: 8 }, (_, index) => Math.round(index * interval * 25) / 25);
    t.equal(faultOf(times, interval * 7), undefined, `${interval} s`);
  }
});

t.test('a missing keyframe is detected shortly after 4 s', async (t) => {
  t.equal(faultOf([0], 4), undefined);
  t.equal(faultOf([0], 4.2), 'too-far-apart');
});

t.test('one irregular keyframe is tolerated, and several are not', async (t) => {
  t.equal(faultOf([0, 2, 4, 5.2, 7.2, 9.2], 10), undefined, 'a scene cut');
  t.equal(faultOf([0, 2, 3.2, 4.4, 6.4, 7.2, 9.2], 10), 'irregular');
  t.equal(faultOf([0, 1, 4, 5, 8], 8), 'irregular');
  t.equal(faultOf([0, 0.4, 0.8, 1.2], 1.2), 'too-close');
});

t.test('a new timeline is measured from its beginning', async (t) => {
  const watch = new KeyframeWatch();
  watch.picture(0, true);
  watch.picture(5_000, false);
  watch.reset();
  t.equal(watch.fault, undefined);
  watch.picture(0, true);
  watch.picture(2_000, true);
  t.equal(watch.interval, 2_000);
});

type Step = { lag: number; speed: number };

/** Looks twice a second, the encoder being `lag` ms behind and running at `speed`. @returns when it was judged slow. */
function judgedAt(steps: (second: number) => Step, seconds: number): number | undefined {
  const watch = new LoadWatch();
  let position = 0;
  for (let at = 0; at <= seconds * 1000; at += 500) {
    const { lag, speed } = steps(at / 1000);
    position += speed * 500;
    if (watch.look({ at, lag, position }) !== undefined) return at / 1000;
  }
  return undefined;
}

const SPEEDS: [name: string, steps: (second: number) => Step, judged: boolean][] = [
  ['keeps up', () => ({ lag: 150, speed: 1 }), false],
  ['is always somewhat behind', () => ({ lag: 900, speed: 1 }), false],
  [
    'starts slowly',
    (second) => (second < 6 ? { lag: 4_000 - second * 500, speed: 2 } : { lag: 150, speed: 1 }),
    false,
  ],
  ['catches up with a burst', (second) => ({ lag: Math.max(100, 6_000 - second * 400), speed: 1.4 }), false],
  [
    'stumbles for 3 s',
    (second) => (second > 10 && second < 13 ? { lag: 2_000, speed: 0.5 } : { lag: 100, speed: 1 }),
    false,
  ],
  ['falls back', (second) => ({ lag: 300 * second, speed: 0.7 }), true],
  ['is held at its limit', () => ({ lag: 3_000, speed: 0.9 }), true],
  ['stands behind without catching up', () => ({ lag: 2_000, speed: 1 }), true],
];

for (const [name, steps, judged] of SPEEDS) {
  t.test(`an encoder that ${name} is ${judged ? '' : 'not '}too slow`, async (t) => {
    const at = judgedAt(steps, 30);
    t.equal(at !== undefined, judged, `${at}`);
    if (at !== undefined) t.ok(at >= 7, 'not in its start-up, and not for a moment');
  });
}

t.test('the most expensive renditions are shed first, as many as needed', async (t) => {
  const request = { audio: undefined, rungs: DEFAULT_LADDER, audioBitrate: 0, shed: new Set<string>() };
  const video = { codec: 'h264', width: 1920, height: 1080, frameRate: 30 } as const;
  const passed = chooseLadder({ ...request, video, passthrough: true });
  t.strictSame(renditionsToShed(passed, 0.95), ['720p']);
  t.strictSame(renditionsToShed(passed, 0.3), ['720p', '480p']);
  t.strictSame(renditionsToShed(passed, 0.01), ['720p', '480p', '360p', '240p']);
  const encoded = chooseLadder({ ...request, video, passthrough: false });
  t.strictSame(renditionsToShed(encoded, 0.9), ['1080p']);
  t.strictSame(renditionsToShed(encoded, 0.01), ['1080p', '720p', '480p', '360p'], 'the last one stays');
  const alone = chooseLadder({ ...request, video, rungs: 'off', passthrough: false });
  t.strictSame(renditionsToShed(alone, 0.1), []);
  t.strictSame(
    renditionsToShed(chooseLadder({ ...request, video, rungs: 'off', passthrough: true }), 0.1),
    [],
  );
});

/** An encoder at a speed, looked at twice a second for so long. */
async function watched(shedding: Shedding, clock: FakeClock, speed: number, seconds: number): Promise<void> {
  shedding.forget();
  for (let at = 0; at <= seconds * 1000; at += 500) {
    const progress = { lag: at * (1 - speed), position: at * speed };
    if (shedding.measure({ progress }, PASSED)) throw new Error('it was measured long enough');
    await clock.advance(500);
  }
}

const PASSED = chooseLadder({
  ...{ audio: undefined, rungs: DEFAULT_LADDER, audioBitrate: 0, shed: new Set<string>() },
  ...{ video: { codec: 'h264', width: 1920, height: 1080, frameRate: 30 }, passthrough: true },
});

t.test('a second full backlog within a minute sheds renditions, and a single one does not', async (t) => {
  const clock = new FakeClock();
  const broadcast = new FakeBroadcast();
  const shedding = new Shedding(broadcast, clock, createLog('silent'));
  await watched(shedding, clock, 0.3, 4);
  t.notOk(shedding.overflowed(PASSED), 'a moment of load');
  await clock.advance(61_000);
  await watched(shedding, clock, 0.3, 4);
  t.notOk(shedding.overflowed(PASSED));
  await watched(shedding, clock, 0.3, 4);
  t.ok(shedding.overflowed(PASSED));
  t.strictSame([...shedding.ids], ['720p', '480p'], 'as many as the speed requires');
  t.match(broadcast.notices.get('shed'), /too slow.*720p, 480p/);
  await watched(shedding, clock, 0.6, 4);
  t.ok(shedding.overflowed(PASSED));
  t.strictSame([...shedding.ids], ['720p', '480p', '360p'], 'the next time of those that are left');
});

t.test('without encoded renditions a full backlog sheds nothing', async (t) => {
  const shedding = new Shedding(new FakeBroadcast(), new FakeClock(), createLog('silent'));
  const ladder = { ...PASSED, video: PASSED.video.slice(0, 1) };
  t.notOk(shedding.overflowed(ladder));
  t.notOk(shedding.overflowed(ladder));
});

function tag(kind: FlvTag['kind'], timestamp: number, more: Partial<FlvTag> = {}): FlvTag {
  return { kind, timestamp, body: Buffer.alloc(100), header: false, keyframe: false, ...more };
}

t.test('the buffer for a joining encoder begins at the last keyframe', async (t) => {
  const buffer = new GopBuffer();
  buffer.reset(true);
  buffer.push(tag('video', 0, { header: true }));
  buffer.push(tag('audio', 0));
  buffer.push(tag('video', 10));
  t.equal(buffer.age, undefined, 'nothing can be decoded yet');
  buffer.push(tag('video', 40, { keyframe: true }));
  buffer.push(tag('audio', 50));
  buffer.push(tag('video', 80));
  t.strictSame(
    buffer.tags.map(({ timestamp }) => timestamp),
    [40, 50, 80],
  );
  t.equal(buffer.age, 40);
  buffer.push(tag('video', 120, { keyframe: true }));
  t.strictSame(
    buffer.tags.map(({ timestamp }) => timestamp),
    [120],
  );
  t.ok(buffer.videoHeader);
  t.notOk(buffer.audioHeader);
});

t.test('a group of pictures without end is buffered within bounds', async (t) => {
  for (const limits of [
    { span: 1_000, bytes: 1e9 },
    { span: 1e9, bytes: 2_500 },
  ]) {
    const buffer = new GopBuffer(limits);
    buffer.reset(true);
    buffer.push(tag('video', 0, { keyframe: true }));
    for (let at = 40; at < 4_000; at += 40) buffer.push(tag('video', at));
    t.equal(buffer.tags.length, 0);
    buffer.push(tag('video', 4_000, { keyframe: true }));
    t.equal(buffer.tags.length, 1, 'the next keyframe is welcome');
  }
});

t.test('audio alone is joined at once', async (t) => {
  const buffer = new GopBuffer();
  buffer.reset(false);
  for (let at = 0; at <= 5_000; at += 20) buffer.push(tag('audio', at));
  t.ok((buffer.age ?? 0) <= 250 && (buffer.age ?? 0) >= 200);
});

t.test('an announcement that proves wrong is corrected', async (t) => {
  const silent = new GopBuffer();
  silent.reset(true);
  for (let at = 0; at <= 1_900; at += 20) silent.push(tag('audio', at));
  t.equal(silent.age, undefined, 'the picture may still come');
  for (let at = 1_920; at <= 2_200; at += 20) silent.push(tag('audio', at));
  t.ok((silent.age ?? 0) > 0, 'it does not: sound alone');
  silent.push(tag('video', 2_220));
  t.equal(silent.age, undefined, 'it does after all: at its keyframe');
  silent.push(tag('video', 2_240, { keyframe: true }));
  t.equal(silent.age, 0);
});
