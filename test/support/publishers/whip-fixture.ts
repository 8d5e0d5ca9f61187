import type { InjectOptions, LightMyRequestResponse } from 'fastify';
import type { Test } from 'tap';
import { createWhipIngest, type WhipRoutesOptions, whipRoutes } from '../../../src/ingest/whip/index.js';
import { DEFAULT_MAX_PICTURE_PIXELS } from '../../../src/media/index.js';
import type { Publisher, Refusal } from '../../../src/streams/index.js';
import { offerText } from '../clients/webrtc-offer.js';
import { FakeClock } from '../fakes/fake-clock.js';
import { FakeWebrtcPool } from '../fakes/fake-webrtc-pool.js';
import { RecordingPublication } from '../fakes/recording-publication.js';
import { createTestServer } from '../fixtures/test-server.js';

export const KEY = 'live_good-key-1234567890';
export const SDP = { 'content-type': 'application/sdp' };
export const FRAGMENT =
  'a=ice-ufrag:S/T6\r\na=ice-pwd:qqvmPzrsQDQsj9che8wSjN/l\r\nm=audio 9 X 0\r\na=mid:0\r\na=candidate:1 1 udp 1 10.0.0.1 1 typ host\r\n';

export async function whip(t: Test, routes: Partial<WhipRoutesOptions> = {}) {
  const clock = new FakeClock();
  const { app, log, logLines } = createTestServer(t, clock);
  const pool = new FakeWebrtcPool();
  const publications: RecordingPublication[] = [];
  const registry: { refusal?: Refusal; admitted: (publication: RecordingPublication) => void } = {
    admitted: () => {},
  };
  const ingest = createWhipIngest({
    pool,
    publish: async (publisher: Publisher) => {
      if (registry.refusal) return { refusal: registry.refusal };
      const publication = new RecordingPublication(publisher);
      publications.push(publication);
      registry.admitted(publication);
      return { publication };
    },
    maximumBitrateBps: 6_000_000,
    maxPixels: DEFAULT_MAX_PICTURE_PIXELS,
    clock,
    log,
  });
  const iceServers = { links: () => ['<stun:stun.example.net>; rel="ice-server"'] };
  await app.register(whipRoutes, { ingest, iceServers, clock, ...routes });
  const ask = (options: InjectOptions): Promise<LightMyRequestResponse> => app.inject(options);
  const post = (payload = offerText('chromium-simulcast'), more: Partial<InjectOptions> = {}) =>
    ask({
      method: 'POST',
      url: '/whip',
      payload,
      ...more,
      headers: { ...SDP, authorization: `Bearer ${KEY}`, ...more.headers },
    });
  return { app, pool, publications, registry, ask, post, logLines, clock };
}
