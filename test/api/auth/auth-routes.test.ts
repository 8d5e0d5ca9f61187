import t from 'tap';
import { newId } from '../../../src/platform/index.js';
import {
  ada,
  assertErrorResponse,
  pageHeadersOf,
  startAccountApiFixture,
} from '../../support/fixtures/account-api-fixture.js';
import { operatorHeaders, PASSWORD } from '../../support/fixtures/accounts-fixture.js';
import { checkDocument, type OpenApi } from '../../support/fixtures/openapi.js';

t.test('a user registers, is signed in, signs out and signs in again', async (t) => {
  const { request } = await startAccountApiFixture(t, { registration: 'open' });
  const made = await request('POST', '/api/auth/register', { payload: ada });
  t.equal(made.statusCode, 201, made.body);
  const { user, csrfToken } = made.json();
  t.match(user, { id: /^[0-9a-f-]{36}$/, name: 'Ada', role: 'viewer' });
  t.equal(made.headers['cache-control'], 'no-store');
  const page = pageHeadersOf(made);
  const me = await request('GET', '/api/auth/me', { headers: { cookie: page.cookie } });
  t.same(me.json(), { user, via: 'session', csrfToken, registration: 'open' });

  const out = await request('POST', '/api/auth/logout', { headers: page });
  t.same([out.statusCode, out.json()], [200, { success: true }]);
  t.match(out.headers['set-cookie'], /^headend_session=; Max-Age=0; Path=\/; HttpOnly/);
  const anonymous = { user: null, via: null, csrfToken: null, registration: 'open' };
  t.same((await request('GET', '/api/auth/me', { headers: { cookie: page.cookie } })).json(), anonymous);
  t.same((await request('POST', '/api/auth/logout', { headers: page })).statusCode, 200, 'again');

  const back = await request('POST', '/api/auth/login', { payload: { name: 'aDA', password: PASSWORD } });
  t.equal(back.statusCode, 200, back.body);
  t.same(back.json().user, user);
  t.not(pageHeadersOf(back).cookie, page.cookie);
  t.not(back.json().csrfToken, csrfToken);
});

t.test('the session cookie is HttpOnly and SameSite, and Secure with TLS', async (t) => {
  const { request, createAccount } = await startAccountApiFixture(t, {}, 'http://localhost:8080');
  await createAccount('Ada');
  const plain = await request('POST', '/api/auth/login', { payload: ada });
  t.match(
    plain.headers['set-cookie'],
    /^headend_session=hs_[0-9a-f]{40}; Max-Age=2592000; Path=\/; HttpOnly; SameSite=Lax$/,
  );
  const proxied = await request('POST', '/api/auth/login', {
    payload: ada,
    headers: { 'x-forwarded-proto': 'https' },
  });
  t.match(proxied.headers['set-cookie'], '; Secure');
  const behindTls = await startAccountApiFixture(t);
  await behindTls.createAccount('Ada');
  t.match(
    (await behindTls.request('POST', '/api/auth/login', { payload: ada })).headers['set-cookie'],
    '; Secure',
  );
});

t.test('signing in again from a page ends its previous session', async (t) => {
  const { request, createAccount, sql } = await startAccountApiFixture(t);
  await createAccount('Ada');
  const first = pageHeadersOf(await request('POST', '/api/auth/login', { payload: ada }));
  await request('POST', '/api/auth/login', { payload: ada, headers: { cookie: first.cookie } });
  t.match((await request('GET', '/api/auth/me', { headers: { cookie: first.cookie } })).json(), {
    user: null,
  });
  const [row] =
    await sql`select count(*)::int as count from account_sessions where expires_at > '2026-01-02'`;
  t.equal(row?.count, 1);
});

