import t from 'tap';
import { newId } from '../../../src/platform/index.js';
import {
  assertErrorResponse,
  authorizationOf,
  openLivestreamApi,
} from '../../support/fixtures/livestream-api-fixture.js';

t.test('a wrong method gets 405 with the allowed methods', async (t) => {
  const { app } = await openLivestreamApi(t);
  const answer = await app.inject({ method: 'POST', url: `/api/livestream/${newId()}` });
  assertErrorResponse(t, answer, 405, 'method_not_allowed');
  t.equal(answer.headers.allow, 'DELETE, GET, HEAD, PATCH');
});

t.test('CORS allows every origin with a bearer token, and none with cookies', async (t) => {
  const { app } = await openLivestreamApi(t);
  const origin = 'https://platform.example.test';
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    const preflight = await app.inject({
      method: 'OPTIONS',
      url: `/api/livestream/${newId()}/guests/u1`,
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': 'authorization',
      },
    });
    t.equal(preflight.statusCode, 204);
    t.match(preflight.headers, {
      'access-control-allow-origin': '*',
      'access-control-allow-methods': new RegExp(method),
      'access-control-allow-headers': /authorization/,
      'access-control-max-age': '600',
    });
    t.notOk(preflight.headers['access-control-allow-credentials']);
    t.notMatch(preflight.headers['access-control-allow-headers'], /csrf/);
  }
  const answer = await app.inject({ url: '/api/livestream/active', headers: { origin } });
  t.equal(answer.headers['access-control-allow-origin'], '*');
  t.notOk(answer.headers['access-control-allow-credentials']);
  const refused = await app.inject({
    method: 'POST',
    url: '/api/livestream/create',
    headers: { origin },
    payload: {},
  });
  t.equal(refused.statusCode, 401);
  t.equal(refused.headers['access-control-allow-origin'], '*', 'errors are readable too');
});

t.test('changes above the rate limit of an address get 429, except those of the operator', async (t) => {
  const { app, create, clock } = await openLivestreamApi(t);
  const streamId = await create({}, 'operator');
  const change = (name: 'boris' | 'operator', remoteAddress = '192.0.2.1') =>
    app.inject({
      method: 'PATCH',
      url: `/api/livestream/${streamId}`,
      headers: authorizationOf(name),
      payload: { title: 'B' },
      remoteAddress,
    });
  for (let i = 0; i < 60; i++) assertErrorResponse(t, await change('boris'), 403, 'not_allowed');
  const flooded = await change('boris');
  assertErrorResponse(t, flooded, 429, 'rate_limited');
  t.equal(flooded.headers['retry-after'], '1');
  assertErrorResponse(t, await change('boris', '198.51.100.1'), 403, 'not_allowed');
  t.equal((await change('operator')).statusCode, 200);
  const read = await app.inject({ url: `/api/livestream/${streamId}`, remoteAddress: '192.0.2.1' });
  t.equal(read.statusCode, 200);
  await clock.advance(100);
  assertErrorResponse(t, await change('boris'), 403, 'not_allowed');
  assertErrorResponse(t, await change('boris'), 429, 'rate_limited');
});

t.test('other routes share the scope and may have their own rate limit', async (t) => {
  const { app } = await openLivestreamApi(t, {
    registerFurtherRoutes: async (scope) => {
      scope.post('/:streamId/beacon', { config: { ownLimit: true } }, async () => ({ success: true }));
    },
  });
  for (let i = 0; i < 61; i++) {
    const answer = await app.inject({ method: 'POST', url: `/api/livestream/${newId()}/beacon` });
    if (answer.statusCode !== 200) t.fail(answer.body);
    t.equal(answer.headers['cache-control'], 'no-store');
  }
});
