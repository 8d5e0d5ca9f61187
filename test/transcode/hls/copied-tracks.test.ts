import t from 'tap';
import { AAC_FRAME_SAMPLES, type FlvTag, type Sample, silentAacFrame } from '../../../src/media/index.js';
import { CopiedTracks, isCopyableAac, isCopyableAvc } from '../../../src/transcode/hls/copied-tracks.js';
import { CopiedRun } from '../../support/media/copied-run.js';
import { createTestMedia } from '../../support/media/flv-media.js';

const SAMPLE_RATE = 48_000;
const FRAME_MS = (AAC_FRAME_SAMPLES * 1000) / SAMPLE_RATE;
/** AudioSpecificConfig: AAC-LC, 48 kHz, stereo. */
const AUDIO_HEADER = tag('audio', 0, { header: true, body: Buffer.from([0xaf, 0, 0x11, 0x90]) });

function tag(kind: FlvTag['kind'], timestamp: number, more: Partial<FlvTag> = {}): FlvTag {
  return { kind, timestamp, body: Buffer.from([0xaf, 1, 9, 9]), header: false, keyframe: false, ...more };
}

/** Frame with a composition time, ms, and a number as its data. */
function picture(timestamp: number, compositionMs: number, more: Partial<FlvTag> = {}): FlvTag {
  const body = Buffer.alloc(9);
  body.writeIntBE(compositionMs, 2, 3);
  body.writeUInt32BE(timestamp, 5);
  return tag('video', timestamp, { body, ...more });
}

const { tags } = await createTestMedia({
  ...{ file: `${t.testdir()}/media.flv`, durationS: 1 },
  ...{ video: { width: 320, height: 180, rate: '30', bFrames: 2, keyframes: 1 } },
  ...{ audio: { sampleRate: SAMPLE_RATE, channels: 2 } },
});
const VIDEO_HEADER = tags.find(({ kind, header }) => kind === 'video' && header)!;

function copy(given: FlvTag[], { video = true, audio = true, offset = 10_000 } = {}): CopiedRun {
  const run = new CopiedRun();
  const copied = new CopiedTracks(run, {
    ...{ video: video ? { id: 'video', header: VIDEO_HEADER } : undefined },
    ...{ audio: audio ? { id: 'audio', header: AUDIO_HEADER } : undefined, offset },
  });
  for (const one of given) copied.write(one);
  copied.end();
  return run;
}

const timesMs = (samples: Sample[], timescale: number): number[] =>
  samples.map(({ decodeTime }) => Math.round((decodeTime * 1000) / timescale));
const isSilence = ({ data }: Sample): boolean => data.equals(silentAacFrame(2)!);
/** Whether every sample begins where the previous one ends. */
function isContinuous(samples: Sample[]): boolean {
  return samples.every(
    ({ decodeTime }, index) =>
      index === 0 || decodeTime === samples[index - 1]!.decodeTime + samples[index - 1]!.duration,
  );
}

/** Audio tags with rounded timestamps from a time on, ms. */
function sounds(fromMs: number, untilMs: number, frameMs = FRAME_MS): FlvTag[] {
  const count = Math.round((untilMs - fromMs) / frameMs);
  return Array.from({ length: count }, (_, index) => tag('audio', Math.round(fromMs + index * frameMs)));
}

/** Video tags at 25 frames per second. */
function pictures(fromMs: number, untilMs: number): FlvTag[] {
  return Array.from({ length: (untilMs - fromMs) / 40 }, (_, index) =>
    picture(fromMs + index * 40, 0, { keyframe: index % 25 === 0 }),
  );
}

/** Tags in the order in which an encoder sends them. */
function interleaved(...kinds: FlvTag[][]): FlvTag[] {
  return kinds.flat().sort((a, b) => a.timestamp - b.timestamp);
}

