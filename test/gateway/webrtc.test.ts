import t from 'tap';
import { openChromium } from '../support/chromium.js';
import { startGatewayProcess } from '../support/gateway-process.js';
import { LossyRelay } from '../support/lossy-relay.js';
import { openPage } from '../support/pages.js';
import { playback, untilPlaying } from '../support/watch-page.js';
import { publishFromPage } from '../support/whip-page.js';

t.test('three packets of a hundred lost both ways are made good', async (t) => {
  const browser = await openChromium(t, { webrtc: true });
  const gateway = await startGatewayProcess(t);
  const livestream = await gateway.createLivestream();
  const camera = await openPage(t, browser);
  const up = await LossyRelay.open(t, gateway.webrtcPort, 0.03);
  await up.lead(camera);
  await publishFromPage(camera, gateway, livestream.streamKey);
  await gateway.untilLive(livestream);
  const page = await openPage(t, browser);
  const down = await LossyRelay.open(t, gateway.webrtcPort, 0.03);
  await down.lead(page);
  await page.goto(livestream.watch);
  await untilPlaying(page);
  const before = await playback(page);
  await page.waitForTimeout(10_000);
  const after = await playback(page);
  t.equal(after.delivery, 'webrtc', 'no need for HLS');
  t.ok(up.lost > 20 && down.lost > 20, `lost ${up.lost} up, ${down.lost} down`);
  // Chromium calls a picture frozen also where it lacks the processor: what counts is that pictures keep coming.
  const frames = (after.webrtc?.framesDecoded ?? 0) - (before.webrtc?.framesDecoded ?? 0);
  t.ok(frames > 200, `${frames} pictures in ten seconds`);
  t.comment(`${(after.webrtc?.freezes ?? 0) - (before.webrtc?.freezes ?? 0)} freezes`);
});
