import type postgres from 'postgres';
import t, { type Test } from 'tap';
import { createLog } from '../../../src/platform/index.js';
import {
  type BroadcastSubscriber,
  Livestreams,
  type Publisher,
  StreamRegistry,
} from '../../../src/streams/index.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { testDatabase } from '../../support/fixtures/database.js';

const MINUTE_MS = 60_000;
const GRACE_MS = MINUTE_MS;

/** Says at once that there is something to watch. */
const eager: BroadcastSubscriber = {
  name: 'eager',
  subscribe: (broadcast) => ({
    publicationStarted: () => broadcast.playable(),
    broadcastEnded: async () => {},
  }),
};

type ChannelFixture = {
  sql: postgres.Sql;
  clock: FakeClock;
  livestreams: Livestreams;
  streams: StreamRegistry;
  choose(keyId?: string): Promise<string>;
  schedule(title: string, inMs: number | null): Promise<string>;
  /** @returns the livestream, when it is stored as live, or the code of the refusal */
  publish(keyId: string, kicks?: string[]): Promise<string>;
};

/** Creates a registry whose publishers use a key id as the stream key; all keys belong to the channel of `user`. */
async function createRegistry(t: Test, maxBroadcasts = 5): Promise<ChannelFixture> {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock();
  const choose = async (keyId = 'key'): Promise<string> => {
    const found = await streams.streamForChannel({
      userId: 'user',
      keyId,
      defaultTitle: "Ada's channel",
      defaultDescription: 'As ever',
      recordingEnabled: true,
    });
    return 'refusal' in found ? found.refusal.code : found.streamId;
  };
  const livestreams = new Livestreams({ sql, clock });
  const streams: StreamRegistry = new StreamRegistry({
    sql,
    livestreams,
    admit: async ({ streamKey: keyId = '' }) => ({ admitted: true, streamId: await choose(keyId), keyId }),
    graceMs: GRACE_MS,
    maxBroadcasts,
    clock,
    log: createLog('silent'),
  });
  streams.subscribe(eager);
  t.teardown(() => streams.close());
  const schedule = async (title: string, inMs: number | null): Promise<string> => {
    const { id } = await livestreams.create({
      userId: 'user',
      title,
      description: '',
      recordingEnabled: false,
      streamKeyHash: Buffer.from(title.padEnd(32, '.')).toString('hex'),
      scheduledAt: inMs === null ? null : new Date(clock.now() + inMs),
    });
    return id;
  };
  const publish = async (keyId: string, kicks: string[] = []): Promise<string> => {
    const result = await streams.publish(publisher(keyId, kicks));
    if ('refusal' in result) return result.refusal.code;
    const { streamId } = result.publication;
    // The live state is stored asynchronously, and choices read the stored state.
    await until(async () => {
      const { name } = streams.status(streamId).state;
      return name !== 'live' || (await livestreams.find(streamId))?.status === 'live';
    });
    return streamId;
  };
  return { sql, clock, livestreams, streams, choose, schedule, publish };
}

function publisher(streamKey: string, kicks: string[]): Publisher {
  return {
    protocol: 'rtmp',
    streamKey,
    address: '192.0.2.1',
    pause: () => {},
    resume: () => {},
    kick: (reason) => kicks.push(reason),
  };
}

t.test(
  'where nothing is under way or near, one livestream is made by the defaults, for all who ask',
  async (t) => {
    const { livestreams, clock, choose, schedule } = await createRegistry(t);
    await schedule('without a time', null);
    await schedule('too late', 31 * MINUTE_MS);
    await schedule('too long ago', -31 * MINUTE_MS);
    const [first = '', ...others] = await Promise.all([choose('a'), choose('b'), choose('c')]);
    t.same(others, [first, first]);
    t.match(await livestreams.find(first), {
      title: "Ada's channel",
      description: 'As ever',
      recordingEnabled: true,
      userId: 'user',
      status: 'scheduled',
      scheduledAt: new Date(clock.now()),
    });
    await clock.advance(10 * MINUTE_MS);
    t.equal(await choose(), first, 'also who comes later, as long as nothing came');
  },
);

t.test('the livestream whose time is nearest is begun, up to half an hour away', async (t) => {
  const { choose, schedule, clock, publish, streams } = await createRegistry(t);
  const before = await schedule('29 minutes ago', -29 * MINUTE_MS);
  t.equal(await choose(), before);
  await clock.advance(2 * MINUTE_MS);
  const next = await schedule('in 30 minutes', 30 * MINUTE_MS);
  t.equal(await choose(), next);
  const nearer = await schedule('in 20 minutes', 20 * MINUTE_MS);
  await clock.advance(30_001);
  t.equal(await choose(), nearer);
  t.equal(await publish('key'), nearer);
  t.equal(streams.status(nearer).state.name, 'live');
});

