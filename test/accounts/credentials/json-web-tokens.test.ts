import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type CryptoKey,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import t, { type Test } from 'tap';
import {
  type JsonWebTokenOptions,
  JsonWebTokens,
} from '../../../src/accounts/credentials/json-web-tokens.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { recordLog } from '../../support/fixtures/log-record.js';
import { assertRefused } from '../../support/fixtures/refusal.js';

const ISSUER = 'https://platform.example.test';
const AUDIENCE = 'headend';
const SECRET = 'a secret of at least 32 characters!';
const MINUTE = 60_000;

/** HTTP server of a host platform that returns its public keys and counts the requests. */
class Platform {
  readonly keys: Record<string, { privateKey: CryptoKey; publicKey: CryptoKey; algorithm: string }> = {};
  /** Response of `/keys` instead of the keys. */
  answer: { status: number; body: string } | undefined;
  /** Responses that are delayed until the test sends them. */
  held: (() => void)[] | undefined;
  requests = 0;
  readonly clock = new FakeClock();
  #server: Server | undefined;

  async open(t: Test): Promise<string> {
    const server = createServer((_request, response) => {
      this.requests++;
      const send = async (): Promise<void> => {
        const { status, body } = this.answer ?? { status: 200, body: JSON.stringify(await this.keySet()) };
        response.writeHead(status, { 'content-type': 'application/json' }).end(body);
      };
      if (this.held) this.held.push(send);
      else void send();
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    t.teardown(() => this.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  }

  close(): Promise<void> {
    this.#server?.closeAllConnections();
    return new Promise((resolve) => this.#server?.close(() => resolve()) ?? resolve());
  }

  async addKey(kid: string, algorithm: string): Promise<void> {
    this.keys[kid] = { ...(await generateKeyPair(algorithm, { extractable: true })), algorithm };
  }

  async keySet(): Promise<object> {
    const keys = Object.entries(this.keys).map(async ([kid, { publicKey, algorithm }]) => ({
      ...(await exportJWK(publicKey)),
      kid,
      alg: algorithm,
      use: 'sig',
    }));
    return { keys: await Promise.all(keys) };
  }

  /** Signs a valid token, with the changes of the test. */
  token(claims: JWTPayload = {}, over: { kid?: string; namesKey?: boolean } = {}): Promise<string> {
    const { kid = Object.keys(this.keys)[0] ?? '', namesKey = true } = over;
    const key = this.keys[kid];
    if (!key) throw new Error(`there is no key ${kid}`);
    return new SignJWT({ ...this.claims(), ...claims })
      .setProtectedHeader({ alg: key.algorithm, ...(namesKey ? { kid } : {}) })
      .sign(key.privateKey);
  }

  claims(): JWTPayload {
    const now = Math.floor(this.clock.now() / 1_000);
    return { iss: ISSUER, aud: AUDIENCE, sub: 'user-7', iat: now, exp: now + 3_600 };
  }
}

function reader(t: Test, platform: Platform, over: Partial<JsonWebTokenOptions>): JsonWebTokens {
  const options = { issuer: ISSUER, audience: AUDIENCE, rolesClaim: 'roles', nameClaim: 'name' };
  const keys = { secret: SECRET };
  const tokens = new JsonWebTokens(
    { keys, ...options, ...over },
    { clock: platform.clock, log: recordLog().log },
  );
  t.teardown(() => tokens.close());
  return tokens;
}

/** Opens a platform with one key, and a reader of its tokens. */
async function open(t: Test, over: Partial<JsonWebTokenOptions> = {}, algorithm = 'ES256') {
  const platform = new Platform();
  const url = await platform.open(t);
  await platform.addKey('first', algorithm);
  return { platform, url, tokens: reader(t, platform, { keys: { url }, ...over }) };
}

t.test('tokens signed with any common public key algorithm are accepted', async (t) => {
  for (const algorithm of ['RS256', 'PS256', 'ES256', 'ES384', 'Ed25519']) {
    const { platform, tokens } = await open(t, {}, algorithm);
    t.match(
      await tokens.principal(await platform.token({ name: 'Ada', roles: ['broadcaster', 'other'] })),
      { kind: 'account', userId: 'user-7', name: 'Ada', role: 'broadcaster', via: 'jwt', expiresAt: Number },
      algorithm,
    );
  }
});

t.test('role and name are read from the configured claims, with the least role as the default', async (t) => {
  const { platform, tokens, url } = await open(t);
  const role = async (claims: JWTPayload, by = tokens): Promise<unknown> =>
    (await by.principal(await platform.token(claims))) as object;
  t.match(await role({}), { role: 'viewer', name: 'user-7' });
  t.match(await role({ roles: 'admin' }), { role: 'admin' });
  t.match(await role({ roles: ['viewer', 'broadcaster'] }), { role: 'broadcaster' });
  t.match(await role({ roles: ['owner', 5, null, { admin: true }, 'Admin'] }), { role: 'viewer' });
  t.match(await role({ roles: { admin: true } }), { role: 'viewer' });
  t.match(await role({ name: ` A\u202Ed\n a${'x'.repeat(100)}` }), { name: `Ad a${'x'.repeat(60)}` });
  t.match(await role({ name: '\u200b' }), { name: 'user-7' });
  t.match(await role({ name: 5 }), { name: 'user-7' });

  const deep = {
    keys: { url },
    rolesClaim: 'realm_access.roles',
    nameClaim: 'https://platform.example.test/nick',
  };
  const other = reader(t, platform, deep);
  t.match(
    await role(
      { realm_access: { roles: ['broadcaster'] }, 'https://platform.example.test/nick': 'Ada' },
      other,
    ),
    { role: 'broadcaster', name: 'Ada' },
  );
  t.match(await role({ realm_access: 'roles' }, other), { role: 'viewer' });
  const inherited = reader(t, platform, { keys: { url }, rolesClaim: '__proto__.roles' });
  t.match(await role({}, inherited), { role: 'viewer' });
});

t.test(
  'tokens that are expired, not yet valid or for another audience are refused with the reason',
  async (t) => {
    const { platform, tokens } = await open(t);
    const { clock } = platform;
    const now = Math.floor(clock.now() / 1_000);
    const wrong = async (claims: JWTPayload, code: string, reason: RegExp): Promise<void> => {
      await t.rejects(tokens.principal(await platform.token(claims)), { status: 401, code, message: reason });
    };
    await wrong({ exp: now - 31 }, 'jwt_expired', /expired/);
    await tokens.principal(await platform.token({ exp: now - 29 })); // Clocks may differ a little.
    await wrong({ nbf: now + 31 }, 'jwt_invalid', /nbf/);
    await tokens.principal(await platform.token({ nbf: now + 29 }));
    await wrong({ iss: 'https://other.example.test' }, 'jwt_invalid', /iss/);
    await wrong({ aud: 'others' }, 'jwt_invalid', /aud/);
    await wrong({ aud: [] }, 'jwt_invalid', /aud/);
    for (const sub of [undefined, '', ' ', 'x'.repeat(201), 'a\nb', 5, {}])
      await wrong({ sub: sub as string }, 'jwt_invalid', /sub/);
    for (const exp of [undefined, 'tomorrow', null])
      await wrong({ exp: exp as unknown as number }, 'jwt_invalid', /exp/);
  },
);

t.test('a token is accepted by its signature only, and cannot choose its algorithm', async (t) => {
  const { platform, tokens } = await open(t);
  const good = await platform.token();
  const [header = '', payload = '', signature = ''] = good.split('.');
  const claims = platform.claims();
  const publicKey = await exportSPKI(platform.keys.first?.publicKey as CryptoKey);
  const forged = [
    new UnsecuredJWT(claims).encode(),
    `${header}.${payload}.`,
    `${header}.${payload}.${signature.slice(0, -4)}AAAA`,
    `${header}.${Buffer.from(JSON.stringify({ ...claims, roles: 'admin' })).toString('base64url')}.${signature}`,
    // The public key as the secret of an HMAC.
    await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'first' }).sign(Buffer.from(publicKey)),
    await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', kid: 'first' })
      .sign(Buffer.from(JSON.stringify(await platform.keySet()))),
    // A key that is contained in the token.
    await (async () => {
      const { privateKey, publicKey: own } = await generateKeyPair('ES256', { extractable: true });
      return new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', jwk: await exportJWK(own) })
        .sign(privateKey);
    })(),
    await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: 'first', crit: ['urn:x'], 'urn:x': true })
      .sign((await generateKeyPair('ES256')).privateKey, { crit: { 'urn:x': true } }),
  ];
  for (const token of forged) await assertRefused(t, tokens.principal(token), 401, 'jwt_invalid');
  t.match(await tokens.principal(good), { userId: 'user-7' });
});

