import type { LightMyRequestResponse } from 'fastify';
import t, { type Test } from 'tap';
import { Channels, StreamKeys } from '../../../src/accounts/index.js';
import { channelRoutes, createGuards, streamKeyRoutes } from '../../../src/api/index.js';
import { createLog, newId } from '../../../src/platform/index.js';
import {
  assertErrorResponse,
  authenticateByName,
  authorizationOf,
  openLivestreamApi,
  type PersonName,
  URLS,
} from '../../support/fixtures/livestream-api-fixture.js';
import { answerSchema, checkDocument, type OpenApi, problemsOf } from '../../support/fixtures/openapi.js';

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** Opens the routes of keys and channels, and those of livestreams. */
async function open(t: Test) {
  const dropped: string[] = [];
  const guards = createGuards({ authenticate: authenticateByName });
  const api = await openLivestreamApi(t, {
    guards,
    registerFurtherRoutes: async (scope, lookup) => {
      await scope.register(streamKeyRoutes, { keys, lookup, guards, urls: URLS, clock: api.clock });
    },
  });
  const { sql, clock } = api;
  const keys = new StreamKeys({
    sql,
    dropKey: (id) => dropped.push(id),
    clock,
    log: createLog('silent'),
  });
  api.app.register(channelRoutes, { keys, channels: new Channels(sql), guards, urls: URLS, clock });
  const request = (
    method: Method,
    url: string,
    name: PersonName | 'nobody' = 'anna',
    payload?: object,
  ): Promise<LightMyRequestResponse> =>
    api.app.inject({
      method,
      url,
      headers: name === 'nobody' ? {} : authorizationOf(name),
      ...(payload ? { payload } : {}),
    });
  return { ...api, keys, dropped, request };
}

t.test('a broadcaster creates, lists, rotates and revokes the keys of a livestream', async (t) => {
  const { create, request, keys, dropped, clock } = await open(t);
  const path = `/api/livestream/${await create()}/keys`;
  const made = await request('POST', path, 'anna', {
    label: 'Studio',
    protocols: ['rtmps'],
    addressRanges: ['192.0.2.7/24'],
    expiresAt: '2026-01-02T00:00:00Z',
  });
  t.equal(made.statusCode, 201, made.body);
  const { key, streamKey, ingest } = made.json();
  t.match(streamKey, /^live_[a-z2-7]{32}$/);
  t.same(ingest, { rtmp: { server: URLS.rtmpServer() } });
  t.match(key, {
    label: 'Studio',
    status: 'active',
    protocols: ['rtmps'],
    addressRanges: ['192.0.2.0/24'],
    expiresAt: '2026-01-02T00:00:00.000Z',
  });
  t.notMatch(JSON.stringify(key), streamKey);

  const rotated = (await request('POST', `${path}/${key.id}/rotate`, 'anna', { overlapSeconds: 60 })).json();
  const listed = (await request('GET', path)).json().keys;
  t.match(listed, [
    { id: rotated.key.id, status: 'active' },
    { id: key.id, status: 'replaced', replacedBy: rotated.key.id, expiresAt: '2026-01-01T00:01:00.000Z' },
  ]);
  assertErrorResponse(t, await request('POST', `${path}/${key.id}/rotate`), 409, 'key_not_current');
  await clock.advance(60_000);
  t.equal((await request('GET', path)).json().keys[1].status, 'expired');

  await keys.recordUse({
    keyId: key.id,
    streamId: null,
    protocol: 'rtmp',
    address: '192.0.2.1',
    outcome: 'admitted',
  });
  t.match((await request('GET', `${path}/${key.id}/uses?limit=1`)).json(), {
    uses: [{ outcome: 'admitted', address: '192.0.2.1', protocol: 'rtmp', usedAt: String }],
  });
  t.same((await request('DELETE', `${path}/${rotated.key.id}`)).json(), { success: true });
  t.same(dropped, [rotated.key.id]);
  t.equal((await request('GET', path)).json().keys[0].status, 'revoked');
});

t.test('without a body a key has no limits, and rotation an overlap of an hour', async (t) => {
  const { create, request } = await open(t);
  const path = `/api/livestream/${await create()}/keys`;
  const { key } = (await request('POST', path)).json();
  t.match(key, { protocols: null, addressRanges: null, expiresAt: null, label: '' });
  await request('POST', `${path}/${key.id}/rotate`);
  t.equal((await request('GET', path)).json().keys[1].expiresAt, '2026-01-01T01:00:00.000Z');
});

