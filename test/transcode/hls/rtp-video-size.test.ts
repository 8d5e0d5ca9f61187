import t from 'tap';
import type { VideoSource } from '../../../src/media/index.js';
import { systemClock } from '../../../src/platform/index.js';
import { RtpVideoFormatChoice } from '../../../src/transcode/hls/rtp-video-size.js';
import { startTranscoderFixture, untilLongRenditionHas } from '../../support/fixtures/transcoder-fixture.js';
import { type RtpCodec, startWhipSource } from '../../support/media/rtp/rtp-source.js';

const MINUTE_MS = 60_000;

function sent(width: number, height: number, frameRate = 30): VideoSource {
  return { codec: 'vp8', width, height, frameRate };
}

const PICTURES: [seen: { width?: number; height?: number; frameRate?: number } | undefined, made: string][] =
  [
    [undefined, '1280x720@30'],
    [{ frameRate: 14 }, '1280x720@30'],
    [{ width: 320, height: 180, frameRate: 12 }, '1280x720@30'],
    [{ width: 320, height: 240, frameRate: 29.9 }, '960x720@30'],
    [{ width: 360, height: 640 }, '720x1280@30'],
    [{ width: 1920, height: 1080, frameRate: 59.2 }, '1920x1080@60'],
    [{ width: 1280, height: 720, frameRate: 25.4 }, '1280x720@25'],
    [{ width: 1280, height: 720, frameRate: 52.5 }, '1280x720@60'],
    [{ width: 16_383, height: 1 }, '1280x720@30'],
    [{ width: 65_535, height: 65_535 }, '1280x720@30'],
    [{ width: 4_096, height: 16 }, '4096x16@30'],
    [{ width: 64, height: 16 }, '2880x720@30'],
    [{ width: Number.NaN, height: Infinity, frameRate: Number.NaN }, '1280x720@30'],
    [{ width: -640, height: -360, frameRate: -1 }, '1280x720@30'],
  ];

t.test('a ladder is chosen for the expected size', async (t) => {
  for (const [seen, made] of PICTURES) {
    const choice = new RtpVideoFormatChoice();
    const { width, height, frameRate } = choice.choose(seen && { codec: 'vp8', ...seen });
    t.equal(`${width}x${height}@${frameRate}`, made);
  }
});

t.test('a smaller size keeps the ladder, and a larger or rotated one changes it', async (t) => {
  for (const [width, height, frameRate, size] of [
    [640, 360, 30, undefined],
    [1280, 720, 15, undefined],
    [1400, 800, 30, undefined],
    [1920, 1080, 30, 'larger'],
    [720, 1280, 30, 'larger'],
    [1280, 720, 60, 'larger'],
  ] as const) {
    const choice = new RtpVideoFormatChoice();
    choice.choose(sent(1280, 720));
    const video = sent(width, height, frameRate);
    t.equal(choice.compare(video, 0), undefined);
    t.equal(choice.compare(video, 5_000), size, `${width}x${height}@${frameRate}`);
    choice.choose(video);
    for (const at of [6_000, 30_000]) t.equal(choice.compare(video, at), undefined, 'and then it is enough');
  }
});

t.test('a size that stays larger gets a better ladder', async (t) => {
  const choice = new RtpVideoFormatChoice();
  choice.choose(sent(320, 180));
  t.equal(choice.compare(sent(1280, 720), 0), undefined);
  t.equal(choice.compare(sent(1920, 1080), 1_000), undefined);
  t.equal(choice.compare(sent(1280, 720), 5_000), undefined, 'it was for a moment');
  t.equal(choice.compare(sent(1920, 1080), 5_500), undefined);
  t.equal(choice.compare(undefined, 6_000), undefined, 'nothing is known');
  t.equal(choice.compare(sent(1920, 1080), 10_500), 'larger');
  t.strictSame(choice.choose(sent(1920, 1080)), { width: 1920, height: 1080, frameRate: 30, lines: 1080 });
  t.equal(choice.compare(sent(320, 180), 20 * MINUTE_MS), undefined, 'it does not shrink: networks recover');
});

t.test('a size that stays small ends upscaling, and may grow again', async (t) => {
  const choice = new RtpVideoFormatChoice();
  choice.choose(sent(320, 180));
  for (let at = 0; at < MINUTE_MS; at += 500)
    t.equal(choice.compare(at < 10_000 ? sent(320, 180) : sent(640, 360), at), undefined);
  t.equal(choice.compare(sent(320, 180), MINUTE_MS), 'smaller');
  const small = { width: 640, height: 360, frameRate: 30, lines: 720 };
  t.strictSame(choice.choose(sent(320, 180)), small, 'the largest it was, under the name that players know');
  t.equal(choice.compare(sent(320, 180), 2 * MINUTE_MS), undefined);
  t.equal(choice.compare(sent(1280, 720), 3 * MINUTE_MS), undefined);
  t.equal(choice.compare(sent(1280, 720), 3 * MINUTE_MS + 5_000), 'larger');
  t.strictSame(choice.choose(sent(1280, 720)), { ...small, width: 1280, height: 720 });
});

t.test('a size near a common one keeps its ladder', async (t) => {
  const choice = new RtpVideoFormatChoice();
  choice.choose(sent(960, 640));
  for (const at of [0, MINUTE_MS, 2 * MINUTE_MS]) t.equal(choice.compare(sent(960, 640), at), undefined);
});

t.test('a camera that stays small gets a ladder of its size, and players continue', async (t) => {
  let ahead = 0;
  const clock = { ...systemClock, monotonic: () => performance.now() + ahead };
  const { broadcast, subscription, lines } = await startTranscoderFixture(t, { clock });
  const small = { codec: 'vp8' as RtpCodec, width: 640, height: 360 };
  const source = await startWhipSource(t, small);
  subscription.publicationStarted?.(source);
  source.restart(Date.now(), { audio: true, video: true });
  // Before there is an encoder: none of those that run is taken to have stood still.
  ahead = MINUTE_MS;
  const second = await untilLongRenditionHas(broadcast, 1, '720p', 2);
  t.strictSame([second.width, second.height], [640, 360]);
  t.strictSame(
    lines().flatMap(({ size }) => size ?? []),
    ['smaller'],
  );
  t.strictSame(
    broadcast.runs.map(({ renditions }) => renditions.map(({ id }) => id)),
    Array(2).fill(['720p', '240p', '180p', 'audio']),
  );
  source.end('publisher-left');
  await subscription.broadcastEnded('grace-expired');
});
