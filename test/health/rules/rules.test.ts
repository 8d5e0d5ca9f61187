import t from 'tap';
import { type HealthWindow, RULES } from '../../../src/health/rules/index.js';
import { type Metric, SERIES_S } from '../../../src/health/series.js';
import { SourceCounters, type SourceInfo } from '../../../src/media/index.js';

type Values = Partial<Record<Metric, number | ((second: number) => number)>>;

const GOOD: Record<Metric, number | ((second: number) => number)> = {
  videoBitrate: 2_500_000,
  audioBitrate: 128_000,
  frameRate: 30,
  keyframeInterval: 2,
  droppedPictures: 0,
  lateMs: 20,
  roundTripMs: Number.NaN,
  packetLoss: Number.NaN,
  audioLevel: -20,
  avSkewMs: 30,
  leadMs: 0,
  predictedBytes: 300_000,
  predictedPictures: 29,
  audioPeak: -6,
  timestampJumps: 0,
  sizeChanges: 0,
  irregular: 0,
};
const INFO: SourceInfo = {
  protocol: 'rtmp',
  video: { codec: 'h264', width: 1920, height: 1080, profile: 100, bitrate: 2_500_000 },
};

/** Window of good media but for some values, as numbers or by the second. */
function windowOf(
  values: Values,
  { seconds = SERIES_S, source = INFO, intervals = [2_000, 2_000, 2_000, 2_000], notices = {} } = {},
): HealthWindow {
  const counters = new SourceCounters();
  for (const ms of intervals) counters.countKeyframeInterval(ms);
  const last = (metric: Metric, length: number): number[] => {
    const value = values[metric] ?? GOOD[metric];
    const all = Array.from({ length: seconds }, (_, second) =>
      typeof value === 'number' ? value : value(second),
    );
    return all.slice(-length);
  };
  return { source, counters, last, lastInTime: last, notices: new Map(Object.entries(notices)) };
}

/** Codes that are found. */
function found(values: Values, options: Parameters<typeof windowOf>[1] = {}): string[] {
  const window = windowOf(values, options);
  return RULES.filter((rule) => rule.find(window) !== undefined).map(({ code }) => code);
}

t.test('good media have no finding, from the first second on', async (t) => {
  for (const seconds of [1, 2, 5, 11, 31, SERIES_S]) t.same(found({}, { seconds }), [], `${seconds} s`);
  t.same(found({}, { intervals: [] }), []);
});

t.test('every code is unique, and every cure a sentence', async (t) => {
  t.equal(new Set(RULES.map(({ code }) => code)).size, RULES.length);
  for (const { code, cure } of RULES) {
    t.match(code, /^[a-z]+(-[a-z]+)*$/);
    t.match(cure, /^[A-Z].*\.$/, code);
  }
});

t.test('keyframes: 4.1 s apart are not far apart, and one scene cut is not irregular', async (t) => {
  t.same(found({}, { intervals: [4_100] }), []);
  t.same(found({}, { intervals: [4_101] }), ['keyframes-far-apart']);
  t.same(found({}, { intervals: [2_000, 700, 2_000, 2_000, 2_000] }), []);
  t.same(found({}, { intervals: [2_000, 700, 2_000, 1_300, 2_000] }), ['keyframes-irregular']);
  const rtp = { ...INFO, protocol: 'whip' as const };
  t.same(found({}, { intervals: [9_000, 700], source: rtp }), [], 'by WebRTC they come on request');
});

t.test('a bitrate swings that changes between low and high three times a minute', async (t) => {
  const between = (periodS: number, low: number) => (second: number) =>
    second % periodS < periodS / 2 ? 4_000_000 : low;
  t.same(found({ videoBitrate: between(20, 400_000) }), ['bitrate-swings']);
  t.same(found({ videoBitrate: between(20, 2_000_000) }), [], 'by half is no swing');
  t.same(found({ videoBitrate: between(2, 400_000) }), [], 'keyframes every 2 s');
  t.same(found({ videoBitrate: (second) => (second < 270 ? 400_000 : 4_000_000) }), [], 'another scene');
});

t.test('dropped pictures count from five and from one percent', async (t) => {
  t.same(found({ droppedPictures: (second) => (second === 299 ? 4 : 0) }), []);
  t.same(found({ droppedPictures: (second) => (second === 299 ? 8 : 0) }), [], 'less than a percent');
  t.same(found({ droppedPictures: (second) => (second === 299 ? 20 : 0) }), ['pictures-dropped']);
});

t.test('a picture is frozen when ten seconds of pictures have hardly a byte', async (t) => {
  t.same(found({ predictedBytes: 29 * 200 }), ['picture-frozen']);
  t.same(found({ predictedBytes: 29 * 400 }), []);
  t.same(found({ predictedBytes: (second) => (second === 295 ? 300_000 : 29 * 60) }), [], 'something moves');
  t.same(found({ predictedBytes: 29 * 60 }, { seconds: 9 }), []);
});

