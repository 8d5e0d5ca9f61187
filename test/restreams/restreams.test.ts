import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import {
  createLog,
  newId,
  PublicError,
  type Sql,
  systemClock,
  TargetPolicy,
} from '../../src/platform/index.js';
import { Restreams } from '../../src/restreams/index.js';
import type { ReadableTarget } from '../../src/restreams/restreams.js';
import { TargetError } from '../../src/restreams/target-error.js';
import { type Broadcast, HlsDemand, type Source, type SourceReader } from '../../src/streams/index.js';
import { testDatabase } from '../support/fixtures/database.js';
import { until } from '../support/until.js';

const KEY = randomBytes(32);
const TARGET = { name: 'Other', url: 'rtmp://live.example/app', key: 'key-of-the-platform' };

async function createLivestream(sql: Sql, userId: string): Promise<string> {
  const id = newId();
  await sql`insert into livestreams (id, user_id, title, description, created_at, stream_key)
    values (${id}, ${userId}, 'A', '', now(), ${randomBytes(32).toString('hex')})`;
  return id;
}

/** Restreams of one gateway process, whose connections the test counts. */
function openRestreams(t: Test, sql: Sql, encryptionKey = KEY) {
  const connected: ReadableTarget[] = [];
  let open = 0;
  const restreams = new Restreams({
    sql,
    policy: new TargetPolicy({ privateAddresses: false }),
    loops: {
      check: async ({ key }) => {
        if (key === 'own-key') throw new PublicError(400, 'restream_loop', 'This is this server.');
      },
    },
    hasSrt: async () => false,
    encryptionKey,
    maximumOutputs: 5,
    connect: async (target) => {
      connected.push(target);
      open++;
      let end: (error: TargetError) => void = () => {};
      const closed = new Promise<TargetError>((resolve) => {
        end = resolve;
      }).finally(() => open--);
      const close = (): void => end(new TargetError('closed'));
      return {
        reader: undefined,
        closed,
        traffic: { sentBytes: 0, isBlocked: false, droppedFrames: 0 },
        close,
        destroy: close,
      };
    },
    clock: systemClock,
    log: createLog('silent'),
  });
  t.teardown(() => restreams.close());
  const broadcast = (streamId: string) => {
    const hlsDemand = new HlsDemand(systemClock);
    const subscription = restreams.subscribe({
      ...{ id: newId(), streamId, startedAt: Date.now(), hlsDemand },
    } as Broadcast);
    const source = {
      info: { protocol: 'rtmp', video: { codec: 'h264' } },
      relayPath: [],
      read: (reader: SourceReader) => reader.restart(Date.now(), { audio: false, video: true }),
    } as unknown as Source;
    subscription.publicationStarted?.(source);
    return subscription;
  };
  return { restreams, connected, broadcast, open: () => open };
}

