import { pino } from 'pino';
import t, { type Test } from 'tap';
import {
  Channels,
  createKeyAdmission,
  hashStreamKey,
  mintStreamKey,
  type StreamKeyProtocol,
  StreamKeys,
} from '../../../src/accounts/index.js';
import { type Admit, Livestreams, StreamRegistry } from '../../../src/streams/index.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { testDatabase } from '../../support/fixtures/database.js';
import { until } from '../../support/until.js';

type Account = { role: 'viewer' | 'broadcaster' | 'admin'; disabledAt: Date | null };

/** Key admission as the gateway builds it, with the real stream registry, keys and database. */
async function openAdmission(t: Test) {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  const logged: string[] = [];
  const log = pino({ base: null }, { write: (line: string) => void logged.push(line) });
  const accounts = new Map<string, Account>();
  const keys: StreamKeys = new StreamKeys({
    sql,
    dropKey: (id) => streams.dropKey(id),
    keepDays: 90,
    clock,
    log,
  });
  const outage: { error?: Error } = {};
  let asked = 0;
  const livestreams = new Livestreams({
    sql,
    keepKey: (transaction, livestream) => keys.insertFirst(transaction, livestream),
    clock,
  });
  const admit: Admit = createKeyAdmission({
    keys: {
      findByHash: async (hash) => {
        asked++;
        if (outage.error) throw outage.error;
        return await keys.findByHash(hash);
      },
      recordUse: (use) => keys.recordUse(use),
      recordSignIn: (signIn) => keys.recordSignIn(signIn),
    },
    channels: new Channels(sql),
    findStream: (id) => livestreams.publishingStatus(id),
    streamForChannel: (channel) => streams.streamForChannel(channel),
    findAccount: async (id) => accounts.get(id),
    clock,
    log,
  });
  const streams: StreamRegistry = new StreamRegistry({
    sql,
    livestreams,
    admit,
    graceMs: 60_000,
    maxBroadcasts: 3,
    clock,
    log,
  });
  t.teardown(() => streams.close());
  const create = async (userId: string | null = null): Promise<{ streamId: string; secret: string }> => {
    const secret = mintStreamKey();
    const livestream = { userId, title: 'A', description: '', recordingEnabled: false };
    const { id } = await livestreams.create({ ...livestream, streamKeyHash: hashStreamKey(secret) });
    return { streamId: id, secret };
  };
  return { sql, clock, logged, accounts, keys, streams, admit, create, outage, asked: () => asked };
}

function request(streamKey: string, address = '192.0.2.1', protocol: StreamKeyProtocol = 'rtmp') {
  return { protocol, streamKey, address };
}

t.test('the first key of a livestream admits to it, also with surrounding spaces', async (t) => {
  const { admit, create, keys, streams } = await openAdmission(t);
  const { streamId, secret } = await create();
  const [key] = await keys.list({ streamId });
  t.same(await admit(request(secret)), { admitted: true, streamId, keyId: key?.id });
  t.match(await admit(request(` ${secret} `)), { admitted: true, streamId });
  t.match(await keys.uses({ streamId }, key?.id ?? '', { limit: 5, offset: 0 }), [
    { outcome: 'admitted', protocol: 'rtmp', address: '192.0.2.1', streamId },
    { outcome: 'admitted' },
  ]);
  await streams.endLivestream(streamId, 'ended-by-owner');
  t.match(await admit(request(secret)), { admitted: false, refusal: { code: 'livestream_ended' } });
});

t.test('a livestream and its key are stored together or not at all', async (t) => {
  const { sql, create } = await openAdmission(t);
  await sql`alter table stream_keys add check (label <> '')`;
  await t.rejects(create(), /check/);
  t.equal((await sql`select from livestreams`).count, 0);
});