t.test('one that its broadcaster said begins now is meant, whatever its time', async (t) => {
  const { choose, schedule, livestreams } = await createRegistry(t);
  await schedule('in a minute', MINUTE_MS);
  const begun = await schedule('begun', null);
  await livestreams.markStarted(begun);
  t.equal(await choose(), begun);
});

t.test('a choice stands while the broadcast is on its way, even if another time comes nearer', async (t) => {
  const { choose, schedule, clock } = await createRegistry(t);
  const past = await schedule('10 minutes ago', -10 * MINUTE_MS);
  await schedule('in 10 minutes', 10 * MINUTE_MS + 2_000);
  t.equal(await choose('a'), past);
  await clock.advance(5_000);
  t.equal(await choose('b'), past);
});

t.test('a broadcast that is live or waits for its publisher is resumed', async (t) => {
  const { publish, schedule, clock, streams } = await createRegistry(t);
  const live = await publish('key');
  await schedule('now', 0);
  const kicks: string[] = [];
  t.equal(await publish('key', kicks), live, 'a second encoder takes over');
  t.same(streams.kick(live), true);
  t.equal(streams.status(live).state.name, 'reconnecting');
  await clock.advance(GRACE_MS - 1);
  t.equal(await publish('key'), live);
});

t.test('an ended livestream is not begun again: the next one is made', async (t) => {
  const { publish, clock, livestreams, streams } = await createRegistry(t);
  const first = await publish('key');
  streams.kick(first);
  await clock.advance(GRACE_MS);
  await until(async () => (await livestreams.find(first))?.status === 'ended');
  const second = await publish('key');
  t.not(second, first);
  t.equal(streams.status(second).state.name, 'live');
});

t.test('an encoder comes back to where its key published, though its user has more under way', async (t) => {
  const { sql, publish, choose, streams } = await createRegistry(t);
  const first = await publish('mine');
  await sql`update livestreams set user_id = 'other'`;
  const second = await publish('yours');
  await sql`update livestreams set user_id = 'user'`;
  t.not(first, second);
  t.equal(await choose('mine'), first);
  t.equal(await choose('yours'), second);
  streams.kick(first);
  t.equal(await choose('third'), first, 'a stranger to both goes where nobody publishes');
});

t.test('a full gateway makes no livestreams for those it would not let in', async (t) => {
  const { sql, publish, choose } = await createRegistry(t, 1);
  await publish('key');
  await sql`update livestreams set user_id = 'other'`;
  t.equal(await choose(), 'capacity_reached');
  t.equal((await sql`select from livestreams`).count, 1);
});

t.test('a revoked key ends the broadcast of its publisher; another key may begin it anew', async (t) => {
  const { schedule, publish, livestreams, streams, sql } = await createRegistry(t);
  const id = await schedule('now', 0);
  const kicks: string[] = [];
  t.equal(await publish('revoked', kicks), id);
  streams.dropKey('somebody else');
  t.same(kicks, []);
  streams.dropKey('revoked');
  t.same(kicks, ['key-revoked']);
  await until(async () => (await livestreams.find(id))?.endReason === 'key-revoked');
  await until(async () => streams.status(id).state.name === 'offline');
  t.match(await publish('revoked'), 'stream_key_revoked', 'who was admitted a moment before is not let in');
  await sql`delete from livestreams where id <> ${id}`;
  t.equal(await livestreams.markStarted(id), 'begun');
  t.equal(await publish('other'), id);
  t.equal(streams.status(id).state.name, 'live');
});

t.test('a key that is revoked while its broadcast is opened drops the publisher at once', async (t) => {
  const { streams, publish, sql } = await createRegistry(t);
  const kicks: string[] = [];
  const publishing = publish('key', kicks);
  await until(async () => (await sql`select from broadcasts`).count === 1 || kicks.length > 0);
  streams.dropKey('key');
  await publishing;
  t.same(kicks, ['key-revoked']);
});

t.test('a publisher who lost the livestream to another key is not concerned by that key', async (t) => {
  const { streams, publish } = await createRegistry(t);
  const first: string[] = [];
  const second: string[] = [];
  await publish('a', first);
  await publish('b', second);
  streams.dropKey('a');
  t.same([first, second], [['replaced'], []]);
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}
