import { createHash, randomUUID } from 'node:crypto';
import type postgres from 'postgres';
import t, { type Test } from 'tap';
import { createLog, newId } from '../../../src/platform/index.js';
import { type BroadcastSubscriber, StreamRegistry } from '../../../src/streams/index.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { testDatabase } from '../../support/fixtures/database.js';
import { until } from '../../support/until.js';

const GRACE_MS = 60_000;
const PAGE = { limit: 10, offset: 0 };

const playableAtOnce: BroadcastSubscriber = {
  name: 'eager',
  subscribe: (broadcast) => ({
    publicationStarted: () => broadcast.playable(),
    broadcastEnded: async () => {},
  }),
};

type Fixture = {
  streams: StreamRegistry;
  clock: FakeClock;
  sql: postgres.Sql;
  updated: string[];
  create(over?: object): Promise<string>;
  /** Publishes; kick reasons are added to the returned array. */
  publish(streamId: string): Promise<string[]>;
};

async function openFixture(t: Test): Promise<Fixture> {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  const streams = new StreamRegistry({
    sql,
    admit: async ({ streamKey = '' }) => ({ admitted: true, streamId: streamKey, keyId: streamKey }),
    graceMs: GRACE_MS,
    maxBroadcasts: 10,
    clock,
    log: createLog('silent'),
  });
  streams.subscribe(playableAtOnce);
  await streams.start();
  t.teardown(() => streams.close());
  const updated: string[] = [];
  streams.onUpdate((streamId) => updated.push(streamId));
  return {
    streams,
    clock,
    sql,
    updated,
    async create(over = {}) {
      const streamKeyHash = createHash('sha256').update(randomUUID()).digest('hex');
      const made = { userId: 'u1', title: 'A', description: '', recordingEnabled: false, streamKeyHash };
      return (await streams.create({ ...made, ...over })).id;
    },
    async publish(streamId) {
      const kicks: string[] = [];
      const result = await streams.publish({
        protocol: 'rtmp',
        streamKey: streamId,
        address: '192.0.2.1',
        pause: () => {},
        resume: () => {},
        kick: (reason) => void kicks.push(reason),
      });
      if ('refusal' in result) throw new Error(result.refusal.code);
      return kicks;
    },
  };
}

t.test('an edit is stored and announced, but not that of an unknown livestream', async (t) => {
  const { streams, create, updated } = await openFixture(t);
  const id = await create();
  t.match(await streams.edit(id, { title: 'B', visibility: 'private' }), {
    title: 'B',
    visibility: 'private',
  });
  t.match(await streams.find(id), { title: 'B', description: '' });
  t.equal(await streams.edit(newId(), { title: 'B' }), undefined);
  t.same(updated, [id]);
});

t.test('listeners are called once the start and the end of a stream are stored', async (t) => {
  const { streams, create, publish, updated } = await openFixture(t);
  const id = await create();
  let listed: boolean | undefined;
  streams.onUpdate(() => void streams.listActive(PAGE).then((found) => (listed = found.length > 0)));
  await publish(id);
  await until('the list has it when the listener is called', () => updated.length === 1 && listed === true);
  await streams.end(id, 'ended-by-owner');
  await until('the list has it no longer', () => updated.length === 2 && listed === false);
  const other = await create();
  await streams.end(other, 'ended-by-owner');
  t.same(updated, [id, id, other]);
});

t.test('a started livestream leaves the upcoming list, but only media make it live', async (t) => {
  const { streams, create, publish, clock } = await openFixture(t);
  const id = await create({ scheduledAt: new Date(clock.now() + 60_000) });
  t.match(await streams.listUpcoming(PAGE), [{ id }]);
  t.equal(await streams.markStarted(id), 'begun');
  t.same(await streams.listUpcoming(PAGE), []);
  t.match(await streams.find(id), { status: 'scheduled', startedAt: new Date(clock.now()) });
  t.equal(await streams.markStarted(id), 'begun', 'a repetition succeeds');
  await publish(id);
  await until('media make it live', async () => (await streams.find(id))?.status === 'live');
  t.equal(await streams.markStarted(id), 'begun');
  t.match(await streams.find(id), { status: 'live' }, 'a live one stays live');
  await streams.end(id, 'ended-by-owner');
  t.equal(await streams.markStarted(id), 'over');
  t.equal(await streams.markStarted(newId()), 'unknown');
});

t.test('a livestream half an hour overdue is not upcoming', async (t) => {
  const { streams, create, clock } = await openFixture(t);
  const id = await create({ scheduledAt: new Date(clock.now()) });
  await clock.advance(30 * 60_000);
  t.match(await streams.listUpcoming(PAGE), [{ id }]);
  await clock.advance(1);
  t.same(await streams.listUpcoming(PAGE), []);
});

t.test('a livestream is removed with its rows, except during a broadcast', async (t) => {
  const { streams, create, publish, sql, clock } = await openFixture(t);
  const id = await create({ guests: ['u2'] });
  const kicks = await publish(id);
  t.equal(await streams.remove(id), 'under-way');
  t.equal(streams.kick(id), true);
  t.equal(await streams.remove(id), 'under-way', 'the publisher may reconnect');
  t.same(kicks, ['kicked']);
  await clock.advance(GRACE_MS);
  await until('the broadcast has ended', () => streams.status(id).state.name === 'offline');
  t.equal(await streams.remove(id), 'removed');
  t.equal(await streams.find(id), undefined);
  for (const table of ['broadcasts', 'livestream_guests'])
    t.same(await sql`select from ${sql(table)} where stream_id = ${id}`, [], table);
  t.equal(await streams.remove(id), 'unknown');
});

t.test('a kicked publisher may reconnect within the grace period', async (t) => {
  const { streams, create, publish } = await openFixture(t);
  const id = await create();
  t.equal(streams.kick(id), false, 'without a publisher');
  const kicks = await publish(id);
  t.equal(streams.kick(id), true);
  t.same(kicks, ['kicked']);
  t.equal(streams.status(id).state.name, 'reconnecting');
  t.equal(streams.kick(id), false);
  await publish(id);
  t.equal(streams.status(id).state.name, 'live');
});

t.test('invitees are added one by one, and their number is limited', async (t) => {
  const { streams, create, updated } = await openFixture(t);
  const many = Array.from({ length: 999 }, (_, index) => `guest ${index}`);
  const id = await create({ visibility: 'private', guests: many });
  const added = await Promise.all(['a', 'b', 'guest 5'].map((userId) => streams.addInvitee(id, userId)));
  t.same(added, [true, false, true], 'one more was allowed, and existing ones do not count');
  t.same([await streams.isInvitee(id, 'a'), await streams.isInvitee(id, 'b')], [true, false]);
  t.equal((await streams.listInvitees(id, { limit: 1_000, offset: 998 })).length, 2);
  t.same(updated, []);
  t.equal(await streams.removeInvitee(id, 'a'), true);
  t.equal(await streams.removeInvitee(id, 'a'), false);
  t.same(updated, [id], 'viewers have to be reviewed');
});