t.test('a key admits only within its limits, and every refusal is recorded', async (t) => {
  const { admit, clock, create, keys } = await openAdmission(t);
  const { streamId } = await create();
  const owner = { streamId };
  const { key, secret } = await keys.create(owner, {
    protocols: ['rtmps', 'whip'],
    addressRanges: ['192.0.2.0/24'],
    expiresAt: new Date(clock.now() + 60_000),
  });
  t.match(await admit(request(secret, '192.0.2.1', 'rtmp')), { refusal: { code: 'stream_key_protocol' } });
  t.match(await admit(request(secret, '198.51.100.1', 'whip')), { refusal: { code: 'stream_key_address' } });
  t.match(await admit(request(secret, '::ffff:192.0.2.1', 'whip')), { admitted: true });
  await clock.advance(60_000);
  t.match(await admit(request(secret, '192.0.2.1', 'whip')), { refusal: { code: 'stream_key_expired' } });
  await keys.revoke(owner, key.id);
  t.match(await admit(request(secret, '192.0.2.1', 'whip')), { refusal: { code: 'stream_key_revoked' } });
  const uses = await keys.uses(owner, key.id, { limit: 10, offset: 0 });
  t.same(
    uses.map(({ outcome }) => outcome),
    ['stream_key_revoked', 'stream_key_expired', 'admitted', 'stream_key_address', 'stream_key_protocol'],
  );
});

t.test('a rotated key admits until the end of its overlap', async (t) => {
  const { admit, clock, create, keys } = await openAdmission(t);
  const { streamId, secret } = await create();
  const [key] = await keys.list({ streamId });
  const next = await keys.rotate({ streamId }, key?.id ?? '', 10_000);
  await clock.advance(9_999);
  t.match(await admit(request(secret)), { admitted: true, streamId });
  t.match(await admit(request(next.secret)), { admitted: true, streamId });
  await clock.advance(1);
  t.match(await admit(request(secret)), { refusal: { code: 'stream_key_expired' } });
  t.match(await admit(request(next.secret)), { admitted: true, streamId });
});

t.test(
  'no key admits to livestreams or the channel of an account that is disabled or a viewer',
  async (t) => {
    const { accounts, admit, create, keys } = await openAdmission(t);
    const userId = '0190a0a0-0000-7000-8000-000000000001';
    accounts.set(userId, { role: 'broadcaster', disabledAt: null });
    const { secret } = await create(userId);
    const channel = await keys.rotateMain(userId, 0);
    t.match(await admit(request(secret)), { admitted: true });
    t.match(await admit(request(channel.secret)), { admitted: true });
    accounts.set(userId, { role: 'viewer', disabledAt: null });
    t.match(await admit(request(secret)), { refusal: { code: 'account_barred' } });
    t.match(await admit(request(channel.secret)), { refusal: { code: 'account_barred' } });
    accounts.set(userId, { role: 'broadcaster', disabledAt: new Date() });
    t.match(await admit(request(secret)), { refusal: { code: 'account_barred' } });
    t.match(await admit(request(channel.secret)), { refusal: { code: 'account_barred' } });
  },
);

t.test(
  'a signed-in owner is admitted without a key unless the livestream has ended or the account is barred, and every attempt is recorded',
  async (t) => {
    const { accounts, admit, clock, create, keys, sql, streams } = await openAdmission(t);
    const userId = '0190a0a0-0000-7000-8000-000000000001';
    const { streamId } = await create(userId);
    const signedIn = { protocol: 'whip', address: '192.0.2.1', signedIn: { streamId, userId } } as const;
    t.same(await admit(signedIn), { admitted: true, streamId });
    accounts.set(userId, { role: 'broadcaster', disabledAt: new Date() });
    await clock.advance(1);
    t.match(await admit(signedIn), { refusal: { code: 'account_barred' } });
    accounts.clear();
    await streams.endLivestream(streamId, 'ended-by-owner');
    await clock.advance(1);
    t.match(await admit(signedIn), { refusal: { code: 'livestream_ended' } });
    const page = { limit: 10, offset: 0 };
    t.match(await keys.signIns(streamId, page), [
      { outcome: 'livestream_ended' },
      { outcome: 'account_barred' },
      { outcome: 'admitted', userId, protocol: 'whip', address: '192.0.2.1' },
    ]);
    await clock.advance(91 * 86_400_000);
    keys.start();
    t.teardown(() => keys.close());
    await until('the records are deleted', async () => (await keys.signIns(streamId, page)).length === 0);
    await streams.remove(streamId);
    t.match(
      await admit(signedIn),
      { refusal: { code: 'livestream_ended' } },
      'also after the livestream is removed',
    );
    await sql`alter table publisher_sign_ins rename to elsewhere`;
    const { streamId: other } = await create();
    const refused = await admit({ ...signedIn, signedIn: { streamId: other, userId } });
    t.match(refused, { refusal: { code: 'temporarily_unavailable' } }, 'no admission without a record');
  },
);