t.test('a wrong name and a wrong password get equal responses, and 429 after too many', async (t) => {
  const { request, createAccount, clock } = await startAccountApiFixture(t);
  await createAccount('Ada');
  const wrong = { name: 'Ada', password: 'wrong horse' };
  const answers = [
    await request('POST', '/api/auth/login', { payload: wrong }),
    await request('POST', '/api/auth/login', { payload: { name: 'Nobody', password: 'wrong horse' } }),
    await request('POST', '/api/auth/login', { payload: { name: '\u202E', password: 'x' } }),
  ];
  for (const answer of answers) {
    assertErrorResponse(t, answer, 401, 'sign_in_failed');
    t.equal(answer.body, answers[0]?.body);
    t.ok(answer.headers['www-authenticate']);
    t.notOk(answer.headers['set-cookie']);
  }
  for (let i = 0; i < 9; i++) await request('POST', '/api/auth/login', { payload: wrong });
  const throttled = await request('POST', '/api/auth/login', { payload: ada });
  assertErrorResponse(t, throttled, 429, 'rate_limited');
  t.equal(throttled.headers['retry-after'], '30');
  t.equal(
    (await request('POST', '/api/auth/login', { payload: ada, remoteAddress: '192.0.2.9' })).statusCode,
    200,
    'accepted from another address',
  );
  await clock.advance(30_000);
  t.equal((await request('POST', '/api/auth/login', { payload: ada })).statusCode, 200);
});

t.test('pages of other sites can neither sign in nor register nor change anything', async (t) => {
  const { request, createAccount, pageHeaders } = await startAccountApiFixture(t, { registration: 'open' });
  const mine = await pageHeaders(await createAccount('Ada'));
  const foreign = { origin: 'https://evil.example.test' };
  assertErrorResponse(
    t,
    await request('POST', '/api/auth/login', { payload: ada, headers: foreign }),
    403,
    'csrf_failed',
  );
  assertErrorResponse(
    t,
    await request('POST', '/api/auth/register', { payload: ada, headers: foreign }),
    403,
    'csrf_failed',
  );
  for (const headers of [{ ...mine, ...foreign }, { cookie: mine.cookie }, { ...mine, 'x-csrf-token': 'x' }])
    for (const [method, url] of [
      ['POST', '/api/auth/logout'],
      ['POST', '/api/auth/password'],
      ['POST', '/api/auth/tokens'],
      ['DELETE', '/api/auth/sessions'],
      ['PUT', '/api/users/u1/follow'],
    ] as const)
      assertErrorResponse(t, await request(method, url, { headers }), 403, 'csrf_failed');
  const preflight = await request('GET', '/api/auth/me', { headers: foreign });
  t.notOk(preflight.headers['access-control-allow-origin']);
});

t.test('a password change needs the current password and ends all other sessions', async (t) => {
  const { request, createAccount, pageHeaders } = await startAccountApiFixture(t);
  const mine = await createAccount('Ada');
  const [own, other] = [await pageHeaders(mine), await pageHeaders(mine)];
  const change = (payload: object, headers: object = own) =>
    request('POST', '/api/auth/password', { payload, headers: { ...headers } });
  const next = 'staple of horses';
  assertErrorResponse(t, await change({ current: 'wrong horse', password: next }), 403, 'password_wrong');
  assertErrorResponse(t, await change({ current: PASSWORD, password: 'short' }), 400, 'validation_failed');
  assertErrorResponse(t, await change({ current: PASSWORD, password: 'aaaaaaaa' }), 400, 'password_weak');
  assertErrorResponse(t, await change({ current: PASSWORD, password: next }, {}), 401, 'not_signed_in');
  assertErrorResponse(
    t,
    await change({ current: PASSWORD, password: next }, operatorHeaders),
    403,
    'session_needed',
  );
  const changed = await change({ current: PASSWORD, password: next });
  t.same([changed.statusCode, changed.json()], [200, { success: true }]);
  t.match((await request('GET', '/api/auth/me', { headers: own })).json(), { user: { name: 'Ada' } });
  t.match((await request('GET', '/api/auth/me', { headers: other })).json(), { user: null });
  assertErrorResponse(t, await request('POST', '/api/auth/login', { payload: ada }), 401, 'sign_in_failed');
  t.equal(
    (await request('POST', '/api/auth/login', { payload: { name: 'Ada', password: next } })).statusCode,
    200,
  );
});

