import t from 'tap';
import { createLog } from '../../../src/platform/index.js';
import { chooseLadder, DEFAULT_LADDER } from '../../../src/transcode/hls/ladder.js';
import { Shedding } from '../../../src/transcode/hls/shedding.js';
import { FakeBroadcast } from '../../support/fakes/fake-broadcast.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';

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
  ...{ audio: undefined, rungs: DEFAULT_LADDER, audioBitrateBps: 0, shed: new Set<string>() },
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

t.test('renditions that nobody has requested for a while are shed first', async (t) => {
  const clock = new FakeClock();
  const broadcast = new FakeBroadcast(clock);
  const shedding = new Shedding(broadcast, clock, createLog('silent'));
  broadcast.hlsDemand.record('480p');
  await clock.advance(15_000);
  broadcast.hlsDemand.record('720p');
  await clock.advance(6_000);
  await watched(shedding, clock, 0.9, 4);
  t.notOk(shedding.overflowed(PASSED));
  await watched(shedding, clock, 0.9, 4);
  t.ok(shedding.overflowed(PASSED));
  t.strictSame([...shedding.ids], ['480p'], '720p is more expensive, but watched');
  broadcast.hlsDemand.record('360p');
  await watched(shedding, clock, 0.1, 4);
  t.ok(shedding.overflowed(PASSED));
  t.strictSame([...shedding.ids], ['480p', '240p', '720p', '360p'], 'the others follow if they must');
});

t.test('without encoded renditions a full backlog sheds nothing', async (t) => {
  const shedding = new Shedding(new FakeBroadcast(), new FakeClock(), createLog('silent'));
  const ladder = { ...PASSED, video: PASSED.video.slice(0, 1) };
  t.notOk(shedding.overflowed(ladder));
  t.notOk(shedding.overflowed(ladder));
});
