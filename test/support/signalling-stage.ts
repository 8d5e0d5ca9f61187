import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { ANONYMOUS, type Principal } from '../../src/accounts/index.js';
import { createRealtimeEgress } from '../../src/egress/whep/index.js';
import { createWhipIngest, whipRoutes } from '../../src/ingest/whip/index.js';
import { DEFAULT_MAX_PICTURE_PIXELS } from '../../src/media/index.js';
import { PublicError } from '../../src/platform/index.js';
import { createRealtime, type RealtimeLimits, realtimeRoutes } from '../../src/realtime/index.js';
import { Signalling, type SignallingOptions, WebrtcService } from '../../src/signalling/index.js';
import type { Livestream, Publisher, StreamChange, StreamState } from '../../src/streams/index.js';
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

export type SignallingStageOptions = {
  signalling?: Partial<SignallingOptions>;
  limits?: Partial<RealtimeLimits>;
};

/** The signalling over rooms that work, an SFU without media, and a hall of two streams of ann. */
export async function signallingStage(t: Test, options: SignallingStageOptions = {}) {
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
      if (!publisher.signedIn && publisher.streamKey !== KEY)
        return { refusal: { code: 'stream_key_unknown', message: 'This stream key is not known.' } };
      const publication = Object.assign(new RecordingPublication(publisher), {
        streamId: publisher.signedIn?.streamId ?? STREAM,
      });
      publications.push(publication);
      visit.published?.(new PublishedSource(publisher.rtp?.mediaSourceId));
      return { publication };
    },
    maximumBitrate: 1,
    maxPixels: DEFAULT_MAX_PICTURE_PIXELS,
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
  const principals: Record<string, Principal> = {};
  const realtime = createRealtime({
    authenticate: async ({ authorization }) => {
      if (authorization === undefined) return ANONYMOUS;
      const principal = principals[authorization.replace('Bearer ', '')];
      if (!principal) throw new PublicError(401, 'access_token_invalid', 'This token does not hold.');
      return principal;
    },
    clock,
    log,
    ...(options.limits ? { limits: options.limits } : {}),
  });
  const listeners: ((change: StreamChange) => void)[] = [];
  /** Moves the first stream on, as the hall does. */
  const change = (to: StreamState, more: Partial<StreamChange> = {}): void => {
    const from = hall.state.name;
    hall.state = to;
    const step = { streamId: STREAM, broadcastId: 'b', from, to, wasLive: true, ...more };
    for (const listener of listeners) listener(step);
  };
  const audience = { admitted: 0, watching: 0, withdrawn: 0, dismiss: (): void => {}, refuse: false };
  const signalling = new Signalling({
    service,
    iceServers,
    hub: realtime,
    admit: async () => {
      if (audience.refuse) throw new PublicError(503, 'viewer_limit_reached', 'No more viewers.');
      audience.admitted++;
      return {
        token: 'viewer-token',
        hold: (_protocol, dismissed = () => {}) => {
          audience.watching++;
          audience.dismiss = dismissed;
          let held = true;
          return () => {
            if (held) audience.watching--;
            held = false;
          };
        },
        onRevoked: () => () => {},
        withdraw: () => {
          audience.withdrawn++;
        },
      };
    },
    onChange: (listener) => {
      listeners.push(listener);
      return () => listeners.splice(listeners.indexOf(listener), 1);
    },
    clock,
    log,
    ...options.signalling,
  });
  realtime.add(signalling);
  signalling.start();
  t.teardown(() => signalling.close());
  await app.register(realtimeRoutes, { realtime, clock });
  await app.register(whipRoutes, { ingest, iceServers, clock });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const client = (path?: string, headers?: Record<string, string>): WebSocketClient =>
    new WebSocketClient(t, port, path, headers);
  return {
    app,
    clock,
    pool,
    publications,
    ended,
    hall,
    change,
    audience,
    principals,
    visit,
    service,
    client,
    logged,
  };
}
