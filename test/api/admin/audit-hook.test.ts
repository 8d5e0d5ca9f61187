import Fastify from 'fastify';
import t from 'tap';
import {
  addAuditHook,
  authRoutes,
  createGuards,
  createServer,
  recordAdminSignIn,
} from '../../../src/api/index.js';
import type { AuditRecord } from '../../../src/audit/index.js';
import {
  openAccountsFixture,
  operatorHeaders,
  PASSWORD,
  PUBLIC_ORIGIN,
} from '../../support/fixtures/accounts-fixture.js';
import { recordLog } from '../../support/fixtures/log-record.js';

t.test('successful changes are recorded with their author and without secrets', async (t) => {
  const { authentication, clock } = await openAccountsFixture(t);
  const guards = createGuards({ authenticate: authentication.authenticate });
  const records: AuditRecord[] = [];
  const audit = { record: (record: AuditRecord) => void records.push(record) };
  const app = createServer({ log: recordLog().log, clock, trustProxy: false, version: '1.2.3' });
  t.teardown(() => app.close());
  addAuditHook(app, { audit, guards });
  await app.register(authRoutes, {
    ...{ authentication, guards, clock, publicOrigin: () => PUBLIC_ORIGIN },
    onSignIn: (account, address) => recordAdminSignIn(audit, account, address),
  });
  const post = (url: string, payload: object, headers: object = {}) =>
    app.inject({ method: 'POST', url, payload, headers: { ...headers } });

  const account = (
    await post('/api/auth/register', { name: 'Ada', password: PASSWORD, role: 'admin' }, operatorHeaders)
  ).json();
  await post('/api/auth/login', { name: 'Ada', password: PASSWORD });
  await post('/api/auth/login', { name: 'Ada', password: 'wrong password' });
  const { id } = account.user;
  await app.inject({
    ...{ method: 'PATCH', url: `/api/auth/accounts/${id}`, headers: operatorHeaders },
    payload: { role: 'broadcaster', password: `${PASSWORD} new` },
  });
  await app.inject({
    ...{
      method: 'PATCH',
      url: '/api/auth/accounts/019a0000-0000-7000-8000-000000000000',
      headers: operatorHeaders,
    },
    payload: { role: 'viewer' },
  });
  await post('/api/auth/login', { name: 'Ada', password: `${PASSWORD} new` });
  t.same(
    records.map(({ actor, action, target, details }) => ({ actor, action, target, details })),
    [
      {
        ...{ actor: { kind: 'operator' }, action: 'account.create', target: {} },
        details: { name: 'Ada', role: 'admin' },
      },
      {
        ...{ actor: { kind: 'account', userId: id, name: 'Ada' }, action: 'admin.sign-in' },
        ...{ target: {}, details: null },
      },
      {
        ...{ actor: { kind: 'operator' }, action: 'account.change', target: { id } },
        details: { role: 'broadcaster', passwordChanged: true },
      },
    ],
    'nothing that failed, nor sign-ins of others',
  );
});

t.test('details are short and have neither U+0000 nor halves of characters', async (t) => {
  const records: AuditRecord[] = [];
  const app = Fastify();
  t.teardown(() => app.close());
  addAuditHook(app, {
    audit: { record: (record) => void records.push(record) },
    guards: { principal: () => ({ kind: 'operator' }) },
  });
  app.post('/api/livestream/:streamId/chat/bans', async () => ({}));
  const details = async (reason: string): Promise<unknown> => {
    const url = '/api/livestream/7/chat/bans';
    await app.inject({ method: 'POST', url, payload: { reason } });
    return records.at(-1)?.details;
  };
  t.same(await details('a😀\0b\ud83dc\ude00'), { reason: 'a😀bc' });
  t.same(await details(`${'x'.repeat(199)}😀`), { reason: 'x'.repeat(199) });
});