t.test('malformed tokens are refused', async (t) => {
  const { platform, tokens } = await open(t);
  const good = await platform.token();
  const b64 = (text: string): string => Buffer.from(text).toString('base64url');
  const broken = [
    'eyJ..',
    'eyJhbGciOiJFUzI1NiJ9..',
    'eyJhbGciOiJFUzI1NiJ9.e30.AA',
    `${b64('{"alg":"ES256","kid":5}')}.${b64('{}')}.AAAA`,
    `${b64('{"alg":["ES256"]}')}.${b64('{}')}.AAAA`,
    `${b64('{"alg":"__proto__"}')}.${b64('{}')}.AAAA`,
    `${b64('[]')}.${b64('{}')}.AAAA`,
    `${b64('null')}.${b64('null')}.AAAA`,
    `${good}.${good}`,
    good.replaceAll('.', '..'),
    `${good.slice(0, 40)}\u0000${good.slice(40)}`,
  ];
  for (let i = 1; i < good.length; i += 7)
    broken.push(good.slice(0, i), `${good.slice(0, i)}-${good.slice(i)}`);
  for (const token of broken) await assertRefused(t, tokens.principal(token), 401, 'jwt_invalid');
});

t.test('with a shared secret only HS256 with that secret is accepted', async (t) => {
  const platform = new Platform();
  const tokens = reader(t, platform, {});
  const sign = (alg: string, secret: string): Promise<string> =>
    new SignJWT(platform.claims()).setProtectedHeader({ alg }).sign(Buffer.from(secret));
  t.match(await tokens.principal(await sign('HS256', SECRET)), { userId: 'user-7', role: 'viewer' });
  await assertRefused(t, tokens.principal(await sign('HS256', `${SECRET}!`)), 401, 'jwt_invalid');
  await assertRefused(t, tokens.principal(await sign('HS512', SECRET.repeat(2))), 401, 'jwt_invalid');
  await assertRefused(t, tokens.principal(await sign('HS384', SECRET.repeat(2))), 401, 'jwt_invalid');
  await assertRefused(t, tokens.principal(new UnsecuredJWT(platform.claims()).encode()), 401, 'jwt_invalid');
});

