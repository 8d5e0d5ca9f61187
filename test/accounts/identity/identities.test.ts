import t from 'tap';
import { ANONYMOUS, type Principal } from '../../../src/accounts/index.js';
import {
  type AccountsFixture,
  openAccountsFixture,
  PASSWORD,
} from '../../support/fixtures/accounts-fixture.js';

const ADDRESS = '192.0.2.1';

async function admitted(fixture: AccountsFixture, by: 'session' | 'token') {
  const ada = await fixture.createAccount('Ada', 'admin');
  const { cookie } = await fixture.pageHeaders(ada);
  const shown = by === 'session' ? { cookie } : await fixture.accessTokenHeaders(ada);
  const principal = await fixture.authentication.authenticate({ method: 'GET', address: ADDRESS, ...shown });
  const { identities } = fixture.authentication;
  const identity = identities.of(principal);
  t.match(await identities.current(identity), { kind: 'account', userId: ada.id, role: 'admin', via: by });
  return { ada, identity, current: () => identities.current(identity) };
}

const CHANGES: [
  string,
  (fixture: AccountsFixture, id: string, credentialId: string) => Promise<unknown>,
  object,
][] = [
  [
    'a demoted admin',
    ({ authentication }, id) => authentication.accounts.change(id, { role: 'viewer' }),
    { role: 'viewer' },
  ],
  [
    'a disabled account',
    ({ authentication }, id) => authentication.accounts.change(id, { disabled: true }),
    ANONYMOUS,
  ],
  ['a deleted account', ({ authentication }, id) => authentication.accountDeletion.delete(id), ANONYMOUS],
  [
    'an account whose password an admin resets',
    ({ authentication }, id) => authentication.accounts.change(id, { password: 'staple of horses' }),
    ANONYMOUS,
  ],
  [
    'a credential that was revoked',
    async ({ authentication: { sessions, accessTokens } }, id, credentialId) =>
      (await sessions.endSession(id, credentialId)) || (await accessTokens.delete(id, credentialId)),
    ANONYMOUS,
  ],
];

for (const by of ['session', 'token'] as const)
  for (const [subject, change, expected] of CHANGES)
    t.test(`the identity of ${subject}, admitted by ${by}, has its current rights at once`, async (t) => {
      const fixture = await openAccountsFixture(t);
      const { ada, identity, current } = await admitted(fixture, by);
      await change(fixture, ada.id, identity.credentialId ?? '');
      t.match(await current(), expected);
    });

t.test('a password change keeps its own session, and access tokens only when requested', async (t) => {
  for (const keepTokens of [undefined, false, true]) {
    const fixture = await openAccountsFixture(t);
    const { ada, current } = await admitted(fixture, 'token');
    await fixture.pageHeaders(ada);
    const [session, other] = await fixture.authentication.sessions.list(ada.id);
    const change = { current: PASSWORD, password: 'staple of horses', keepTokens };
    await fixture.authentication.accounts.changePassword(ada, change, {
      id: session?.id ?? '',
      address: ADDRESS,
    });
    t.match(await fixture.authentication.sessions.list(ada.id), [{ id: session?.id }]);
    t.ok(other, 'another session existed');
    t.equal((await current()).kind, keepTokens ? 'account' : 'anonymous', `keepTokens: ${keepTokens}`);
  }
});

t.test('a change in another process is detected within a second', async (t) => {
  const fixture = await openAccountsFixture(t);
  const { ada, current } = await admitted(fixture, 'session');
  await fixture.sql`update accounts set disabled_at = now() where id = ${ada.id}`;
  await fixture.clock.advance(1_000);
  t.same(await current(), ANONYMOUS);
});

t.test(
  'an admin of a host platform keeps the role until the token expires, an operator until the token changes',
  async (t) => {
    const fixture = await openAccountsFixture(t, { operatorId: '01890a5d-ac96-774b-bcce-b302099a8001' });
    const { identities } = fixture.authentication;
    const expiresAt = fixture.clock.now() + 60_000;
    const admin: Principal = {
      kind: 'account',
      userId: 'root',
      name: 'Root',
      role: 'admin',
      via: 'jwt',
      expiresAt,
    };
    const identity = identities.of(admin);
    t.match(await identities.current(identity), { userId: 'root', role: 'admin' });
    await fixture.clock.advance(60_000);
    t.match(await identities.current(identity), { userId: 'root', role: 'viewer' });
    const operator = identities.of({ kind: 'operator' });
    t.same(await identities.current(operator), { kind: 'operator' });
    const later = await openAccountsFixture(t);
    t.same(await later.authentication.identities.current(operator), ANONYMOUS);
    t.same(await identities.current(identities.of(ANONYMOUS)), ANONYMOUS);
  },
);