t.test(
  'B-frames keep their times, but that a run begins with a frame that is presented at once',
  async (t) => {
    const run = copy(tags, { audio: false, offset: 500 });
    const frames = tags.filter(({ kind, header }) => kind === 'video' && !header);
    const samples = run.samplesOf('video');
    t.strictSame(
      samples.map(({ decodeTime, compositionOffset, sync, data }) => [
        ...[(decodeTime + compositionOffset) / 90 - 500, sync, data.toString('hex')],
      ]),
      frames.map(({ timestamp, keyframe, body }) => [
        ...[timestamp + body.readIntBE(2, 3), keyframe, body.subarray(5).toString('hex')],
      ]),
    );
    const delayMs = frames[0]!.body.readIntBE(2, 3);
    t.ok(delayMs > 33, 'the source has B-frames');
    t.match(samples[0], { compositionOffset: 0, decodeTime: (500 + delayMs) * 90 });
    t.ok(samples.every(({ duration, compositionOffset }) => duration > 0 && compositionOffset >= 0));
    t.ok(samples[0]!.duration > 25 * 90, 'the first frame tells the duration of a part');
    const late = samples.findIndex(
      ({ decodeTime }, index) => decodeTime / 90 - 500 === frames[index]!.timestamp,
    );
    t.ok(late <= 3, 'frames are decoded as in the source soon');
    t.strictSame(
      samples.slice(late).map(({ decodeTime }) => decodeTime / 90 - 500),
      frames.slice(late).map(({ timestamp }) => timestamp),
    );
    t.ok(samples.some(({ compositionOffset }) => compositionOffset > 0));
    t.ok(isContinuous(samples), 'a frame lasts until the next');
    t.equal(samples.at(-1)?.duration, samples.at(-2)?.duration, 'the last as long as the one before');
  },
);

t.test('negative composition times are kept, and absurd ones bounded', async (t) => {
  const run = copy([
    picture(0, -40, { keyframe: true }),
    picture(40, 80),
    picture(80, -8_000_000),
    picture(120, 8_000_000),
  ]);
  t.strictSame(
    run.samplesOf('video').map(({ compositionOffset }) => compositionOffset / 90),
    [-40, 80, -16_000, 16_000],
  );
});

t.test('frames of one timestamp follow each other and keep their presentation time', async (t) => {
  const run = copy([
    picture(0, 0, { keyframe: true }),
    picture(33, 33),
    picture(33, 0),
    picture(33, 66),
    picture(66, 0),
  ]);
  const samples = run.samplesOf('video');
  t.strictSame(timesMs(samples, 90_000), [10_000, 10_033, 10_034, 10_035, 10_066]);
  t.strictSame(
    samples.map(({ decodeTime, compositionOffset }) => (decodeTime + compositionOffset) / 90 - 10_000),
    [0, 66, 33, 99, 66],
  );
  t.ok(isContinuous(samples));
});

t.test('rounded timestamps do not make audio jitter', async (t) => {
  const samples = copy(sounds(7, 20_000), { video: false }).samplesOf('audio');
  t.ok(isContinuous(samples));
  t.ok(samples.every(({ duration, sync }) => duration === AAC_FRAME_SAMPLES && sync));
  t.notOk(samples.some(isSilence));
  t.strictSame(timesMs(samples, SAMPLE_RATE).slice(0, 2), [10_007, 10_028]);
});

t.test('audio with a jitter of 40 ms stays continuous', async (t) => {
  const shaken = sounds(0, 10_000).map((one, index) => ({
    ...one,
    timestamp: one.timestamp + (index % 3) * 20,
  }));
  const samples = copy(shaken, { video: false }).samplesOf('audio');
  t.ok(isContinuous(samples));
  t.equal(samples.length, shaken.length);
  t.notOk(samples.some(isSilence));
});

t.test('a gap in audio is filled with silence when audio returns', async (t) => {
  const samples = copy([...sounds(0, 1_000), ...sounds(3_000, 4_000)], { video: false }).samplesOf('audio');
  t.ok(isContinuous(samples));
  const silence = samples.filter(isSilence);
  t.ok(Math.abs(silence.length * FRAME_MS - 2_000) < FRAME_MS + 1, `${silence.length} frames`);
  const returned = samples[samples.findLastIndex(isSilence) + 1]!;
  const lateMs = (returned.decodeTime * 1000) / SAMPLE_RATE - 13_000;
  t.ok(Math.abs(lateMs) <= FRAME_MS, `audio returns ${lateMs} ms from its time`);
});

t.test('a gap longer than 30 s is left', async (t) => {
  const samples = copy([...sounds(0, 1_000), ...sounds(33_000, 34_000)], { video: false }).samplesOf('audio');
  t.notOk(samples.some(isSilence));
  t.ok(timesMs(samples, SAMPLE_RATE).includes(43_000));
});

t.test('audio that repeats what was copied is dropped', async (t) => {
  const samples = copy([...sounds(0, 2_000), ...sounds(1_000, 3_000)], { video: false }).samplesOf('audio');
  t.ok(isContinuous(samples));
  t.ok(Math.abs(samples.length * FRAME_MS - 3_000) < 150, `${samples.length} frames`);
});

