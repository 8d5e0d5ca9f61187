import t, { type Test } from 'tap';
import {
  bytesOf,
  type FakeBroadcast,
  FakeSource,
  type RecordedRun,
} from '../../support/fakes/fake-broadcast.js';
import {
  encoderPidsOf,
  endTimeS,
  startTimeS,
  startTranscoderFixture,
} from '../../support/fixtures/transcoder-fixture.js';
import { type CmafTrack, keyframesOf, parseCmaf } from '../../support/media/cmaf.js';
import {
  createTestMedia,
  sendTags,
  type TestMedia,
  type TestMediaOptions,
} from '../../support/media/flv-media.js';

const VIDEO = { width: 640, height: 360, rate: '30000/1001', bFrames: 2, keyframes: 2 };
const AUDIO = { sampleRate: 44_100, channels: 2 } as const;
const SECONDS = 7;

async function make(t: Test, options: Partial<TestMediaOptions>): Promise<TestMedia> {
  return createTestMedia({ file: `${t.testdir()}/film.flv`, durationS: SECONDS, ...options });
}

/** Publishes a film four times as fast as it is, to its end. @returns the tracks of its only run. */
async function publish(t: Test, source: FakeSource, { tags, has }: TestMedia, options = {}) {
  const { broadcast, subscription, lines } = await startTranscoderFixture(t, options);
  subscription.publicationStarted?.(source);
  const startedAt = Date.now();
  source.restart(startedAt, has);
  await sendTags(tags, source.write, { speed: 4 });
  source.end('publisher-left');
  await subscription.broadcastEnded('grace-expired');
  const [run, ...others] = broadcast.runs;
  t.equal(others.length, 0, 'there was one run');
  t.ok(run?.closed);
  t.equal(run?.originMs, startedAt - 10_000, 'media time counts from 10 s before the first tag');
  return { run, tracks: tracksOf(run), broadcast: broadcast as FakeBroadcast, lines };
}

function tracksOf(run: RecordedRun | undefined): Record<string, CmafTrack> {
  return Object.fromEntries(run?.renditions.map(({ id }) => [id, parseCmaf(bytesOf(run, id))]) ?? []);
}

function isContinuous(t: Test, id: string, { fragments, timescale }: CmafTrack): void {
  let before = fragments[0];
  const gaps: string[] = [];
  for (const fragment of fragments.slice(1)) {
    const gap = before ? fragment.decode - before.decode - before.duration : 0;
    if (Math.abs(gap) > 1.5 / timescale) gaps.push(`${gap} at ${fragment.decode}`);
    before = fragment;
  }
  t.strictSame(gaps, [], `${id} has no gaps`);
}

function end({ fragments }: CmafTrack): number {
  const last = fragments.at(-1);
  return last ? last.decode + last.duration : 0;
}

for (const mode of ['passed through', 'encoded'] as const) {
  t.test(`the renditions of a ${mode} source are as planned`, async (t) => {
    const keyframes = mode === 'encoded' ? 100 : 2;
    const made = await make(t, { video: { ...VIDEO, keyframes }, audio: AUDIO });
    const source = new FakeSource(made.info);
    if (mode === 'encoded' && source.info.video) source.info.video.keyframeInterval = 10;
    const { run, tracks } = await publish(t, source, made);
    t.strictSame(
      run?.renditions.map(({ id, passthrough }) => [id, passthrough]),
      [
        ['360p', mode === 'passed through'],
        ['240p', false],
        ['180p', false],
        ['audio', mode === 'passed through'],
      ],
    );
    const { '360p': top, '240p': middle, '180p': low, audio } = tracks;
    if (!top || !middle || !low || !audio) throw new Error('a rendition is missing');
    t.strictSame([top.width, top.height], [640, 360]);
    t.strictSame([middle.width, middle.height], [426, 240], 'with square pixels');
    t.strictSame([low.width, low.height], [320, 180]);
    const audioTimescale = mode === 'passed through' ? 44_100 : 48_000;
    t.strictSame([top.timescale, middle.timescale, audio.timescale], [90_000, 90_000, audioTimescale]);
    t.strictSame([top.codec, low.codec, audio.codec], ['avc1', 'avc1', 'mp4a']);

    const times = keyframesOf(top);
    if (mode === 'passed through')
      t.strictSame(times, [10_067, 12_069, 14_071, 16_073], 'where the source has them, B-frames reordered');
    else {
      t.equal(times[0], 10_067);
      t.ok(times.length >= 4 && times.length <= 5, `${times}`);
      for (const [index, time] of times.slice(1, -1).entries()) {
        const apart = (times[index + 2] ?? 0) - time;
        t.ok(Math.abs(apart - 2_000) < 40, `every 2 s: ${apart} ms`);
      }
    }
    t.strictSame(keyframesOf(middle), times, 'all renditions have theirs at the same time');
    t.strictSame(keyframesOf(low), times);
    for (const [id, track] of Object.entries(tracks)) {
      isContinuous(t, id, track);
      const [first] = track.fragments;
      t.ok(first && first.decode > 9.9 && first.decode < 10.2, `${id} begins near 10 s: ${first?.decode}`);
      t.ok(Math.abs(end(track) - 10 - SECONDS) < 0.15, `${id} is complete: it ends at ${end(track)}`);
      t.ok(
        track.fragments.every(({ samples }) => samples === 1),
        'one frame a fragment',
      );
    }
    t.equal(top.fragments.length, middle.fragments.length);
    t.equal(top.fragments.length, low.fragments.length);
    t.ok(Math.abs(endTimeS(audio) - endTimeS(top)) < 0.05, 'audio and video end together');
  });
}

