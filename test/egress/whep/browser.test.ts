import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { ANONYMOUS } from '../../../src/accounts/index.js';
import { createRealtimeEgress, whepRoutes } from '../../../src/egress/whep/index.js';
import { createWhipIngest, whipRoutes } from '../../../src/ingest/whip/index.js';
import { systemClock } from '../../../src/platform/index.js';
import { createRealtime, realtimeRoutes } from '../../../src/realtime/index.js';
import { Signalling, WebrtcService } from '../../../src/signalling/index.js';
import { type Livestream, OPEN_GATE, type Publication } from '../../../src/streams/index.js';
import { createWebrtcPool, IceServers } from '../../../src/webrtc/index.js';
import { openChromium } from '../../support/chromium.js';
import { PublishedSource, RealtimeBroadcast } from '../../support/realtime-broadcast.js';
import { signallingServer } from '../../support/signalling-server.js';
import { WebrtcPage } from '../../support/webrtc-page.js';

const STREAM = '01890a5d-ac96-774b-bcce-b302099a8057';

const hasEvent = (name: string): string => `test.events.some(([event]) => event === '${name}')`;

/** The signalling over the real SFU, with a hall of one broadcast and a browser. */
async function stage(t: Test) {
  const { app, log } = signallingServer(t);
  const clock = systemClock;
  const pool = createWebrtcPool({
    workers: 1,
    firstPort: await freeUdpPort(),
    bindAddress: '127.0.0.1',
    publicIps: [],
    clock,
    log,
  });
  await pool.start();
  t.teardown(() => pool.close());
  const egress = createRealtimeEgress({ pool, clock, log });
  const visit = egress.visit(new RealtimeBroadcast(STREAM));
  const ends: string[] = [];
  const sources: Parameters<Publication['describe']>[0][] = [];
  const ingest = createWhipIngest({
    pool,
    publish: async (publisher) => {
      const source = new PublishedSource(publisher.rtp?.feedId);
      visit.published?.(source);
      const publication: Publication = {
        id: source.id,
        streamId: STREAM,
        broadcastId: `broadcast-of-${STREAM}`,
        restart: (_startedAt, has) => source.restart(has),
        write() {},
        describe: (info) => void sources.push(info),
        close: (reason) => {
          ends.push(reason);
          source.end();
        },
      };
      return { publication };
    },
    maximumBitrate: 3_000_000,
    clock,
    log,
  });
  const iceServers = new IceServers({ stunUrls: [], clock, log });
  const service = new WebrtcService({
    publish: (request) => ingest.publish(request),
    view: (request) => egress.view(request),
    offer: (streamId) => egress.offer(streamId),
    viewers: (streamId) => egress.viewers(streamId),
    create: async () => ({ streamId: STREAM, streamKey: '' }),
    streams: {
      find: async () => ({ id: STREAM }) as Livestream,
      listActive: async () => [],
      status: () => ({ state: { name: 'live' }, source: undefined, notices: [] }),
      end: async () => true,
    },
    iceServers,
  });
  await app.register(whipRoutes, { ingest, iceServers, clock });
  await app.register(whepRoutes, { egress, gate: OPEN_GATE, find: async () => undefined, iceServers, clock });
  const realtime = createRealtime({ authenticate: async () => ANONYMOUS, clock, log });
  const signalling = new Signalling({
    service,
    iceServers,
    hub: realtime,
    admit: async () => ({ token: '', hold: () => () => {}, withdraw: () => {} }),
    onChange: () => () => {},
    clock,
    log,
  });
  realtime.add(signalling);
  await app.register(realtimeRoutes, { realtime, clock });
  WebrtcPage.serve(app);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const browser = await openChromium(t);
  const page = await WebrtcPage.open(browser, base);
  return { page, ends, sources, visit, egress };
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

for (const codec of ['video/H264', 'video/VP8']) {
  t.test(`a browser publishes ${codec} by WHIP and another watches by WHEP, told what happens`, async (t) => {
    const { page, ends, sources, visit, egress } = await stage(t);
    const whip = await page.publish(codec);
    const seen = await page.watch(STREAM, 15);
    t.strictSame(seen.codecs, ['audio/opus', codec]);
    t.equal(seen.tracks, 2, 'sound and picture are one stream');
    t.ok(seen.sound > 0);
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
    await visit.ended('ended-by-owner');
    await page.until(hasEvent('end'));
    t.strictSame((await page.events()).at(-1), [
      'end',
      { reason: 'ended-by-owner', message: 'The broadcast is over.' },
    ]);
  });
}

t.test('a viewer chooses among the layers that a browser publishes', async (t) => {
  const { page } = await stage(t);
  await page.publish('video/VP8', ['l', 'h']);
  const { path } = await page.watch(STREAM, 10);
  await page.until("test.events.some(([name, data]) => name === 'layers' && data[1].layers.length === 2)");
  t.equal(await page.request('POST', `${path}/layer`, { mediaId: '1', encodingId: 'l' }), 200);
  await page.until('test.video.videoHeight === 180');
  t.equal(await page.request('POST', `${path}/layer`, { rid: 'h' }), 200);
  await page.until('test.video.videoHeight === 360');
  t.equal(await page.request('POST', `${path}/layer`, { rid: 'none' }), 400);
});

t.test('a browser that joins over the WebSocket is offered the picture, answers and watches', async (t) => {
  const { page } = await stage(t);
  await page.publish('video/H264');
  t.match(await page.join(STREAM, 15), { height: 360, errors: [] });
});
