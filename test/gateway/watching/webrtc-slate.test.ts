import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { isGrey, shownPicture } from '../../support/clients/shown-picture.js';
import { playback, untilPlaysOn, watchByWebrtc } from '../../support/clients/watch-page.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

const browser = await openChromium(t);

t.test(
  'a WebRTC viewer sees a slate while the publisher is away, and its picture when it returns',
  async (t) => {
    const gateway = await startGatewayProcess(t, { LADDER: 'off' });
    const livestream = await gateway.createLivestream();
    // Groups of pictures begin white: a slate of them is grey.
    const source = await testMedia(120);
    let publisher = publish(t, source, livestream.rtmp);
    await gateway.untilLive(livestream);
    const page = await watchByWebrtc(t, browser, livestream);
    await until('the live picture is shown', async () => !isGrey(await shownPicture(page), 60, 120));

    for (let round = 0; round < 2; round++) {
      await publisher.stop('SIGKILL');
      await until('the page shows the slate', async () => isGrey(await shownPicture(page), 60, 120), 4_000);
      await untilPlaysOn(page);
      t.ok(isGrey(await shownPicture(page), 60, 120), 'it stays');
      publisher = publish(t, source, livestream.rtmp);
      await until('the page shows the live picture', async () => !isGrey(await shownPicture(page), 60, 120));
      await untilPlaysOn(page);
    }
    t.match(await playback(page), { delivery: 'webrtc', fallbacks: 0, rebuilds: 0 });
    t.equal(await page.evaluate('window.mark'), 'never reloaded');
  },
);
