import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { Presentation } from '../../src/packager/index.js';
import { type Livestream, type StreamChange, type StreamState, Thumbnails } from '../../src/streams/index.js';
import { ThumbnailCaptures } from '../../src/thumbnails/index.js';
import { FakeClock } from '../support/fake-clock.js';
import { until } from '../support/gateway-process.js';
import { recordLog } from '../support/log-record.js';
import { alive, script } from '../support/programs.js';

/** Notes the media that it is given, and gives them back: here they pass for a JPEG. */
const NOTE = 'exec tee -a taken';

function jpeg(name: string): Buffer {
  return Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), Buffer.from(`${name}\n`)]);
}

/**
 * Captures in a hall of the test, by a script of the test in the place of ffmpeg that runs in a folder of its own.
 * Livestreams and their media are there as soon as something is said of them.
 */
function stage(t: Test, { interval = 60_000, program = NOTE } = {}) {
  const folder = t.testdir();
  const clock = new FakeClock();
  const { log, lines } = recordLog();
  const thumbnails = new Thumbnails({ folder: path.join(folder, 'thumbnails') });
  /** The addresses of pictures that livestreams have. */
  const stored = new Map<string, string | null>();
  /** The newest keyframes. */
  const media = new Map<string, Buffer>();
  let listener: (change: StreamChange) => void = () => {};
  const captures = new ThumbnailCaptures({
    maxPixels: 2_073_600,
    streams: {
      find: async (id) => ({ id, thumbnailUrl: stored.get(id) ?? null }) as Livestream,
      onChange: (given) => {
        listener = given;
        return () => {};
      },
    },
    packager: {
      find: (streamId) => {
        const keyframe = media.get(streamId);
        return { newestKeyframe: () => keyframe && [keyframe] } as Presentation;
      },
    },
    thumbnails,
    ffmpeg: { path: script(t, `cd ${folder}\n${program}`), environment: { PATH: process.env.PATH } },
    interval,
    clock,
    log,
  });
  captures.start();
  t.teardown(() => captures.close());

  return {
    captures,
    clock,
    folder,
    stored,
    media,
    step(streamId: string, name: StreamState['name'], broadcastId = `${streamId}-1`): void {
      const to = { name, until: 0, reason: 'ended-by-owner' } as StreamState;
      if (name === 'live') media.set(streamId, jpeg(streamId));
      listener({ streamId, broadcastId, from: 'starting', to, wasLive: false });
    },
    /** Time goes on second by second; what begins in each may come to its end. */
    async pass(seconds: number): Promise<void> {
      for (let second = 0; second < seconds; second++) {
        await clock.advance(1_000);
        await until('the program has ended', () => clock.pending <= 1);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    /** The media that the program was given so far. */
    taken(): string[] {
      const file = path.join(folder, 'taken');
      const text = existsSync(file) ? readFileSync(file, 'latin1') : '';
      return text
        .split('\n')
        .filter(Boolean)
        .map((line) => line.slice(3));
    },
    kept: (streamId: string): string | undefined =>
      thumbnails.captured(streamId)?.bytes.toString('latin1', 3).trim(),
    complaints: () => lines().filter(({ level, msg }) => level === 20 && /no picture/.test(String(msg))),
  };
}

t.test('a picture is taken a moment after a broadcast is live, and then from time to time', async (t) => {
  const { step, pass, taken, kept, media } = stage(t);
  step('a', 'starting');
  await pass(5);
  step('a', 'live');
  await pass(2);
  t.same(taken(), []);
  await pass(1);
  t.same(taken(), ['a']);
  t.equal(kept('a'), 'a');
  media.set('a', jpeg('later'));
  await pass(59);
  t.equal(kept('a'), 'a');
  await pass(1);
  t.equal(kept('a'), 'later', 'the new one has taken its place');
  t.same(taken(), ['a', 'later']);
});

t.test('a livestream that has been given a picture is left alone', async (t) => {
  const { step, pass, taken, stored } = stage(t);
  for (const [streamId, address] of [
    ['given', 'thumbnail?v=1'],
    ['elsewhere', 'https://example.test/a.png'],
  ] as const) {
    stored.set(streamId, address);
    step(streamId, 'live');
  }
  await pass(130);
  t.same(taken(), []);
  stored.set('given', null);
  await pass(60);
  t.same(taken(), ['given'], 'until it is taken away');
});

t.test('with an interval of 0 nothing is done', async (t) => {
  const { step, clock, taken } = stage(t, { interval: 0 });
  step('a', 'live');
  t.equal(clock.pending, 0);
  await clock.advance(120_000);
  t.same(taken(), []);
});

t.test('one is taken at a time, and everybody has their turn', async (t) => {
  const { step, pass, taken } = stage(t, { interval: 2_000 });
  for (const streamId of ['a', 'b', 'c', 'd']) step(streamId, 'live');
  await pass(3);
  t.same(taken(), ['a']);
  await pass(7);
  t.same(taken(), [...'abcdabcd'], 'less often than wanted, but all of them');
});

t.test('nothing is taken while the publisher is away, or kept of what has ended meanwhile', async (t) => {
  const program = `while [ -e closed ]; do sleep 0.02; done\n${NOTE}`;
  const { step, pass, clock, taken, kept, media, folder } = stage(t, { program });
  step('a', 'live');
  step('a', 'reconnecting');
  await pass(120);
  t.same(taken(), []);
  step('a', 'live');
  await pass(3);
  t.equal(kept('a'), 'a');

  const gate = path.join(folder, 'closed');
  writeFileSync(gate, '');
  media.set('a', jpeg('last'));
  await clock.advance(60_000);
  t.equal(clock.pending, 2, 'one is being taken');
  step('a', 'ending');
  rmSync(gate);
  await pass(1);
  t.same(taken(), ['a', 'last']);
  t.equal(kept('a'), 'a', 'the last of the broadcast stays');
  step('a', 'offline');
  await pass(120);
  t.same(taken(), ['a', 'last']);
  step('a', 'live', 'a-2');
  await pass(3);
  t.same(taken(), ['a', 'last', 'a'], 'until the next broadcast');
});

t.test('an ffmpeg that hangs is killed, and costs its broadcast a turn', async (t) => {
  const program = `if [ -e hang ]; then rm hang; echo $$ >pid; exec sleep 600; fi\n${NOTE}`;
  const { step, pass, clock, taken, folder, complaints } = stage(t, { program });
  writeFileSync(path.join(folder, 'hang'), '');
  step('a', 'live');
  step('b', 'live');
  await clock.advance(3_000);
  const pid = await alive(folder);
  await clock.advance(9_000);
  t.ok(process.kill(pid, 0), 'it has some time');
  t.same(taken(), [], 'nothing else is begun meanwhile');
  await pass(1);
  await until('it is given up', () => complaints().length > 0);
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  t.match(complaints(), [{ streamId: 'a', broadcastId: 'a-1' }]);
  await pass(1);
  t.same(taken(), ['b']);
  await pass(49);
  t.same(taken(), ['b', 'a']);
  t.equal(complaints().length, 1);
});

t.test('an ffmpeg that fails is tried again the next time', async (t) => {
  const program = `if [ -e fail ]; then exit 1; fi\n${NOTE}`;
  const { step, pass, kept, folder, complaints } = stage(t, { program });
  writeFileSync(path.join(folder, 'fail'), '');
  step('a', 'live');
  await pass(62);
  t.equal(complaints().length, 1);
  rmSync(path.join(folder, 'fail'));
  await pass(1);
  t.equal(kept('a'), 'a');
});

t.test('pictures that come late are waited for', async (t) => {
  const { step, pass, media, kept, complaints } = stage(t);
  step('a', 'live');
  media.delete('a');
  await pass(100);
  t.equal(kept('a'), undefined);
  t.same(complaints(), []);
  media.set('a', jpeg('a'));
  await pass(3);
  t.equal(kept('a'), 'a');
});

t.test('no process is left when it closes', async (t) => {
  const { captures, step, clock, folder } = stage(t, { program: 'echo $$ >pid; exec sleep 600' });
  step('a', 'live');
  await clock.advance(3_000);
  const pid = await alive(folder);
  await captures.close();
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  t.equal(clock.pending, 0);
  await captures.close();
});