t.test('sound is silent below -70 dBFS for ten seconds, and not where its level is unknown', async (t) => {
  t.same(found({ audioLevel: -71 }), ['sound-silent']);
  t.same(found({ audioLevel: -69 }), []);
  t.same(found({ audioLevel: Number.NaN }), []);
  t.same(found({ audioLevel: (second) => (second === 291 ? -30 : -100) }), []);
});

t.test('sound clips at full scale in half of the seconds, and loud music does not', async (t) => {
  t.same(found({ audioLevel: -4, audioPeak: 0.2 }), ['sound-clipping']);
  t.same(found({ audioLevel: -12, audioPeak: 0.2 }), []);
  t.same(found({ audioLevel: -4, audioPeak: -1 }), []);
  t.same(found({ audioLevel: (second) => (second % 4 === 0 ? -4 : -20), audioPeak: 0.2 }), []);
  t.same(found({ audioLevel: -2, audioPeak: Number.NaN }), ['sound-clipping'], 'by its level alone');
});

t.test('media are late when they stay 1.5 s behind', async (t) => {
  t.same(found({ lateMs: 1_600 }), ['upload-too-small']);
  t.same(found({ lateMs: (second) => (second > 297 ? 5_000 : 20) }), [], 'a burst of two seconds');
});

t.test('a clock drifts along a straight line; jitter, late media and a settling start do not', async (t) => {
  const jitter = (second: number): number => ((second * 7_919) % 60) - 30;
  t.same(found({ leadMs: (second) => second * 10 }), ['clock-drifts']);
  t.same(found({ leadMs: (second) => -second * 10 }), ['clock-drifts']);
  t.same(found({ leadMs: (second) => second * 1 + jitter(second) / 10 }), ['clock-drifts'], 'by 0.1 %');
  t.same(found({ leadMs: jitter }), []);
  t.same(found({ leadMs: (second) => second * 0.1 + jitter(second) }), [], 'a good clock');
  t.same(found({ leadMs: (second) => -second * 100 }), [], 'a network that is too slow');
  t.same(found({ leadMs: (second) => second * 10 }, { seconds: 24 }), []);
  t.same(found({ leadMs: (second) => (second > 280 ? -(second - 280) * 11 : 0) }), [], 'a queue that fills');
});

t.test('sound and picture are apart from half a second', async (t) => {
  t.same(found({ avSkewMs: -600 }), ['audio-video-apart']);
  t.same(found({ avSkewMs: 450 }), []);
  t.same(found({ avSkewMs: (second) => (second > 297 ? 2_000 : 0) }), [], 'two seconds');
  t.same(found({ avSkewMs: Number.NaN }), []);
});

t.test('loss counts from two percent, a round trip from 300 ms', async (t) => {
  const source = { ...INFO, protocol: 'whip' as const };
  t.same(found({ packetLoss: 0.03, roundTripMs: 300 }, { source }), ['packet-loss', 'round-trip-long']);
  t.same(found({ packetLoss: 0.01, roundTripMs: 250 }, { source }), []);
});

t.test('codecs and profiles that not every browser plays are found', async (t) => {
  const video = (codec: NonNullable<SourceInfo['video']>['codec'], profile?: number) => ({
    video: { codec, ...(profile === undefined ? {} : { profile }) },
  });
  for (const profile of [66, 77, 100])
    t.same(found({}, { source: { protocol: 'rtmp', ...video('h264', profile) } }), []);
  for (const profile of [110, 122, 244])
    t.same(found({}, { source: { protocol: 'rtmp', ...video('h264', profile) } }), ['codec-not-played']);
  for (const codec of ['hevc', 'av1', 'vp9'] as const)
    t.same(found({}, { source: { protocol: 'rtmp', ...video(codec) } }), ['codec-not-played'], codec);
  t.same(found({}, { source: { protocol: 'whip', ...video('vp8') } }), []);
  t.same(found({}, { source: { protocol: 'whip', ...video('vp9') } }), []);
  t.same(found({}, { source: { protocol: 'whip', ...video('av1') } }), ['codec-not-played']);
});

t.test('notices of other modules are findings with a cure', async (t) => {
  const notices = {
    shed: 'x',
    ingest: 'x',
    memory: 'x',
    webrtc: 'x',
    hls: 'x',
    recording: 'x',
    'source-tracks': 'x',
  };
  t.same(found({}, { notices }), [
    'rendition-shed',
    'server-busy',
    'server-memory',
    'webrtc-unavailable',
    'hls-unavailable',
    'not-recorded',
    'tracks-left-out',
  ]);
  t.same(found({}, { notices: { keyframes: 'x', 'a new topic': 'x' } }), []);
});
