import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { createRealtimeEgress } from '../../src/egress/whep/index.js';
import { createWhipIngest, whipRoutes } from '../../src/ingest/whip/index.js';
import { type SignallingRoutesOptions, signallingRoutes, WebrtcService } from '../../src/signalling/index.js';
import type { Livestream, Publisher, StreamState } from '../../src/streams/index.js';
import { FakeClock } from './fake-clock.js';
import { PoolDouble } from './pool-double.js';
import { PublishedSource, RealtimeBroadcast } from './realtime-broadcast.js';
import { RecordingPublication } from './recording-publication.js';
import { signallingServer } from './signalling-server.js';
import { offerText } from './webrtc-offer.js';
import { WebSocketClient } from './websocket-client.js';

export const STREAM = '01890a5d-ac96-774b-bcce-b302099a8057';
export const OTHER = '01890a5d-ac96-774b-bcce-b302099a8058';
export const KEY = 'live_good-key-1234567890';
export const publisherOffer = offerText('chromium-simulcast');
export const viewerOffer = offerText('chromium-view');

/** The signalling over rooms that work, an SFU without media, and a hall of two streams. */
export async function signallingStage(t: Test, routes: Partial<SignallingRoutesOptions> = {}) {
  const clock = new FakeClock();
  const { app, log, logged } = signallingServer(t, clock);
  const pool = new PoolDouble();
  const egress = createRealtimeEgress({ pool, clock, log });
  const visit = egress.visit(new RealtimeBroadcast(STREAM));
  const publications: RecordingPublication[] = [];
  const ended: string[] = [];
  const hall: { state: StreamState } = { state: { name: 'live' } };
  const ingest = createWhipIngest({
    pool,
    publish: async (publisher: Publisher) => {
      if (publisher.streamKey !== KEY)
        return { refusal: { code: 'stream_key_unknown', message: 'This stream key is not known.' } };
      const publication = Object.assign(new RecordingPublication(publisher), { streamId: STREAM });
      publications.push(publication);
      visit.published?.(new PublishedSource(publisher.rtp?.feedId));
      return { publication };
    },
    maximumBitrate: 1,
    clock,
    log,
  });
  const livestreams = [STREAM, OTHER].map(
    (id) => ({ id, userId: 'ann', title: id, startedAt: new Date(0) }) as Livestream,
  );
  const iceServers = {
    list: (user?: string) => [{ urls: ['turn:t.example.net'], username: user ?? '', credential: 'x' }],
    links: () => [],
  };
  const service = new WebrtcService({
    publish: (request) => ingest.publish(request),
    view: (request) => egress.view(request),
    offer: (streamId) => egress.offer(streamId),
    viewers: (streamId) => egress.viewers(streamId),
    create: async (userId) => ({ streamId: `stream-of-${userId}`, streamKey: KEY }),
    streams: {
      find: async (streamId) => livestreams.find(({ id }) => id === streamId),
      listActive: async ({ limit, offset }) =>
        Array.from({ length: 250 }, () => livestreams[0]!).slice(offset, offset + limit),
      status: (streamId) => ({
        state: streamId === STREAM ? hall.state : { name: 'offline' },
        source: undefined,
        notices: [],
      }),
      end: async (streamId) => {
        if (!livestreams.some(({ id }) => id === streamId)) return false;
        ended.push(streamId);
        await visit.ended('ended-by-owner');
        return true;
      },
    },
    iceServers,
  });
  await app.register(signallingRoutes, { service, iceServers, clock, log, ...routes });
  await app.register(whipRoutes, { ingest, iceServers, clock });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const client = (path?: string): WebSocketClient => new WebSocketClient(t, port, path);
  return { app, clock, pool, publications, ended, hall, visit, service, client, logged };
}
