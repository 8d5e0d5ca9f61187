import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { BroadcastVisit } from '../../src/streams/index.js';
import { type CmafTrack, keyframesOf } from '../support/cmaf.js';
import { flashesAndBeeps } from '../support/flashes-and-beeps.js';
import { type RtpSourceDouble, type SenderOptions, whip } from '../support/rtp-source.js';
import { endOf, has, isAlive, lasts, pidsOf, startOf, track, transcoding } from '../support/transcoding.js';

const SMALL = { width: 640, height: 360 } as const;
/** What a flash and a beep may be apart: the sender's own offset is 0, a picture lasts 33 ms. */
const LIPS = 0.06;

/** Publishes by WHIP: the first keyframe has arrived. */
function publish(visit: BroadcastVisit, source: RtpSourceDouble, options: Partial<SenderOptions> = {}): void {
  visit.published?.(source);
  source.restart(Date.now(), { audio: options.audio !== false, video: options.video !== false });
}

/** Whether anybody has bound this port of loopback, as an encoder does. Only Linux tells. */
function isListening(port: number): boolean {
  if (process.platform !== 'linux') return false;
  const hexadecimal = port.toString(16).toUpperCase().padStart(4, '0');
  return readFileSync('/proc/net/udp', 'utf8').includes(`0100007F:${hexadecimal} `);
}

function isSteady(t: Test, { fragments }: CmafTrack): void {
  const steps = fragments.slice(1).map(({ decode }, index) => decode - (fragments[index]?.decode ?? 0));
  t.strictSame(
    steps.filter((step) => Math.abs(step - 1 / 30) > 0.001),
    [],
    '30 pictures per second without a gap',
  );
}

for (const codec of ['vp8', 'h264', 'vp9'] as const) {
  t.test(`${codec} and Opus over RTP become a ladder`, async (t) => {
    const { broadcast, visit } = await transcoding(t);
    const source = await whip(t, { codec, ...SMALL });
    await broadcast.until(() => source.rtp.reported);
    const begun = Date.now();
    publish(visit, source);
    await lasts(broadcast, 0, '180p', 5);
    await lasts(broadcast, 0, 'audio', 5);
    source.end('publisher-left');
    await visit.ended('grace-expired');
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
    const [top, low, audio] = ['720p', '180p', 'audio'].map((id) => track(run, id) as CmafTrack);
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
    t.ok(startOf(top) >= 9.9 && startOf(top) < 12 && startOf(audio) >= 9.9);
    t.ok(Math.abs(endOf(top) - endOf(audio)) < 0.3, 'they end together');
    const found = await flashesAndBeeps(t, run, '720p');
    t.ok(found.length >= 3);
    for (const { at, offset } of found)
      t.ok(Math.abs(offset) < LIPS, `sound and picture agree at ${at}: ${offset} s`);
  });
}

t.test('the ladder survives changes of the size that is sent', async (t) => {
  const { broadcast, visit, lines } = await transcoding(t);
  const source = await whip(t, { codec: 'vp8', ...SMALL });
  publish(visit, source);
  await has(broadcast, 0, '720p', 2);
  await source.rtp.start({ codec: 'vp8', width: 320, height: 180 });
  await lasts(broadcast, 0, '720p', 5);
  await source.rtp.start({ codec: 'vp8', width: 360, height: 640 });
  await lasts(broadcast, 0, '720p', 8);
  source.end('publisher-left');
  await visit.ended('grace-expired');
  t.equal(broadcast.runs.length, 1);
  t.equal(lines().filter(({ msg }) => msg === 'the encoder failed').length, 0);
  const top = track(broadcast.runs[0], '720p') as CmafTrack;
  t.strictSame([top.width, top.height], [1280, 720]);
  t.strictSame(keyframesOf(track(broadcast.runs[0], '180p') as CmafTrack), keyframesOf(top));
  const found = await flashesAndBeeps(t, broadcast.runs[0], '720p');
  t.ok(
    found.some(({ at }) => at > startOf(top) + 5.5),
    'also after the last change',
  );
  for (const { at, offset } of found) t.ok(Math.abs(offset) < LIPS, `at ${at}: ${offset} s`);
});

