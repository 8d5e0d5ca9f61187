import t from 'tap';
import { ANONYMOUS, type Principal } from '../../../src/accounts/index.js';
import { openAccountsFixture, PASSWORD } from '../../support/fixtures/accounts-fixture.js';
import { assertRefused } from '../../support/fixtures/refusal.js';

const ADDRESS = '192.0.2.1';
const DAY = 86_400_000;
const request = (name: string, more: object = {}) => ({ name, password: PASSWORD, ...more });

t.test('open registration creates accounts with the default role', async (t) => {
  const { authentication } = await openAccountsFixture(t, { registration: 'open', defaultRole: 'viewer' });
  const { registration } = authentication;
  t.match(await registration.register(request('Ada'), ANONYMOUS, ADDRESS), { name: 'Ada', role: 'viewer' });
  await assertRefused(t, registration.register(request('aDA'), ANONYMOUS, ADDRESS), 409, 'name_taken');
  await assertRefused(
    t,
    registration.register(request('Eve', { role: 'admin' }), ANONYMOUS, ADDRESS),
    403,
    'not_allowed',
  );
  await assertRefused(t, registration.register(request('a'), ANONYMOUS, ADDRESS), 400, 'name_invalid');
  const { code } = await authentication.invitations.create('broadcaster', DAY);
  t.match(await registration.register(request('Bob', { invitation: code }), ANONYMOUS, ADDRESS), {
    role: 'broadcaster',
  });
});

t.test('an invitation is valid for one account, one role and a number of days', async (t) => {
  const { authentication, clock } = await openAccountsFixture(t);
  const { registration, invitations } = authentication;
  await assertRefused(t, registration.register(request('Ada'), ANONYMOUS, ADDRESS), 403, 'invitation_needed');
  const { code, id } = await invitations.create('broadcaster', DAY);
  for (const wrong of ['', 'x', code.slice(1), `${code.slice(0, -1)}g`, code.toUpperCase()])
    await assertRefused(
      t,
      registration.register(request('Ada', { invitation: wrong }), ANONYMOUS, `198.51.100.${wrong.length}`),
      403,
      'invitation_invalid',
    );
  const ada = await registration.register(request('Ada', { invitation: code }), ANONYMOUS, ADDRESS);
  t.match(ada, { name: 'Ada', role: 'broadcaster' });
  t.match(await invitations.list({ limit: 10, offset: 0 }), [
    { id, usedBy: ada.id, usedAt: new Date(clock.now()) },
  ]);
  await assertRefused(
    t,
    registration.register(request('Eve', { invitation: code }), ANONYMOUS, ADDRESS),
    403,
    'invitation_invalid',
  );
  const late = await invitations.create('viewer', DAY);
  await clock.advance(DAY);
  await assertRefused(
    t,
    registration.register(request('Eve', { invitation: late.code }), ANONYMOUS, ADDRESS),
    403,
    'invitation_invalid',
  );
});

t.test('a registration refused for its name does not use up the invitation', async (t) => {
  const { authentication, createAccount } = await openAccountsFixture(t);
  const { registration, invitations } = authentication;
  await createAccount('Ada');
  const { code } = await invitations.create('viewer', DAY);
  await assertRefused(
    t,
    registration.register(request('ada', { invitation: code }), ANONYMOUS, ADDRESS),
    409,
    'name_taken',
  );
  t.match(await registration.register(request('Eve', { invitation: code }), ANONYMOUS, ADDRESS), {
    name: 'Eve',
  });
});

t.test('of concurrent registrations with one invitation, one succeeds', async (t) => {
  const { authentication, sql } = await openAccountsFixture(t);
  const { registration, invitations } = authentication;
  const { code } = await invitations.create('viewer', DAY);
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, (_, i) =>
      registration.register(request(`Racer ${i}`, { invitation: code }), ANONYMOUS, `192.0.2.${i}`),
    ),
  );
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  for (const outcome of outcomes)
    if (outcome.status === 'rejected') t.match(outcome.reason, { code: 'invitation_invalid' });
  t.equal((await sql`select from accounts`).length, 1);
});