t.test('targets are stored encrypted, shown masked and changed with their key only', async (t) => {
  const { sql } = await testDatabase(t);
  const { restreams } = openRestreams(t, sql);
  const streamId = await createLivestream(sql, 'owner');
  const owner = { streamId };
  const target = await restreams.create(owner, TARGET);
  t.match(target, {
    name: 'Other',
    protocol: 'rtmp',
    shownUrl: TARGET.url,
    shownKey: '…form',
    enabled: true,
  });
  const [row] = await sql`select restream_targets::text as text, sealed from restream_targets`;
  t.notOk(
    row?.text.includes(TARGET.key) || (row?.sealed as Buffer | undefined)?.includes(TARGET.key),
    'encrypted at rest',
  );

  await t.rejects(restreams.update(owner, target.id, { url: 'rtmp://evil.example/app' }), {
    code: 'restream_key_invalid',
  });
  t.match(await restreams.update(owner, target.id, { key: 'a-new-key-9999' }), {
    shownUrl: TARGET.url,
    shownKey: '…9999',
  });
  t.match(await restreams.update(owner, target.id, { name: 'New', enabled: false }), {
    name: 'New',
    enabled: false,
  });
  const refused: [object, string][] = [
    [{ key: 'own-key' }, 'restream_loop'],
    [{ url: 'rtmp://127.0.0.1/app' }, 'url_not_allowed'],
    [{ url: 'srt://live.example:9000', key: undefined }, 'url_not_allowed'],
  ];
  for (const [changes, code] of refused)
    await t.rejects(restreams.create(owner, { ...TARGET, ...changes }), { status: 400, code });
  for (const id of [newId(), 'no-uuid'])
    await t.rejects(restreams.find(owner, id), { status: 404, code: 'restream_target_not_found' });
  await t.rejects(
    restreams.find({ userId: 'owner' }, target.id),
    { code: 'restream_target_not_found' },
    'of another owner',
  );

  for (let count = 1; count < 10; count++) await restreams.create(owner, TARGET);
  await t.rejects(restreams.create(owner, TARGET), { status: 409, code: 'too_many_restream_targets' });
  await restreams.create({ userId: 'owner' }, TARGET);
  t.equal((await restreams.listForStream(streamId, 'owner')).length, 11, 'with those of the account');
  await restreams.remove(owner, target.id);
  await t.rejects(restreams.remove(owner, target.id), { code: 'restream_target_not_found' });
  await restreams.forgetUser('owner');
  t.equal((await restreams.listForStream(streamId, 'owner')).length, 9);
});

t.test('a target of an account serves one broadcast at a time, in whatever gateway it runs', async (t) => {
  const { sql } = await testDatabase(t);
  const [one, other] = [openRestreams(t, sql), openRestreams(t, sql)];
  const [first, second] = [await createLivestream(sql, 'owner'), await createLivestream(sql, 'owner')];
  const foreign = await createLivestream(sql, 'somebody');
  const target = await one.restreams.create({ userId: 'owner' }, TARGET);
  const broadcast = one.broadcast(first);
  await until('it is sent', () => one.open() === 1);
  t.match(one.connected[0]?.secret, { url: TARGET.url, key: TARGET.key });
  const running = [other.broadcast(second), other.broadcast(foreign)];
  await until('the other gateway knows the status', async () => {
    const { status } = await other.restreams.find({ userId: 'owner' }, target.id);
    return status.state === 'live' && status.streamId === first;
  });
  t.equal(other.connected.length, 0);
  await broadcast.broadcastEnded('ended-by-owner');
  t.equal(one.open(), 0, 'the output ends with its broadcast');
  await until('the next broadcast takes the target', () => other.open() === 1, 10_000);
  t.match(await other.restreams.find({ userId: 'owner' }, target.id), {
    status: { state: 'live', streamId: second },
  });

  await one.restreams.update({ userId: 'owner' }, target.id, { enabled: false });
  await until('a switch in another gateway is followed', () => other.open() === 0, 10_000);
  for (const each of running) await each.broadcastEnded('ended-by-owner');
  t.match(await one.restreams.find({ userId: 'owner' }, target.id), {
    status: { state: 'idle', streamId: null },
  });
});

t.test('a key of another secret is told to the owner and sent nowhere', async (t) => {
  const { sql } = await testDatabase(t);
  const streamId = await createLivestream(sql, 'owner');
  const target = await openRestreams(t, sql).restreams.create({ streamId }, TARGET);
  const { restreams, connected, broadcast } = openRestreams(t, sql, randomBytes(32));
  const subscription = broadcast(streamId);
  await until(
    'it fails',
    async () => (await restreams.find({ streamId }, target.id)).status.state === 'failing',
  );
  t.match((await restreams.find({ streamId }, target.id)).status, {
    ...{ error: /enter it again/, errorCode: 'key_unreadable' },
  });
  await subscription.broadcastEnded('ended-by-owner');
  t.equal(connected.length, 0);
});
