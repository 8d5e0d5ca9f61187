import t from 'tap';
import type { AccessChange } from '../../../src/accounts/index.js';
import { openAccountsFixture, PASSWORD } from '../../support/fixtures/accounts-fixture.js';
import { until } from '../../support/until.js';

const MINUTE_MS = 60_000;

t.test(
  'a deleted account is signed out, every holder releases it, and its name is available again',
  async (t) => {
    const { authentication, createAccount, pageHeaders, accessTokenHeaders, sql } =
      await openAccountsFixture(t);
    const { accounts, authenticate, accountDeletion, follows, invitations, registration } = authentication;
    const ada = await createAccount('Ada', 'broadcaster');
    const eve = await createAccount('Eve');
    await follows.follow(ada.id, eve.id);
    await follows.follow(eve.id, ada.id);
    const { code } = await invitations.create('viewer', MINUTE_MS);
    const bob = await registration.register(
      { name: 'Bob', password: PASSWORD, invitation: code },
      { kind: 'anonymous' },
      '127.0.0.1',
    );
    const [cookie, token] = [await pageHeaders(ada), await accessTokenHeaders(ada)];
    const released: unknown[] = [];
    accountDeletion.addHolder({
      release: async (deleted) => {
        t.match(
          await accounts.findAccount(deleted.userId),
          { disabledAt: Date },
          'it exists until every holder has released it',
        );
        released.push(deleted);
      },
    });
    accountDeletion.addHolder({ release: ({ userId }) => follows.forgetUser(userId) });
    const changes: AccessChange[] = [];
    authentication.onAccessChange((change) => changes.push(change));

    t.equal(await accountDeletion.delete('nobody'), false);
    t.equal(await accountDeletion.delete(ada.id, { purge: true }), true);
    t.match(released, [{ userId: ada.id, purge: true, pseudonym: /^deleted:[\da-f-]{36}$/ }]);
    t.match(changes[0], { userId: ada.id, credentialIds: undefined }, 'open connections are reviewed');
    t.equal(await accounts.findAccount(ada.id), undefined);
    t.equal(await accountDeletion.delete(ada.id), false);
    const credentials = { method: 'GET', address: '127.0.0.1' };
    t.same(await authenticate({ ...credentials, cookie: cookie.cookie }), { kind: 'anonymous' });
    await t.rejects(authenticate({ ...credentials, ...token }), { code: 'access_token_invalid' });
    for (const table of ['account_sessions', 'access_tokens'])
      t.equal((await sql`select from ${sql(table)} where account_id = ${ada.id}`).count, 0, table);
    t.equal((await sql`select from follows`).count, 0);
    t.match(await createAccount('Ada'), { name: 'Ada' });

    await accountDeletion.delete(bob.id);
    t.match(await invitations.list({ limit: 1, offset: 0 }), [{ usedBy: null, usedAt: Date }]);
  },
);

t.test('the deletion of an account with a running stream is refused and changes nothing', async (t) => {
  const { authentication, createAccount, pageHeaders } = await openAccountsFixture(t);
  const { accountDeletion, authenticate } = authentication;
  const ada = await createAccount('Ada');
  const { cookie } = await pageHeaders(ada);
  let busy = true;
  accountDeletion.addHolder({ isBusy: async () => busy, release: async () => {} });
  await t.rejects(accountDeletion.delete(ada.id), { status: 409, code: 'stream_under_way' });
  t.match(await authenticate({ method: 'GET', address: '127.0.0.1', cookie }), { userId: ada.id });
  busy = false;
  t.equal(await accountDeletion.delete(ada.id), true);
});

t.test(
  'a deletion that failed is retried with its options, and the account stays disabled meanwhile',
  async (t) => {
    const { authentication, createAccount, clock, logText } = await openAccountsFixture(t);
    const { accounts, accountDeletion, signIn } = authentication;
    const ada = await createAccount('Ada');
    const tries: boolean[] = [];
    let fails = true;
    accountDeletion.addHolder({
      release: async ({ purge }) => {
        tries.push(purge);
        if (fails) throw new Error('the disk is full');
      },
    });
    accountDeletion.start();
    await t.rejects(accountDeletion.delete(ada.id, { purge: true }), /disk is full/);
    await t.rejects(signIn.open({ name: 'Ada', password: PASSWORD }, { address: '127.0.0.1' }), {
      code: 'account_disabled',
    });
    t.equal(await accounts.change(ada.id, { disabled: false }), undefined, 'it cannot be enabled again');
    await clock.advance(10 * MINUTE_MS);
    await until('the deletion is retried', () => tries.length === 2);
    await until('the failure is logged', () => logText().includes('account deletion failed'));
    fails = false;
    await clock.advance(10 * MINUTE_MS);
    await until('the account is deleted', async () => (await accounts.findAccount(ada.id)) === undefined);
    t.same(tries, [true, true, true]);
  },
);
