import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { Presentation } from '../../src/packager/index.js';
import type { Livestream, StreamChange, StreamState, Visibility } from '../../src/streams/index.js';
import { ThumbnailCaptures, ThumbnailStore } from '../../src/thumbnails/index.js';
import { FakeClock } from '../support/fakes/fake-clock.js';
import { recordLog } from '../support/fixtures/log-record.js';
import { takeScriptPid, writeScript } from '../support/gateway/programs.js';
import { until } from '../support/until.js';

/** Records its input and returns it; the input passes for a JPEG. */
const RECORD_INPUT = 'exec tee -a taken';

function jpeg(name: string): Buffer {
  return Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), Buffer.from(`${name}\n`)]);
}

type CaptureOptions = {
  intervalMs?: number;
  program?: string;
  /** Has suspended renditions of a livestream encoded. */
  hold?: (streamId: string) => () => void;
};

/**
 * Creates captures with a fake stream registry and a script in place of ffmpeg, run in a folder of its own.
 * Livestreams and their media exist from their first state change on.
 */
function openCaptures(t: Test, { intervalMs = 60_000, program = RECORD_INPUT, hold }: CaptureOptions = {}) {
  const folder = t.testdir();
  const clock = new FakeClock();
  const { log, lines } = recordLog();
  const thumbnails = new ThumbnailStore({ folder: path.join(folder, 'thumbnails') });
  /** Thumbnail URLs of the livestreams. */
  const stored = new Map<string, string | null>();
  /** Newest keyframe by livestream. */
  const media = new Map<string, Buffer>();
  const visibilities = new Map<string, Visibility>();
  let listener: (change: StreamChange) => void = () => {};
  let updated: (streamId: string, accessChanged: boolean) => void = () => {};
  const captures = new ThumbnailCaptures({
    maxPixels: 2_073_600,
    livestreams: {
      find: async (id) =>
        ({
          id,
          thumbnailUrl: stored.get(id) ?? null,
          visibility: visibilities.get(id) ?? 'public',
        }) as Livestream,
      onUpdate: (given) => {
        updated = given;
        return () => {};
      },
    },
    streams: {
      onChange: (given) => {
        listener = given;
        return () => {};
      },
    },
    packager: {
      findPresentation: (streamId) =>
        ({
          newestKeyframe: () => {
            const keyframe = media.get(streamId);
            return keyframe && [keyframe];
          },
          holdSuspended: () => hold?.(streamId),
        }) as Presentation,
    },
    thumbnails,
    ffmpeg: { path: writeScript(t, `cd ${folder}\n${program}`), environment: { PATH: process.env.PATH } },
    intervalMs,
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
    changeState(streamId: string, name: StreamState['name'], broadcastId = `${streamId}-1`): void {
      const to = { name, until: 0, reason: 'ended-by-owner' } as StreamState;
      if (name === 'live') media.set(streamId, jpeg(streamId));
      listener({ streamId, broadcastId, from: 'starting', to, wasLive: false });
    },
    setVisibility(streamId: string, visibility: Visibility): void {
      visibilities.set(streamId, visibility);
      updated(streamId, true);
    },
    /** Advances the clock second by second, and waits for captures started in each. */
    async advance(seconds: number): Promise<void> {
      for (let second = 0; second < seconds; second++) {
        await clock.advance(1_000);
        await until('the renderer has exited', () => clock.pending <= 1);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    /** Inputs that the script received so far. */
    inputs(): string[] {
      const file = path.join(folder, 'taken');
      const text = existsSync(file) ? readFileSync(file, 'latin1') : '';
      return text
        .split('\n')
        .filter(Boolean)
        .map((line) => line.slice(3));
    },
    kept: (streamId: string): string | undefined =>
      thumbnails
        .captured(streamId, visibilities.get(streamId) ?? 'public')
        ?.bytes.toString('latin1', 3)
        .trim(),
    failures: () =>
      lines().filter(({ level, msg }) => level === 20 && /thumbnail capture failed/.test(String(msg))),
  };
}

t.test('a thumbnail is captured 3 s after a broadcast goes live, then at every interval', async (t) => {
  const { changeState, advance, inputs, kept, media } = openCaptures(t);
  changeState('a', 'starting');
  await advance(5);
  changeState('a', 'live');
  await advance(2);
  t.same(inputs(), []);
  await advance(1);
  t.same(inputs(), ['a']);
  t.equal(kept('a'), 'a');
  media.set('a', jpeg('later'));
  await advance(59);
  t.equal(kept('a'), 'a');
  await advance(1);
  t.equal(kept('a'), 'later', 'the new capture replaces the old one');
  t.same(inputs(), ['a', 'later']);
});

t.test('a broadcast that becomes public gets another thumbnail at once, and none of its test', async (t) => {
  const { changeState, advance, kept, setVisibility, media } = openCaptures(t);
  setVisibility('a', 'private');
  changeState('a', 'live');
  await advance(3);
  t.equal(kept('a'), 'a', 'for those who may watch the test');
  media.set('a', jpeg('public'));
  setVisibility('a', 'public');
  t.equal(kept('a'), undefined);
  await advance(1);
  t.equal(kept('a'), 'public');
});

t.test('a livestream with an uploaded or external thumbnail is not captured', async (t) => {
  const { changeState, advance, inputs, stored } = openCaptures(t);
  for (const [streamId, address] of [
    ['given', 'thumbnail?v=1'],
    ['elsewhere', 'https://example.test/a.png'],
  ] as const) {
    stored.set(streamId, address);
    changeState(streamId, 'live');
  }
  await advance(130);
  t.same(inputs(), []);
  stored.set('given', null);
  await advance(60);
  t.same(inputs(), ['given'], 'captured once the upload is removed');
});

t.test('suspended renditions are encoded until they have a keyframe', async (t) => {
  const held: string[] = [];
  const { changeState, clock, inputs, media } = openCaptures(t, {
    hold: (streamId) => {
      held.push(`${streamId} held`);
      return () => held.push(`${streamId} released`);
    },
  });
  changeState('a', 'live');
  media.delete('a');
  await clock.advance(5_000);
  t.same(held, ['a held']);
  media.set('a', jpeg('a'));
  await clock.advance(250);
  t.same(held, ['a held', 'a released']);
  await until('it is rendered', () => inputs().length === 1);
});

t.test(
  'suspended renditions without a keyframe are released after 8 s, until the next interval',
  async (t) => {
    const held: string[] = [];
    const { changeState, clock, inputs, media, failures } = openCaptures(t, {
      hold: (streamId) => {
        held.push(streamId);
        return () => held.push('released');
      },
    });
    changeState('a', 'live');
    media.delete('a');
    await clock.advance(3_000 + 8_000);
    t.same(held, ['a', 'released']);
    t.equal(failures().length, 1);
    await clock.advance(50_000);
    t.same(held, ['a', 'released']);
    await clock.advance(3_000);
    t.same(held, ['a', 'released', 'a']);
    t.same(inputs(), []);
  },
);

t.test('an interval of 0 disables captures', async (t) => {
  const { changeState, clock, inputs } = openCaptures(t, { intervalMs: 0 });
  changeState('a', 'live');
  t.equal(clock.pending, 0);
  await clock.advance(120_000);
  t.same(inputs(), []);
});

t.test('captures run one at a time, and every broadcast is served', async (t) => {
  const { changeState, advance, inputs } = openCaptures(t, { intervalMs: 2_000 });
  for (const streamId of ['a', 'b', 'c', 'd']) changeState(streamId, 'live');
  await advance(3);
  t.same(inputs(), ['a']);
  await advance(7);
  t.same(inputs(), [...'abcdabcd'], 'less often than the interval, but every broadcast');
});

t.test('no capture while the publisher is disconnected, and none kept of an ended broadcast', async (t) => {
  const program = `while [ -e closed ]; do sleep 0.02; done\n${RECORD_INPUT}`;
  const { changeState, advance, clock, inputs, kept, media, folder } = openCaptures(t, { program });
  changeState('a', 'live');
  changeState('a', 'reconnecting');
  await advance(120);
  t.same(inputs(), []);
  changeState('a', 'live');
  await advance(3);
  t.equal(kept('a'), 'a');

  const holdFile = path.join(folder, 'closed');
  writeFileSync(holdFile, '');
  media.set('a', jpeg('last'));
  await clock.advance(60_000);
  t.equal(clock.pending, 2, 'a capture is in progress');
  changeState('a', 'ending');
  rmSync(holdFile);
  await advance(1);
  t.same(inputs(), ['a', 'last']);
  t.equal(kept('a'), 'a', 'the last capture of the broadcast stays');
  changeState('a', 'offline');
  await advance(120);
  t.same(inputs(), ['a', 'last']);
  changeState('a', 'live', 'a-2');
  await advance(3);
  t.same(inputs(), ['a', 'last', 'a'], 'replaced in the next broadcast');
});

t.test('an ffmpeg that hangs is killed, and its broadcast waits for the next interval', async (t) => {
  const program = `if [ -e hang ]; then rm hang; echo $$ >pid; exec sleep 600; fi\n${RECORD_INPUT}`;
  const { changeState, advance, clock, inputs, folder, failures } = openCaptures(t, { program });
  writeFileSync(path.join(folder, 'hang'), '');
  changeState('a', 'live');
  changeState('b', 'live');
  await clock.advance(3_000);
  const pid = await takeScriptPid(folder);
  await clock.advance(9_000);
  t.ok(process.kill(pid, 0), 'not killed before its timeout');
  t.same(inputs(), [], 'no other capture starts meanwhile');
  await advance(1);
  await until('the failure is logged', () => failures().length > 0);
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  t.match(failures(), [{ streamId: 'a', broadcastId: 'a-1' }]);
  await advance(1);
  t.same(inputs(), ['b']);
  await advance(49);
  t.same(inputs(), ['b', 'a']);
  t.equal(failures().length, 1);
});

t.test('a failed capture is retried at the next interval', async (t) => {
  const program = `if [ -e fail ]; then exit 1; fi\n${RECORD_INPUT}`;
  const { changeState, advance, kept, folder, failures } = openCaptures(t, { program });
  writeFileSync(path.join(folder, 'fail'), '');
  changeState('a', 'live');
  await advance(62);
  t.equal(failures().length, 1);
  rmSync(path.join(folder, 'fail'));
  await advance(1);
  t.equal(kept('a'), 'a');
});

t.test('a broadcast without video yet is captured once video arrives', async (t) => {
  const { changeState, advance, media, kept, failures } = openCaptures(t);
  changeState('a', 'live');
  media.delete('a');
  await advance(100);
  t.equal(kept('a'), undefined);
  t.same(failures(), []);
  media.set('a', jpeg('a'));
  await advance(3);
  t.equal(kept('a'), 'a');
});

t.test('close kills a running ffmpeg and leaves no timer', async (t) => {
  const { captures, changeState, clock, folder } = openCaptures(t, {
    program: 'echo $$ >pid; exec sleep 600',
  });
  changeState('a', 'live');
  await clock.advance(3_000);
  const pid = await takeScriptPid(folder);
  await captures.close();
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
  t.equal(clock.pending, 0);
  await captures.close();
});
