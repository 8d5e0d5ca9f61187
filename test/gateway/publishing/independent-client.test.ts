import path from 'node:path';
import t from 'tap';
import {
  type GstreamerClient,
  publishByGstreamer,
  type Watched,
  watchByGstreamer,
  withoutGstreamer,
} from '../../support/clients/gstreamer/gstreamer-client.js';
import { type GatewayProcess, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, run, testMedia } from '../../support/media/encoder.js';
import { flashToBeep } from '../../support/media/flash-and-beep.js';
import { until } from '../../support/until.js';

const skip = withoutGstreamer;
let gateway: GatewayProcess;
t.before(async () => {
  if (!skip) gateway = await startGatewayProcess(t);
});

/** Number of consecutive flashes that are compared. */
const LATELY = 4;
/** Frames at 15 per second are up to 67 ms late; tones are detected within 10 ms. */
const EXACT_S = 0.1;

/** Tells whether the latest came a second apart. */
function everySecond(times: number[]): boolean {
  const lately = times.slice(-LATELY - 1);
  return (
    lately.length > LATELY &&
    lately.every((time, i) => i === 0 || Math.abs(time - lately[i - 1]! - 1) < EXACT_S)
  );
}

/** Tells whether each of the latest flashes has its beep; that of the last one may be pending. */
function together(flashes: number[], beeps: number[]): boolean {
  return flashes
    .slice(-LATELY - 1, -1)
    .every((flash) => beeps.some((beep) => Math.abs(beep - flash) < EXACT_S));
}

/** Records flashes and beeps, and pairs those of one moment. */
async function recordFlashesAndBeeps(viewer: GstreamerClient): Promise<Watched> {
  return await viewer.watched(
    'a flash and a beep every second, together',
    ({ flashes, beeps }) => everySecond(flashes) && everySecond(beeps) && together(flashes, beeps),
  );
}

for (const [codec, reports] of [
  ['h264', 'honest'],
  ['vp8', 'lying'],
] as const)
  t.test(
    `GStreamer publishes ${codec} by WHIP, its sender reports ${reports}, and watches it by WHEP; ffmpeg has it by HLS`,
    { skip },
    async (t) => {
      const livestream = await gateway.createLivestream();
      const publisher = publishByGstreamer(t, `${gateway.http}/whip`, livestream.streamKey, codec, reports);
      t.equal((await publisher.untilEvent('answered')).status, 201);
      await publisher.untilEvent('connected');
      const viewer = watchByGstreamer(t, `${gateway.http}/whep/${livestream.streamId}`);
      await viewer.untilEvent('connected');
      await gateway.untilLive(livestream);

      const { stream } = await gateway.api<{ stream: { source: object } }>('GET', `/${livestream.streamId}`);
      t.match(stream.source, {
        protocol: 'whip',
        video: { codec, width: 320, height: 180 },
        audio: { codec: 'opus' },
      });

      t.equal((await recordFlashesAndBeeps(viewer)).size, '320x180');

      const recording = path.join(t.testdir(), 'recording.mp4');
      await run('ffmpeg', ['-v', 'error', '-i', livestream.hls, '-t', '8', '-c', 'copy', recording]);
      const entries = 'stream=codec_name,codec_type';
      const { stdout } = await run('ffprobe', [
        ...['-v', 'error', '-show_entries', entries, '-of', 'compact=p=0', recording],
      ]);
      t.match(stdout, 'codec_name=h264|codec_type=video');
      t.match(stdout, 'codec_name=aac|codec_type=audio');
      const recorded = await flashToBeep(recording);
      t.ok(
        recorded.filter((s) => Math.abs(s) < EXACT_S).length >= LATELY,
        `beeps after flashes by HLS: ${recorded.join(' ')}`,
      );

      const isDistrusted = (): boolean =>
        gateway.log.some(({ msg }) => /sender reports .* are wrong/.test(msg));
      if (reports === 'honest') t.notOk(isDistrusted());
      else await until('the wrong reports are logged', isDistrusted);
      t.equal(await viewer.leave(), 200);
      t.equal(await publisher.leave(), 200);
      t.equal(await gateway.state(livestream.streamId), 'reconnecting');
    },
  );

t.test('GStreamer plays an RTMP source with B-frames and AAC by WHEP', { skip }, async (t) => {
  const livestream = await gateway.createLivestream();
  publish(t, await testMedia(40), livestream.rtmp);
  await gateway.untilLive(livestream);
  const viewer = watchByGstreamer(t, `${gateway.http}/whep/${livestream.streamId}`);
  t.equal((await viewer.untilEvent('answered')).status, 201);

  t.equal((await recordFlashesAndBeeps(viewer)).size, '640x360');
  t.equal(await viewer.leave(), 200);
});