t.test('audio that stops is replaced by silence while video goes on', async (t) => {
  const run = copy(interleaved(sounds(0, 2_000), pictures(0, 6_000)));
  const samples = run.samplesOf('audio');
  t.ok(isContinuous(samples));
  const endMs = (samples.at(-1)!.decodeTime * 1000) / SAMPLE_RATE + FRAME_MS - 10_000;
  t.ok(endMs > 5_500 && endMs < 6_000, `it ends at ${endMs} ms`);
});

t.test('audio that comes in bursts loses at most the first', async (t) => {
  const burst = (at: number): FlvTag[] =>
    sounds(at - 1_600, at).map((one) => ({ ...one, arrivesAt: at }) as FlvTag & { arrivesAt: number });
  const order = (one: FlvTag): number => (one as { arrivesAt?: number }).arrivesAt ?? one.timestamp;
  const bursts = Array.from({ length: 10 }, (_, index) => burst((index + 1) * 1_600)).flat();
  const given = [...bursts, ...pictures(0, 16_000)].sort((a, b) => order(a) - order(b));
  const samples = copy(given).samplesOf('audio');
  t.ok(isContinuous(samples));
  const silent = timesMs(samples.filter(isSilence), SAMPLE_RATE);
  t.ok(silent.length > 0);
  t.ok(Math.max(...silent) < 10_000 + 6_400, `silence until ${Math.max(...silent)} ms`);
});

for (const [name, rate] of [
  ['fast', 1.001],
  ['slow', 0.999],
] as const)
  t.test(`audio of a ${name} clock stays with its timestamps`, async (t) => {
    const samples = copy(sounds(0, 300_000, FRAME_MS * rate), { video: false }).samplesOf('audio');
    t.ok(isContinuous(samples));
    const last = samples.at(-1)!;
    const apart = (last.decodeTime * 1000) / SAMPLE_RATE - 10_000 - 300_000;
    t.ok(Math.abs(apart) < 3 * FRAME_MS, `${apart} ms after 5 minutes`);
    const expected = Math.round(300_000 / (FRAME_MS * rate));
    // A thousandth of five minutes is 300 ms: 14 frames of silence more, or 14 frames less.
    t.ok(Math.abs(Math.abs(samples.length - expected) - 14) <= 2, `${samples.length - expected} frames`);
  });

t.test('headers, scripts and empty tags are not copied', async (t) => {
  const run = copy([
    ...[VIDEO_HEADER, AUDIO_HEADER, tag('script', 0)],
    ...[tag('video', 0, { body: Buffer.alloc(5) }), tag('audio', 0, { body: Buffer.alloc(2) })],
  ]);
  t.strictSame(run.samplesOf('video'), []);
  t.strictSame(run.samplesOf('audio'), []);
});

t.test('only AAC-LC of one or two channels at 16 to 48 kHz can be copied', async (t) => {
  const copyable = (...bytes: number[]): boolean =>
    isCopyableAac(tag('audio', 0, { header: true, body: Buffer.from([0xaf, 0, ...bytes]) }));
  t.ok(copyable(0x11, 0x90), '48 kHz stereo');
  t.ok(copyable(0x12, 0x08), '44.1 kHz mono');
  t.ok(copyable(0x12, 0x10, 0x56, 0xe5, 0x00), 'with the absence of SBR');
  t.notOk(copyable(0x12, 0x30), '5.1');
  t.notOk(copyable(0x12, 0x00), 'a program config element');
  t.notOk(copyable(0x12, 0x14), '960 samples a frame');
  t.notOk(copyable(0x2b, 0x92, 0x08, 0x00), 'HE-AAC');
  t.notOk(copyable(0x0a, 0x10), 'AAC Main');
  t.notOk(copyable(0x10, 0x10), '96 kHz');
  t.notOk(copyable(0x15, 0x88), '8 kHz');
  t.notOk(copyable(0x17, 0x80, 0x5d, 0xc0, 0x10), 'an explicit rate');
  t.notOk(copyable(0x12));
  t.notOk(isCopyableAac(undefined));
});

t.test('H.264 with an unreadable configuration cannot be copied', async (t) => {
  t.ok(isCopyableAvc(VIDEO_HEADER));
  t.notOk(isCopyableAvc(undefined));
  for (let length = 0; length < 20; length++)
    t.notOk(isCopyableAvc({ ...VIDEO_HEADER, body: VIDEO_HEADER.body.subarray(0, length) }));
});
