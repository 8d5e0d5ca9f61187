import t from 'tap';
import { BarcodeCamera } from '../../../scripts/bench/barcode-camera.js';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { playerPlayback, servePlayerPages, startPlayer } from '../../support/clients/player-pages.js';
import { openForHls, playback, untilPlaying } from '../../support/clients/watch-page.js';
import { quantile, readLatencyMeter, startLatencyMeter } from '../../support/media/glass-to-glass.js';
import { RecordingGateway } from '../../support/recordings/recording-gateway.js';
import { until } from '../../support/until.js';

const BEHIND_S = 14;

t.test('the watch page rewinds a broadcast and returns to the live edge', async (t) => {
  const [browser, { gateway }, origin] = await Promise.all([
    openChromium(t),
    RecordingGateway.start(t, { THUMBNAIL_EVERY: '60', DVR_WINDOW: '7200' }),
    servePlayerPages(t),
  ]);
  const livestream = await gateway.createLivestream();
  const camera = new BarcodeCamera({ url: livestream.rtmp, width: 640, height: 360, bitrate: 800_000 });
  camera.start();
  t.teardown(() => camera.stop());
  await gateway.untilLive(livestream);
  const page = await openPage(t, browser);
  await openForHls(page, livestream.watch);
  await untilPlaying(page);
  await startLatencyMeter(page);
  const age = async (): Promise<number> => {
    await readLatencyMeter(page);
    const ages: number[] = [];
    await until('frames are read', async () => ages.push(...(await readLatencyMeter(page)).ages) > 10);
    return quantile(ages, 0.5) / 1_000;
  };
  const liveAgeS = await age();
  t.ok(liveAgeS < 6, `${liveAgeS} s behind`);

  const scrubber = page.getByLabel('Position in the broadcast');
  const lengthS = await until('there is enough to rewind', async () => {
    const max = (await scrubber.count()) > 0 ? Number(await scrubber.getAttribute('max')) : 0;
    return max >= BEHIND_S + 2 && max;
  });
  await scrubber.fill(String(lengthS - BEHIND_S));
  const goLive = page.locator('.controls').getByRole('button', { name: 'Go live' });
  await goLive.waitFor();
  await untilPlaying(page);
  const rewoundS = await age();
  // It plays on while it loads; the clocks of page and server agree within a second.
  t.ok(rewoundS > BEHIND_S - 2 && rewoundS < BEHIND_S + 4, `${rewoundS} s behind after ${BEHIND_S} s`);
  const { errors, rebuilds } = await playback(page);
  t.strictSame([errors, rebuilds], [[], 0]);

  await page.locator('.scrubber input').hover({ position: { x: 20, y: 5 } });
  await page.locator('.scrubber .preview').waitFor();

  const external = await openPage(t, browser);
  await external.goto(`${origin}/page/shaka.js`);
  await startPlayer(
    external,
    `${gateway.http}/rewind/${livestream.streamId}/index.m3u8`,
    'const player = new shaka.Player(); player.addEventListener("error", ({ detail }) => failed("shaka " + detail.code)); player.attach(video).then(() => player.load(url, 2)).catch(({ code }) => failed("shaka " + code));',
  );

  await goLive.click();
  await until('it is live', async () => (await age()) < BEHIND_S - 6);
  t.equal(await goLive.count(), 0);
  const shaka = await until('Shaka Player plays from the beginning', async () => {
    const now = await playerPlayback(external);
    return (now.position > 4 || now.failures.length > 0) && now;
  });
  t.strictSame(shaka.failures, []);
  t.ok(shaka.position < 15, `from its beginning: ${shaka.position} s`);
  t.equal(
    (await gateway.api<{ stream: { viewers: { total: number } } }>('GET', `/${livestream.streamId}`)).stream
      .viewers.total,
    2,
    'each viewer is counted once',
  );
});
