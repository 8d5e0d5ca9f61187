import type postgres from 'postgres';
import t, { type Test } from 'tap';
import { Channels, hashStreamKey, StreamKeys } from '../../../src/accounts/index.js';
import { createLog, newId } from '../../../src/platform/index.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { testDatabase } from '../../support/fixtures/database.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

type Fixture = { sql: postgres.Sql; clock: FakeClock; keys: StreamKeys; dropped: string[]; streamId: string };

async function openFixture(t: Test): Promise<Fixture> {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  const dropped: string[] = [];
  const keys = new StreamKeys({
    sql,
    dropKey: (id) => dropped.push(id),
    keepDays: 90,
    clock,
    log: createLog('silent'),
  });
  t.teardown(() => keys.close());
  const streamId = newId();
  await sql`
    insert into livestreams (id, title, stream_key) values (${streamId}, 'A', ${hashStreamKey('first')})`;
  return { sql, clock, keys, dropped, streamId };
}

t.test('a key is returned once, and stored only as its hash', async (t) => {
  const { sql, keys, streamId } = await openFixture(t);
  const { key, secret } = await keys.create({ streamId }, { label: 'Studio' });
  t.match(secret, /^live_[a-z2-7]{32}$/);
  t.same(await keys.findByHash(hashStreamKey(secret)), key);
  t.same(await keys.list({ streamId }), [key]);
  t.notMatch(JSON.stringify(await sql`select * from stream_keys`), secret);
});

t.test('the limits of a key are stored as given, and networks without host bits', async (t) => {
  const { clock, keys, streamId } = await openFixture(t);
  const expiresAt = new Date(clock.now() + DAY_MS);
  const addressRanges = ['192.0.2.7/24', '2001:db8::1'];
  const { key } = await keys.create({ streamId }, { protocols: ['whip', 'rtmps'], addressRanges, expiresAt });
  t.match(key, {
    protocols: ['whip', 'rtmps'],
    addressRanges: ['192.0.2.0/24', '2001:db8::1/128'],
    expiresAt,
    main: false,
    revokedAt: null,
  });
  await t.rejects(keys.create({ streamId }, { addressRanges: ['nowhere'] }), {
    code: 'address_range_invalid',
  });
  await t.rejects(keys.create({ streamId }, { expiresAt: new Date(clock.now()) }), { code: 'expiry_past' });
  await t.rejects(keys.create({ streamId }, { expiresAt: new Date(Number.NaN) }), { code: 'expiry_past' });
  await t.rejects(keys.create({ streamId: newId() }, {}), { status: 404, code: 'stream_not_found' });
});

t.test('a rotated key is valid during its overlap, and its limits apply to the next key', async (t) => {
  const { clock, keys, streamId } = await openFixture(t);
  const owner = { streamId };
  const old = await keys.create(owner, { label: 'Studio', protocols: ['rtmp'] });
  const next = await keys.rotate(owner, old.key.id, HOUR_MS);
  t.match(next.key, { label: 'Studio', protocols: ['rtmp'], expiresAt: null, replacedBy: null });
  t.match(await keys.findByHash(hashStreamKey(old.secret)), {
    replacedBy: next.key.id,
    expiresAt: new Date(clock.now() + HOUR_MS),
  });
  await t.rejects(keys.rotate(owner, old.key.id, HOUR_MS), { status: 409, code: 'key_not_current' });
  const last = await keys.rotate(owner, next.key.id, 0);
  t.same((await keys.findByHash(hashStreamKey(next.secret)))?.expiresAt, new Date(clock.now()));
  await keys.revoke(owner, last.key.id);
  await t.rejects(keys.rotate(owner, last.key.id, 0), { code: 'key_not_current' });
});

t.test('rotation does not extend the expiry of a key', async (t) => {
  const { clock, keys, streamId } = await openFixture(t);
  const expiresAt = new Date(clock.now() + 60_000);
  const old = await keys.create({ streamId }, { expiresAt });
  const next = await keys.rotate({ streamId }, old.key.id, HOUR_MS);
  t.same((await keys.findByHash(hashStreamKey(old.secret)))?.expiresAt, expiresAt);
  t.same(next.key.expiresAt, expiresAt, 'nor the expiry of its successor');
});

t.test('of concurrent rotations of one key, one succeeds', async (t) => {
  const { keys, streamId } = await openFixture(t);
  const { key } = await keys.create({ streamId }, {});
  const results = await Promise.allSettled([1, 2, 3].map(() => keys.rotate({ streamId }, key.id, 0)));
  t.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
  t.equal((await keys.list({ streamId })).length, 2);
});

t.test('revoking a key drops its publisher, and a second revocation changes nothing', async (t) => {
  const { clock, keys, dropped, streamId } = await openFixture(t);
  const { key } = await keys.create({ streamId }, {});
  await keys.revoke({ streamId }, key.id);
  t.same(dropped, [key.id]);
  const at = new Date(clock.now());
  await clock.advance(1_000);
  await keys.revoke({ streamId }, key.id);
  t.match(await keys.list({ streamId }), [{ revokedAt: at }]);
});

