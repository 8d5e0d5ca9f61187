import t from 'tap';
import { openChromium } from '../../../support/clients/chromium.js';
import { openPage } from '../../../support/clients/pages.js';
import { shownPicture } from '../../../support/clients/shown-picture.js';
import { openForHls, untilPlaying, watchByWebrtc } from '../../../support/clients/watch-page.js';
import { startGatewayProcess } from '../../../support/gateway/gateway-process.js';
import { publish, run } from '../../../support/media/encoder.js';
import { until } from '../../../support/until.js';

const browser = await openChromium(t);

/** 40 s, red and from 13.5 s on blue, with one keyframe. The picture pauses for 4 s from 9.5 s on. */
async function mediaWithPause(file: string, x264: string): Promise<string> {
  await run('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', 'color=red:size=320x180:rate=30'],
    ...['-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=44100', '-t', '40'],
    '-vf',
    "drawbox=color=blue:thickness=fill:enable=gt(t\\,13),select='not(between(t,9.5,13.48))'",
    ...['-fps_mode', 'passthrough', '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'],
    ...['-bf', '0', '-sc_threshold', '0', '-g', '10000', '-x264-params', x264],
    ...['-c:a', 'aac', '-b:a', '64k', '-f', 'flv', file],
  ]);
  return file;
}

t.test('the picture of a source without further keyframes returns after a pause', async (t) => {
  const folder = t.testdir();
  const gateway = await startGatewayProcess(t, { LADDER: 'off' });
  const watched = await Promise.all(
    Object.entries({
      'one keyframe': 'keyint=infinite',
      'intra refresh': 'intra-refresh=1:keyint=60',
    }).map(async ([name, x264], index) => {
      const file = await mediaWithPause(`${folder}/${index}.flv`, x264);
      const livestream = await gateway.createLivestream(name);
      publish(t, file, livestream.rtmp, { mapping: ['-max_interleave_delta', '1000'] });
      await gateway.untilLive(livestream);
      const hls = await openPage(t, browser);
      await openForHls(hls, livestream.watch);
      await untilPlaying(hls);
      return { name, hls, webrtc: await watchByWebrtc(t, browser, livestream) };
    }),
  );
  for (const { name, ...pages } of watched)
    for (const [delivery, page] of Object.entries(pages))
      await until(`${name}: the blue picture by ${delivery}`, async () => {
        const points = await shownPicture(page);
        return points.length > 0 && points.every(([red = 0, , blue = 0]) => red < 80 && blue > 150);
      });
});
