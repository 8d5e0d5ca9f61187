import t from 'tap';
import { AuditLog } from '../../src/audit/index.js';
import type { Sql } from '../../src/platform/index.js';
import { FakeClock } from '../support/fakes/fake-clock.js';
import { testDatabase } from '../support/fixtures/database.js';
import { recordLog } from '../support/fixtures/log-record.js';
import { until } from '../support/until.js';

const DAY_MS = 86_400_000;
const entry = (action: string) => ({
  ...{ action, target: { id: 'a' }, details: { role: 'admin' }, address: '192.0.2.1' },
  actor: { kind: 'account' as const, userId: 'ada', name: 'Ada' },
});

t.test('entries are listed newest first, by page, actor and action', async (t) => {
  const { sql } = await testDatabase(t);
  const { log, lines } = recordLog();
  const audit = new AuditLog({ sql, keepDays: 0, clock: new FakeClock(), log });
  audit.record(entry('account.change'));
  audit.record({ ...entry('account.delete'), details: null });
  audit.record({ ...entry('account.change'), actor: { kind: 'operator' } });
  await audit.close();
  const all = await audit.list({ limit: 10 });
  t.match(all, [
    { action: 'account.change', actorKind: 'operator', actorId: null, actorName: null },
    { action: 'account.delete', actorId: 'ada', actorName: 'Ada', details: null },
    { action: 'account.change', target: { id: 'a' }, details: { role: 'admin' }, address: '192.0.2.1' },
  ]);
  t.same(await audit.list({ limit: 1, before: all[0]!.id }), all.slice(1, 2));
  t.same(await audit.list({ limit: 10, actorId: 'ada', action: 'account.change' }), all.slice(2));
  t.match(JSON.stringify(lines()), 'account.delete');
});

t.test('entries wait for a database that is away, at most 1,000', async (t) => {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  let isAway = true;
  const failing = new Proxy(sql, {
    apply: (target, self, args) =>
      isAway ? Promise.reject(new Error('away')) : Reflect.apply(target, self, args),
  }) as Sql;
  const { log, lines } = recordLog();
  const audit = new AuditLog({ sql: failing, keepDays: 0, clock, log });
  for (let count = 0; count < 1_001; count++) audit.record(entry('account.change'));
  isAway = false;
  await audit.close();
  const [{ count }] = await sql<[{ count: number }]>`select count(*)::int from audit_log`;
  t.equal(count, 1_000);
  t.match(JSON.stringify(lines()), 'audit entry is not stored');
});

t.test('entries older than the retention are deleted', async (t) => {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock(Date.now());
  const { log } = recordLog();
  const audit = new AuditLog({ sql, keepDays: 10, clock, log });
  t.teardown(() => audit.close());
  audit.record(entry('account.change'));
  await until('it is stored', async () => (await audit.list({ limit: 10 })).length === 1);
  audit.start();
  await clock.advance(9 * DAY_MS);
  t.equal((await audit.list({ limit: 10 })).length, 1);
  await clock.advance(2 * DAY_MS);
  while ((await audit.list({ limit: 10 })).length > 0) await clock.advance(3_600_000);
  t.pass();
});

t.test('a deleted account leaves its actions, and neither name nor address', async (t) => {
  const { sql } = await testDatabase(t);
  const audit = new AuditLog({ sql, keepDays: 0, clock: new FakeClock(), log: recordLog().log });
  const operator = { actor: { kind: 'operator' as const }, address: '198.51.100.1' };
  audit.record({ ...entry('account.create'), ...operator, details: { name: 'Ada', role: 'viewer' } });
  audit.record({ ...entry('account.create'), ...operator, details: { name: 'Bob', role: 'viewer' } });
  audit.record({ ...entry('account.change'), ...operator, target: { id: 'ada' } });
  audit.record({ ...entry('ban.create'), ...operator, details: { userId: 'ada', seconds: 5 } });
  audit.record({ ...entry('livestream.delete'), details: null });
  await audit.forgetUser({ userId: 'ada', pseudonym: 'deleted:1', name: 'Ada' });
  audit.record({ ...entry('account.delete-own'), target: { id: 'ada' } });
  await audit.close();
  const stored = await audit.list({ limit: 10 });
  t.notMatch(JSON.stringify(stored), /"ada"|Ada|192\.0\.2\.1/);
  const gone = { actorKind: 'account', actorId: 'deleted:1', actorName: null, address: '' };
  t.match(stored, [
    { ...gone, action: 'account.delete-own', target: { id: 'deleted:1' } },
    { ...gone, action: 'livestream.delete', target: { id: 'a' } },
    { action: 'ban.create', details: { userId: 'deleted:1', seconds: 5 }, address: '198.51.100.1' },
    { action: 'account.change', target: { id: 'deleted:1' }, address: '198.51.100.1' },
    { action: 'account.create', details: { name: 'Bob', role: 'viewer' } },
    { action: 'account.create', details: { role: 'viewer' } },
  ]);
});
