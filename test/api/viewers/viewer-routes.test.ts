import { randomBytes } from 'node:crypto';
import type { LightMyRequestResponse } from 'fastify';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { createGuards, viewerRoutes } from '../../../src/api/index.js';
import { Audience, type AudienceLimits } from '../../../src/audience/index.js';
import { BoundedCalls, systemClock } from '../../../src/platform/index.js';
import { fakeIdentities } from '../../support/fixtures/audience-fixture.js';
import {
  assertErrorResponse,
  authenticateByName,
  authorizationOf,
  type LivestreamApi,
  openLivestreamApi,
  type PersonName,
} from '../../support/fixtures/livestream-api-fixture.js';

type Api = LivestreamApi & {
  audience: Audience;
  /** Sends a POST below the URL of livestreams. */
  post(path: string, body?: object, name?: PersonName): Promise<LightMyRequestResponse>;
};

/** Opens the API on an audience with a database. */
async function open(t: Test, limits: Partial<AudienceLimits> = {}): Promise<Api> {
  const api = await openLivestreamApi(t, {
    viewers: (streamId) => audience.viewers(streamId),
    registerFurtherRoutes: async (scope) => {
      const guards = createGuards({ authenticate: authenticateByName });
      const iceServers = { list: (user?: string) => [{ urls: [`stun:${user}`] }] };
      await scope.register(viewerRoutes, {
        audience,
        authenticate: authenticateByName,
        guards,
        iceServers,
        clock: api.clock,
      });
    },
  });
  const audience = new Audience({
    sql: api.sql,
    livestreams: api.livestreams,
    streams: api.streams,
    authenticate: authenticateByName,
    identities: fakeIdentities().identities,
    secret: randomBytes(32),
    hub: { broadcast() {} },
    // Database calls are timed in real time, not by the fake clock.
    calls: new BoundedCalls({ clock: systemClock, timeoutMs: 10_000 }),
    clock: api.clock,
    log: pino({ level: 'silent' }),
    limits,
  });
  await audience.start();
  t.teardown(() => audience.close());
  const post = (path: string, body?: object, name?: PersonName) =>
    api.app.inject({
      method: 'POST',
      url: `/api/livestream/${path}`,
      ...(body === undefined ? {} : { payload: body }),
      ...(name === undefined ? {} : { headers: authorizationOf(name) }),
    });
  return { ...api, audience, post };
}

t.test('viewers join, send beacons and leave', async (t) => {
  const { app, create, post, audience, clock } = await open(t);
  const streamId = await create();
  const joined = await post(`${streamId}/join`);
  t.equal(joined.statusCode, 200);
  t.match(joined.json(), {
    success: true,
    iceServers: [{ urls: [`stun:${streamId}`] }],
    viewerToken: /^[\w-]{40,}$/,
    viewers: 1,
    state: 'offline',
  });
  t.equal(joined.headers['cache-control'], 'no-store');
  const { viewerToken } = joined.json();
  t.match((await post(`${streamId}/join`, { viewerToken })).json(), { viewerToken, viewers: 1 });
  t.equal((await post(`${streamId}/join`, {}, 'vera')).json().viewers, 2);
  const { stream } = (await app.inject(`/api/livestream/${streamId}`)).json();
  t.equal(stream.viewers.total, 2);

  for (let turn = 0; turn < 3; turn++) {
    await clock.advance(10_000);
    const viewers = turn === 0 ? 2 : 1;
    t.strictSame((await post(`${streamId}/beacon`, { viewerToken })).json(), { success: true, viewers });
  }
  t.strictSame((await post(`${streamId}/leave`, { viewerToken })).json(), { success: true });
  t.equal(audience.viewers(streamId).total, 0);

  await post(`${streamId}/join`, undefined, 'vera');
  t.strictSame((await post(`${streamId}/leave`, undefined, 'vera')).json(), { success: true });
  t.equal(audience.viewers(streamId).total, 0, 'a user leaves without a token');
  t.strictSame((await post(`${streamId}/leave`)).json(), { success: true });
  t.match((await post(`${streamId.toUpperCase()}/join`)).json(), { viewers: 1 });
});

t.test('a closing page leaves by sendBeacon', async (t) => {
  const { app, create, post, audience } = await open(t);
  const streamId = await create();
  for (const type of ['text/plain;charset=UTF-8', 'application/json']) {
    const { viewerToken } = (await post(`${streamId}/join`)).json();
    const payload = JSON.stringify({ viewerToken });
    for (const url of ['beacon', 'leave']) {
      const answer = await app.inject({
        method: 'POST',
        url: `/api/livestream/${streamId}/${url}`,
        payload,
        headers: { 'content-type': type },
      });
      t.equal(answer.statusCode, 200, answer.body);
    }
    t.equal(audience.viewers(streamId).total, 0, type);
  }
});

