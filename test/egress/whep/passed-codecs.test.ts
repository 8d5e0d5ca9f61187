import t from 'tap';
import { createWhepEgress, type ViewerSession } from '../../../src/egress/whep/index.js';
import { parseOffer } from '../../../src/webrtc/index.js';
import { offerText } from '../../support/clients/webrtc-offer.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { FakeTimelineSource, FakeWebrtcBroadcast } from '../../support/fakes/fake-webrtc-broadcast.js';
import { FakeWebrtcPool } from '../../support/fakes/fake-webrtc-pool.js';
import { recordLog } from '../../support/fixtures/log-record.js';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const ANY = offerText('chromium-view');
const WITH_HEVC = ANY.replace(' VP8/90000', ' H265/90000');
const WITHOUT_AV1 = ANY.replaceAll(' AV1/90000', ' other/90000');

/** Broadcast of an RTMP source of AV1. */
function openFixture() {
  const clock = new FakeClock();
  const pool = new FakeWebrtcPool();
  const egress = createWhepEgress({ pool, clock, log: recordLog().log });
  const broadcast = new FakeWebrtcBroadcast('stream-1');
  const subscription = egress.subscribe(broadcast);
  const view = async (offer: string): Promise<ViewerSession> => {
    const viewing = await egress.view({ streamId: 'stream-1', offer: parseOffer(offer) });
    await settle();
    return viewing!;
  };
  const publish = async (codec: 'av1' | 'hevc' | 'h264'): Promise<FakeTimelineSource> => {
    const source = new FakeTimelineSource();
    source.info.video = { codec };
    subscription.publicationStarted?.(source);
    source.restart();
    await settle();
    return source;
  };
  /** Codec that a viewer's group gets. */
  const codecOf = (viewer: number): string | undefined => {
    const mediaSourceId = pool.mediaSourceOf(pool.viewers[viewer]!.options.viewerGroupId);
    return pool.inputs.find((input) => input.open && input.mediaSourceId === mediaSourceId)?.video?.codec;
  };
  return { clock, pool, broadcast, subscription, view, publish, codecOf };
}

t.test(
  'viewers that take AV1 get the source as it is, others H.264, each while there are such',
  async (t) => {
    const { clock, pool, broadcast, view, publish, codecOf } = openFixture();
    await publish('av1');
    t.equal(pool.inputs.length, 0, 'no viewers');
    const first = await view(ANY);
    t.equal(codecOf(0), 'av1');
    t.match(broadcast.renditions, [{ destination: { audioPort: 40_006, passed: { codec: 'av1' } } }]);
    t.equal(broadcast.renditions[0]?.destination.videoPort, undefined, 'nothing is encoded');
    const second = await view(WITHOUT_AV1);
    t.equal(codecOf(1), 'h264');
    t.equal(codecOf(0), 'av1');
    t.match(broadcast.renditions[1]?.destination, { videoPort: 40_008, passed: { codec: 'h264' } });
    second.leave();
    await clock.advance(30_000);
    t.strictSame(
      broadcast.renditions.map(({ isClosed }) => isClosed),
      [false, true],
    );
    t.equal(codecOf(0), 'av1');
    first.leave();
    await clock.advance(30_000);
    t.ok(broadcast.renditions.every(({ isClosed }) => isClosed));
    t.ok(pool.inputs.every(({ open }) => !open));
    await view(WITHOUT_AV1);
    t.equal(codecOf(2), 'h264');
    t.equal(broadcast.renditions.length, 3, 'without viewers that take AV1 it is not sent');
  },
);

t.test('a viewer keeps its session when sources of other codecs follow', async (t) => {
  const { view, publish, codecOf, pool } = openFixture();
  await view(ANY);
  await view(WITHOUT_AV1);
  const codecs = (): (string | undefined)[] => [codecOf(0), codecOf(1)];
  const h264 = await publish('h264');
  t.strictSame(codecs(), ['h264', 'h264']);
  t.equal(pool.inputs.length, 1, 'one rendition serves all');
  h264.end();
  const av1 = await publish('av1');
  t.strictSame(codecs(), ['av1', 'h264']);
  av1.end();
  t.strictSame(codecs(), [undefined, undefined]);
  await publish('h264');
  t.strictSame(codecs(), ['h264', 'h264']);
});

t.test('viewers that take HEVC get the source as it is, those that take AV1 alone get H.264', async (t) => {
  const { view, publish, codecOf } = openFixture();
  for (const offer of [WITH_HEVC, ANY, WITHOUT_AV1]) await view(offer);
  const hevc = await publish('hevc');
  t.strictSame([0, 1, 2].map(codecOf), ['hevc', 'h264', 'h264']);
  hevc.end();
  await publish('av1');
  t.strictSame([0, 1, 2].map(codecOf), ['av1', 'av1', 'h264'], 'one takes both');
});

t.test('AV1 that cannot be passed through is H.264 for all', async (t) => {
  const { broadcast, view, publish, codecOf } = openFixture();
  await publish('av1');
  await view(ANY);
  const [passed] = broadcast.renditions;
  passed!.isPassable = false;
  passed!.fail();
  await settle();
  await settle();
  t.equal(codecOf(0), 'h264');
  t.equal(broadcast.renditions.length, 2);
  t.match(broadcast.renditions[1]?.destination, { videoPort: 40_008 });
});