t.test('a key is found only by its owner', async (t) => {
  const { keys, streamId } = await openFixture(t);
  const { key } = await keys.create({ streamId }, {});
  const page = { limit: 10, offset: 0 };
  for (const owner of [{ userId: 'u' }, { userId: streamId }, { streamId: newId() }]) {
    await t.rejects(keys.revoke(owner, key.id), { status: 404, code: 'key_not_found' });
    await t.rejects(keys.rotate(owner, key.id, 0), { code: 'key_not_found' });
    await t.rejects(keys.uses(owner, key.id, page), { code: 'key_not_found' });
    t.same(await keys.list(owner), []);
  }
  t.match(await keys.list({ streamId }), [{ revokedAt: null }]);
});

t.test('a channel has one main key, also after concurrent requests for the first', async (t) => {
  const { sql, clock, keys } = await openFixture(t);
  const rotated = await Promise.all([1, 2, 3].map(() => keys.rotateMain('u', HOUR_MS)));
  const main = await keys.findMain('u');
  t.equal(rotated.filter(({ key }) => key.id === main?.id).length, 1);
  t.equal((await sql`select from stream_keys where is_main and replaced_by is null`).count, 1);

  await keys.create({ userId: 'u' }, { label: 'beside it' });
  t.equal((await keys.findMain('u'))?.id, main?.id);
  await keys.revoke({ userId: 'u' }, main?.id ?? '');
  t.equal(await keys.findMain('u'), undefined);
  const { key } = await keys.rotateMain('u', 0);
  t.match(await keys.findMain('u'), { id: key.id, main: true });
  await clock.advance(1);
});

t.test('a livestream has at most fifty usable keys, and at most a hundred others are kept', async (t) => {
  const { sql, keys, streamId } = await openFixture(t);
  const owner = { streamId };
  const first = await keys.create(owner, {});
  for (let i = 1; i < 50; i++) await keys.create(owner, {});
  await t.rejects(keys.create(owner, {}), { status: 409, code: 'too_many_keys' });
  await t.rejects(keys.rotate(owner, first.key.id, HOUR_MS), { code: 'too_many_keys' });
  t.match(await keys.findByHash(hashStreamKey(first.secret)), { replacedBy: null }, 'nothing was changed');
  await keys.revoke(owner, first.key.id);
  for (let i = 0; i < 120; i++) await keys.revoke(owner, (await keys.create(owner, {})).key.id);
  const [row] = await sql`select count(*)::int as count from stream_keys where revoked_at is not null`;
  t.equal(row?.count, 101, 'the last revocation came after the last deletion of others');
});

t.test('uses are listed newest first, limited in number, and deleted after ninety days', async (t) => {
  const { sql, clock, keys, streamId } = await openFixture(t);
  const { key } = await keys.create({ streamId }, {});
  const use = { keyId: key.id, streamId, protocol: 'rtmp', address: '192.0.2.1' };
  await keys.recordUse({ ...use, outcome: 'admitted' });
  const first = new Date(clock.now());
  await clock.advance(1_000);
  await keys.recordUse({ ...use, streamId: null, outcome: 'stream_key_expired' });
  t.match(await keys.uses({ streamId }, key.id, { limit: 10, offset: 0 }), [
    { outcome: 'stream_key_expired', streamId: null },
    { outcome: 'admitted', streamId, usedAt: first, address: '192.0.2.1' },
  ]);
  t.match(await keys.uses({ streamId }, key.id, { limit: 1, offset: 1 }), [{ outcome: 'admitted' }]);
  t.match(await keys.list({ streamId }), [{ lastUsedAt: first }], 'refusals do not count as uses');

  const many = Array.from({ length: 1_100 }, () => ({
    id: newId(),
    key_id: key.id,
    protocol: 'rtmp',
    address: '',
    outcome: 'stream_key_expired',
    used_at: new Date(clock.now()),
  }));
  await sql`insert into stream_key_uses ${sql(many)}`;
  await keys.recordUse({ ...use, outcome: 'stream_key_expired' });
  const [counted] = await sql`
    select count(*) filter (where outcome = 'admitted')::int as admitted,
      count(*) filter (where outcome <> 'admitted')::int as refused from stream_key_uses`;
  t.same(counted, { admitted: 1, refused: 1_000 }, 'refusals do not displace admissions');

  await clock.advance(91 * DAY_MS);
  await keys.recordUse({ ...use, outcome: 'admitted' });
  keys.start();
  await until(async () => {
    await clock.advance(100); // Time between two batches.
    return (await sql`select from stream_key_uses`).count === 1;
  });
});

t.test('a channel is created at the first request, titled by its user, and can be changed', async (t) => {
  const { sql } = await openFixture(t);
  const channels = new Channels(sql);
  const asked = await Promise.all([channels.of('u', 'Ada'), channels.of('u', 'Ada')]);
  t.same(asked[0], {
    ...{ userId: 'u', description: '' },
    ...{ defaultTitle: 'Ada', defaultDescription: '', recordingEnabled: false },
  });
  t.same(asked[0], asked[1]);
  t.match(await channels.change('u', { recordingEnabled: true }), {
    defaultTitle: 'Ada',
    recordingEnabled: true,
  });
  t.match(await channels.change('u', { defaultTitle: "Ada's", defaultDescription: 'x' }), {
    defaultTitle: "Ada's",
    defaultDescription: 'x',
    recordingEnabled: true,
  });
  t.match(await channels.of('v'), { defaultTitle: 'Livestream' });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}