t.test(
  'the keys of a livestream are accessible to its broadcaster, admins and the operator only',
  async (t) => {
    const { create, request, keys } = await open(t);
    const [publicId, privateId] = [await create(), await create({ visibility: 'private' })];
    for (const streamId of [publicId, privateId]) {
      const path = `/api/livestream/${streamId}/keys`;
      const { key } = await keys.create({ streamId }, {});
      const calls: [Method, string][] = [
        ['GET', path],
        ['POST', path],
        ['DELETE', `${path}/${key.id}`],
        ['POST', `${path}/${key.id}/rotate`],
        ['GET', `${path}/${key.id}/uses`],
        ['GET', `/api/livestream/${streamId}/sign-ins`],
      ];
      for (const [method, url] of calls) {
        assertErrorResponse(t, await request(method, url, 'nobody'), 401, 'not_signed_in');
        for (const name of ['boris', 'vera'] as const)
          if (streamId === publicId)
            assertErrorResponse(t, await request(method, url, name), 403, 'not_allowed');
          else assertErrorResponse(t, await request(method, url, name), 404, 'stream_not_found');
      }
      for (const name of ['ada', 'operator'] as const)
        t.equal((await request('GET', path, name)).statusCode, 200);
      t.match(await keys.list({ streamId }), [{ revokedAt: null, replacedBy: null }], 'nothing was changed');
    }
  },
);

t.test('a broadcaster lists publications without a key', async (t) => {
  const { create, request, keys, clock } = await open(t);
  const streamId = await create();
  const signIn = { streamId, userId: 'anna', protocol: 'whip', address: '192.0.2.1' };
  await keys.recordSignIn({ ...signIn, outcome: 'admitted' });
  await clock.advance(1);
  await keys.recordSignIn({ ...signIn, userId: 'operator', outcome: 'livestream_ended' });
  const { signIns } = (await request('GET', `/api/livestream/${streamId}/sign-ins`)).json();
  t.match(signIns, [
    { userId: 'operator', outcome: 'livestream_ended' },
    { userId: 'anna', outcome: 'admitted', protocol: 'whip', address: '192.0.2.1', usedAt: String },
  ]);
  t.equal((await request('GET', `/api/livestream/${streamId}/sign-ins?limit=1`)).json().signIns.length, 1);
  assertErrorResponse(
    t,
    await request('GET', `/api/livestream/${newId()}/sign-ins`),
    404,
    'stream_not_found',
  );
});

t.test('a key is found only under its own livestream', async (t) => {
  const { create, request, keys } = await open(t);
  const [streamId, other] = [await create(), await create()];
  const { key } = await keys.create({ streamId }, {});
  const path = `/api/livestream/${other}/keys/${key.id}`;
  assertErrorResponse(t, await request('DELETE', path), 404, 'key_not_found');
  assertErrorResponse(t, await request('POST', `${path}/rotate`), 404, 'key_not_found');
  assertErrorResponse(t, await request('GET', `${path}/uses`), 404, 'key_not_found');
  assertErrorResponse(t, await request('GET', `/api/livestream/${newId()}/keys`), 404, 'stream_not_found');
});

t.test('invalid limits of a key are refused with a message', async (t) => {
  const { create, request } = await open(t);
  const path = `/api/livestream/${await create()}/keys`;
  const post = (payload: object) => request('POST', path, 'anna', payload);
  assertErrorResponse(t, await post({ addressRanges: ['here'] }), 400, 'address_range_invalid', /here/);
  assertErrorResponse(t, await post({ expiresAt: '2025-01-01T00:00:00Z' }), 400, 'expiry_past');
  for (const body of [
    { protocols: [] },
    { protocols: ['srt'] },
    { protocols: ['rtmp', 'rtmp'] },
    { addressRanges: [] },
    { addressRanges: Array(33).fill('192.0.2.1') },
    { expiresAt: 'tomorrow' },
    { label: 'x'.repeat(101) },
    { label: '\u0000' },
    { userId: 'boris' },
  ])
    assertErrorResponse(t, await post(body), 400, 'validation_failed');
  const { key } = (await post({})).json();
  for (const overlapSeconds of [-1, 604_801, 1.5, '60'])
    assertErrorResponse(
      t,
      await request('POST', `${path}/${key.id}/rotate`, 'anna', { overlapSeconds }),
      400,
      'validation_failed',
    );
  assertErrorResponse(t, await request('GET', `${path}/${key.id}/uses?limit=1000`), 400, 'validation_failed');
  assertErrorResponse(t, await request('DELETE', `${path}/no-id`), 400, 'validation_failed');
});

