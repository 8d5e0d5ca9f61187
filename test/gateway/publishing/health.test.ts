import t from 'tap';
import { slowFfmpeg } from '../../support/fakes/slow-ffmpeg.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { type FileTag, readFlv } from '../../support/media/flv-file.js';
import { appended, isPicture } from '../../support/media/odd-tags.js';
import { assertFinding, healthOf } from '../../support/publishers/ingest-health.js';
import { publishTags, type TimedTag } from '../../support/publishers/rtmp-tag-publisher.js';
import { until } from '../../support/until.js';

const DURATION_S = 34;
const RATE = 30;
const GROUP = 60;
const TONE = "aevalsrc='0.2*sin(2*PI*440*t)':s=48000";
const MOVING = `testsrc2=size=320x180:rate=${RATE}`;

/** Encodes media of 320x180 with a keyframe every 2 s and a tone, or with a fault. */
async function media({
  video = MOVING,
  audio = TONE,
  encoder = [],
}: {
  video?: string;
  audio?: string;
  encoder?: string[];
} = {}): Promise<FileTag[]> {
  return await readFlv([
    ...['-f', 'lavfi', '-i', video, '-f', 'lavfi', '-i', audio, '-t', String(DURATION_S)],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-bf', '0', '-sc_threshold', '0'],
    ...['-g', String(GROUP), '-keyint_min', '1', '-b:v', '300k', ...encoder, '-c:a', 'aac', '-b:a', '64k'],
  ]);
}

const GOOD = await media();
const REORDERED = await media({ encoder: ['-bf', '2'] });

/** Sends tags at their times, but with other timestamps. */
function retimed(tags: readonly FileTag[], timestamp: (tag: FileTag) => number): TimedTag[] {
  return tags.map((tag) => ({ ...tag, sentAtMs: tag.timestamp, timestamp: Math.round(timestamp(tag)) }));
}

/** Sends tags at other times than their timestamps. */
function delayed(tags: readonly FileTag[], factor: number): TimedTag[] {
  return tags.map((tag) => ({ ...tag, sentAtMs: tag.timestamp * factor }));
}

/** Keeps the pictures whose place in their group is accepted. */
function thinned(tags: readonly FileTag[], keeps: (place: number) => boolean): FileTag[] {
  let picture = 0;
  return tags.filter((tag) => !isPicture(tag) || keeps(picture++ % GROUP));
}

const UNEVEN = new Set([0, 1, 4, 6, 11, 12, 16, 19, 25, 26, 28, 33, 35, 41, 45, 46, 49, 54, 56]);
const JUMP_AT_MS = 10_000;
const JUMP_MS = 3_600_000;

