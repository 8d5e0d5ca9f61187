import t from 'tap';
import { parseDirectives } from '../src/egress/hls/delivery-directives.js';
import { FRAME_RATE, SourceMeter } from '../src/ingest/rtmp/source-meter.js';
import { ebmlSize, ebmlUnsigned } from '../src/media/matroska/ebml.js';
import { readRemb } from '../src/media/rtp/rtcp-reader.js';
import { receiverEstimatedBitrate } from '../src/media/rtp/rtcp-writer.js';
import { SegmentGrid } from '../src/packager/segment-grid.js';
import { finiteWithin, idBoundary, isUuid, parseRange, systemClock } from '../src/platform/index.js';
import { chooseLadder, DEFAULT_LADDER, MAXIMUM_FRAME_RATE } from '../src/transcode/hls/ladder.js';
import { RtpVideoFormatChoice } from '../src/transcode/hls/rtp-video-size.js';
import { seededRandom } from './support/media/seeded-random.js';

const ROUNDS = 500;
const ABSURD = [0, -0, 1, -1, 0.05, 1e-300, -1e300, 1e300, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 64];
const NOT_FINITE = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
const random = seededRandom(20_261_129);

/** Returns an extreme number, or one of any magnitude. */
function absurd(): number {
  const numbers = [...ABSURD, ...NOT_FINITE];
  const chosen = Math.floor(random() * (numbers.length + 4));
  return numbers[chosen] ?? (random() - 0.5) * 10 ** Math.floor(random() * 20);
}

/** Runs `check` with new numbers in each round. */
function rounds(check: () => void): void {
  for (let round = 0; round < ROUNDS; round++) check();
}

t.test('a number outside its bounds gives the fallback', async (t) => {
  const values: number[] = [];
  rounds(() => values.push(finiteWithin(absurd(), 1, 300, 30)));
  t.ok(values.every((value) => value >= 1 && value <= 300));
});

t.test('RTMP timestamps of any distance give a frame rate within its bounds', async (t) => {
  for (let stream = 0; stream < 50; stream++) {
    const meter = new SourceMeter();
    rounds(() => {
      const timestamp = Math.floor(random() * 2 ** (random() < 0.5 ? 12 : 32));
      meter.video(timestamp, Math.floor(random() * 2 ** 24), random() < 0.1, 0);
      meter.audio(timestamp, 300);
    });
    const { video, audio } = meter.read();
    const { frameRate = FRAME_RATE.min, bitrate = 0, keyframeInterval = 1 } = video;
    t.ok(frameRate >= FRAME_RATE.min && frameRate <= FRAME_RATE.max, `frame rate ${frameRate}`);
    for (const value of [bitrate, audio.bitrate ?? 0, keyframeInterval])
      t.ok(Number.isFinite(value) && value >= 0);
  }
});

t.test('announced sizes and rates give a ladder of finite, positive numbers', async (t) => {
  rounds(() => {
    const video = {
      codec: 'h264',
      width: absurd(),
      height: absurd(),
      frameRate: absurd(),
      bitrate: absurd(),
    } as const;
    const { width, height, frameRate } = new RtpVideoFormatChoice().choose(video);
    const isBounded = width >= 2 && width <= 16_384 && height >= 2 && height <= 16_384 && frameRate >= 1;
    if (!isBounded || frameRate > MAXIMUM_FRAME_RATE) t.fail(`${width}x${height} at ${frameRate}`);
    const ladder = chooseLadder({
      video,
      audio: undefined,
      rungs: DEFAULT_LADDER,
      audioBitrateBps: 128_000,
      passthrough: false,
      shed: new Set(),
    });
    for (const rendition of ladder.video)
      if (!rendition.passthrough && !(rendition.bitrate > 0 && Number.isFinite(rendition.cost)))
        t.fail(`${rendition.id}: ${rendition.bitrate} bit/s, cost ${rendition.cost}`);
  });
});

t.test('any keyframe interval and frame duration gives a finite segment grid', async (t) => {
  rounds(() => {
    let msn = 0;
    const frame = absurd();
    const grid = new SegmentGrid({
      segmentDurationS: 2,
      partDurationS: 0.333,
      keyframes: { intervalS: absurd(), clock: { frameS: frame } },
      number: () => msn++,
    });
    grid.fitPartsTo(frame);
    for (let at = 0; at < 20; at++) grid.offerKeyframe(10 + at * (random() < 0.5 ? 1 : 7));
    const { last } = grid;
    if (
      !last ||
      !(last.partDurationS > 0 && last.partDurationS <= 2) ||
      !Number.isFinite(last.minimumDurationS)
    )
      t.fail(JSON.stringify(last));
  });
});

t.test('integers of Matroska and RTCP stay within their bytes', async (t) => {
  rounds(() => {
    const value = absurd();
    const packet = receiverEstimatedBitrate(1, value, [2]);
    const bitrate = readRemb(packet, 0, packet.length);
    if (ebmlUnsigned(0xe7, value).length > 10 || ebmlSize(value).length > 8) t.fail(`EBML ${value}`);
    if (bitrate === undefined || !(bitrate >= 0 && bitrate <= 2 ** 53)) t.fail(`REMB ${value}: ${bitrate}`);
  });
});

t.test('byte ranges and delivery directives are within the body, whole numbers, or refused', async (t) => {
  rounds(() => {
    const size = 1 + Math.floor(random() * 100);
    const range = parseRange(`bytes=${absurd()}-${absurd()}`, size);
    if (typeof range === 'object' && !(range.first >= 0 && range.first <= range.last && range.last < size))
      t.fail(JSON.stringify(range));
    try {
      const { block } = parseDirectives({ _HLS_msn: String(absurd()), _HLS_part: String(absurd()) });
      if (!Number.isSafeInteger(block?.msn) || !Number.isSafeInteger(block?.part))
        t.fail(JSON.stringify(block));
    } catch (error) {
      if ((error as { status?: number }).status !== 400) throw error;
    }
  });
});

t.test('dates of any distance give an id, or a RangeError where there is no such date', async (t) => {
  rounds(() => {
    const moment = new Date(absurd());
    if (Number.isNaN(moment.getTime())) t.throws(() => idBoundary(moment), RangeError);
    else if (!isUuid(idBoundary(moment))) t.fail(idBoundary(moment));
  });
});

t.test('timers of absurd delays fire no earlier than a short one', async (t) => {
  const fired: number[] = [];
  const delays = Array.from({ length: 100 }, absurd).filter((ms) => Number.isNaN(ms) || ms > 60_000);
  const cancels = delays.map((ms) => systemClock.after(ms, () => fired.push(ms)));
  const keepAlive = setInterval(() => {}, 1_000);
  await new Promise((resolve) => setTimeout(resolve, 50));
  clearInterval(keepAlive);
  for (const cancel of cancels) cancel();
  t.same(fired, []);
});
