import t, { type Test } from 'tap';
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
import { publishSource, SMALL, startWhipSource } from '../../support/media/rtp/rtp-source.js';

/** Maximum offset between flash and beep: the sender's own offset is 0, a picture lasts 33 ms. */
const LIPS = 0.06;

function isSteady(t: Test, { fragments }: CmafTrack): void {
  const steps = fragments.slice(1).map(({ decode }, index) => decode - (fragments[index]?.decode ?? 0));
  t.strictSame(
    steps.filter((step) => Math.abs(step - 1 / 30) > 0.001),
    [],
    '30 frames per second without a gap',
  );
}

for (const codec of ['vp8', 'h264', 'vp9'] as const) {
  t.test(`${codec} and Opus over RTP become a ladder`, async (t) => {
    const { broadcast, subscription } = await startTranscoderFixture(t);
    const source = await startWhipSource(t, { codec, ...SMALL });
    await broadcast.until(() => source.rtp.hasSenderReports);
    const begun = Date.now();
    publishSource(subscription, source);
    await untilLongRenditionHas(broadcast, 0, '180p', 5);
    await untilLongRenditionHas(broadcast, 0, 'audio', 5);
    source.end('publisher-left');
    await subscription.broadcastEnded('grace-expired');
    const [run, ...others] = broadcast.runs;
    t.equal(others.length, 0);
    t.strictSame(
      run?.renditions.map(({ id, passthrough, frameRate }) => [id, passthrough, frameRate]),
      [
        ['720p', false, 30],
        ['240p', false, 30],
        ['180p', false, 30],
        ['audio', false, undefined],
      ],
    );
    const origin = (run?.originMs ?? 0) + 10_000 - begun;
    t.ok(origin >= 0 && origin < 1_500, `media time begins when the packets do: ${origin} ms`);
    const [top, low, audio] = ['720p', '180p', 'audio'].map((id) => parsedRendition(run, id) as CmafTrack);
    if (!top || !low || !audio) throw new Error('a rendition is missing');
    t.strictSame([top.width, top.height, low.width, low.height], [1280, 720, 320, 180]);
    const times = keyframesOf(top);
    t.strictSame(keyframesOf(low), times, 'keyframes are aligned');
    t.ok(times.length >= 3);
    t.strictSame(
      times.slice(1).map((time) => Math.floor(time / 2_000)),
      times.slice(1).map((_, index) => Math.floor((times[0] ?? 0) / 2_000) + 1 + index),
      'one every 2 s',
    );
    isSteady(t, top);
    t.ok(startTimeS(top) >= 9.9 && startTimeS(top) < 12 && startTimeS(audio) >= 9.9);
    t.ok(Math.abs(endTimeS(top) - endTimeS(audio)) < 0.3, 'they end together');
    const found = await flashesAndBeeps(t, run, '720p');
    t.ok(found.length >= 3);
    for (const { at, offset } of found)
      t.ok(Math.abs(offset) < LIPS, `sound and picture agree at ${at}: ${offset} s`);
  });
}

t.test('the ladder continues when the sent size changes', async (t) => {
  const { broadcast, subscription, lines } = await startTranscoderFixture(t);
  const source = await startWhipSource(t, { codec: 'vp8', ...SMALL });
  publishSource(subscription, source);
  await untilRenditionHas(broadcast, 0, '720p', 2);
  await source.rtp.start({ codec: 'vp8', width: 320, height: 180 });
  await untilLongRenditionHas(broadcast, 0, '720p', 5);
  await source.rtp.start({ codec: 'vp8', width: 360, height: 640 });
  await untilLongRenditionHas(broadcast, 0, '720p', 8);
  source.end('publisher-left');
  await subscription.broadcastEnded('grace-expired');
  t.equal(broadcast.runs.length, 1);
  t.equal(lines().filter(({ msg }) => msg === 'the encoder failed').length, 0);
  const top = parsedRendition(broadcast.runs[0], '720p') as CmafTrack;
  t.strictSame([top.width, top.height], [1280, 720]);
  t.strictSame(keyframesOf(parsedRendition(broadcast.runs[0], '180p') as CmafTrack), keyframesOf(top));
  const found = await flashesAndBeeps(t, broadcast.runs[0], '720p');
  t.ok(
    found.some(({ at }) => at > startTimeS(top) + 5.5),
    'also after the last change',
  );
  for (const { at, offset } of found) t.ok(Math.abs(offset) < LIPS, `at ${at}: ${offset} s`);
});

