import t from 'tap';
import { STREAM, startWebrtcFixture } from '../../support/fixtures/webrtc-fixture.js';
import { LossyRelay } from '../../support/media/rtp/lossy-relay.js';

/** The layers have 67, 200 and 600 kbit/s: the middle one fits, with audio. */
const NARROW = 330_000;

t.test('a viewer gets a lower layer while its bandwidth is low and a higher one after', async (t) => {
  const { port, open } = await startWebrtcFixture(t);
  const camera = await open();
  await camera.publish('video/VP8', ['l', 'm', 'h'], 960);
  const viewer = await open();
  const network = await LossyRelay.open(t, port, 0);
  await viewer.routeThrough(network);
  await viewer.watch(STREAM, 10);
  await viewer.until('test.video.videoHeight === 540', 60_000);
  network.downlinkBps = NARROW;
  await viewer.until('test.video.videoHeight < 540', 30_000);
  // Bandwidth probes neither freeze nor enlarge the video.
  await viewer.until('test.video.currentTime > (test.seen ??= test.video.currentTime) + 2');
  t.ok(network.dropped > 0, `${network.dropped} packets were dropped`);
  network.downlinkBps = Number.POSITIVE_INFINITY;
  await viewer.until('test.video.videoHeight === 540', 90_000);
  t.pass('the best layer is back');
});
