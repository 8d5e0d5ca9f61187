import t, { type Test } from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { openForHls, playback, untilPlaying } from '../../support/clients/watch-page.js';
import { publishFromPage } from '../../support/clients/whip-page.js';
import {
  type GatewayProcess,
  type Livestream,
  startGatewayProcess,
} from '../../support/gateway/gateway-process.js';
import { publish, run, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

const IDLE_S = 2;
const [browser, gateway] = await Promise.all([
  openChromium(t, { webrtc: true }),
  startGatewayProcess(t, { LADDER_IDLE: String(IDLE_S) }),
]);

/** Publishes until the test ends. */
type Publisher = (t: Test, livestream: Livestream) => Promise<void>;

/** Sources with renditions that cannot be copied. */
const SOURCES: Record<string, { publish: Publisher; levels: string[]; visits: number }> = {
  'MP3 audio over RTMP': {
    publish: async (t, { rtmp }) => {
      const file = `${t.testdir()}/mp3.flv`;
      const input = await testMedia(120);
      await run('ffmpeg', ['-v', 'error', '-i', input, ...'-c:v copy -c:a libmp3lame'.split(' '), file]);
      publish(t, file, rtmp);
    },
    visits: 1,
    levels: ['240p', '360p'],
  },
  'keyframes every 0.5 s over RTMP': {
    publish: async (t, { rtmp }) => {
      publish(t, await testMedia(120, { x264Params: 'slices=1:keyint=15:min-keyint=15' }), rtmp);
    },
    visits: 2,
    levels: ['240p', '360p'],
  },
  'VP8 and Opus over WHIP': {
    publish: async (t, { streamKey }) => {
      const camera = await openPage(t, browser);
      await publishFromPage(camera, gateway, streamKey, { codec: 'video/VP8' });
    },
    visits: 2,
    levels: ['240p', '720p'],
  },
};

const runningEncoders = async ({ log, encoderPids }: GatewayProcess): Promise<number> => {
  const started = log.filter(({ msg }) => msg === 'encoder started').map(({ pid }) => pid);
  return (await encoderPids.call(gateway)).filter((pid) => started.includes(pid)).length;
};

for (const [name, source] of Object.entries(SOURCES))
  t.test(`a broadcast of ${name} without HLS viewers is live, encoded when one comes`, async (t) => {
    const livestream = await gateway.createLivestream(name);
    await source.publish(t, livestream);
    await gateway.untilLive(livestream);
    await until('no encoder runs', async () => (await runningEncoders(gateway)) === 0);
    const multivariant = await (await fetch(livestream.hls)).text();
    for (const level of source.levels) t.match(multivariant, `/${level}/index.m3u8`);
    t.match(multivariant, /TYPE=AUDIO/);

    for (let visit = 1; visit <= source.visits; visit++) {
      const page = await openPage(t, browser);
      const opened = performance.now();
      await openForHls(page, livestream.watch);
      await untilPlaying(page);
      t.comment(`visit ${visit}: played a second after ${Math.round(performance.now() - opened)} ms`);
      const start = await playback(page);
      t.strictSame(start.levels.toSorted(), source.levels);
      await until('it plays for 4 s', async () => (await playback(page)).position > start.position + 4);
      const end = await playback(page);
      t.equal(end.stalls, start.stalls, 'no stall');
      t.equal(end.rebuilds, 0);
      // While a viewer joins, a busy encoder may come late: the playlist then has a gap.
      t.strictSame(end.errors.slice(start.errors.length), []);
      t.equal(end.bufferedRanges, 1);
      t.equal(await runningEncoders(gateway), 1);
      await page.close();
      await until('no encoder runs', async () => (await runningEncoders(gateway)) === 0);
      t.equal(await gateway.state(livestream.streamId), 'live');
    }
  });
