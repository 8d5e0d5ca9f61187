import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { playback, untilPlaying } from '../../support/clients/watch-page.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { RecordingGateway } from '../../support/recordings/recording-gateway.js';
import { until } from '../../support/until.js';

t.test('the watch page plays the recording of a killed and resumed broadcast to its end', async (t) => {
  const [browser, recorder] = await Promise.all([
    openChromium(t),
    RecordingGateway.start(t, { LADDER: '180:200k', RECORD_RENDITIONS: 'all' }),
  ]);
  const { gateway } = recorder;
  const livestream = await recorder.createRecorded();
  const source = await testMedia(60);
  let encoder = publish(t, source, livestream.rtmp);
  await recorder.untilSeconds(livestream, 5);
  await gateway.kill('SIGKILL');
  await encoder.ended;
  await gateway.start();
  encoder = publish(t, source, livestream.rtmp);
  await recorder.untilSeconds(livestream, 10);

  const live = await openPage(t, browser);
  await live.goto(livestream.watch);
  await untilPlaying(live);
  await encoder.stop();
  await recorder.end(livestream);
  const { durationS } = await recorder.untilReady(livestream);
  const offer = live.getByRole('button', { name: 'Watch the recording' });
  await offer.waitFor();
  t.match(
    await live.locator('.notice').textContent(),
    /The broadcast is over/,
    'it does not start by itself',
  );
  await offer.click();
  await untilPlaying(live);

  const page = await openPage(t, browser);
  await page.goto(livestream.watch);
  await untilPlaying(page);
  t.match(await page.locator('header.about').textContent(), /Recording/);
  const { delivery, levels, position } = await playback(page);
  t.equal(delivery, 'hls');
  t.strictSame(levels, ['180p', '360p']);
  t.ok(position < 4, `starts at its beginning: ${position} s`);
  await page.getByLabel('Position in the recording').waitFor();
  await page.evaluate('document.querySelector("video").playbackRate = 2');
  await until('it is played to its end', async () => (await playback(page)).phase === 'ended');
  const end = await playback(page);
  t.ok(Math.abs(end.position - durationS) < 2.2, `ended at ${end.position} of ${durationS} s`);
  // The player skips the hole at the kill: pictures begin later than the time of their run by the delay of reordering.
  t.ok(end.stalls <= 1, `${end.stalls} stalls`);
  t.strictSame(
    end.errors.filter((error) => /^fatal|jumped/.test(error)),
    [],
  );
  t.equal(end.rebuilds, 0);
});
