import { createHash, randomUUID } from 'node:crypto';
import type postgres from 'postgres';
import t, { type Test } from 'tap';
import { createLog, newId } from '../../../src/platform/index.js';
import { type BroadcastSubscriber, Livestreams, StreamRegistry } from '../../../src/streams/index.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { testDatabase } from '../../support/fixtures/database.js';
import { until } from '../../support/until.js';

const GRACE_MS = 60_000;
const PAGE = { limit: 10, offset: 0 };

const eager: BroadcastSubscriber = {
  name: 'eager',
  subscribe: (broadcast) => ({
    publicationStarted: () => broadcast.playable(),
    broadcastEnded: async () => {},
  }),
};

type Desk = {
  livestreams: Livestreams;
  streams: StreamRegistry;
  clock: FakeClock;
  sql: postgres.Sql;
  updated: string[];
  create(over?: object): Promise<string>;
  /** Publishes; reasons of a kick are pushed to the array. */
  publish(streamId: string): Promise<string[]>;
};

async function desk(t: Test): Promise<Desk> {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  const livestreams = new Livestreams({ sql, clock });
  const streams = new StreamRegistry({
    sql,
    livestreams,
    admit: async ({ streamKey = '' }) => ({ admitted: true, streamId: streamKey, keyId: streamKey }),
    graceMs: GRACE_MS,
    maxBroadcasts: 10,
    clock,
    log: createLog('silent'),
  });
  streams.subscribe(eager);
  await streams.start();
  t.teardown(() => streams.close());
  const updated: string[] = [];
  livestreams.onUpdate((streamId) => updated.push(streamId));
  return {
    livestreams,
    streams,
    clock,
    sql,
    updated,
    async create(over = {}) {
      const streamKeyHash = createHash('sha256').update(randomUUID()).digest('hex');
      const made = { userId: 'u1', title: 'A', description: '', recordingEnabled: false, streamKeyHash };
      return (await livestreams.create({ ...made, ...over })).id;
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

t.test('an edit is stored and told; of what is not there nothing is', async (t) => {
  const { livestreams, create, updated } = await desk(t);
  const id = await create();
  t.match(await livestreams.edit(id, { title: 'B', visibility: 'private' }), {
    title: 'B',
    visibility: 'private',
  });
  t.match(await livestreams.find(id), { title: 'B', description: '' });
  t.equal(await livestreams.edit(newId(), { title: 'B' }), undefined);
  t.same(updated, [id]);
});

t.test('listeners are told when it is stored that a stream is live, and ended', async (t) => {
  const { livestreams, streams, create, publish, updated } = await desk(t);
  const id = await create();
  let listed: boolean | undefined;
  livestreams.onUpdate(() => void livestreams.listActive(PAGE).then((found) => (listed = found.length > 0)));
  await publish(id);
  await until('the list shows it as soon as it is told', () => updated.length === 1 && listed === true);
  await streams.endLivestream(id, 'ended-by-owner');
  await until('and no longer', () => updated.length === 2 && listed === false);
  const other = await create();
  await streams.endLivestream(other, 'ended-by-owner');
  t.same(updated, [id, id, other]);
});

t.test('a livestream that begins is waited for, but live by its media alone', async (t) => {
  const { livestreams, streams, create, publish, clock } = await desk(t);
  const id = await create({ scheduledAt: new Date(clock.now() + 60_000) });
  t.match(await livestreams.listUpcoming(PAGE), [{ id }]);
  t.equal(await livestreams.markStarted(id), 'begun');
  t.same(await livestreams.listUpcoming(PAGE), []);
  t.match(await livestreams.find(id), { status: 'scheduled', startedAt: new Date(clock.now()) });
  t.equal(await livestreams.markStarted(id), 'begun', 'twice is once');
  await publish(id);
  await until('its media are here', async () => (await livestreams.find(id))?.status === 'live');
  t.equal(await livestreams.markStarted(id), 'begun');
  t.match(await livestreams.find(id), { status: 'live' }, 'a live one stays so');
  await streams.endLivestream(id, 'ended-by-owner');
  t.equal(await livestreams.markStarted(id), 'over');
  t.equal(await livestreams.markStarted(newId()), 'unknown');
});

t.test('one that is half an hour late is no longer to come', async (t) => {
  const { livestreams, create, clock } = await desk(t);
  const id = await create({ scheduledAt: new Date(clock.now()) });
  await clock.advance(30 * 60_000);
  t.match(await livestreams.listUpcoming(PAGE), [{ id }]);
  await clock.advance(1);
  t.same(await livestreams.listUpcoming(PAGE), []);
});

t.test('a livestream is removed with all that is its own, but not while it is under way', async (t) => {
  const { livestreams, streams, create, publish, sql, clock } = await desk(t);
  const id = await create({ invitees: ['u2'] });
  const kicks = await publish(id);
  t.equal(await streams.remove(id), 'under-way');
  t.equal(streams.kick(id), true);
  t.equal(await streams.remove(id), 'under-way', 'its publisher is waited for');
  t.same(kicks, ['kicked']);
  await clock.advance(GRACE_MS);
  await until('the broadcast is over', () => streams.status(id).state.name === 'offline');
  t.equal(await streams.remove(id), 'removed');
  t.equal(await livestreams.find(id), undefined);
  for (const table of ['broadcasts', 'livestream_guests'])
    t.same(await sql`select from ${sql(table)} where stream_id = ${id}`, [], table);
  t.equal(await streams.remove(id), 'unknown');
});

t.test('a publisher who is sent away may come back while the broadcast waits', async (t) => {
  const { streams, create, publish } = await desk(t);
  const id = await create();
  t.equal(streams.kick(id), false, 'nobody is there');
  const kicks = await publish(id);
  t.equal(streams.kick(id), true);
  t.same(kicks, ['kicked']);
  t.equal(streams.status(id).state.name, 'reconnecting');
  t.equal(streams.kick(id), false);
  await publish(id);
  t.equal(streams.status(id).state.name, 'live');
});

t.test('guests are invited one by one, and their number is bounded', async (t) => {
  const { livestreams, create, updated } = await desk(t);
  const many = Array.from({ length: 999 }, (_, index) => `guest ${index}`);
  const id = await create({ visibility: 'private', invitees: many });
  const added = await Promise.all(
    ['a', 'b', 'guest 5'].map((userId) => livestreams.invitees.add(id, userId)),
  );
  t.same(added, [true, false, true], 'one place was left; who is invited already needs none');
  t.same([await livestreams.invitees.has(id, 'a'), await livestreams.invitees.has(id, 'b')], [true, false]);
  t.equal((await livestreams.invitees.list(id, { limit: 1_000, offset: 998 })).length, 2);
  t.same(updated, []);
  t.equal(await livestreams.invitees.remove(id, 'a'), true);
  t.equal(await livestreams.invitees.remove(id, 'a'), false);
  t.same(updated, [id], 'whoever watches by it has to be asked again');
});