t.test('of concurrent registrations of one name, one succeeds', async (t) => {
  const { authentication, sql } = await openAccountsFixture(t, { registration: 'open' });
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, (_, i) =>
      authentication.registration.register(request(i % 2 ? 'Ada' : 'ADA'), ANONYMOUS, `192.0.2.${i}`),
    ),
  );
  t.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1);
  t.equal((await sql`select from accounts`).length, 1);
});

t.test(
  'the newest setup invitation registers the first administrator, with closed registration too',
  async (t) => {
    const { authentication, clock } = await openAccountsFixture(t, { registration: 'closed' });
    const { accounts, registration, invitations } = authentication;
    const invited = (name: string, invitation: string) =>
      registration.register(request(name, { invitation }), ANONYMOUS, ADDRESS);
    t.notOk(await accounts.hasAdministrator());
    const former = await invitations.createSetup();
    const expired = await invitations.createSetup();
    await clock.advance(DAY);
    const code = await invitations.createSetup();
    for (const ended of [former, expired])
      await assertRefused(t, invited('Eve', ended), 403, 'registration_closed');
    t.match(await invited('Ada', code), { name: 'Ada', role: 'admin' });
    t.ok(await accounts.hasAdministrator());
    await assertRefused(t, invited('Eve', code), 403, 'registration_closed');
  },
);

t.test('a setup invitation ends when the operator registers an administrator', async (t) => {
  const { authentication } = await openAccountsFixture(t, { registration: 'open', defaultRole: 'viewer' });
  const { registration, invitations } = authentication;
  const code = await invitations.createSetup();
  await registration.register(request('Vera'), ANONYMOUS, ADDRESS);
  t.ok(await invitations.isOpenSetup(code), 'another account does not end it');
  await registration.register(request('Root', { role: 'admin' }), { kind: 'operator' }, ADDRESS);
  await assertRefused(
    t,
    registration.register(request('Eve', { invitation: code }), ANONYMOUS, ADDRESS),
    403,
    'invitation_invalid',
  );
});

t.test('with closed registration only admins and the operator create accounts', async (t) => {
  const { authentication } = await openAccountsFixture(t, { registration: 'closed' });
  const { registration, invitations } = authentication;
  const { code } = await invitations.create('viewer', DAY);
  const by = (role: 'viewer' | 'broadcaster' | 'admin'): Principal => ({
    kind: 'account',
    userId: 'u',
    name: 'U',
    role,
    via: 'session',
  });
  for (const principal of [ANONYMOUS, by('viewer'), by('broadcaster')])
    await assertRefused(
      t,
      registration.register(request('Ada', { invitation: code }), principal, ADDRESS),
      403,
      'registration_closed',
    );
  t.match(await registration.register(request('Root', { role: 'admin' }), { kind: 'operator' }, ADDRESS), {
    role: 'admin',
  });
  t.match(await registration.register(request('Bob', { role: 'broadcaster' }), by('admin'), ADDRESS), {
    role: 'broadcaster',
  });
});

t.test(
  'an address creates ten accounts, then one every six minutes, and the operator without a limit',
  async (t) => {
    const { authentication, clock } = await openAccountsFixture(t, { registration: 'open' });
    const { registration } = authentication;
    for (let i = 0; i < 10; i++) await registration.register(request(`Name ${i}`), ANONYMOUS, ADDRESS);
    const refusal = await registration
      .register(request('One more'), ANONYMOUS, ADDRESS)
      .catch((e: unknown) => e);
    t.match(refusal, { status: 429, code: 'rate_limited', details: { retryAfter: 360 } });
    await registration.register(request('Operated'), { kind: 'operator' }, ADDRESS);
    await clock.advance(360_000);
    await registration.register(request('One more'), ANONYMOUS, ADDRESS);
  },
);
