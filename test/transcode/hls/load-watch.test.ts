import t from 'tap';
import { chooseLadder, DEFAULT_LADDER } from '../../../src/transcode/hls/ladder.js';
import { LoadWatch, renditionsToShed } from '../../../src/transcode/hls/load-watch.js';

type Step = { lag: number; speed: number };

/** Looks twice a second, the encoder being `lag` ms behind and running at `speed`. @returns when it was judged slow. */
function judgedAt(steps: (second: number) => Step, seconds: number): number | undefined {
  const watch = new LoadWatch();
  let position = 0;
  for (let at = 0; at <= seconds * 1000; at += 500) {
    const { lag, speed } = steps(at / 1000);
    position += speed * 500;
    if (watch.measure({ at, lag, position }) !== undefined) return at / 1000;
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

const noViewers = (): boolean => false;

t.test('the most expensive renditions are shed first, as many as needed', async (t) => {
  const request = { audio: undefined, rungs: DEFAULT_LADDER, audioBitrateBps: 0, shed: new Set<string>() };
  const video = { codec: 'h264', width: 1920, height: 1080, frameRate: 30 } as const;
  const passed = chooseLadder({ ...request, video, passthrough: true });
  t.strictSame(renditionsToShed(passed, 0.95, noViewers), ['720p']);
  t.strictSame(renditionsToShed(passed, 0.3, noViewers), ['720p', '480p']);
  t.strictSame(renditionsToShed(passed, 0.01, noViewers), ['720p', '480p', '360p', '240p']);
  const encoded = chooseLadder({ ...request, video, passthrough: false });
  t.strictSame(renditionsToShed(encoded, 0.9, noViewers), ['1080p']);
  t.strictSame(
    renditionsToShed(encoded, 0.01, noViewers),
    ['1080p', '720p', '480p', '360p'],
    'the last one stays',
  );
  const alone = chooseLadder({ ...request, video, rungs: 'off', passthrough: false });
  t.strictSame(renditionsToShed(alone, 0.1, noViewers), []);
  t.strictSame(
    renditionsToShed(chooseLadder({ ...request, video, rungs: 'off', passthrough: true }), 0.1, noViewers),
    [],
  );
});
