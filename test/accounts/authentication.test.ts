import { randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import t from 'tap';
import type { AccessChange, Credentials } from '../../src/accounts/index.js';
import {
  OPERATOR_TOKEN,
  openAccountsFixture,
  PASSWORD,
  PUBLIC_ORIGIN,
} from '../support/fixtures/accounts-fixture.js';
import { assertRefused } from '../support/fixtures/refusal.js';
import { seededRandom } from '../support/media/seeded-random.js';

const ADDRESS = '192.0.2.1';
const get = (over: Partial<Credentials> = {}): Credentials => ({ method: 'GET', address: ADDRESS, ...over });
const post = (over: Partial<Credentials> = {}): Credentials => ({
  method: 'POST',
  address: ADDRESS,
  ...over,
});
const bearer = (token: string): { authorization: string } => ({ authorization: `Bearer ${token}` });

t.test('a request without credentials is anonymous', async (t) => {
  const { authentication } = await openAccountsFixture(t);
  t.same(await authentication.authenticate(get()), { kind: 'anonymous' });
  t.same(await authentication.authenticate(post({ cookie: 'theme=dark' })), { kind: 'anonymous' });
});

t.test('the operator token, an access token and a session give different principals', async (t) => {
  const fixture = await openAccountsFixture(t);
  const { authenticate } = fixture.authentication;
  const ada = await fixture.createAccount('Ada', 'broadcaster');
  const account = { kind: 'account', userId: ada.id, name: 'Ada', role: 'broadcaster' };
  t.same(await authenticate(post(bearer(OPERATOR_TOKEN))), { kind: 'operator' });
  t.match(await authenticate(post(await fixture.accessTokenHeaders(ada))), {
    ...account,
    via: 'token',
    credentialId: String,
  });
  const { cookie, origin, 'x-csrf-token': csrfToken } = await fixture.pageHeaders(ada);
  const [{ id: credentialId } = { id: '' }] = await fixture.authentication.sessions.list(ada.id);
  const expiresAt = fixture.clock.now() + 30 * 86_400_000;
  const session = { ...account, via: 'session', credentialId, expiresAt };
  t.same(await authenticate(post({ cookie, origin, csrfToken })), session);
  t.same(await authenticate(get({ cookie: `theme=dark; ${cookie}; other="x"` })), session);
  t.same(await authenticate(get({ cookie, ...bearer(OPERATOR_TOKEN) })), { kind: 'operator' });
});

t.test('a state-changing request by session needs its CSRF token and an own origin', async (t) => {
  const fixture = await openAccountsFixture(t);
  const { authenticate } = fixture.authentication;
  const ada = await fixture.createAccount('Ada');
  const { cookie, origin, 'x-csrf-token': csrfToken } = await fixture.pageHeaders(ada);
  const other = await fixture.pageHeaders(await fixture.createAccount('Eve'));
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    const credentials = { method, address: ADDRESS, cookie };
    t.match(await authenticate({ ...credentials, origin, csrfToken }), { userId: ada.id });
    t.match(await authenticate({ ...credentials, csrfToken }), { userId: ada.id }, 'a program has no origin');
    for (const wrong of [undefined, '', 'x', `${csrfToken}x`, other['x-csrf-token'], csrfToken.slice(1)])
      await assertRefused(t, authenticate({ ...credentials, origin, csrfToken: wrong }), 403, 'csrf_failed');
    for (const foreign of [
      'https://evil.example.test',
      'null',
      '',
      'http://live.example.test',
      `${PUBLIC_ORIGIN}.evil`,
    ])
      await assertRefused(
        t,
        authenticate({ ...credentials, origin: foreign, csrfToken }),
        403,
        'csrf_failed',
      );
  }
});