t.test('a token without a key id is verified with every key', async (t) => {
  const { platform, tokens } = await open(t);
  await platform.addKey('second', 'ES256');
  const token = await platform.token({}, { kid: 'second', namesKey: false });
  t.match(await tokens.principal(token), { userId: 'user-7' });
  await assertRefused(t, tokens.principal(`${token.slice(0, -4)}AAAA`), 401, 'jwt_invalid');
  const over = await platform.token({ exp: 1 }, { kid: 'second', namesKey: false });
  await assertRefused(t, tokens.principal(over), 401, 'jwt_expired');
});

t.test(
  'concurrent requests share one fetch of the keys, which is repeated when they are stale',
  async (t) => {
    const { platform, tokens } = await open(t);
    const token = await platform.token();
    await Promise.all(Array.from({ length: 20 }, () => tokens.principal(token)));
    await tokens.principal(token);
    t.equal(platform.requests, 1);
    await platform.clock.advance(11 * MINUTE);
    await platform.addKey('second', 'ES256');
    await tokens.principal(token);
    t.match(await tokens.principal(await platform.token({}, { kid: 'second' })), { userId: 'user-7' });
    t.equal(platform.requests, 2);
  },
);

t.test(
  'a new key id causes one fetch; unknown key ids cause no further ones until the delay is over',
  async (t) => {
    const { platform, tokens } = await open(t);
    await tokens.principal(await platform.token());
    await platform.clock.advance(MINUTE);
    await platform.addKey('second', 'ES256');
    const newest = await platform.token({}, { kid: 'second' });
    t.match(await tokens.principal(newest), { userId: 'user-7' });
    t.equal(platform.requests, 2);

    const otherPlatform = new Platform();
    await otherPlatform.addKey('made up', 'ES256');
    const foreign = await otherPlatform.token();
    for (let i = 0; i < 50; i++) await assertRefused(t, tokens.principal(foreign), 401, 'jwt_invalid');
    t.equal(platform.requests, 2);
    await platform.clock.advance(31_000);
    await Promise.allSettled(Array.from({ length: 50 }, () => tokens.principal(foreign)));
    t.equal(platform.requests, 3);
  },
);

