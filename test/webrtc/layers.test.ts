import t from 'tap';
import { receiverEstimatedBitrate } from '../../src/media/index.js';
import {
  areContinuous,
  connectPublisher,
  EXTENSIONS,
  publisherPlan,
  sequenceNumbersOf,
  startWebrtcPool,
  TestViewer,
  timestampsOf,
  VIDEO,
  VIEW,
} from '../support/gateway/webrtc-pool.js';
import { FrameStream } from '../support/media/rtp/synthetic-rtp.js';

t.test(
  'a viewer with a low bitrate estimate is sent a lower layer, and the higher one when it rises',
  async (t) => {
    const { pool, peers } = await startWebrtcPool(t);
    const rids = ['l', 'h'];
    const { peer } = await connectPublisher(pool, peers, 'source', publisherPlan({ rids }));
    pool.setMediaSource('group', 'source');
    const viewer = await TestViewer.connect(pool, peers, 'group');
    const streams = rids.map((_, i) => new FrameStream({ ...VIDEO, ssrc: 7000 + i, sequence: 100 * i }));
    let first = true;
    // Layer h has ten times the bitrate; both have a keyframe every half second.
    let frames = 0;
    const timer = setInterval(() => {
      const keyframe = frames++ % 15 === 0;
      streams.forEach((stream, i) => {
        const rid = [{ id: EXTENSIONS.rid, value: Buffer.from(rids[i]!) }];
        peer.send(...stream.nextFrame(keyframe, i === 0 ? 1 : 10, first ? rid : undefined, 1000));
      });
      first = false;
      viewer.sendReceiverReport();
    }, 33);
    t.teardown(() => clearInterval(timer));
    const current =
      (rid: string): (() => boolean) =>
      () => {
        const event = viewer.events.findLast(({ type }) => type === 'layers');
        return event?.type === 'layers' && event.current === rid;
      };
    await viewer.peer.until(current('h'));
    // Wait until bitrates are measured.
    const known = (): boolean => frames > 75;
    await viewer.peer.until(known);
    const low = setInterval(
      () => viewer.peer.send(receiverEstimatedBitrate(9, 300_000, [VIEW.videoSsrc])),
      200,
    );
    t.teardown(() => clearInterval(low));
    await viewer.peer.until(current('l'));
    clearInterval(low);
    viewer.peer.send(receiverEstimatedBitrate(9, 8_000_000, [VIEW.videoSsrc]));
    await viewer.peer.until(current('h'));
    viewer.viewing.selectLayer('l');
    await viewer.peer.until(current('l'));
    t.ok(areContinuous(sequenceNumbersOf(viewer.video)), 'sequence numbers are contiguous at a switch');
    const times = timestampsOf(viewer.video);
    t.ok(
      times.every((time, i) => i === 0 || time >= times[i - 1]!),
      'timestamps do not decrease at a switch',
    );
  },
);
