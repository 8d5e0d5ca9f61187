import t from 'tap';
import { createWhepEgress, type ViewerSession } from '../../../src/egress/whep/index.js';
import { parseOffer } from '../../../src/webrtc/index.js';
import { offerText } from '../../support/clients/webrtc-offer.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { FakeTimelineSource, FakeWebrtcBroadcast } from '../../support/fakes/fake-webrtc-broadcast.js';
import { FakeWebrtcPool } from '../../support/fakes/fake-webrtc-pool.js';
import { recordLog } from '../../support/fixtures/log-record.js';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function openFixture() {
  const clock = new FakeClock();
  const pool = new FakeWebrtcPool();
  const { log, lines } = recordLog();
  const egress = createWhepEgress({ pool, clock, log });
  const broadcast = new FakeWebrtcBroadcast('stream-1');
  const subscription = egress.subscribe(broadcast);
  const view = async (streamId = 'stream-1'): Promise<ViewerSession | undefined> => {
    const viewing = await egress.view({ streamId, offer: parseOffer(offerText('chromium-view')) });
    await settle();
    return viewing;
  };
  const publish = (mediaSourceId?: string): FakeTimelineSource => {
    const source = new FakeTimelineSource(mediaSourceId);
    subscription.publicationStarted?.(source);
    return source;
  };
  return { clock, pool, lines, egress, broadcast, subscription, view, publish };
}

t.test('a WHIP publisher’s media source is set from its first media to its end', async (t) => {
  const { pool, publish, broadcast, view } = openFixture();
  const { id } = broadcast;
  const first = publish('feed-1');
  t.strictSame(pool.mediaSources, [], 'no media yet');
  await view();
  first.restart();
  t.equal(pool.mediaSourceOf(id), 'feed-1');
  first.end();
  t.equal(pool.mediaSourceOf(id), undefined, 'viewers wait');
  const second = publish('feed-2');
  second.restart();
  t.equal(pool.mediaSourceOf(id), 'feed-2');
  const third = publish('feed-3');
  second.end();
  third.restart();
  t.equal(pool.mediaSourceOf(id), 'feed-3', 'the end of the previous publication changes nothing');
  t.equal(broadcast.renditions.length, 0);
  t.equal(pool.viewers[0]?.ended, undefined);
});

t.test('an RTMP publisher has a WebRTC rendition while it has viewers and for 30 s after', async (t) => {
  const { clock, pool, publish, broadcast, view } = openFixture();
  const source = publish();
  source.restart();
  await settle();
  t.equal(pool.inputs.length, 0, 'no viewers');
  const viewing = await view();
  t.match(pool.inputs, [{ video: { codec: 'h264' }, audio: true, open: true }]);
  t.match(broadcast.renditions, [{ destination: { videoPort: 40_004, audioPort: 40_006 } }]);
  t.equal(pool.mediaSourceOf(broadcast.id), pool.inputs[0]?.mediaSourceId);
  await view();
  t.equal(pool.inputs.length, 1, 'one rendition serves all viewers');

  viewing?.leave();
  pool.viewers[1]?.end('lost');
  await clock.advance(29_000);
  t.equal(broadcast.renditions[0]?.isClosed, false);
  const late = await view();
  await clock.advance(60_000);
  t.equal(broadcast.renditions[0]?.isClosed, false, 'a viewer arrived in time');
  late?.leave();
  await clock.advance(30_000);
  t.equal(broadcast.renditions[0]?.isClosed, true);
  t.equal(pool.inputs[0]?.open, false);
  t.equal(pool.mediaSourceOf(broadcast.id), undefined);
  await view();
  t.equal(broadcast.renditions.length, 2, 'the next viewer starts it again');
});

t.test('a waiting viewer gets media when the publisher connects and after it reconnects', async (t) => {
  const { pool, publish, broadcast, view } = openFixture();
  await view();
  t.equal(pool.inputs.length, 0);
  const rtmp = publish();
  rtmp.restart({ audio: false, video: true });
  await settle();
  t.match(pool.inputs, [{ video: { codec: 'h264' }, audio: undefined }]);
  rtmp.restart({ audio: false, video: true });
  await settle();
  t.equal(broadcast.renditions.length, 1, 'the rendition continues with a new timeline');
  rtmp.restart({ audio: true, video: true });
  await settle();
  t.equal(broadcast.renditions.length, 2, 'an added track needs a new rendition');
  t.equal(broadcast.renditions[0]?.isClosed, true);

  rtmp.end();
  await settle();
  t.equal(broadcast.renditions[1]?.isClosed, true);
  t.ok(pool.inputs.every(({ open }) => !open));
  const whip = publish('feed-9');
  whip.restart();
  t.equal(pool.mediaSourceOf(broadcast.id), 'feed-9');
  whip.end();
  publish().restart();
  await settle();
  t.equal(pool.mediaSourceOf(broadcast.id), pool.inputs.at(-1)?.mediaSourceId);
});

