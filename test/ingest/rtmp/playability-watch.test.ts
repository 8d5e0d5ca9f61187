import t from 'tap';
import {
  AAC_44100,
  avcHeader,
  begun,
  type Feeding,
  feeding,
  INTER,
  KEY,
  SOUND,
} from '../../support/publishers/rtmp-demuxer-fixture.js';

/** Maximum wait until a stream that cannot be played is refused, ms. */
const REFUSED_WITHIN_MS = 30_000;
const STEP_MS = 500;
/** SEI with a recovery point after so many frames (annex D.1.8): none, or 5. */
const OPEN_GOP = Buffer.from([0, 0, 0, 5, 6, 6, 1, 0xc4, 0x80]);
const GRADUAL = Buffer.from([0, 0, 0, 5, 6, 6, 1, 0x32, 0x80]);

/** Builds an inter frame with an SEI before it. */
const withSei = (sei: Buffer): Buffer => Buffer.concat([INTER.subarray(0, 5), sei, INTER.subarray(5)]);

/** Sends messages in real time. @returns ms until the stream was refused; undefined if it was not */
async function sendFor(
  { demuxer, clock, refusals }: Feeding,
  durationMs: number,
  { video, audio }: { video?: (i: number) => Buffer; audio?: (i: number) => Buffer },
  fromMs = 0,
): Promise<number | undefined> {
  for (let ms = 0; ms <= durationMs; ms += STEP_MS) {
    if (video) demuxer.video(fromMs + ms, Buffer.from(video(ms / STEP_MS)));
    if (audio) demuxer.audio(fromMs + ms + 5, Buffer.from(audio(ms / STEP_MS)));
    if (refusals.length > 0) return ms;
    await clock.advance(STEP_MS);
  }
  return undefined;
}

const CUT = KEY.subarray(0, 7);
const UNUSED = Buffer.from([0x57, 0]);

for (const [title, prepare, media, cure] of [
  [
    'video without a keyframe',
    [avcHeader()],
    { video: () => INTER },
    /No keyframe.*keyframe interval of 2 s/,
  ],
  [
    'video without a keyframe beside audio',
    [avcHeader()],
    { video: () => INTER, audio: () => SOUND },
    /No keyframe/,
  ],
  ['video without parameter sets', [], { video: () => KEY }, /SPS and PPS.*start it again/],
  [
    'video that cannot be read',
    [avcHeader()],
    { video: () => CUT },
    /cannot be read: choose another video encoder/,
  ],
  ['configurations alone', [], { video: () => avcHeader() }, /cannot be read/],
  ['commands alone', [], { video: () => UNUSED }, /Neither video nor audio.*choose H\.264 and AAC/],
  ['AAC alone without its configuration', [], { audio: () => SOUND }, /has not sent its AAC configuration/],
  ['empty audio alone', [], { audio: () => AAC_44100.subarray(0, 2) }, /Neither video nor audio/],
  [
    'intra refresh without a keyframe',
    [avcHeader()],
    { video: (i: number) => (i % 4 === 0 ? withSei(GRADUAL) : INTER) },
    /switch off intra refresh/,
  ],
] as const) {
  t.test(`${title} is refused within 30 s in a sentence that names the cure`, async (t) => {
    const fed = feeding();
    for (const header of prepare) fed.demuxer.video(0, header);
    const refusedAt = await sendFor(fed, REFUSED_WITHIN_MS, media);
    t.ok(refusedAt !== undefined && refusedAt > 20_000, `after ${refusedAt} ms`);
    t.equal(fed.refusals.length, 1);
    t.match(fed.refusals[0], cure);
  });
}

t.test('video that becomes unreadable is refused although its audio goes on', async (t) => {
  const fed = begun(0);
  const refusedAt = await sendFor(
    fed,
    60_000,
    { video: (i) => (i < 20 ? INTER : CUT), audio: () => SOUND },
    40,
  );
  t.ok(refusedAt !== undefined && refusedAt < 10_000 + REFUSED_WITHIN_MS, `after ${refusedAt} ms`);
  t.match(fed.refusals, [/cannot be read/]);
});