t.test('concurrent encoders with one channel key publish to the same livestream', async (t) => {
  const { sql, admit, keys } = await openAdmission(t);
  const { secret } = await keys.rotateMain('somebody', 0);
  const decisions = await Promise.all([1, 2, 3, 4].map((n) => admit(request(secret, `192.0.2.${n}`))));
  const ids = new Set(decisions.map((decision) => (decision.admitted ? decision.streamId : 'refused')));
  t.equal(ids.size, 1);
  t.match(await sql`select title, user_id from livestreams`, [{ title: 'Livestream', user_id: 'somebody' }]);
});

t.test('a malformed key is refused without a database query', async (t) => {
  const { admit, asked } = await openAdmission(t);
  for (const text of ['', 'stream', `live_${'1'.repeat(32)}`, 'x'.repeat(100_000), "' or 1=1 --"])
    t.match(await admit(request(text)), {
      refusal: { code: 'stream_key_unknown', message: /copy it again/ },
    });
  t.equal(asked(), 0);
});

t.test('after ten wrong keys every key of an address is refused without a query for a while', async (t) => {
  const { admit, asked, clock, create } = await openAdmission(t);
  const { secret } = await create();
  for (let i = 0; i < 10; i++)
    t.match(await admit(request(mintStreamKey())), { refusal: { code: 'stream_key_unknown' } });
  for (let i = 0; i < 20; i++)
    t.match(await admit(request(i % 2 ? secret : mintStreamKey())), {
      refusal: { code: 'stream_key_throttled' },
    });
  t.equal(asked(), 10);
  t.match(await admit(request(secret, '192.0.2.2')), { admitted: true }, 'other addresses are not affected');
  await clock.advance(6_000);
  t.match(await admit(request(secret)), { admitted: true });
});

t.test('refused keys that exist do not count as wrong', async (t) => {
  const { admit, create, streams } = await openAdmission(t);
  const { streamId, secret } = await create();
  await streams.endLivestream(streamId, 'ended-by-owner');
  for (let i = 0; i < 30; i++)
    t.match(await admit(request(secret)), { refusal: { code: 'livestream_ended' } });
});

t.test('addresses of one IPv6 /64 count together', async (t) => {
  const { admit } = await openAdmission(t);
  for (let i = 0; i < 10; i++) await admit(request('wrong', `2001:db8::${i}`));
  t.match(await admit(request('wrong', '2001:db8::ffff')), { refusal: { code: 'stream_key_throttled' } });
  t.match(await admit(request('wrong', '2001:db8:0:1::1')), { refusal: { code: 'stream_key_unknown' } });
});

t.test(
  'during a database failure publishers get a message, and their attempts do not count as wrong',
  async (t) => {
    const { admit, logged, outage } = await openAdmission(t);
    outage.error = new Error('connection refused');
    const key = mintStreamKey();
    for (let i = 0; i < 20; i++)
      t.match(await admit(request(key)), {
        refusal: { code: 'temporarily_unavailable', message: /try again/ },
      });
    t.match(logged.join(), /connection refused/);
    t.notMatch(logged.join(), key);
  },
);