t.test('a channel is created at the first request; POST creates its key and replaces it', async (t) => {
  const { request } = await open(t);
  const first = (await request('GET', '/api/channel')).json();
  t.match(first.channel, { userId: 'anna', defaultTitle: 'anna', recordingEnabled: false, key: null });
  const made = await request('POST', '/api/channel/key');
  t.equal(made.statusCode, 201, made.body);
  t.match(made.json(), { streamKey: /^live_/, key: { main: true, status: 'active' } });
  t.equal((await request('GET', '/api/channel')).json().channel.key.id, made.json().key.id);
  const next = (await request('POST', '/api/channel/key', 'anna', { overlapSeconds: 0 })).json();
  t.match((await request('GET', '/api/channel/keys')).json().keys, [
    { id: next.key.id, status: 'active' },
    { id: made.json().key.id, status: 'expired', replacedBy: next.key.id },
  ]);
  const patched = await request('PATCH', '/api/channel', 'anna', {
    defaultTitle: 'Evenings',
    recordingEnabled: true,
  });
  t.match(patched.json().channel, {
    defaultTitle: 'Evenings',
    recordingEnabled: true,
    key: { id: next.key.id },
  });
  assertErrorResponse(
    t,
    await request('PATCH', '/api/channel', 'anna', { defaultTitle: ' ' }),
    400,
    'validation_failed',
  );
  const extra = (await request('POST', '/api/channel/keys', 'anna', { label: 'Phone' })).json();
  t.match(extra.key, { main: false, label: 'Phone' });
  t.same((await request('DELETE', `/api/channel/keys/${extra.key.id}`)).json(), { success: true });
  t.same((await request('GET', `/api/channel/keys/${extra.key.id}/uses`)).json(), { uses: [] });
});

t.test('a channel is accessible to its user, admins and the operator only', async (t) => {
  const { request, keys } = await open(t);
  const { key } = (await request('POST', '/api/channel/key')).json();
  assertErrorResponse(t, await request('GET', '/api/channel', 'nobody'), 401, 'not_signed_in');
  assertErrorResponse(t, await request('GET', '/api/channel', 'vera'), 403, 'not_allowed');
  assertErrorResponse(t, await request('GET', '/api/channel', 'operator'), 403, 'account_needed');
  assertErrorResponse(
    t,
    await request('DELETE', `/api/channel/keys/${key.id}`, 'boris'),
    404,
    'key_not_found',
  );
  const path = '/api/users/anna/channel';
  for (const [method, url] of [
    ['GET', path],
    ['PATCH', path],
    ['POST', `${path}/key`],
    ['GET', `${path}/keys`],
    ['DELETE', `${path}/keys/${key.id}`],
  ] as [Method, string][])
    assertErrorResponse(
      t,
      await request(method, url, 'boris', method === 'PATCH' ? {} : undefined),
      403,
      'not_allowed',
    );
  t.match(await keys.list({ userId: 'anna' }), [{ revokedAt: null, replacedBy: null }]);
  for (const name of ['anna', 'ada', 'operator'] as const)
    t.equal((await request('GET', path, name)).json().channel.key.id, key.id);
  const made = await request('POST', '/api/users/4711/channel/key', 'operator');
  t.equal(made.statusCode, 201, 'also for a user of a host platform, whose id may be a number');
  t.match(await keys.findMain('4711'), { userId: '4711' });
});

t.test('changes above the rate limit get 429', async (t) => {
  const { request, clock } = await open(t);
  for (let i = 0; i < 30; i++) await request('PATCH', '/api/channel', 'anna', {});
  const answer = await request('PATCH', '/api/channel', 'anna', {});
  assertErrorResponse(t, answer, 429, 'rate_limited');
  t.equal(answer.headers['retry-after'], '1');
  t.equal((await request('GET', '/api/channel')).statusCode, 200);
  t.equal((await request('PATCH', '/api/channel', 'boris', {})).statusCode, 200);
  await clock.advance(1_000);
  t.equal((await request('PATCH', '/api/channel', 'anna', {})).statusCode, 200);
});

t.test('the OpenAPI document describes every route, and responses match it', async (t) => {
  const { app, routes, create, request } = await open(t);
  const streamId = await create();
  await app.ready();
  const document = (await app.inject('/openapi.json')).json<OpenApi>();
  checkDocument(t, document, routes);
  const base = '/api/livestream/{streamId}/keys';
  const { key } = (await request('POST', `/api/livestream/${streamId}/keys`)).json();
  const calls: [Method, string, number][] = [
    ['GET', base, 200],
    ['POST', base, 201],
    ['POST', `${base}/{keyId}/rotate`, 201],
    ['GET', `${base}/{keyId}/uses`, 200],
    ['DELETE', `${base}/{keyId}`, 200],
    ['POST', `${base}/{keyId}/rotate`, 409],
    ['GET', '/api/channel', 200],
    ['POST', '/api/channel/key', 201],
    ['GET', '/api/users/{userId}/channel', 200],
  ];
  for (const [method, path, status] of calls) {
    const url = path.replace('{streamId}', streamId).replace('{keyId}', key.id).replace('{userId}', 'anna');
    const answer = await request(method, url);
    t.equal(answer.statusCode, status, answer.body);
    const schema = answerSchema(document, path, method.toLowerCase(), status);
    t.same(problemsOf(document, schema, answer.json()), [], `${method} ${path}`);
  }
});