t.test('malformed tokens, ids and JSON are refused with a message', async (t) => {
  const { app, create, post } = await open(t);
  const streamId = await create();
  for (const viewerToken of ['', 'ä', 'a b', 5, 'a'.repeat(2_000)]) {
    assertErrorResponse(
      t,
      await post(`${streamId}/join`, { viewerToken }),
      400,
      'validation_failed',
      /viewerToken/,
    );
    assertErrorResponse(
      t,
      await post(`${streamId}/beacon`, { viewerToken }),
      400,
      'validation_failed',
      /viewerToken/,
    );
    assertErrorResponse(
      t,
      await post(`${streamId}/leave`, { viewerToken }),
      400,
      'validation_failed',
      /viewerToken/,
    );
  }
  assertErrorResponse(t, await post(`${streamId}/beacon`), 400, 'validation_failed');
  assertErrorResponse(
    t,
    await post(`${streamId}/beacon`, { viewerToken: 'AQabc' }),
    400,
    'viewer_token_invalid',
  );
  assertErrorResponse(t, await post(`${streamId}/join`, { other: 1 }), 400, 'validation_failed', /other/);
  assertErrorResponse(t, await post('nothing/join'), 400, 'validation_failed');
  const none = '01890a5d-ac96-774b-bcce-b302099a8057';
  assertErrorResponse(t, await post(`${none}/join`), 404, 'stream_not_found');
  assertErrorResponse(t, await app.inject(`/api/livestream/${none}/viewers`), 404, 'stream_not_found');
  for (const payload of ['{', '"x', '[1,2', '{"__proto__": {}}']) {
    const headers = { 'content-type': 'text/plain' };
    const url = `/api/livestream/${streamId}/leave`;
    assertErrorResponse(t, await app.inject({ method: 'POST', url, payload, headers }), 400, 'body_invalid');
  }
  const wrong = await app.inject({
    method: 'POST',
    url: `/api/livestream/${streamId}/join`,
    headers: { authorization: 'Bearer wrong' },
  });
  assertErrorResponse(t, wrong, 401, 'access_token_invalid');
});

t.test('requests above the rate limit and joins of full livestreams get Retry-After', async (t) => {
  const { create, post } = await open(t, { newViewers: { burst: 3, refillMs: 1_000 } });
  const streamId = await create({ viewerLimit: 1 });
  const { viewerToken } = (await post(`${streamId}/join`)).json();
  const full = await post(`${streamId}/join`);
  assertErrorResponse(t, full, 503, 'viewer_limit_reached');
  t.equal(full.headers['retry-after'], '10');
  t.equal((await post(`${streamId}/join`, { viewerToken })).statusCode, 200);
  t.equal((await post(`${streamId}/join`, {}, 'anna')).statusCode, 200, 'the broadcaster');
  const flood = await post(`${streamId}/join`);
  assertErrorResponse(t, flood, 429, 'rate_limited');
  t.equal(flood.headers['retry-after'], '1');
  for (let turn = 0; turn < 200; turn++)
    if ((await post(`${streamId}/beacon`, { viewerToken })).statusCode !== 200)
      t.fail('a beacon was refused');
});

t.test('viewer counts are public, and the totals are for those who manage the livestream', async (t) => {
  const { app, create, post, clock, sql, audience } = await open(t);
  const streamId = await create();
  const { viewerToken } = (await post(`${streamId}/join`)).json();
  for (let turn = 0; turn < 13; turn++) {
    await clock.advance(10_000);
    await post(`${streamId}/beacon`, { viewerToken });
  }
  const ask = async (name?: PersonName, query = '') => {
    const headers = name === undefined ? {} : authorizationOf(name);
    return await app.inject({ url: `/api/livestream/${streamId}/viewers${query}`, headers });
  };
  const byProtocol = { whep: 0, 'll-hls': 0, hls: 0, dash: 0 };
  for (const name of [undefined, 'vera', 'boris'] as const)
    t.strictSame((await ask(name)).json(), { viewers: { total: 1, byProtocol } });
  const stored = async () => (await sql`select from livestream_viewer_minutes`).count;
  while ((await stored()) < 2) await audience.flush();
  for (const name of ['anna', 'ada', 'operator'] as const) {
    const { history, viewers } = (await ask(name)).json();
    t.equal(viewers.total, 1);
    t.match(history, [
      { minute: '2026-01-01T00:00:00.000Z', viewers: 1, byProtocol },
      { minute: '2026-01-01T00:01:00.000Z' },
      { minute: '2026-01-01T00:02:00.000Z' },
    ]);
  }
  t.equal((await ask('anna', '?minutes=1')).json().history.length, 1);
  assertErrorResponse(t, await ask('anna', '?minutes=0'), 400, 'validation_failed');
  assertErrorResponse(t, await ask('anna', '?minutes=x'), 400, 'validation_failed');
});

t.test('a private livestream is 404 for viewers who are not invited', async (t) => {
  const { app, create, post, livestreams } = await open(t);
  const streamId = await create({ visibility: 'private' });
  const none = await post('01890a5d-ac96-774b-bcce-b302099a8057/join');
  for (const name of [undefined, 'vera', 'boris'] as const) {
    const answer = await post(`${streamId}/join`, {}, name);
    t.equal(answer.statusCode, 404);
    t.equal(answer.body, none.body);
    const headers = name === undefined ? {} : authorizationOf(name);
    const url = `/api/livestream/${streamId}/viewers`;
    assertErrorResponse(t, await app.inject({ url, headers }), 404, 'stream_not_found');
  }
  t.equal((await post(`${streamId}/join`, {}, 'anna')).statusCode, 200);
  await livestreams.invitees.add(streamId, 'vera');
  const { viewerToken } = (await post(`${streamId}/join`, {}, 'vera')).json();
  t.equal((await post(`${streamId}/beacon`, { viewerToken })).statusCode, 200);
  await livestreams.invitees.remove(streamId, 'vera');
  for (let tries = 0; tries < 100; tries++) await livestreams.invitees.has(streamId, 'vera');
  assertErrorResponse(t, await post(`${streamId}/beacon`, { viewerToken }), 404, 'stream_not_found');
});