t.test('a page on the requested host is accepted as an own origin, for any public address', async (t) => {
  const fixture = await openAccountsFixture(t);
  const { authenticate } = fixture.authentication;
  const ada = await fixture.createAccount('Ada');
  const { cookie, 'x-csrf-token': csrfToken } = await fixture.pageHeaders(ada);
  const at = (origin: string, host: string) => authenticate(post({ cookie, csrfToken, origin, host }));
  t.match(await at('http://192.168.1.5:8080', '192.168.1.5:8080'), { userId: ada.id });
  t.match(await at('http://[::1]:8080', '[::1]:8080'), { userId: ada.id });
  t.match(await at('https://box.example.test', 'Box.example.test'), { userId: ada.id });
  await assertRefused(t, at('http://192.168.1.5:8081', '192.168.1.5:8080'), 403, 'csrf_failed');
  await assertRefused(t, at('http://evil.example.test', 'box.example.test'), 403, 'csrf_failed');
});

t.test('a request from a page of another site is anonymous', async (t) => {
  const fixture = await openAccountsFixture(t);
  const { authenticate } = fixture.authentication;
  const { cookie, origin } = await fixture.pageHeaders(await fixture.createAccount('Ada'));
  t.match(await authenticate(get({ cookie, origin })), { name: 'Ada' });
  t.same(await authenticate(get({ cookie, origin: 'https://sub.live.example.test' })), { kind: 'anonymous' });
});

t.test('a session expires 30 days after its last use', async (t) => {
  const fixture = await openAccountsFixture(t);
  const { authenticate } = fixture.authentication;
  const { cookie } = await fixture.pageHeaders(await fixture.createAccount('Ada'));
  const day = 86_400_000;
  for (let i = 0; i < 4; i++) {
    await fixture.clock.advance(29 * day);
    t.match(await authenticate(get({ cookie })), { name: 'Ada' });
  }
  await fixture.clock.advance(30 * day);
  t.same(await authenticate(get({ cookie })), { kind: 'anonymous' });
});

t.test('a disabled account is anonymous everywhere, and is accepted again once enabled', async (t) => {
  const fixture = await openAccountsFixture(t);
  const { authenticate, accounts, onAccessChange } = fixture.authentication;
  const changes: AccessChange[] = [];
  onAccessChange((change) => changes.push(change));
  const ada = await fixture.createAccount('Ada');
  const [{ cookie }, program] = [await fixture.pageHeaders(ada), await fixture.accessTokenHeaders(ada)];
  t.match(await accounts.change(ada.id, { disabled: true }), { disabledAt: new Date(fixture.clock.now()) });
  t.match(changes, [
    { userId: ada.id, credentialIds: undefined },
    { userId: ada.id, credentialIds: [String] },
  ]);
  t.same(await authenticate(get({ cookie })), { kind: 'anonymous' });
  await assertRefused(t, authenticate(get(program)), 401, 'access_token_invalid');
  await accounts.change(ada.id, { disabled: false });
  t.same(await authenticate(get({ cookie })), { kind: 'anonymous' }, 'its sessions are ended');
  t.match(await authenticate(get(program)), { name: 'Ada' });
});

t.test('a user id of a host platform finds no account', async (t) => {
  const { authentication, createAccount } = await openAccountsFixture(t);
  const ada = await createAccount('Ada');
  t.match(await authentication.accounts.findAccount(ada.id), { name: 'Ada' });
  for (const userId of ['user-7', '', `${ada.id}0`, "1' or 1=1", '\u0000'])
    t.equal(await authentication.accounts.findAccount(userId), undefined);
});

t.test('a changed role applies from the next request', async (t) => {
  const fixture = await openAccountsFixture(t);
  const { authenticate, accounts, onAccessChange } = fixture.authentication;
  const changes: AccessChange[] = [];
  onAccessChange((change) => changes.push(change));
  const ada = await fixture.createAccount('Ada');
  const program = await fixture.accessTokenHeaders(ada);
  await accounts.change(ada.id, { role: 'admin' });
  t.match(await authenticate(get(program)), { role: 'admin' });
  t.same(changes, [{ userId: ada.id }]);
});