const FAULTS: Record<string, [tags: readonly TimedTag[], code: string | undefined, message?: RegExp]> = {
  'without a fault': [GOOD, undefined],
  'with keyframes every 5 s': [await media({ encoder: ['-g', '150'] }), 'keyframes-far-apart', /5 s apart/],
  'with keyframes at irregular intervals': [
    await media({
      encoder: [
        '-g',
        '300',
        '-force_key_frames',
        'expr:eq(mod(n,120),0)+eq(mod(n,120),90)+eq(mod(n,240),30)',
      ],
    }),
    'keyframes-irregular',
    /of 1 s to 3 s/,
  ],
  'whose bitrate swings': [
    await media({
      video: `${MOVING},noise=alls=40:allf=t:enable='lt(mod(t,8),4)'`,
      encoder: ['-b:v', '0', '-crf', '32'],
    }),
    'bitrate-swings',
  ],
  'that arrives too slowly': [delayed(GOOD, 1.2), 'upload-too-small', /late/],
  'that is faster than real time': [delayed(GOOD, 0.6), 'faster-than-real-time'],
  'whose encoder drops pictures': [
    thinned(GOOD, (place) => place < 20 || place >= 26),
    'pictures-dropped',
    // The half minute may begin within a group of pictures.
    /(9|10|11) %/,
  ],
  'with a frozen picture': [await media({ video: `color=navy:size=320x180:rate=${RATE}` }), 'picture-frozen'],
  'with silence': [await media({ audio: 'anullsrc=r=48000' }), 'sound-silent'],
  'with sound that clips': [
    await media({ audio: "aevalsrc='clip(4*sin(2*PI*440*t),-1,1)':s=48000" }),
    'sound-clipping',
  ],
  'without sound': [GOOD.filter(({ kind }) => kind !== 'audio'), 'sound-missing'],
  'without a picture': [GOOD.filter(({ kind }) => kind !== 'video'), 'picture-missing'],
  'whose sound is timed 0.9 s late': [
    retimed(GOOD, ({ kind, timestamp }) => timestamp + (kind === 'audio' ? 900 : 0)),
    'audio-video-apart',
    /0\.9 s after/,
  ],
  'whose timestamps jump': [
    retimed(GOOD, ({ timestamp }) => timestamp + (timestamp > JUMP_AT_MS ? JUMP_MS : 0)),
    'timestamps-jump',
  ],
  'whose clock is fast': [
    retimed(GOOD, ({ timestamp }) => timestamp * 1.015),
    'clock-drifts',
    /fast by 1\.\d+ %/,
  ],
  'with a variable frame rate': [thinned(GOOD, (place) => UNEVEN.has(place)), 'frame-rate-variable'],
  'whose resolution changes': [
    appended(
      GOOD.filter(({ timestamp }) => timestamp < JUMP_AT_MS),
      await media({ video: `testsrc2=size=240x136:rate=${RATE}` }),
      JUMP_AT_MS,
    ),
    'resolution-changed',
    /240x136/,
  ],
  'with B-frames': [REORDERED, 'b-frames', /do no harm/],
  'of H.264 that browsers do not play': [
    await media({ encoder: ['-pix_fmt', 'yuv444p'] }),
    'codec-not-played',
    /profile/,
  ],
};

const gateway = await startGatewayProcess(t, { LADDER: 'off' });
t.jobs = Object.keys(FAULTS).length + 2;

for (const [title, [tags, code, message]] of Object.entries(FAULTS))
  t.test(`a source ${title} is found to have ${code ?? 'no fault'}, and nothing else`, async (t) => {
    const livestream = await gateway.createLivestream();
    await publishTags(t, gateway, livestream, tags);
    const isWatched = code === undefined || code.startsWith('sound-');
    await assertFinding(t, gateway, livestream, code, { isWatched, ...(message && { message }) });
  });

t.test('a rendition that is left out because the server is slow is found, and nothing else', async (t) => {
  const slow = slowFfmpeg(t.testdir(), 'libx264', 0.5);
  const busy = await startGatewayProcess(t, { LADDER: '144:150k,96:80k', FFMPEG_PATH: slow });
  const livestream = await busy.createLivestream();
  await publishTags(t, busy, livestream, GOOD);
  await assertFinding(t, busy, livestream, 'rendition-shed', { message: /144p.* left out/ });
});

t.test('findings are read after the end of the broadcast, and a later one has none of them', async (t) => {
  const livestream = await gateway.createLivestream();
  const client = await publishTags(t, gateway, livestream, REORDERED);
  const running = await until('B-frames are found', async () => {
    const health = await healthOf(gateway, livestream);
    return health.findings.length > 0 && health;
  });
  await gateway.untilLive(livestream);
  await gateway.api('POST', `/${livestream.streamId}/end`, {});
  client.destroy();
  const ended = await healthOf(gateway, livestream);
  t.equal(ended.broadcast?.id, running.broadcast?.id);
  t.ok(ended.broadcast?.endedAt);
  t.match(ended, { findings: [], pastFindings: [{ code: 'b-frames' }] });
  t.equal(ended.series.at.length, 0, 'measurements are not kept');
});