t.test('audio alone and in mono gives one audio rendition', async (t) => {
  const made = await make(t, { audio: { sampleRate: 44_100, channels: 1 } });
  const { run, tracks } = await publish(t, new FakeSource(made.info), made);
  t.strictSame(run?.renditions, [{ id: 'audio', kind: 'audio', passthrough: true }]);
  const { audio } = tracks;
  if (!audio) throw new Error('there is no sound');
  isContinuous(t, 'audio', audio);
  t.ok((audio.fragments[0]?.decode ?? 0) > 9.9 && (audio.fragments[0]?.decode ?? 0) < 10.3);
  t.ok(Math.abs(end(audio) - 10 - SECONDS) < 0.15, `${end(audio)}`);
});

t.test('video alone in portrait gives portrait renditions', async (t) => {
  const made = await make(t, { video: { ...VIDEO, width: 360, height: 640, bFrames: 0 } });
  const { run, tracks } = await publish(t, new FakeSource(made.info), made);
  t.strictSame(
    run?.renditions.map(({ id }) => id),
    ['360p', '240p', '180p'],
  );
  t.strictSame([tracks['240p']?.width, tracks['240p']?.height], [240, 426]);
  t.strictSame(keyframesOf(tracks['180p'] as CmafTrack), keyframesOf(tracks['360p'] as CmafTrack));
});

t.test('announced audio that never arrives does not delay the start', async (t) => {
  const made = await make(t, { video: VIDEO });
  const { run, tracks } = await publish(t, new FakeSource(made.info), {
    ...made,
    has: { audio: true, video: true },
  });
  t.strictSame(
    run?.renditions.map(({ id }) => id),
    ['360p', '240p', '180p'],
  );
  t.equal(keyframesOf(tracks['360p'] as CmafTrack).length, 4);
});

t.test('video that browsers cannot decode is encoded, whatever its keyframes', async (t) => {
  const made = await make(t, { durationS: 3, video: { ...VIDEO, pixelFormat: 'yuv444p' } });
  const { run } = await publish(t, new FakeSource(made.info), made);
  t.equal(run?.renditions[0]?.id, '360p');
  t.equal(run?.renditions[0]?.passthrough, false);
});

t.test('a source of unknown size is passed through without other renditions', async (t) => {
  const made = await make(t, { durationS: 3, video: VIDEO, audio: AUDIO });
  const { run } = await publish(t, new FakeSource({ protocol: 'rtmp', video: { codec: 'h264' } }), made);
  t.strictSame(
    run?.renditions.map(({ id, passthrough }) => [id, passthrough]),
    [
      ['source', true],
      ['audio', true],
    ],
  );
});

t.test('a source that is copied entirely starts no encoder', async (t) => {
  const made = await make(t, { durationS: 3, video: VIDEO, audio: AUDIO });
  const { tracks, lines } = await publish(t, new FakeSource(made.info), made, { ladder: 'off' });
  t.strictSame(encoderPidsOf(lines()), []);
  for (const id of ['360p', 'audio']) {
    isContinuous(t, id, tracks[id] as CmafTrack);
    t.ok(Math.abs(end(tracks[id] as CmafTrack) - 13) < 0.15, `${id} is complete`);
  }
});

t.test('audio that cannot be copied is encoded beside copied video', async (t) => {
  const made = await make(t, { durationS: 3, video: VIDEO, audio: { sampleRate: 96_000, channels: 2 } });
  const { run, tracks } = await publish(t, new FakeSource(made.info), made, { ladder: 'off' });
  t.strictSame(
    run?.renditions.map(({ id, passthrough }) => [id, passthrough]),
    [
      ['360p', true],
      ['audio', false],
    ],
  );
  const { '360p': video, audio } = tracks;
  if (!video || !audio) throw new Error('a rendition is missing');
  t.equal(audio.timescale, 48_000);
  t.ok(Math.abs(startTimeS(audio) - startTimeS(video)) < 0.1, 'they begin together');
  t.ok(Math.abs(endTimeS(audio) - endTimeS(video)) < 0.1, 'and end together');
});

t.test('at 120 frames per second encoders take every other frame, and keyframes stay aligned', async (t) => {
  const made = await make(t, {
    durationS: 4,
    video: { ...VIDEO, rate: '120', bFrames: 0, keyframes: [0, 0.975, 1.975, 3] },
  });
  const { tracks } = await publish(t, new FakeSource(made.info), made, {
    ladder: [{ height: 180, bitrate: 200_000 }],
  });
  const { '360p': top, '180p': low } = tracks;
  if (!top || !low) throw new Error('a rendition is missing');
  t.strictSame(keyframesOf(low), keyframesOf(top));
  t.equal(keyframesOf(low).length, 4);
  t.ok(Math.abs(low.fragments.length - top.fragments.length / 2) < 6, `${low.fragments.length}`);
});
