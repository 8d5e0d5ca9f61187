import { createHash } from 'node:crypto';
import type postgres from 'postgres';
import t, { type Test } from 'tap';
import { createLog } from '../../src/platform/index.js';
import {
  type Admit,
  type BroadcastSubscriber,
  Livestreams,
  type Publisher,
  StreamRegistry,
} from '../../src/streams/index.js';
import { FakeClock } from '../support/fakes/fake-clock.js';
import { testDatabase } from '../support/fixtures/database.js';

const GRACE_MS = 60_000;

function hash(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** Watches as the packager does: says at once that there is something to watch. */
const eager: BroadcastSubscriber = {
  name: 'eager',
  subscribe: (broadcast) => ({
    publicationStarted: () => broadcast.playable(),
    broadcastEnded: async () => {},
  }),
};

async function registry(
  sql: postgres.Sql,
  clock: FakeClock,
  options: { maxBroadcasts?: number; guests?: BroadcastSubscriber[] } = {},
): Promise<{ livestreams: Livestreams; streams: StreamRegistry }> {
  const livestreams = new Livestreams({ sql, clock });
  const admit: Admit = async ({ streamKey = '' }) => {
    const [stream] = await sql<{ id: string }[]>`
      select id from livestreams where stream_key = ${hash(streamKey)}`;
    return stream && !(await livestreams.publishingStatus(stream.id))?.ended
      ? { admitted: true, streamId: stream.id }
      : { admitted: false, refusal: { code: 'stream_key_unknown', message: 'No.' } };
  };
  const streams: StreamRegistry = new StreamRegistry({
    sql,
    livestreams,
    admit,
    graceMs: GRACE_MS,
    maxBroadcasts: options.maxBroadcasts ?? 10,
    clock,
    log: createLog('silent'),
  });
  for (const guest of options.guests ?? [eager]) streams.subscribe(guest);
  await streams.start();
  return { livestreams, streams };
}

async function create(livestreams: Livestreams, streamKey: string): Promise<string> {
  const livestream = await livestreams.create({
    userId: null,
    title: streamKey,
    description: '',
    recordingEnabled: false,
    streamKeyHash: hash(streamKey),
  });
  return livestream.id;
}

function publisher(streamKey: string, kicks: string[] = []): Publisher {
  return {
    protocol: 'rtmp',
    streamKey,
    address: '192.0.2.1',
    pause: () => {},
    resume: () => {},
    kick: (reason) => kicks.push(reason),
  };
}

async function publish(t: Test, streams: StreamRegistry, streamKey: string, kicks: string[] = []) {
  const result = await streams.publish(publisher(streamKey, kicks));
  if ('refusal' in result) throw new Error(`refused: ${result.refusal.code}`);
  t.teardown(() => streams.close());
  return result.publication;
}

t.test('a livestream is scheduled, live and ended with its broadcasts', async (t) => {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  const { livestreams, streams } = await registry(sql, clock);
  const id = await create(livestreams, 'one');
  t.match(await livestreams.find(id), { status: 'scheduled', startedAt: null });
  const publication = await publish(t, streams, 'one');
  await until(async () => (await livestreams.find(id))?.status === 'live');
  t.equal(streams.status(id).state.name, 'live');
  t.strictSame(
    (await livestreams.listActive({ limit: 10, offset: 0 })).map((livestream) => livestream.id),
    [id],
  );

  publication.describe({ video: { codec: 'h264', width: 1280, height: 720 } });
  publication.close('publisher-left');
  t.equal(streams.status(id).state.name, 'reconnecting');
  await clock.advance(GRACE_MS);
  await until(() => streams.status(id).state.name === 'offline');
  t.match(await livestreams.find(id), { status: 'ended', endReason: 'grace-expired' });
  const [row] = await sql`select end_reason, source from broadcasts where stream_id = ${id}`;
  t.match(row, { end_reason: 'grace-expired', source: { video: { height: 720 } } });

  await publish(t, streams, 'one');
  await until(async () => (await livestreams.find(id))?.status === 'live');
  const [count] = await sql`select count(*)::int from broadcasts where stream_id = ${id}`;
  t.equal(count?.count, 2, 'the same key began the next broadcast of the same stream');
});

t.test('a publisher to a livestream that its owner ended is refused', async (t) => {
  const { sql } = await testDatabase(t);
  const { livestreams, streams } = await registry(sql, new FakeClock());
  const [live, scheduled] = [await create(livestreams, 'live'), await create(livestreams, 'scheduled')];
  const kicks: string[] = [];
  await publish(t, streams, 'live', kicks);
  for (const id of [live, scheduled]) {
    t.equal(await streams.endLivestream(id, 'ended-by-owner'), true);
    t.match(await livestreams.find(id), { status: 'ended', endReason: 'ended-by-owner' });
    t.equal(await streams.endLivestream(id, 'ended-by-owner'), true, 'twice is once');
  }
  t.strictSame(kicks, ['ended-by-owner']);
  t.match(await streams.publish(publisher('live')), { refusal: {} });
  t.match(await streams.publish(publisher('scheduled')), { refusal: {} });
  t.equal(await streams.endLivestream('01890000-0000-7000-8000-000000000000', 'ended-by-owner'), false);
});

t.test('a livestream ended during the admission of a publisher has no publisher', async (t) => {
  const { sql } = await testDatabase(t);
  const { livestreams, streams } = await registry(sql, new FakeClock());
  const id = await create(livestreams, 'race');
  const kicks: string[] = [];
  const [result] = await Promise.all([
    streams.publish(publisher('race', kicks)),
    streams.endLivestream(id, 'ended-by-owner'),
  ]);
  if ('publication' in result) t.strictSame(kicks, ['ended-by-owner']);
  t.equal(streams.status(id).state.name, 'offline');
});

t.test('two concurrent publishers share one broadcast and the later one replaces the first', async (t) => {
  const { sql } = await testDatabase(t);
  const { livestreams, streams } = await registry(sql, new FakeClock());
  const id = await create(livestreams, 'twins');
  const kicks: string[] = [];
  await Promise.all([publish(t, streams, 'twins', kicks), publish(t, streams, 'twins', kicks)]);
  t.strictSame(kicks, ['replaced']);
  const [count] = await sql`select count(*)::int from broadcasts where stream_id = ${id}`;
  t.equal(count?.count, 1);
});

t.test('a publisher above the limit of broadcasts is refused with a reason', async (t) => {
  const { sql } = await testDatabase(t);
  const { livestreams, streams } = await registry(sql, new FakeClock(), { maxBroadcasts: 1 });
  await create(livestreams, 'first');
  await create(livestreams, 'second');
  await publish(t, streams, 'first');
  t.match(await streams.publish(publisher('second')), {
    refusal: { code: 'capacity_reached', message: /full/ },
  });
  await publish(t, streams, 'first');
  t.pass('a takeover needs no room');
});

t.test('a broadcast within its grace period resumes after a crash with the next run index', async (t) => {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  const { livestreams, streams: crashed } = await registry(sql, clock);
  const id = await create(livestreams, 'key');
  const publication = await publish(t, crashed, 'key');
  await until(async () => (await livestreams.find(id))?.status === 'live');
  // No close: the process is gone. The heart beat last five seconds ago.
  await clock.advance(5_000);

  const seen: { startedAt: number; resumed: boolean; id: string }[] = [];
  const guest: BroadcastSubscriber = {
    name: 'observer',
    subscribe: (broadcast) => {
      seen.push({ startedAt: broadcast.startedAt, resumed: broadcast.resumed, id: broadcast.id });
      return { publicationStarted: () => broadcast.playable(), broadcastEnded: async () => {} };
    },
  };
  const { streams: next } = await registry(sql, clock, { guests: [guest] });
  t.equal(next.status(id).state.name, 'reconnecting');
  t.match(seen, [{ resumed: true, id: publication.broadcastId }]);
  const resumed = await publish(t, next, 'key');
  t.equal(resumed.broadcastId, publication.broadcastId);
  t.equal(next.status(id).state.name, 'live');
});

t.test('a livestream without a running broadcast is ended after a crash', async (t) => {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  const { livestreams, streams: crashed } = await registry(sql, clock);
  const id = await create(livestreams, 'key');
  await publish(t, crashed, 'key');
  await until(async () => (await livestreams.find(id))?.status === 'live');
  const ghost = await create(livestreams, 'ghost');
  await sql`update livestreams set status = 'live', started_at = now() where id = ${ghost}`;

  const later = new FakeClock(clock.now() + GRACE_MS + 10_000);
  await registry(sql, later);
  for (const stream of [id, ghost])
    t.match(await livestreams.find(stream), { status: 'ended', endReason: 'found-dead' });
  t.equal((await livestreams.listActive({ limit: 10, offset: 0 })).length, 0);
});

t.test('a shutdown kicks publishers and leaves broadcasts open for the next start', async (t) => {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  const { livestreams, streams } = await registry(sql, clock);
  const id = await create(livestreams, 'key');
  const kicks: string[] = [];
  await publish(t, streams, 'key', kicks);
  await until(async () => (await livestreams.find(id))?.status === 'live');
  await Promise.all([streams.close(), streams.close()]);
  t.strictSame(kicks, ['shutdown']);
  t.equal(clock.pending, 0, 'no timer is left');
  t.match(await streams.publish(publisher('key')), { refusal: { code: 'shutting_down' } });
  const { streams: next } = await registry(sql, clock);
  t.equal(next.status(id).state.name, 'reconnecting');
  await next.close();
});

t.test('a state change during a database outage is stored after it', async (t) => {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  let playable = (): void => {};
  const guest: BroadcastSubscriber = {
    name: 'late',
    subscribe: (broadcast) => {
      playable = () => broadcast.playable();
      return { broadcastEnded: async () => {} };
    },
  };
  const { livestreams, streams } = await registry(sql, clock, { guests: [guest] });
  const id = await create(livestreams, 'key');
  await publish(t, streams, 'key');
  await sql`alter table livestreams rename to away`;
  playable();
  t.equal(streams.status(id).state.name, 'live', 'viewers notice nothing of it');
  await t.rejects(livestreams.find(id));
  await sql`alter table away rename to livestreams`;
  await until(async () => {
    await clock.advance(1_000);
    return (await livestreams.find(id))?.status === 'live';
  });
});

t.test('a livestream whose broadcast was never playable stays scheduled', async (t) => {
  const { sql } = await testDatabase(t);
  const { livestreams, streams } = await registry(sql, new FakeClock(), { guests: [] });
  const id = await create(livestreams, 'key');
  (await publish(t, streams, 'key')).close('protocol-error');
  await until(() => streams.status(id).state.name === 'offline');
  t.match(await livestreams.find(id), { status: 'scheduled', endedAt: null });
});

async function until(look: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; !(await look()); turn++) {
    if (turn > 1000) throw new Error('still waiting');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
