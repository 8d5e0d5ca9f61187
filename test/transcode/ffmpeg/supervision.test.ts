import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { FlvTag } from '../../../src/media/index.js';
import { FakeSource } from '../../support/fakes/fake-broadcast.js';
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
  untilReplaced,
} from '../../support/fixtures/transcoder-fixture.js';
import { type CmafTrack, keyframesOf } from '../../support/media/cmaf.js';
import { sendTags } from '../../support/media/flv-media.js';

for (const [name, after] of [
  ['just after a keyframe', 2.4],
  ['just before one', 3.4],
] as const) {
  t.test(`an encoder that is killed ${name} leaves no gap in copied renditions`, async (t) => {
    const made = await loopedMedia(t);
    const { broadcast, subscription, lines } = await startTranscoderFixture(t);
    const { source } = publishInRealTime(t, subscription, made);
    await untilRenditionHas(broadcast, 0, '240p', after);
    process.kill(encoderPidsOf(lines())[0] ?? 0, 'SIGKILL');
    for (const id of ['240p', '180p']) {
      const before = await untilReplaced(broadcast, 0, id);
      const next = await untilRenditionHas(broadcast, 0, id, 0.5);
      const hole = startTimeS(next) - endTimeS(before);
      t.ok(Math.abs(hole) < 0.25, `${id} continues where it stopped: ${hole} s`);
      t.ok(next.fragments[0]?.independent);
    }
    t.equal(broadcast.runs.length, 1);
    for (const id of ['360p', 'audio']) {
      const { fragments } = parsedRendition(broadcast.runs[0], id) as CmafTrack;
      const gaps = fragments.slice(1).map(({ decode }, index) => {
        const previous = fragments[index];
        return decode - (previous?.decode ?? 0) - (previous?.duration ?? 0);
      });
      t.ok(Math.max(...gaps.map(Math.abs)) < 0.001, `${id} has no gap`);
    }
    t.match(
      lines().find(({ msg }) => msg === 'the encoder failed'),
      { level: 40, reason: /SIGKILL/ },
    );
    source.end('publisher-left');
    await subscription.broadcastEnded('grace-expired');
  });
}

t.test('video that is encoded entirely continues where the killed encoder stopped', async (t) => {
  const made = await loopedMedia(t, 100, 'yuv444p');
  const { broadcast, subscription, lines } = await startTranscoderFixture(t);
  publishInRealTime(t, subscription, made);
  await untilRenditionHas(broadcast, 0, '360p', 2.5);
  process.kill(encoderPidsOf(lines())[0] ?? 0, 'SIGKILL');
  const before = await untilReplaced(broadcast, 0, '360p');
  const next = await untilRenditionHas(broadcast, 0, '360p', 0.5);
  const hole = startTimeS(next) - endTimeS(before);
  t.ok(Math.abs(hole) < 0.1, `nothing is missing or repeated though the last keyframe is old: ${hole} s`);
  t.equal(broadcast.runs.length, 1);
});

