import t, { type Test } from 'tap';
import { ANONYMOUS } from '../../../src/accounts/index.js';
import { systemClock } from '../../../src/platform/index.js';
import { Signalling, WebrtcService } from '../../../src/socket-signalling/index.js';
import { createSocketHub, socketRoutes } from '../../../src/sockets/index.js';
import type { Livestream } from '../../../src/streams/index.js';
import { STREAM, startWebrtcFixture } from '../../support/fixtures/webrtc-fixture.js';

const hasEvent = (name: string): string => `test.events.some(([event]) => event === '${name}')`;

/** Starts the fixture with socket signalling, and a page. */
async function startFixture(t: Test) {
  const { open, ...rest } = await startWebrtcFixture(t, async ({ app, ingest, egress, iceServers, log }) => {
    const clock = systemClock;
    const service = new WebrtcService({
      publish: (request) => ingest.publish(request),
      view: (request) => egress.view(request),
      offer: (streamId) => egress.offer(streamId),
      viewers: (streamId) => egress.viewers(streamId),
      create: async () => ({ streamId: STREAM, streamKey: '' }),
      livestreams: { find: async () => ({ id: STREAM }) as Livestream, listActive: async () => [] },
      streams: {
        status: () => ({ state: { name: 'live' }, source: undefined, notices: [] }),
        endLivestream: async () => true,
      },
      iceServers,
    });
    const hub = createSocketHub({ authenticate: async () => ANONYMOUS, clock, log });
    const signalling = new Signalling({
      service,
      iceServers,
      hub,
      admit: async () => ({ token: '', hold: () => () => {}, onRevoked: () => () => {}, withdraw: () => {} }),
      onChange: () => () => {},
      clock,
      log,
    });
    hub.add(signalling);
    await app.register(socketRoutes, { hub, clock });
  });
  return { page: await open(), ...rest };
}

for (const codec of ['video/H264', 'video/VP8']) {
  t.test(`a browser watches ${codec} by WHEP that another publishes by WHIP, with events`, async (t) => {
    const { page, ends, sources, subscription, egress } = await startFixture(t);
    const whip = await page.publish(codec);
    const seen = await page.watch(STREAM, 15);
    t.strictSame(seen.codecs, ['audio/opus', codec]);
    t.equal(seen.tracks, 2, 'audio and video are one stream');
    t.ok(seen.audioPackets > 0);
    t.equal(egress.viewers(STREAM), 1);
    await page.until(hasEvent('active'));
    t.equal(sources.at(-1)?.video?.codec, codec === 'video/H264' ? 'h264' : 'vp8');

    t.equal(await page.request('DELETE', whip), 200);
    t.strictSame(ends, ['publisher-left']);
    await page.until(hasEvent('inactive'));
    await page.publish(codec);
    await page.until(
      "test.events.findLastIndex(([name]) => name === 'active') > test.events.findLastIndex(([name]) => name === 'inactive')",
    );
    await subscription.broadcastEnded('ended-by-owner');
    await page.until(hasEvent('end'));
    t.strictSame((await page.events()).at(-1), [
      'end',
      { reason: 'ended-by-owner', message: 'The broadcast is over.' },
    ]);
  });
}

t.test('a viewer selects among the layers that a browser publishes', async (t) => {
  const { page } = await startFixture(t);
  await page.publish('video/VP8', ['l', 'h']);
  const { path } = await page.watch(STREAM, 10);
  await page.until("test.events.some(([name, data]) => name === 'layers' && data[1].layers.length === 2)");
  t.equal(await page.request('POST', `${path}/layer`, { mediaId: '1', encodingId: 'l' }), 200);
  await page.until('test.video.videoHeight === 180');
  t.equal(await page.request('POST', `${path}/layer`, { rid: 'h' }), 200);
  await page.until('test.video.videoHeight === 360');
  t.equal(await page.request('POST', `${path}/layer`, { rid: 'none' }), 400);
});

t.test('a browser that joins over the WebSocket gets an offer, answers and watches', async (t) => {
  const { page } = await startFixture(t);
  await page.publish('video/H264');
  t.match(await page.join(STREAM, 15), { height: 360, errors: [] });
});
