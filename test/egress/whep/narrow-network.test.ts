import t from 'tap';
import { STREAM, startWebrtcFixture } from '../../support/fixtures/webrtc-fixture.js';
import { LossyRelay } from '../../support/media/rtp/lossy-relay.js';

/** The layers have 67, 200 and 600 kbit/s: the one in the middle goes through, with the sound. */
const NARROW = 330_000;

t.test(
  'a viewer is sent what its network takes: less while it is narrow, more when it is wide',
  async (t) => {
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
    // Whatever it tries meanwhile, the picture moves and stays small.
    await viewer.until('test.video.currentTime > (test.seen ??= test.video.currentTime) + 2');
    t.ok(network.dropped > 0, `${network.dropped} packets did not go through`);
    network.downlinkBps = Number.POSITIVE_INFINITY;
    await viewer.until('test.video.videoHeight === 540', 90_000);
    t.pass('the best layer is back');
  },
);