t.test(
  'tokens get 503 while the keys cannot be fetched, and the fetch is not repeated at once',
  async (t) => {
    const { platform, tokens } = await open(t);
    const token = await platform.token();
    const answers = [
      { status: 500, body: 'broken' },
      { status: 200, body: 'no JSON' },
      { status: 200, body: '{"keys": 5}' },
      { status: 200, body: `{"keys": [], "padding": "${'x'.repeat(300_000)}"}` },
      { status: 302, body: '' },
    ];
    for (const answer of answers) {
      platform.answer = answer;
      const before = platform.requests;
      for (let i = 0; i < 10; i++)
        await assertRefused(t, tokens.principal(token), 503, 'identity_unavailable');
      t.equal(platform.requests, before + 1, answer.body.slice(0, 20));
      await platform.clock.advance(5_001);
    }
    platform.answer = undefined;
    t.match(await tokens.principal(token), { userId: 'user-7' });
  },
);

t.test('known keys are used for a day while their platform is unreachable', async (t) => {
  const { platform, tokens } = await open(t);
  const token = await platform.token({ exp: platform.clock.now() / 1_000 + 7 * 86_400 });
  await tokens.principal(token);
  await platform.close();
  for (let hour = 0; hour < 23; hour++) {
    await platform.clock.advance(60 * MINUTE);
    t.match(await tokens.principal(token), { userId: 'user-7' });
  }
  await platform.clock.advance(120 * MINUTE);
  await assertRefused(t, tokens.principal(token), 503, 'identity_unavailable');
});

t.test('a fetch of the keys without a response times out after five seconds', async (t) => {
  const { platform, tokens } = await open(t);
  platform.held = [];
  const answer = tokens.principal(await platform.token());
  const outcome = assertRefused(t, answer, 503, 'identity_unavailable');
  while (platform.held.length === 0) await new Promise((resolve) => setImmediate(resolve));
  await platform.clock.advance(5_000);
  await outcome;
});

t.test('closing aborts a fetch in progress', async (t) => {
  const { platform, tokens } = await open(t);
  platform.held = [];
  tokens.start();
  const answer = tokens.principal(await platform.token());
  while (platform.held.length === 0) await new Promise((resolve) => setImmediate(resolve));
  tokens.close();
  await assertRefused(t, answer, 503, 'identity_unavailable');
  t.equal(platform.clock.pending, 0, 'no timer is left');
});