t.test(
  'access tokens are created, listed without their secret, used and deleted, by a session only',
  async (t) => {
    const { request, createAccount, pageHeaders, requestLog } = await startAccountApiFixture(t);
    const mine = await createAccount('Ada');
    const headers = await pageHeaders(mine);
    const expiresAt = '2026-06-01T00:00:00.000Z';
    const made = await request('POST', '/api/auth/tokens', {
      headers,
      payload: { label: ' script ', expiresAt },
    });
    t.equal(made.statusCode, 201, made.body);
    const { token, secret } = made.json();
    t.match(secret, /^hp_[0-9a-f]{40}$/);
    t.match(token, { label: 'script', expiresAt, lastUsedAt: null });
    const tokenHeaders = { authorization: `Bearer ${secret}` };
    t.match((await request('GET', '/api/auth/me', { headers: tokenHeaders })).json(), {
      user: { id: mine.id },
      via: 'token',
      csrfToken: null,
    });
    const listed = await request('GET', '/api/auth/tokens', { headers });
    t.match(listed.json().tokens, [{ id: token.id, lastUsedAt: String }]);
    t.notMatch(listed.body + requestLog(), secret);
    assertErrorResponse(
      t,
      await request('POST', '/api/auth/tokens', { headers: tokenHeaders, payload: { label: 'x' } }),
      403,
      'session_needed',
    );
    assertErrorResponse(
      t,
      await request('GET', '/api/auth/tokens', { headers: tokenHeaders }),
      403,
      'session_needed',
    );
    assertErrorResponse(
      t,
      await request('DELETE', `/api/auth/tokens/${newId()}`, { headers }),
      404,
      'token_not_found',
    );
    assertErrorResponse(
      t,
      await request('DELETE', '/api/auth/tokens/1', { headers }),
      400,
      'validation_failed',
    );
    const eve = await pageHeaders(await createAccount('Eve'));
    assertErrorResponse(
      t,
      await request('DELETE', `/api/auth/tokens/${token.id}`, { headers: eve }),
      404,
      'token_not_found',
    );
    t.equal((await request('DELETE', `/api/auth/tokens/${token.id}`, { headers })).statusCode, 200);
    const refused = await request('GET', '/api/auth/me', { headers: tokenHeaders });
    assertErrorResponse(t, refused, 401, 'access_token_invalid');
    t.match(refused.headers['www-authenticate'], 'error="invalid_token"');
    const past = { label: 'x', expiresAt: '2020-01-01T00:00:00Z' };
    assertErrorResponse(
      t,
      await request('POST', '/api/auth/tokens', { headers, payload: past }),
      400,
      'expiry_past',
    );
  },
);

t.test('a user lists their sessions and ends one or all others', async (t) => {
  const { request, createAccount, pageHeaders } = await startAccountApiFixture(t);
  await createAccount('Ada');
  const login = (userAgent: string, remoteAddress: string) =>
    request('POST', '/api/auth/login', { payload: ada, headers: { 'user-agent': userAgent }, remoteAddress });
  const headers = pageHeadersOf(await login('Browser A', '192.0.2.1'));
  const others = [
    pageHeadersOf(await login('Browser B', '2001:db8::7')),
    pageHeadersOf(await login('Browser C', '192.0.2.3')),
  ];
  const { sessions } = (await request('GET', '/api/auth/sessions', { headers })).json();
  const shown = sessions.map(({ userAgent, network, current }: Record<string, unknown>) => [
    userAgent,
    network,
    current,
  ]);
  t.same(
    new Set(shown.map(String)),
    new Set(['Browser A,192.0.2.1,true', 'Browser B,2001:db8:0:0::/64,false', 'Browser C,192.0.2.3,false']),
  );
  const b = sessions.find(({ userAgent }: { userAgent: string }) => userAgent === 'Browser B');
  const eve = await pageHeaders(await createAccount('Eve'));
  assertErrorResponse(
    t,
    await request('DELETE', `/api/auth/sessions/${b.id}`, { headers: eve }),
    404,
    'session_not_found',
  );
  t.equal((await request('DELETE', `/api/auth/sessions/${b.id}`, { headers })).statusCode, 200);
  const nameOf = async (page: object) =>
    (await request('GET', '/api/auth/me', { headers: { ...page } })).json().user?.name;
  t.same(
    [await nameOf(others[0] ?? {}), await nameOf(others[1] ?? {}), await nameOf(headers)],
    [undefined, 'Ada', 'Ada'],
  );
  t.equal((await request('DELETE', '/api/auth/sessions', { headers })).statusCode, 200);
  t.same(
    [await nameOf(others[1] ?? {}), await nameOf(headers), await nameOf(eve)],
    [undefined, 'Ada', 'Eve'],
  );
});