t.test('an encoder that is killed is replaced, and its ports are given back', async (t) => {
  const { broadcast, visit, lines } = await transcoding(t);
  const source = await whip(t, { codec: 'h264', ...SMALL });
  publish(visit, source);
  await has(broadcast, 0, '720p', 1);
  const [ports] = source.rtp.outputs;
  process.kill(pidsOf(lines())[0] ?? 0, 'SIGKILL');
  await has(broadcast, 1, '720p', 1);
  await has(broadcast, 1, 'audio', 1);
  t.ok(broadcast.runs[0]?.closed);
  t.equal(source.rtp.outputs.size, 1, 'the SFU sends to the new one only');
  t.notOk(isListening(ports?.video ?? 0));
  t.ok((broadcast.runs[1]?.originMs ?? 0) > (broadcast.runs[0]?.originMs ?? 0));
  source.end('publisher-left');
  await visit.ended('grace-expired');
  t.equal(source.rtp.outputs.size, 0);
});

t.test('an encoder that hangs is replaced without being counted as broken', async (t) => {
  const { broadcast, visit, lines } = await transcoding(t);
  const source = await whip(t, { codec: 'vp8', ...SMALL });
  publish(visit, source);
  await has(broadcast, 0, '720p', 1);
  const [pid = 0] = pidsOf(lines());
  process.kill(pid, 'SIGSTOP');
  await has(broadcast, 1, '720p', 0.5);
  t.notOk(isAlive(pid));
});

t.test('a sender that is silent for a while is waited for, and begins a new run', async (t) => {
  const { broadcast, visit, lines } = await transcoding(t);
  const source = await whip(t, { codec: 'vp8', ...SMALL });
  publish(visit, source);
  await has(broadcast, 0, '720p', 1);
  source.rtp.stop();
  await broadcast.until(() => broadcast.runs[0]?.closed);
  t.equal(broadcast.runs.length, 1, 'no run is opened for nothing');
  await broadcast.until(() => source.rtp.outputs.size === 1);
  await source.rtp.start({ codec: 'vp8', ...SMALL });
  await has(broadcast, 1, '720p', 1);
  const found = await has(broadcast, 1, 'audio', 1);
  t.ok(startOf(found) < 11, 'that begins at its beginning');
  t.equal(lines().filter(({ msg }) => msg === 'the encoder failed').length, 0);
});

t.test(
  'the end of the publication ends the encoder at once, also when nothing is sent any more',
  async (t) => {
    for (const silent of [false, true]) {
      const { broadcast, visit, lines } = await transcoding(t);
      const source = await whip(t, { codec: 'vp8', ...SMALL });
      publish(visit, source);
      await has(broadcast, 0, '720p', 1);
      if (silent) source.rtp.stop();
      const begin = performance.now();
      source.end('publisher-left');
      await visit.ended('grace-expired');
      t.ok(performance.now() - begin < 1_500, 'it does not have to be killed');
      t.ok(broadcast.runs[0]?.closed);
      t.equal(source.rtp.outputs.size, 0);
      t.strictSame(pidsOf(lines()).filter(isAlive), []);
      t.equal(lines().filter(({ msg }) => msg === 'the encoder failed').length, 0);
    }
  },
);

t.test('a publication that ends before anything came out leaves nothing', async (t) => {
  const { broadcast, visit } = await transcoding(t);
  const source = await whip(t, { codec: 'vp8', ...SMALL });
  source.rtp.muted = { video: true, audio: true };
  publish(visit, source);
  await broadcast.until(() => source.rtp.outputs.size === 1);
  source.end('publisher-lost');
  await visit.ended('never-started');
  t.equal(broadcast.runs.length, 0);
  t.equal(source.rtp.outputs.size, 0);
});

t.test('a new publisher takes over from one by another protocol', async (t) => {
  const { broadcast, visit } = await transcoding(t);
  const source = await whip(t, { codec: 'vp8', ...SMALL });
  publish(visit, source);
  await has(broadcast, 0, '720p', 1);
  source.end('replaced');
  const next = await whip(t, { codec: 'h264', ...SMALL });
  publish(visit, next);
  await has(broadcast, 1, '720p', 0.5);
  t.ok((broadcast.runs[1]?.openedAt ?? 0) >= (broadcast.runs[0]?.closedAt ?? 0), 'one after the other');
});

t.test('sound alone, and a picture alone', async (t) => {
  const sound = await transcoding(t);
  const speaker = await whip(t, { codec: 'vp8', ...SMALL, video: false });
  publish(sound.visit, speaker, { video: false });
  await has(sound.broadcast, 0, 'audio', 2);
  t.strictSame(
    sound.broadcast.runs[0]?.renditions.map(({ id }) => id),
    ['audio'],
  );
  speaker.end('publisher-left');
  await sound.visit.ended('grace-expired');
  const picture = await transcoding(t);
  const camera = await whip(t, { codec: 'h264', ...SMALL, audio: false });
  publish(picture.visit, camera, { audio: false });
  const top = await has(picture.broadcast, 0, '720p', 2);
  t.ok(startOf(top) >= 9.9 && startOf(top) < 10.5);
  isSteady(t, top);
});