t.test('access tokens expire, can be deleted, and are limited to fifty per account', async (t) => {
  const fixture = await openAccountsFixture(t);
  const { authenticate, accessTokens } = fixture.authentication;
  const ada = await fixture.createAccount('Ada');
  const now = fixture.clock.now();
  const { secret } = await accessTokens.create(ada.id, { label: 'brief', expiresAt: new Date(now + 60_000) });
  const kept = await accessTokens.create(ada.id, { label: 'kept', expiresAt: null });
  t.match(await authenticate(get(bearer(secret))), { name: 'Ada' });
  t.match((await accessTokens.list(ada.id))[1], { label: 'brief', lastUsedAt: new Date(now) });
  await fixture.clock.advance(60_000);
  await assertRefused(t, authenticate(get(bearer(secret))), 401, 'access_token_invalid');
  t.equal(
    await accessTokens.delete((await fixture.createAccount('Eve')).id, kept.id),
    false,
    'a token of another account',
  );
  t.equal(await accessTokens.delete(ada.id, kept.id), true);
  await assertRefused(t, authenticate(get(bearer(kept.secret))), 401, 'access_token_invalid');
  for (let i = 1; i < 50; i++) await accessTokens.create(ada.id, { label: `${i}`, expiresAt: null });
  await assertRefused(
    t,
    accessTokens.create(ada.id, { label: 'one more', expiresAt: null }),
    409,
    'too_many_tokens',
  );
  await assertRefused(
    t,
    accessTokens.create(ada.id, { label: 'past', expiresAt: new Date(now) }),
    400,
    'expiry_past',
  );
});

t.test('an address with too many wrong tokens gets 429 for every token of that form', async (t) => {
  const fixture = await openAccountsFixture(t);
  const { authenticate } = fixture.authentication;
  for (let i = 0; i < 10; i++)
    await assertRefused(t, authenticate(post(bearer(`guess${i}`))), 401, 'unauthorized');
  const refusal = await authenticate(post(bearer(OPERATOR_TOKEN))).catch((error: unknown) => error);
  t.match(refusal, { status: 429, code: 'rate_limited', details: { retryAfter: 6 } });
  t.match(await authenticate(post(await fixture.accessTokenHeaders(await fixture.createAccount('Ada')))), {
    name: 'Ada',
  });
  t.same(await authenticate(post({ ...bearer(OPERATOR_TOKEN), address: '192.0.2.2' })), { kind: 'operator' });
  t.same(await authenticate(get()), { kind: 'anonymous' });
  await fixture.clock.advance(6_000);
  t.same(await authenticate(post(bearer(OPERATOR_TOKEN))), { kind: 'operator' });
});

t.test(
  'tokens of a host platform are accepted where configured, and forged ones count as wrong',
  async (t) => {
    const secret = 'a secret of at least 32 characters!';
    const jwt = {
      keys: { secret },
      issuer: 'https://platform.example.test',
      audience: 'headend',
      rolesClaim: 'roles',
      nameClaim: 'name',
    };
    const fixture = await openAccountsFixture(t, { jwt });
    const now = Math.floor(fixture.clock.now() / 1_000);
    const sign = (exp: number, key = secret): Promise<string> =>
      new SignJWT({ iss: jwt.issuer, aud: jwt.audience, sub: 'user-7', name: 'Ada', roles: ['admin'], exp })
        .setProtectedHeader({ alg: 'HS256' })
        .sign(Buffer.from(key));
    const { authenticate } = fixture.authentication;
    const good = await sign(now + 60);
    t.same(await authenticate(post(bearer(good))), {
      kind: 'account',
      userId: 'user-7',
      name: 'Ada',
      role: 'admin',
      via: 'jwt',
      expiresAt: (now + 90) * 1_000,
    });
    const expired = await sign(now - 60);
    for (let i = 0; i < 200; i++)
      await t.rejects(authenticate(post(bearer(expired))), { code: 'jwt_expired' });
    t.match(await authenticate(post(bearer(good))), { userId: 'user-7' });
    const forged = await sign(now + 60, 'x'.repeat(40));
    for (let i = 0; i < 100; i++)
      await t.rejects(authenticate(post(bearer(forged))), { code: 'jwt_invalid' });
    await assertRefused(t, authenticate(post(bearer(good))), 429, 'rate_limited');

    const without = await openAccountsFixture(t);
    await assertRefused(t, without.authentication.authenticate(post(bearer(good))), 401, 'jwt_not_accepted');
  },
);

