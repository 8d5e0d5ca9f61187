import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { Av1Publisher } from '../../support/clients/av1-publisher.js';
import {
  encoderPidsOf,
  endTimeS,
  isAlive,
  parsedRendition,
  startTimeS,
  startTranscoderFixture,
  untilLongRenditionHas,
  untilRenditionHas,
} from '../../support/fixtures/transcoder-fixture.js';
import { type CmafTrack, keyframesOf } from '../../support/media/cmaf.js';
import { flashesAndBeeps } from '../../support/media/flashes-and-beeps.js';

/** Maximum offset between flash and beep, s: the sender's own offset is 0, a picture lasts 33 ms. */
const LIPS = 0.06;
/** One rendition and the sound: there is nothing that a busy machine could leave out. */
const TOP = { ladder: 'off' } as const;

/** Pictures, s from one to the next, where that is not a thirtieth. */
function unsteady({ fragments }: Pick<CmafTrack, 'fragments'>): number[] {
  const steps = fragments.slice(1).map(({ decode }, index) => decode - (fragments[index]?.decode ?? 0));
  return steps.filter((step) => Math.abs(step - 1 / 30) > 0.001);
}

t.test('AV1 and Opus in the SFU become a ladder, at any packet loss and size', async (t) => {
  const { broadcast, subscription, lines } = await startTranscoderFixture(t, TOP);
  const publisher = await Av1Publisher.start(t);
  subscription.publicationStarted?.(publisher.source);
  await untilLongRenditionHas(broadcast, 0, '720p', 2.5);
  t.match(publisher.source.info, { video: { codec: 'av1', width: 320, height: 180 } });
  const before = parsedRendition(broadcast.runs[0], '720p') as CmafTrack;
  t.strictSame(unsteady(before), [], '30 pictures per second without a gap');
  publisher.lossInterval = 47;
  await publisher.resize(t, 640, 360);
  await untilLongRenditionHas(broadcast, 0, '720p', 6);
  await publisher.resize(t, 180, 320);
  await untilLongRenditionHas(broadcast, 0, '720p', 8);
  // Packets lost at the end never arrive.
  publisher.lossInterval = Number.POSITIVE_INFINITY;
  await untilLongRenditionHas(broadcast, 0, '720p', 9.5);
  await untilLongRenditionHas(broadcast, 0, 'audio', 9.5);
  const begin = performance.now();
  publisher.source.end('publisher-left');
  await subscription.broadcastEnded('grace-expired');
  t.ok(performance.now() - begin < 1_500, 'the encoder need not be killed');
  t.ok(publisher.lost >= 3, `${publisher.lost} packets were lost`);
  const [run, ...others] = broadcast.runs;
  t.equal(others.length, 0);
  const [top, audio] = ['720p', 'audio'].map((id) => parsedRendition(run, id) as CmafTrack);
  if (!top || !audio) throw new Error('a rendition is missing');
  // One picture is lost where the size changes.
  t.ok(unsteady(top).every((step) => step < 0.07));
  t.ok(startTimeS(top) >= 9.5 && startTimeS(top) < 12, `pictures from ${startTimeS(top)} s on`);
  t.ok(Math.abs(startTimeS(audio) - startTimeS(top)) < 0.3, `sound from ${startTimeS(audio)} s on`);
  t.ok(Math.abs(endTimeS(top) - endTimeS(audio)) < 0.3, 'they end together');
  t.ok(keyframesOf(top).length >= 4);
  const found = await flashesAndBeeps(t, run, '720p');
  t.ok(found.length >= 4 && (found.at(-1)?.at ?? 0) > startTimeS(top) + 7, `also after the last change`);
  for (const { at, offset } of found) {
    t.ok(Math.abs(offset) < LIPS, `sound and picture agree at ${at}: ${offset} s`);
    const wall = (run?.originMs ?? 0) + at * 1000;
    const late = wall - Math.round(wall / 1000) * 1000;
    t.ok(Math.abs(late) < 250, `what is shown at ${at} was seen ${late} ms away from that`);
  }
  t.equal(lines().filter(({ msg }) => msg === 'the encoder failed').length, 0);
  t.equal(publisher.outputs, 0);
});

t.test(
  'missing audio is silence and missing video black until they return, also with a new encoder',
  async (t) => {
    const { broadcast, subscription, lines } = await startTranscoderFixture(t, TOP);
    const publisher = await Av1Publisher.start(t);
    subscription.publicationStarted?.(publisher.source);
    await untilRenditionHas(broadcast, 0, 'audio', 1);
    publisher.muted.audio = true;
    const { length = 0 } = parsedRendition(broadcast.runs[0], 'audio')?.fragments ?? [];
    await untilLongRenditionHas(broadcast, 0, 'audio', 3);
    t.ok((parsedRendition(broadcast.runs[0], 'audio')?.fragments.length ?? 0) > length + 50);
    publisher.muted = { video: true, audio: false };
    for (const id of ['720p', 'audio']) await untilRenditionHas(broadcast, 1, id, 1);
    const blank = broadcast.runs[1];
    t.strictSame(blank?.renditions, broadcast.runs[0]?.renditions, 'the renditions are the same');
    t.strictSame(unsteady(parsedRendition(blank, '720p') as CmafTrack), []);
    publisher.muted.video = false;
    await untilLongRenditionHas(broadcast, 2, '720p', 2.5);
    const found = await flashesAndBeeps(t, broadcast.runs[2], '720p');
    t.ok(found.length >= 1);
    for (const { at, offset } of found) t.ok(Math.abs(offset) < LIPS, `at ${at}: ${offset} s`);
    t.equal(lines().filter(({ msg }) => msg === 'the encoder failed').length, 0);

    process.kill(encoderPidsOf(lines())[2] ?? 0, 'SIGKILL');
    await untilRenditionHas(broadcast, 3, '720p', 0.5);
    await untilRenditionHas(broadcast, 3, 'audio', 0.5);
    const hanging = encoderPidsOf(lines())[3] ?? 0;
    process.kill(hanging, 'SIGSTOP');
    await untilRenditionHas(broadcast, 4, '720p', 0.5);
    t.notOk(isAlive(hanging));
    t.equal(publisher.outputs, 1, 'the SFU sends to the new one only');
    for (const [index, { originMs }] of broadcast.runs.entries())
      t.ok(index === 0 || originMs > (broadcast.runs[index - 1]?.originMs ?? 0));
    publisher.source.end('replaced');
    await subscription.broadcastEnded('grace-expired');
    t.equal(publisher.outputs, 0);
  },
);

t.test('without an AV1 decoder there is no HLS of AV1, and a notice', async (t) => {
  const ffmpegPath = path.join(t.testdir(), 'ffmpeg');
  writeFileSync(
    ffmpegPath,
    '#!/bin/sh\ncase "$*" in *-decoders*) ffmpeg "$@" | grep -v -e dav1d -e libaom ;; *) exec ffmpeg "$@" ;; esac\n',
  );
  chmodSync(ffmpegPath, 0o755);
  const { broadcast, subscription, lines } = await startTranscoderFixture(t, { ...TOP, ffmpegPath });
  const publisher = await Av1Publisher.start(t);
  subscription.publicationStarted?.(publisher.source);
  t.match(await broadcast.until(() => broadcast.notices.get('hls')), /cannot read AV1.*no HLS/);
  t.ok(broadcast.isPlayable, 'WebRTC viewers can watch it');
  t.match(
    lines().find(({ codec }) => codec === 'av1'),
    { level: 40, msg: /cannot read the codec/ },
  );
  t.equal(publisher.outputs, 0);
  t.equal(broadcast.failed, undefined);
});
