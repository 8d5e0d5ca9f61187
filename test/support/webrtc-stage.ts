import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { createRealtimeEgress, whepRoutes } from '../../src/egress/whep/index.js';
import { createWhipIngest, whipRoutes } from '../../src/ingest/whip/index.js';
import { systemClock } from '../../src/platform/index.js';
import { OPEN_GATE, type Publication } from '../../src/streams/index.js';
import { createWebrtcPool, IceServers } from '../../src/webrtc/index.js';
import { openChromium } from './chromium.js';
import { PublishedSource, RealtimeBroadcast } from './realtime-broadcast.js';
import { signallingServer } from './signalling-server.js';
import { WebrtcPage } from './webrtc-page.js';

/** The one livestream of a stage. */
export const STREAM = '01890a5d-ac96-774b-bcce-b302099a8057';

/** WHIP and WHEP over the real SFU, without HLS: a hall of one broadcast, and a browser that opens pages. */
export async function webrtcStage(t: Test) {
  const { app, log } = signallingServer(t);
  const clock = systemClock;
  const port = await freeUdpPort();
  const pool = createWebrtcPool({
    workers: 1,
    firstPort: port,
    bindAddress: '127.0.0.1',
    publicIps: [],
    clock,
    log,
  });
  await pool.start();
  t.teardown(() => pool.close());
  const egress = createRealtimeEgress({ pool, clock, log });
  const visit = egress.visit(new RealtimeBroadcast(STREAM));
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
        describe() {},
        close: () => source.end(),
      };
      return { publication };
    },
    maximumBitrate: 3_000_000,
    clock,
    log,
  });
  const iceServers = new IceServers({ stunUrls: [], clock, log });
  await app.register(whipRoutes, { ingest, iceServers, clock });
  await app.register(whepRoutes, { egress, gate: OPEN_GATE, find: async () => undefined, iceServers, clock });
  WebrtcPage.serve(app);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const browser = await openChromium(t);
  return { port, open: () => WebrtcPage.open(browser, base) };
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}
