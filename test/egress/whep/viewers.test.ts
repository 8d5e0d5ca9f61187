import t, { type Test } from 'tap';
import { createWhepEgress, whepRoutes } from '../../../src/egress/whep/index.js';
import { PublicError } from '../../../src/platform/index.js';
import type { ViewerRequest } from '../../../src/streams/index.js';
import { offerText } from '../../support/clients/webrtc-offer.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { FakeWebrtcBroadcast } from '../../support/fakes/fake-webrtc-broadcast.js';
import { FakeWebrtcPool } from '../../support/fakes/fake-webrtc-pool.js';
import { createTestServer } from '../../support/fixtures/test-server.js';

const LIVE = '01890a5d-ac96-774b-bcce-b302099a8057';
const OFFLINE = '01890a5d-ac96-774b-bcce-b302099a8058';

/** Starts WHEP with a viewer admission that records its calls. */
async function whep(t: Test, refusal?: PublicError) {
  const clock = new FakeClock();
  const { app, log } = createTestServer(t, clock);
  const pool = new FakeWebrtcPool();
  const egress = createWhepEgress({ pool, clock, log });
  const subscription = egress.subscribe(new FakeWebrtcBroadcast(LIVE));
  const calls: string[] = [];
  const requests: ViewerRequest[] = [];
  const failures: string[] = [];
  let dismiss: (() => void) | undefined;
  await app.register(whepRoutes, {
    egress,
    admission: {
      admit: async (request) => {
        requests.push(request);
        if (refusal) throw refusal;
        return {
          token: 'token',
          hold: (protocol, dismissed) => {
            calls.push(`hold ${protocol}`);
            dismiss = dismissed;
            return () => void calls.push('release');
          },
          onRevoked: () => () => {},
          withdraw: () => void calls.push('withdraw'),
        };
      },
    },
    findLivestream: async () => ({ endReason: null }),
    joinFailed: (streamId, code) => void failures.push(`${streamId} ${code}`),
    iceServers: { links: () => [] },
    clock,
  });
  const post = (streamId: string, query = '', payload = offerText('chromium-view')) =>
    app.inject({
      method: 'POST',
      url: `/whep/${streamId}${query}`,
      payload,
      headers: { 'content-type': 'application/sdp', authorization: 'Bearer x' },
    });
  return { app, pool, subscription, post, calls, requests, failures, dismiss: () => dismiss?.() };
}

t.test('a WHEP session counts as a viewer until it ends', async (t) => {
  const { app, post, calls, requests } = await whep(t);
  const answer = await post(LIVE, '?v=AQ-token');
  t.equal(answer.statusCode, 201);
  t.match(requests, [{ streamId: LIVE, token: 'AQ-token', authorization: 'Bearer x', address: '127.0.0.1' }]);
  t.strictSame(calls, ['hold whep']);
  await app.inject({ method: 'DELETE', url: String(answer.headers.location) });
  t.strictSame(calls, ['hold whep', 'release']);
  t.equal((await post(LIVE, '?v=a&v=b')).statusCode, 201);
  t.equal(requests.at(-1)?.token, undefined);
});

t.test('a viewer whose permission ends is disconnected', async (t) => {
  const { post, pool, calls, dismiss } = await whep(t);
  await post(LIVE);
  dismiss();
  t.equal(pool.viewers[0]?.ended, 'closed');
  await new Promise((resolve) => setImmediate(resolve));
  t.strictSame(calls, ['hold whep', 'release']);
});

t.test('a viewer whose negotiation fails keeps no place', async (t) => {
  const { post, calls } = await whep(t);
  t.equal((await post(OFFLINE)).statusCode, 409);
  t.equal(
    (await post(LIVE, '', offerText('chromium-view').replaceAll('H264', 'H999'))).statusCode < 500,
    true,
  );
  t.equal(calls[0], 'withdraw');
});

t.test('a connection that is never established is counted, one that ends later is not', async (t) => {
  const { post, pool, failures } = await whep(t);
  await post(LIVE);
  await post(LIVE);
  pool.viewers[0]?.end('never-connected');
  pool.viewers[1]?.end('lost');
  await new Promise((resolve) => setImmediate(resolve));
  t.same(failures, [`${LIVE} ice_failed`]);
});

t.test('refusals of viewer admission are answered before negotiation', async (t) => {
  for (const [refusal, retryAfter] of [
    [new PublicError(503, 'viewer_limit_reached', 'Full.', { retryAfter: 10 }), '10'],
    [new PublicError(404, 'stream_not_found', 'None.'), undefined],
  ] as const) {
    const { post, pool, failures } = await whep(t, refusal);
    const answer = await post(LIVE);
    t.same(failures, refusal.status === 404 ? [] : [`${LIVE} viewer_limit_reached`], 'it is counted');
    t.equal(answer.statusCode, refusal.status);
    t.equal(answer.json().error.code, refusal.code);
    t.equal(answer.headers['retry-after'], retryAfter);
    t.strictSame(pool.viewers, []);
  }
});

t.test('an address with too many pending connections gets 429 until some are established', async (t) => {
  const { app, post, pool, calls } = await whep(t);
  for (let i = 0; i < 200; i++) t.equal((await post(LIVE)).statusCode, 201);
  const refused = await post(LIVE);
  t.equal(refused.statusCode, 429);
  t.match(refused.json(), { error: { code: 'rate_limited' } });
  t.ok(Number(refused.headers['retry-after']) > 0);
  t.equal(calls.at(-1), 'hold whep', 'it is not admitted');
  t.equal(pool.viewers.length, 200, 'the workers get no offer');
  pool.viewers[0]?.close();
  await new Promise((resolve) => setImmediate(resolve));
  t.equal((await post(LIVE)).statusCode, 201);
  await app.close();
});
