import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { FlvTag } from '../../../src/media/index.js';
import { SourceDouble } from '../../support/fakes/fake-broadcast.js';
import {
  endless,
  endOf,
  has,
  isAlive,
  pidsOf,
  publishing,
  startOf,
  track,
  transcoding,
} from '../../support/gateway/transcoding.js';
import { type CmafTrack, keyframesOf } from '../../support/media/cmaf.js';
import { send } from '../../support/media/media.js';

for (const [name, after] of [
  ['just after a keyframe', 2.4],
  ['just before one', 3.4],
] as const) {
  t.test(`an encoder that is killed ${name} leaves a hole of less than a second`, async (t) => {
    const made = await endless(t);
    const { broadcast, visit, lines } = await transcoding(t);
    const { source } = publishing(t, visit, made);
    await has(broadcast, 0, '360p', after);
    const [pid] = pidsOf(lines());
    process.kill(pid ?? 0, 'SIGKILL');
    const died = performance.now();
    for (const id of ['360p', '240p', 'audio']) {
      const next = await has(broadcast, 1, id, 0.5);
      const before = track(broadcast.runs[0], id);
      const hole = startOf(next) - endOf(before as CmafTrack);
      t.ok(hole < 1 && hole > -2, `${id}: ${hole} s, and not more than a group of frames is shown again`);
      if (id !== 'audio') t.ok(next.fragments[0]?.independent);
    }
    t.ok((broadcast.runs[1]?.openedAt ?? 0) - died < 1_000, 'and the next one is started within a second');
    t.equal(broadcast.runs[1]?.originMs, broadcast.runs[0]?.originMs, 'the timeline goes on');
    t.strictSame(broadcast.runs[1]?.renditions, broadcast.runs[0]?.renditions);
    t.match(
      lines().find(({ msg }) => msg === 'the encoder failed'),
      { level: 40, reason: /SIGKILL/ },
    );
    source.end('publisher-left');
    await visit.broadcastEnded('grace-expired');
  });
}

t.test('an entirely encoded picture goes on where the killed encoder stopped', async (t) => {
  const made = await endless(t, 100);
  const { broadcast, visit, lines } = await transcoding(t);
  made.info.video = { ...made.info.video, codec: 'hevc' };
  publishing(t, visit, made);
  await has(broadcast, 0, '360p', 2.5);
  process.kill(pidsOf(lines())[0] ?? 0, 'SIGKILL');
  const next = await has(broadcast, 1, '360p', 0.5);
  const hole = startOf(next) - endOf(track(broadcast.runs[0], '360p') as CmafTrack);
  t.ok(Math.abs(hole) < 0.1, `nothing is shown twice though the last keyframe is old: ${hole} s`);
  const sound = await has(broadcast, 1, 'audio', 0.3);
  t.ok(Math.abs(startOf(sound) - startOf(next)) < 0.1, 'sound and picture begin together');
});

t.test('an encoder that hangs is replaced', async (t) => {
  const made = await endless(t);
  const { broadcast, visit, lines } = await transcoding(t);
  publishing(t, visit, made);
  await has(broadcast, 0, '360p', 1);
  const [pid] = pidsOf(lines());
  process.kill(pid ?? 0, 'SIGSTOP');
  await has(broadcast, 1, '360p', 0.5);
  t.notOk(isAlive(pid ?? 0));
  t.match(
    lines().find(({ msg }) => msg === 'the encoder failed'),
    { reason: /no output for several seconds/ },
  );
});

/** An ffmpeg that passes every check and then runs this shell script instead of encoding. */
function ffmpegThat(t: Test, script: string): string {
  const file = path.join(t.testdir(), 'ffmpeg');
  writeFileSync(file, `#!/bin/sh\ncase "$*" in *pipe:0*) ${script} ;; *) exec ffmpeg "$@" ;; esac\n`);
  chmodSync(file, 0o755);
  return file;
}

t.test('an encoder that cannot start is given up after some tries', async (t) => {
  const made = await endless(t);
  const { broadcast, visit, lines } = await transcoding(t, {
    ffmpegPath: ffmpegThat(t, 'echo no luck >&2; exit 3'),
  });
  publishing(t, visit, made);
  await broadcast.until(() => broadcast.failed);
  t.equal(broadcast.failed, 'transcoder-failed');
  const failures = lines().filter(({ msg }) => msg === 'the encoder failed');
  t.equal(failures.length, 6);
  t.match(failures[0], { reason: /code 3/, ffmpeg: ['no luck'] });
});

t.test('garbage in the stream ends the broadcast at worst', async (t) => {
  const made = await endless(t);
  const garbage = (tag: FlvTag, index: number): FlvTag =>
    tag.header ? tag : { ...tag, body: Buffer.alloc(tag.body.length, index & 0xff) };
  const { broadcast, visit } = await transcoding(t);
  const { sent } = publishing(t, visit, { ...made, tags: made.tags.slice(0, 900).map(garbage) }, 20);
  await Promise.race([sent, broadcast.until(() => broadcast.failed)]);
  await visit.broadcastEnded('grace-expired');
  t.pass('the process lives');
});