t.test('changes above the rate limit get 429, except those of the operator', async (t) => {
  const { request, createAccount, accessTokenHeaders } = await startAccountApiFixture(t);
  const headers = await accessTokenHeaders(await createAccount('Ada'));
  const statuses = new Set<number>();
  for (let i = 0; i < 61; i++) {
    const answer = await request('PUT', '/api/users/u1/follow', { headers });
    statuses.add(answer.statusCode);
    if (answer.statusCode === 429) t.equal(answer.headers['retry-after'], '1');
  }
  t.same([...statuses], [200, 429]);
  t.equal((await request('GET', '/api/users/u1/follow', { headers })).statusCode, 200);
  for (let i = 0; i < 61; i++)
    t.equal((await request('POST', '/api/auth/invitations', { headers: operatorHeaders })).statusCode, 201);
});

t.test('invalid bodies get 400 with the reason', async (t) => {
  const { request } = await startAccountApiFixture(t, { registration: 'open' });
  const wrong: [string, unknown][] = [
    ['register', {}],
    ['register', { name: 'Ada' }],
    ['register', { name: 'Ada', password: 'short' }],
    ['register', { name: 'Ada', password: 'x'.repeat(201) }],
    ['register', { name: 5, password: PASSWORD }],
    ['register', { ...ada, role: 'god' }],
    ['register', { ...ada, extra: 1 }],
    ['register', []],
    ['login', { name: 'Ada' }],
    ['login', { name: ['Ada'], password: PASSWORD }],
    ['login', { name: 'Ada', password: '' }],
    ['login', { name: 'x'.repeat(101), password: PASSWORD }],
  ];
  for (const [route, payload] of wrong)
    assertErrorResponse(
      t,
      await request('POST', `/api/auth/${route}`, { payload: payload as object }),
      400,
      'validation_failed',
    );
  const sql = { name: "x'; drop table accounts;--", password: "'; drop table accounts;--" };
  assertErrorResponse(t, await request('POST', '/api/auth/login', { payload: sql }), 401, 'sign_in_failed');
  assertErrorResponse(
    t,
    await request('POST', '/api/auth/login', {
      payload: 'name=Ada',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    }),
    415,
    'unsupported_media_type',
  );
});

t.test('malformed cookies and tokens get 401 on routes that need an account, and never 500', async (t) => {
  const { request, clock } = await startAccountApiFixture(t);
  const broken = [
    { cookie: 'headend_session=' },
    { cookie: 'headend_session=hs_' },
    { cookie: `headend_session=hs_${'0'.repeat(40)}` },
    { cookie: 'headend_session=%00%ff%E0' },
    { cookie: `headend_session=${'a'.repeat(6_000)}` },
    { authorization: '' },
    { authorization: 'Bearer' },
    { authorization: `Bearer hp_${'0'.repeat(40)}` },
    { authorization: 'Bearer hp_' },
    { authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.' },
    { authorization: 'Bearer \u00ff\u00fe' },
    { authorization: 'Digest username="Ada"' },
  ];
  for (const headers of broken) {
    const answer = await request('GET', '/api/auth/tokens', { headers });
    t.equal(answer.statusCode, 401, JSON.stringify(headers).slice(0, 60));
    t.ok(answer.headers['www-authenticate']);
    await clock.advance(10_000);
  }
});

t.test('the OpenAPI document describes every route', async (t) => {
  const { app, routes } = await startAccountApiFixture(t);
  const document: OpenApi = (await app.inject('/openapi.json')).json();
  t.ok(document.paths['/api/auth/login']?.post);
  checkDocument(t, document, routes);
});