t.test(
  'a failing rendition is restarted with backoff; at the limit sessions end as unavailable',
  async (t) => {
    const { clock, pool, publish, broadcast, view, egress } = openFixture();
    publish().restart();
    const viewing = await view();
    broadcast.renditions[0]?.fail();
    await settle();
    t.equal(pool.mediaSourceOf(broadcast.id), undefined);
    t.equal(broadcast.renditions.length, 1);
    await clock.advance(250);
    t.equal(broadcast.renditions.length, 2);
    t.equal(pool.mediaSourceOf(broadcast.id), pool.inputs[1]?.mediaSourceId);
    for (let turn = 1; turn < 6; turn++) {
      broadcast.renditions[turn]?.fail();
      await clock.advance(5_000);
    }
    t.equal(broadcast.renditions.length, 6);
    t.match(await viewing?.ended, { name: 'end', reason: 'unavailable' });
    t.equal(pool.viewers[0]?.ended, 'closed');
    t.match(broadcast.notices.get('webrtc'), 'Viewers use HLS');
    t.ok(pool.inputs.every(({ open }) => !open));
    await t.rejects(view(), { status: 503, code: 'webrtc_unavailable' });
    await clock.advance(60_000);
    await view();
    t.equal(broadcast.renditions.length, 7, 'it is retried after a delay');
    t.equal(broadcast.notices.size, 0);
    t.equal(egress.viewers('stream-1'), 0, 'offered, but not connected');
    pool.viewers.at(-1)?.connect();
    await new Promise((resolve) => setImmediate(resolve));
    t.equal(egress.viewers('stream-1'), 1);
  },
);

t.test('a rendition whose input is lost with its worker is started again', async (t) => {
  const { clock, pool, publish, broadcast, view } = openFixture();
  publish().restart();
  await view();
  pool.inputs[0]?.close();
  await settle();
  t.equal(broadcast.renditions[0]?.isClosed, true);
  await clock.advance(250);
  t.equal(broadcast.renditions.length, 2);
  t.equal(pool.mediaSourceOf(broadcast.id), pool.inputs[1]?.mediaSourceId);
});

t.test('viewers get 503 without workers and nothing is left running', async (t) => {
  const { clock, pool, publish, broadcast, view, egress } = openFixture();
  publish().restart();
  pool.broken = true;
  await t.rejects(view(), { status: 503, code: 'webrtc_unavailable' });
  t.equal(egress.viewers('stream-1'), 0);
  pool.broken = false;
  await clock.advance(40_000);
  t.ok(broadcast.renditions.every(({ isClosed }) => isClosed));
  t.ok(pool.inputs.every(({ open }) => !open));
  t.equal(clock.pending, 0);
});

t.test('viewers get the reason when the broadcast ends, and later ones are refused', async (t) => {
  const { clock, pool, publish, broadcast, view, subscription, egress } = openFixture();
  publish().restart();
  const viewing = await view();
  await subscription.broadcastEnded('ended-by-owner');
  t.strictSame(await viewing?.ended, {
    name: 'end',
    reason: 'ended-by-owner',
    message: 'The broadcast is over.',
  });
  t.strictSame(pool.closedViewerGroups, [
    [broadcast.id, 'The broadcast is over.'],
    [`${broadcast.id}+av1`, 'The broadcast is over.'],
  ]);
  t.equal(broadcast.renditions[0]?.isClosed, true);
  t.equal(await view(), undefined);
  t.equal(egress.viewers('stream-1'), 0);
  t.equal(clock.pending, 0, 'no timer is left');
});

t.test('viewers are asked to reconnect at a server restart and after a worker crash', async (t) => {
  const { pool, view, subscription } = openFixture();
  const [first, second] = [await view(), await view()];
  pool.viewers[0]?.end('worker-died');
  t.match(await first?.ended, { name: 'reconnect', reason: 'worker-died' });
  await subscription.broadcastEnded('shutdown');
  t.match(await second?.ended, {
    name: 'reconnect',
    reason: 'shutdown',
    message: 'The server is restarting.',
  });
});

t.test('a viewer negotiated after the end of the broadcast gets the end', async (t) => {
  const { pool, view, subscription } = openFixture();
  pool.beforePeer = () => subscription.broadcastEnded('grace-expired');
  const viewing = await view();
  t.match(await viewing?.ended, { name: 'end', reason: 'grace-expired' });
  t.equal(pool.viewers[0]?.ended, 'closed');
});

t.test('the viewer count is sent once a second at most', async (t) => {
  const { clock, pool, view } = openFixture();
  const viewing = await view();
  const counts: number[] = [];
  viewing?.listen((event) => {
    if (event.type === 'viewercount') counts.push(event.viewers);
  });
  const others = [await view(), await view(), await view()];
  for (const viewer of pool.viewers) viewer.connect();
  await view(); // Never connects, so does not count.
  await clock.advance(1_000);
  t.strictSame(counts, [4]);
  others[0]?.leave();
  others[1]?.leave();
  await clock.advance(2_000);
  t.strictSame(counts, [4, 2]);
});