t.test('audio alone and video alone become a ladder', async (t) => {
  const sound = await startTranscoderFixture(t);
  const speaker = await startWhipSource(t, { codec: 'vp8', ...SMALL, video: false });
  publishSource(sound.subscription, speaker, { video: false });
  await untilRenditionHas(sound.broadcast, 0, 'audio', 2);
  t.strictSame(
    sound.broadcast.runs[0]?.renditions.map(({ id }) => id),
    ['audio'],
  );
  speaker.end('publisher-left');
  await sound.subscription.broadcastEnded('grace-expired');
  const picture = await startTranscoderFixture(t);
  const camera = await startWhipSource(t, { codec: 'h264', ...SMALL, audio: false });
  publishSource(picture.subscription, camera, { audio: false });
  const top = await untilRenditionHas(picture.broadcast, 0, '720p', 2);
  t.ok(startTimeS(top) >= 9.9 && startTimeS(top) < 10.5);
  isSteady(t, top);
});

t.test('audio continues with black video while the video stops', async (t) => {
  const { broadcast, subscription, lines } = await startTranscoderFixture(t);
  const source = await startWhipSource(t, { codec: 'vp8', ...SMALL });
  publishSource(subscription, source);
  await untilRenditionHas(broadcast, 0, '720p', 1);
  source.rtp.muted.video = true;
  source.restart(Date.now(), { audio: true, video: false });
  for (const id of ['720p', '180p', 'audio']) await untilRenditionHas(broadcast, 1, id, 3);
  const blank = broadcast.runs[1];
  t.strictSame(blank?.renditions, broadcast.runs[0]?.renditions, 'the renditions are the same');
  const [picture, sound] = ['720p', 'audio'].map((id) => parsedRendition(blank, id) as CmafTrack);
  if (!picture || !sound) throw new Error('a rendition is missing');
  isSteady(t, picture);
  t.ok(Math.abs(startTimeS(picture) - startTimeS(sound)) < 0.1, 'they begin together');
  t.ok(Math.abs(endTimeS(picture) - endTimeS(sound)) < 0.5, 'neither runs ahead');
  source.rtp.muted.video = false;
  source.restart(Date.now(), { audio: true, video: true });
  await untilLongRenditionHas(broadcast, 2, '720p', 4);
  const found = await flashesAndBeeps(t, broadcast.runs[2], '720p');
  t.ok(found.length >= 2);
  for (const { at, offset } of found) t.ok(Math.abs(offset) < LIPS, `at ${at}: ${offset} s`);
  t.equal(lines().filter(({ msg }) => msg === 'the encoder failed').length, 0);
});

t.test('a small video is upscaled at first, and a larger one gets a better ladder', async (t) => {
  const { broadcast, subscription } = await startTranscoderFixture(t);
  const source = await startWhipSource(t, { codec: 'vp8', width: 320, height: 180 });
  publishSource(subscription, source);
  await untilRenditionHas(broadcast, 0, '180p', 1);
  const ids = (run: number): string[] | undefined => broadcast.runs[run]?.renditions.map(({ id }) => id);
  t.strictSame(ids(0), ['720p', '240p', '180p', 'audio']);
  source.info = { ...source.info, video: { codec: 'vp8', width: 1920, height: 1080 } };
  await untilLongRenditionHas(broadcast, 1, '180p', 0.5);
  t.strictSame(ids(1), ['1080p', '240p', '180p', 'audio']);
  const first = parsedRendition(broadcast.runs[0], '180p') as CmafTrack;
  t.ok(endTimeS(first) - startTimeS(first) > 4, 'not for a moment');
});

t.test('the end of the publication ends the encoder at once, also while no packets are sent', async (t) => {
  for (const silent of [false, true]) {
    const { broadcast, subscription, lines } = await startTranscoderFixture(t);
    const source = await startWhipSource(t, { codec: 'vp8', ...SMALL });
    publishSource(subscription, source);
    await untilRenditionHas(broadcast, 0, '720p', 1);
    if (silent) source.rtp.stop();
    const begin = performance.now();
    source.end('publisher-left');
    await subscription.broadcastEnded('grace-expired');
    t.ok(performance.now() - begin < 1_500, 'it does not have to be killed');
    t.ok(broadcast.runs[0]?.closed);
    t.equal(source.rtp.outputs.size, 0);
    t.strictSame(encoderPidsOf(lines()).filter(isAlive), []);
    t.equal(lines().filter(({ msg }) => msg === 'the encoder failed').length, 0);
  }
});
