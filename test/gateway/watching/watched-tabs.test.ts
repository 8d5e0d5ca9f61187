import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openIsolatedPage } from '../../support/clients/pages.js';
import { chooseDelivery, playback, untilPlaying } from '../../support/clients/watch-page.js';
import { type Livestream, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

/** Encoding that costs little CPU: viewers are counted here, not frames. */
const SMALL = { size: '320x180', rate: '10', bitrate: '100k' };

const [browser, gateway] = await Promise.all([
  openChromium(t, { webrtc: true }),
  startGatewayProcess(t, { LADDER: '180:100k' }),
]);

async function total({ streamId }: Pick<Livestream, 'streamId'>): Promise<number> {
  type Viewers = { viewers: { total: number } };
  return (await gateway.api<Viewers>('GET', `/${streamId}/viewers`)).viewers.total;
}

t.test(
  'a tab counts as one viewer by WebRTC, by HLS, during changes of delivery and after a reload',
  async (t) => {
    const livestream = await gateway.createLivestream();
    publish(t, await testMedia(90, SMALL), livestream.rtmp);
    await gateway.untilLive(livestream);
    const seen = new Set<number>();
    let going = true;
    const counting = (async () => {
      for (; going; await new Promise((resolve) => setTimeout(resolve, 50)))
        seen.add(await total(livestream));
    })();
    const page = await openIsolatedPage(t, browser, livestream.watch);
    await untilPlaying(page);
    t.equal((await playback(page)).delivery, 'webrtc');
    await page.getByText('1 watching').waitFor();
    for (const [choice, delivery] of [
      ['hls', 'hls'],
      ['webrtc', 'webrtc'],
      ['hls', 'hls'],
    ] as const) {
      await chooseDelivery(page, choice);
      await until(`it plays by ${choice}`, async () => (await playback(page)).delivery === delivery);
      await untilPlaying(page);
    }
    await page.reload();
    await untilPlaying(page);
    going = false;
    await counting;
    t.notOk(
      [...seen].some((count) => count > 1),
      `seen: ${[...seen]}`,
    );
    const second = await openIsolatedPage(t, browser, livestream.watch);
    await untilPlaying(second);
    await page.getByText('2 watching').waitFor();
    t.equal(await total(livestream), 2, 'two tabs, the second of which is then duplicated');
    const opened = second.context().waitForEvent('page');
    await second.evaluate('void window.open(location.href)');
    const copy = await opened;
    await untilPlaying(copy);
    await page.getByText('3 watching').waitFor();
    await copy.close();
    await page.getByText('2 watching').waitFor();
    await page.close();
    await second.getByText('1 watching').waitFor({ timeout: 10_000 });
    t.equal(await total(livestream), 1, 'a closed page is no longer counted');
  },
);

t.test('a livestream at its viewer limit shows a notice, and plays once a viewer leaves', async (t) => {
  const livestream = await gateway.createLivestream();
  publish(t, await testMedia(90, SMALL), livestream.rtmp);
  await gateway.untilLive(livestream);
  await gateway.api('PATCH', `/${livestream.streamId}`, { viewerLimit: 1 });
  const first = await openIsolatedPage(t, browser, livestream.watch);
  await untilPlaying(first);
  const second = await openIsolatedPage(t, browser, livestream.watch);
  await second
    .locator('.notice')
    .getByText(/reached its viewer limit/)
    .waitFor();
  await first.close();
  await untilPlaying(second);
  t.equal(await total(livestream), 1);
});