t.test('an encoder that hangs is replaced', async (t) => {
  const made = await loopedMedia(t);
  const { broadcast, subscription, lines } = await startTranscoderFixture(t);
  publishInRealTime(t, subscription, made);
  await untilRenditionHas(broadcast, 0, '240p', 1);
  const [pid] = encoderPidsOf(lines());
  process.kill(pid ?? 0, 'SIGSTOP');
  await untilReplaced(broadcast, 0, '240p');
  await untilRenditionHas(broadcast, 0, '240p', 0.5);
  t.equal(broadcast.runs.length, 1);
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

t.test('an encoder that cannot start ends a broadcast without copied video', async (t) => {
  const made = await loopedMedia(t, 2, 'yuv444p');
  const { broadcast, subscription, lines } = await startTranscoderFixture(t, {
    ffmpegPath: ffmpegThat(t, 'echo no luck >&2; exit 3'),
  });
  publishInRealTime(t, subscription, made);
  await broadcast.until(() => broadcast.failed);
  t.equal(broadcast.failed, 'transcoder-failed');
  const failures = lines().filter(({ msg }) => msg === 'the encoder failed');
  t.equal(failures.length, 6);
  t.match(failures[0], { reason: /code 3/, ffmpeg: ['no luck'] });
});

t.test('an encoder that cannot start leaves the copied renditions and a notice', async (t) => {
  const made = await loopedMedia(t);
  const { broadcast, subscription } = await startTranscoderFixture(t, {
    ffmpegPath: ffmpegThat(t, 'exit 3'),
  });
  publishInRealTime(t, subscription, made);
  await broadcast.until(() => broadcast.notices.get('shed'));
  t.match(broadcast.notices.get('shed'), /Encoding failed too often/);
  const [run] = broadcast.runs;
  t.strictSame(run?.renditionsEnded, ['240p', '180p']);
  const at = endTimeS(parsedRendition(run, '360p') as CmafTrack);
  await broadcast.until(() => endTimeS(parsedRendition(run, '360p') as CmafTrack) > at + 1);
  t.equal(broadcast.runs.length, 1);
  t.equal(broadcast.failed, undefined);
});

t.test('invalid data in the stream ends no more than its broadcast', async (t) => {
  const made = await loopedMedia(t);
  const garbage = (tag: FlvTag, index: number): FlvTag =>
    tag.header ? tag : { ...tag, body: Buffer.alloc(tag.body.length, index & 0xff) };
  const { broadcast, subscription } = await startTranscoderFixture(t);
  const { sent } = publishInRealTime(
    t,
    subscription,
    { ...made, tags: made.tags.slice(0, 900).map(garbage) },
    20,
  );
  await Promise.race([sent, broadcast.until(() => broadcast.failed)]);
  await subscription.broadcastEnded('grace-expired');
  t.pass('the process lives');
});

t.test('a publisher faster than the encoder is held and released', async (t) => {
  const made = await loopedMedia(t);
  const { broadcast, subscription, lines } = await startTranscoderFixture(t);
  const source = new FakeSource(made.info);
  subscription.publicationStarted?.(source);
  source.restart(Date.now(), made.has);
  const [early, late] = [made.tags.slice(0, 200), made.tags.slice(200, 1_500)];
  await sendTags(early, source.write, { speed: 10 });
  await untilRenditionHas(broadcast, 0, '240p', 1);
  const pid = encoderPidsOf(lines())[0] ?? 0;
  process.kill(pid, 'SIGSTOP');
  for (const tag of late) source.write(tag);
  t.equal(source.holds, 1, 'held');
  t.match(broadcast.notices.get('transcoder'), /cannot keep up/);
  process.kill(pid, 'SIGCONT');
  await broadcast.until(() => source.holds === 0);
  t.notOk(broadcast.notices.has('transcoder'));
  source.end('publisher-left');
  await subscription.broadcastEnded('grace-expired');
  t.equal(broadcast.runs.length, 1);
  const whole = (late.at(-1)?.timestamp ?? 0) / 1000;
  t.ok(
    endTimeS(parsedRendition(broadcast.runs[0], '240p') as CmafTrack) - 10 > whole - 0.1,
    'nothing was lost',
  );
});

t.test('a source with distant keyframes is encoded, also by the next encoder', async (t) => {
  const made = await loopedMedia(t);
  const tags = made.tags.filter(({ timestamp }) => timestamp < 12_000);
  // Without their keyframe marks from 4 s on: as if the encoder had stopped making them.
  const late = tags.map((tag) => (tag.timestamp > 3_000 ? { ...tag, keyframe: false } : tag));
  const { broadcast, subscription, lines } = await startTranscoderFixture(t);
  const first = publishInRealTime(t, subscription, { ...made, tags: late }, 2);
  const encoded = await untilRenditionHas(broadcast, 1, '360p', 2);
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
  const hole = startTimeS(encoded) - endTimeS(parsedRendition(broadcast.runs[0], '360p') as CmafTrack);
  t.ok(Math.abs(hole) < 0.3, `it goes on where it was: ${hole} s`);
  const [top = [], low = []] = [encoded, await untilRenditionHas(broadcast, 1, '240p', 2)].map(keyframesOf);
  const both = Math.min(top.length, low.length);
  t.ok(both > 0);
  t.strictSame(top.slice(0, both), low.slice(0, both));
  first.stop();
  first.source.end('publisher-lost');
  publishInRealTime(t, subscription, made, 2);
  await untilRenditionHas(broadcast, 2, '360p', 0.5);
  t.equal(
    broadcast.runs[2]?.renditions[0]?.passthrough,
    false,
    'the next publication is encoded from the start',
  );
});