t.test('sound goes on under a black picture when the picture stops, and both when it is back', async (t) => {
  const { broadcast, visit, lines } = await transcoding(t);
  const source = await whip(t, { codec: 'vp8', ...SMALL });
  publish(visit, source);
  await has(broadcast, 0, '720p', 1);
  source.rtp.muted.video = true;
  source.restart(Date.now(), { audio: true, video: false });
  for (const id of ['720p', '180p', 'audio']) await has(broadcast, 1, id, 3);
  const blank = broadcast.runs[1];
  t.strictSame(blank?.renditions, broadcast.runs[0]?.renditions, 'the renditions are the same');
  const [picture, sound] = ['720p', 'audio'].map((id) => track(blank, id) as CmafTrack);
  if (!picture || !sound) throw new Error('a rendition is missing');
  isSteady(t, picture);
  t.ok(Math.abs(startOf(picture) - startOf(sound)) < 0.1, 'they begin together');
  t.ok(Math.abs(endOf(picture) - endOf(sound)) < 0.5, 'neither runs ahead');
  source.rtp.muted.video = false;
  source.restart(Date.now(), { audio: true, video: true });
  await lasts(broadcast, 2, '720p', 4);
  const found = await flashesAndBeeps(t, broadcast.runs[2], '720p');
  t.ok(found.length >= 2);
  for (const { at, offset } of found) t.ok(Math.abs(offset) < LIPS, `at ${at}: ${offset} s`);
  t.equal(lines().filter(({ msg }) => msg === 'the encoder failed').length, 0);
});

t.test(
  'a small picture is expected to grow; one that is larger than that gets a better ladder',
  async (t) => {
    const { broadcast, visit } = await transcoding(t);
    const source = await whip(t, { codec: 'vp8', width: 320, height: 180 });
    publish(visit, source);
    await has(broadcast, 0, '180p', 1);
    const ids = (run: number): string[] | undefined => broadcast.runs[run]?.renditions.map(({ id }) => id);
    t.strictSame(ids(0), ['720p', '240p', '180p', 'audio']);
    source.info = { ...source.info, video: { codec: 'vp8', width: 1920, height: 1080 } };
    await lasts(broadcast, 1, '180p', 0.5);
    t.strictSame(ids(1), ['1080p', '240p', '180p', 'audio']);
    const first = track(broadcast.runs[0], '180p') as CmafTrack;
    t.ok(endOf(first) - startOf(first) > 4, 'not for a moment');
  },
);

t.test('a codec that this ffmpeg cannot read means no HLS, and nothing worse', async (t) => {
  const { broadcast, visit, lines } = await transcoding(t);
  const readable = lines().find(({ msg }) => msg === 'transcoder ready')?.rtpCodecs;
  if (Array.isArray(readable) && readable.includes('av1')) {
    t.pass('this ffmpeg reads AV1');
    return;
  }
  const source = await whip(t, { codec: 'vp8', ...SMALL });
  source.info = { ...source.info, video: { codec: 'av1', ...SMALL } };
  publish(visit, source);
  await broadcast.until(() => broadcast.notices.get('hls'));
  t.match(broadcast.notices.get('hls'), /cannot read AV1.*no HLS/);
  t.ok(broadcast.isPlayable, 'WebRTC viewers can watch it');
  t.match(
    lines().find(({ codec }) => codec === 'av1'),
    { level: 40, msg: /cannot read the codec/ },
  );
  t.equal(broadcast.failed, undefined);
  source.info = { ...source.info, video: { codec: 'vp8', ...SMALL } };
  source.restart(Date.now(), { audio: true, video: true });
  await has(broadcast, 0, '720p', 0.5);
  t.notOk(broadcast.notices.has('hls'), 'a codec that can be read makes it good');
});

t.test('an SFU that cannot send is asked again', async (t) => {
  const { broadcast, visit, lines } = await transcoding(t);
  const source = await whip(t, { codec: 'vp8', ...SMALL });
  source.rtp.failure = new Error('the worker has died');
  publish(visit, source);
  await broadcast.until(() => lines().some(({ reason }) => String(reason).startsWith('the worker has died')));
  source.rtp.failure = undefined;
  await has(broadcast, 0, '720p', 0.5);
  t.equal(broadcast.failed, undefined);
});