t.test('malformed credentials are refused or anonymous, and never cause an internal error', async (t) => {
  const fixture = await openAccountsFixture(t);
  const { authenticate } = fixture.authentication;
  const ada = await fixture.createAccount('Ada');
  const [{ cookie }, { authorization }] = [
    await fixture.pageHeaders(ada),
    await fixture.accessTokenHeaders(ada),
  ];
  const random = seededRandom(7);
  const mutate = (text: string): string => {
    const at = Math.floor(random() * text.length);
    const noise = ['', '\u0000', '%', '"', ';', '=', ' ', '\u00ff', 'é', '.', randomBytes(8).toString('hex')];
    return (
      text.slice(0, at) +
      noise[Math.floor(random() * noise.length)] +
      text.slice(at + 1 + Math.floor(random() * 3))
    );
  };
  for (let i = 0; i < 300; i++) {
    const broken = mutate(cookie);
    const principal = await authenticate(get({ cookie: broken }));
    // The changed byte may be outside the value.
    t.ok(principal.kind === 'anonymous' || broken.includes(cookie.slice(-40)), broken);
    await fixture.clock.advance(10_000);
    const header = mutate(authorization);
    const outcome = await authenticate(get({ authorization: header })).catch((error: unknown) => error);
    if (!header.includes(authorization.slice(-43))) t.match(outcome, { status: 401 }, header);
  }
  for (const wrong of ['', 'Bearer', 'Bearer ', 'Basic YTpi', 'Bearer a b', `Bearer ${'x'.repeat(15_000)}`])
    await assertRefused(
      t,
      authenticate(get({ authorization: wrong, address: '2001:db8::1' })),
      401,
      'unauthorized',
    );
  const malformed = [
    'headend_session',
    'headend_session=',
    `headend_session=${'x'.repeat(9_000)}`,
    'headend_session=%E0%A4',
    '=;;=;',
    '__proto__=headend_session',
  ];
  for (const cookie of malformed)
    t.same(await authenticate(get({ cookie })), { kind: 'anonymous' }, cookie.slice(0, 40));
});

t.test('expired sessions, tokens and invitations are deleted after a month, in batches', async (t) => {
  const fixture = await openAccountsFixture(t);
  const { authentication, sql, clock } = fixture;
  const ada = await fixture.createAccount('Ada');
  await fixture.pageHeaders(ada);
  await authentication.accessTokens.create(ada.id, { label: 'x', expiresAt: new Date(clock.now() + 1) });
  await authentication.invitations.create('viewer', 1);
  authentication.start();
  const left = async (): Promise<unknown> => {
    const [row] =
      await sql`select (select count(*) from account_sessions) + (select count(*) from access_tokens)
      + (select count(*) from invitations) as count`;
    return Number(row?.count);
  };
  await clock.advance(29 * 86_400_000);
  t.equal(await left(), 3);
  await clock.advance(32 * 86_400_000);
  await authentication.close();
  t.equal(await left(), 0);
  t.equal(clock.pending, 0);
});

t.test('secrets are stored as hashes only, and never logged', async (t) => {
  const fixture = await openAccountsFixture(t);
  const ada = await fixture.createAccount('Ada');
  const { code } = await fixture.authentication.invitations.create('viewer', 60_000);
  const secrets = [
    (await fixture.pageHeaders(ada)).cookie.slice(-40),
    (await fixture.accessTokenHeaders(ada)).authorization.slice(-40),
    code,
  ];
  const stored: unknown[] = [];
  for (const table of ['accounts', 'account_sessions', 'access_tokens', 'invitations'])
    stored.push(await fixture.sql`select * from ${fixture.sql(table)}`);
  for (const secret of [...secrets, PASSWORD]) {
    t.notMatch(JSON.stringify(stored), secret);
    t.notMatch(fixture.logText(), secret);
  }
});