t.test('a publisher that is faster than the encoder is held, and released', async (t) => {
  const made = await endless(t);
  const { broadcast, visit, lines } = await transcoding(t);
  const source = new SourceDouble(made.info);
  visit.publicationStarted?.(source);
  source.restart(Date.now(), made.has);
  const [early, late] = [made.tags.slice(0, 200), made.tags.slice(200, 1_500)];
  await send(early, source.write, { speed: 10 });
  await has(broadcast, 0, '240p', 1);
  const pid = pidsOf(lines())[0] ?? 0;
  process.kill(pid, 'SIGSTOP');
  for (const tag of late) source.write(tag);
  t.equal(source.holds, 1, 'held');
  t.match(broadcast.notices.get('transcoder'), /cannot keep up/);
  process.kill(pid, 'SIGCONT');
  await broadcast.until(() => source.holds === 0);
  t.notOk(broadcast.notices.has('transcoder'));
  source.end('publisher-left');
  await visit.broadcastEnded('grace-expired');
  t.equal(broadcast.runs.length, 1);
  const whole = (late.at(-1)?.timestamp ?? 0) / 1000;
  t.ok(endOf(track(broadcast.runs[0], '240p') as CmafTrack) - 10 > whole - 0.1, 'nothing was lost');
});

t.test('a machine that is too slow sheds the most expensive rendition and goes on', async (t) => {
  const made = await endless(t);
  const { broadcast, visit, lines } = await transcoding(t);
  const pulse = setInterval(() => {
    // As long as 240 lines are encoded, the encoder gets little time.
    const run = broadcast.runs.at(-1);
    const pid = pidsOf(lines()).at(-1);
    if (pid === undefined || run?.closed || !run?.renditions.some(({ id }) => id === '240p')) return;
    signal(pid, 'SIGSTOP');
    setTimeout(() => signal(pid, 'SIGCONT'), 780);
  }, 800);
  t.teardown(() => clearInterval(pulse));
  const { source } = publishing(t, visit, made);
  await broadcast.until(() => broadcast.notices.get('shed'), 40_000);
  clearInterval(pulse);
  t.match(broadcast.notices.get('shed'), /too slow.*240p/);
  await has(broadcast, 1, '360p', 1);
  const ids = broadcast.runs[1]?.renditions.map(({ id }) => id);
  t.ok(ids?.includes('360p') && !ids.includes('240p'), 'the passed-through picture stays');
  t.match(
    lines().find(({ msg }) => msg === 'the encoder is too slow'),
    { level: 40, shed: ['240p'] },
  );
  source.end('publisher-left');
  await visit.broadcastEnded('grace-expired');
});

function signal(pid: number, name: NodeJS.Signals): void {
  if (isAlive(pid)) process.kill(pid, name);
}

t.test('a source whose keyframes are too far apart is encoded, and remembered', async (t) => {
  const made = await endless(t);
  const tags = made.tags.filter(({ timestamp }) => timestamp < 12_000);
  // Without their keyframe marks from 4 s on: as if the encoder had stopped making them.
  const late = tags.map((tag) => (tag.timestamp > 3_000 ? { ...tag, keyframe: false } : tag));
  const { broadcast, visit, lines } = await transcoding(t);
  const first = publishing(t, visit, { ...made, tags: late }, 2);
  const encoded = await has(broadcast, 1, '360p', 2);
  t.strictSame(
    broadcast.runs.map(({ renditions }) => [renditions[0]?.id, renditions[0]?.passthrough]),
    [
      ['360p', true],
      ['360p', false],
    ],
    'under the same name',
  );
  t.match(broadcast.notices.get('keyframes'), /more than 4 s apart.*keyframe interval of 2 s/);
  t.match(
    lines().find(({ fault }) => fault !== undefined),
    { fault: 'too-far-apart' },
  );
  const hole = startOf(encoded) - endOf(track(broadcast.runs[0], '360p') as CmafTrack);
  t.ok(Math.abs(hole) < 0.3, `it goes on where it was: ${hole} s`);
  const [top = [], low = []] = [encoded, await has(broadcast, 1, '240p', 2)].map(keyframesOf);
  const both = Math.min(top.length, low.length);
  t.ok(both > 0);
  t.strictSame(top.slice(0, both), low.slice(0, both));
  first.stop();
  first.source.end('publisher-lost');
  publishing(t, visit, made, 2);
  await has(broadcast, 2, '360p', 0.5);
  t.equal(
    broadcast.runs[2]?.renditions[0]?.passthrough,
    false,
    'the next publication is encoded from the start',
  );
});