for (const [title, sei] of [
  ['open GOP', OPEN_GOP],
  ['intra refresh', GRADUAL],
] as const)
  t.test(`${title} after one keyframe sets a notice, which a keyframe clears`, async (t) => {
    const fed = begun(0);
    const video = (i: number): Buffer => (i % 4 === 0 ? withSei(sei) : INTER);
    t.equal(await sendFor(fed, 40_000, { video, audio: () => SOUND }, 40), undefined);
    t.match(fed.publication.notices.get('source-keyframes'), /switch off open GOP and intra refresh/);
    fed.demuxer.video(41_000, Buffer.from(KEY));
    t.equal(fed.publication.notices.size, 0);
  });

t.test('a pause of the video is no wait for a keyframe', async (t) => {
  const fed = begun(0);
  await sendFor(fed, 20_000, { video: () => INTER, audio: () => SOUND }, 40);
  await sendFor(fed, 60_000, { audio: () => SOUND }, 20_600);
  t.equal(await sendFor(fed, 2_000, { video: () => INTER, audio: () => SOUND }, 81_200), undefined);
  t.equal(fed.publication.notices.size, 0);
});

t.test('video that begins after a minute of audio is not refused', async (t) => {
  const fed = feeding();
  fed.demuxer.audio(0, Buffer.from(AAC_44100));
  await sendFor(fed, 60_000, { audio: () => SOUND });
  fed.demuxer.video(60_500, avcHeader());
  const refusedAt = await sendFor(
    fed,
    2_000,
    { video: (i) => (i === 2 ? KEY : INTER), audio: () => SOUND },
    60_500,
  );
  t.equal(refusedAt, undefined);
  t.match(fed.publication.timelines.at(-1), { has: { audio: true, video: true } });
});

t.test(
  'AAC without its configuration beside video sets a notice, until the configuration comes',
  async (t) => {
    const fed = feeding();
    fed.demuxer.video(0, avcHeader());
    const video = (i: number): Buffer => (i % 4 === 0 ? KEY : INTER);
    t.equal(await sendFor(fed, 6_000, { video, audio: () => SOUND }), undefined);
    t.match(fed.publication.notices.get('source-audio'), /has not sent its AAC configuration/);
    t.match(fed.publication.timelines, [{ has: { audio: false, video: true } }]);
    fed.demuxer.audio(6_400, Buffer.from(AAC_44100));
    await sendFor(fed, 3_000, { video, audio: () => SOUND }, 6_500);
    t.equal(fed.publication.notices.size, 0);
    t.match(fed.publication.timelines[1], { has: { audio: true, video: true } });
  },
);

t.test('a source faster than real time is paused and told so, and a punctual one is not', async (t) => {
  for (const speed of [1, 4]) {
    const { demuxer, publication, clock } = begun(0);
    let pauses = 0;
    let aheadMs = 0;
    const startedAt = clock.monotonic();
    for (let ms = 40; ms < 60_000; ms += 40) {
      demuxer.video(ms, Buffer.from(ms % 2_000 === 0 ? KEY : INTER));
      aheadMs = Math.max(aheadMs, ms - (clock.monotonic() - startedAt));
      if (publication.paused) pauses++;
      while (publication.paused) await clock.advance(100);
      await clock.advance(40 / speed);
    }
    if (speed === 1) t.equal(pauses, 0);
    else t.ok(pauses > 5, `${pauses} pauses`);
    t.ok(aheadMs < 4_000, `${aheadMs} ms ahead at most`);
    t.equal(publication.notices.has('source-pace'), speed > 1);
    if (speed > 1) t.match(publication.notices.get('source-pace'), /faster than real time.*-re/);
    demuxer.close();
    t.equal(publication.paused, false);
  }
});
