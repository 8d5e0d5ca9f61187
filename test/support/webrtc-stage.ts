import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Test } from 'tap';
import { createRealtimeEgress, type RealtimeEgress, whepRoutes } from '../../src/egress/whep/index.js';
import { createWhipIngest, type WhipIngest, whipRoutes } from '../../src/ingest/whip/index.js';
import { DEFAULT_MAX_PICTURE_PIXELS } from '../../src/media/index.js';
import { type Logger, systemClock } from '../../src/platform/index.js';
import { OPEN_GATE, type Publication } from '../../src/streams/index.js';
import { createWebrtcPool, IceServers } from '../../src/webrtc/index.js';
import { openChromium } from './chromium.js';
import { freeUdpPorts } from './free-udp-ports.js';
import { PublishedSource, RealtimeBroadcast } from './realtime-broadcast.js';
import { signallingServer } from './signalling-server.js';
import { WebrtcPage } from './webrtc-page.js';

/** The one livestream of a stage. */
export const STREAM = '01890a5d-ac96-774b-bcce-b302099a8057';

/** What else can be registered on a stage's server before it listens. */
export type StageParts = {
  app: FastifyInstance;
  ingest: WhipIngest;
  egress: RealtimeEgress;
  iceServers: IceServers;
  log: Logger;
};

/** WHIP and WHEP over the real SFU, without HLS: a hall of one broadcast, and a browser that opens pages. */
export async function webrtcStage(t: Test, prepare?: (parts: StageParts) => Promise<void>) {
  const { app, log } = signallingServer(t);
  const clock = systemClock;
  const port = await freeUdpPorts();
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
  const ends: string[] = [];
  const sources: Parameters<Publication['describe']>[0][] = [];
  const ingest = createWhipIngest({
    pool,
    publish: async (publisher) => {
      const source = new PublishedSource(publisher.rtp?.mediaSourceId);
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
    maxPixels: DEFAULT_MAX_PICTURE_PIXELS,
    clock,
    log,
  });
  const iceServers = new IceServers({ stunUrls: [], clock, log });
  await app.register(whipRoutes, { ingest, iceServers, clock });
  await app.register(whepRoutes, { egress, gate: OPEN_GATE, find: async () => undefined, iceServers, clock });
  await prepare?.({ app, ingest, egress, iceServers, log });
  WebrtcPage.serve(app);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const browser = await openChromium(t);
  return { port, open: () => WebrtcPage.open(browser, base), ends, sources, visit, egress };
}
