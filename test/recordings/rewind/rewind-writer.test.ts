import { readdirSync } from 'node:fs';
import t from 'tap';
import {
  openRecordingsFixture,
  type RecordingsFixture,
  syntheticSegment,
} from '../../support/recordings/recordings-fixture.js';
import { until } from '../../support/until.js';

const REWIND = { rewind: { windowMs: 120_000 } };

/** Returns the recorded numbers of each recording and part of a window, in order. */
async function stored({ sql }: RecordingsFixture): Promise<{ purpose: string; msns: number[] }[]> {
  return [
    ...(await sql<{ purpose: string; msns: number[] }[]>`
      select r.purpose, array_agg(distinct s.msn order by s.msn) as msns
      from recordings r join recording_segments s on s.recording_id = r.id group by r.id order by r.id`),
  ];
}

const folders = (fixture: RecordingsFixture): string[] =>
  readdirSync(fixture.folder).filter((name) => name !== 'store-id');

t.test('the window of a broadcast consists of parts, which are deleted when they are old', async (t) => {
  const fixture = await openRecordingsFixture(t, REWIND);
  const live = await fixture.publish(await fixture.create(false));
  const rows = (): Promise<{ purpose: string; msns: number[] }[]> => stored(fixture);
  for (let msn = 0; msn < 12; msn++) {
    live.feed(syntheticSegment(msn));
    live.feed(syntheticSegment(msn, { renditionId: 'audio' }));
    await until('it is stored', async () => (await rows()).flatMap(({ msns }) => msns).includes(msn));
  }
  t.strictSame(await rows(), [
    { purpose: 'rewind', msns: [0, 1, 2, 3, 4] },
    { purpose: 'rewind', msns: [5, 6, 7, 8, 9] },
    { purpose: 'rewind', msns: [10, 11] },
  ]);
  t.equal(
    (await fixture.recordings.listByStream(live.broadcast.streamId, { limit: 9, offset: 0 })).length,
    0,
  );
  await until('two have ended', async () => {
    const ended = await fixture.sql`select from recordings where state = 'ready'`;
    return ended.length === 2;
  });
  await fixture.sql`
    update recordings set ended_at = now() - interval '181 s'
    where id = (select id from recordings order by id limit 1)`;
  fixture.recordings.start();
  await until('the first part is deleted', async () => (await rows()).length === 2);
  t.equal(folders(fixture).length, 2);
  await fixture.streams.endLivestream(live.broadcast.streamId, 'ended-by-owner');
  t.strictSame(fixture.ready, [], 'no recording is reported');
  await fixture.livestreams.delete(live.broadcast.streamId);
  await until('a deleted livestream leaves nothing', () => folders(fixture).length === 0);
});

t.test(
  'each segment is in the recording or in the window, also while recording starts and stops',
  async (t) => {
    const fixture = await openRecordingsFixture(t, REWIND);
    const { streamId } = (await fixture.publish(await fixture.create(false))).broadcast;
    const live = await fixture.publish(streamId);
    const feed = async (msn: number): Promise<void> => {
      live.feed(syntheticSegment(msn));
      await until('it is stored', async () =>
        (await stored(fixture)).flatMap(({ msns }) => msns).includes(msn),
      );
    };
    await feed(0);
    const { id } = await fixture.recordings.startRecording(streamId);
    live.feed(syntheticSegment(0, { renditionId: 'audio' }));
    await feed(1);
    await fixture.recordings.stopRecording(id);
    live.feed(syntheticSegment(1, { renditionId: 'audio' }));
    await feed(2);
    t.strictSame(await stored(fixture), [
      { purpose: 'rewind', msns: [0, 1, 2] },
      { purpose: 'recording', msns: [1] },
    ]);
    const both = await fixture.sql`
    select s.msn from recording_segments s join recording_files f
      on f.recording_id = s.recording_id and f.number = s.file_number
    group by s.msn, f.rendition having count(*) > 1`;
    t.equal(both.length, 0);
  },
);

t.test('a slate that is left out of the recording is in the window, which goes on', async (t) => {
  const fixture = await openRecordingsFixture(t, { ...REWIND, recordsSlates: false });
  const live = await fixture.publish(await fixture.create());
  const slate = { slate: 'publisher-away' } as const;
  for (const [msn, some] of [{}, slate, slate, {}].entries())
    live.feed({ ...syntheticSegment(msn), ...some });
  await until('all are stored', async () => (await stored(fixture)).flatMap(({ msns }) => msns).length === 4);
  t.strictSame(await stored(fixture), [
    { purpose: 'recording', msns: [0, 3] },
    { purpose: 'rewind', msns: [1, 2] },
  ]);
});

t.test('a low disk leaves a hole in the window, and the window goes on', async (t) => {
  const fixture = await openRecordingsFixture(t, { ...REWIND, minimumFreeBytes: Number.MAX_SAFE_INTEGER });
  const live = await fixture.publish(await fixture.create(false));
  for (let msn = 0; msn < 3; msn++) live.feed(syntheticSegment(msn));
  await fixture.streams.endLivestream(live.broadcast.streamId, 'ended-by-owner');
  t.strictSame(await stored(fixture), []);
  t.strictSame(folders(fixture), []);
});

t.test(
  'a recording that is more private than its livestream leaves the window when it has ended',
  async (t) => {
    // Synthetic segments have old dates.
    const fixture = await openRecordingsFixture(t, { rewind: { windowMs: 100 * 365 * 86_400_000 } });
    const { recordings, livestreams } = fixture;
    const streamId = await fixture.create();
    const live = await fixture.publish(streamId);
    for (const msn of [0, 1, 2]) live.feed(syntheticSegment(msn));
    const { id } = await live.untilRecording(({ durationS }) => durationS === 6);
    const isListed = async (): Promise<boolean> =>
      (await recordings.rewinds.find(streamId, live.broadcast.id, true)) !== undefined;
    await recordings.edit(id, { visibility: 'private' });
    t.equal(await isListed(), true, 'while it runs the broadcast is public');
    await fixture.streams.endLivestream(streamId, 'ended-by-owner');
    await live.untilRecording(({ state }) => state === 'ready');
    await recordings.edit(id, { visibility: 'private' });
    t.equal(await isListed(), false);
    await livestreams.edit(streamId, { visibility: 'private' });
    t.equal(await isListed(), true, 'for those who may watch both');
    await recordings.edit(id, { visibility: 'unlisted' });
    t.equal(await isListed(), true);

    await livestreams.edit(streamId, { visibility: 'public' });
    const { rewinds } = (await fixture.openAnother()).recordings;
    const inAnother = async (current: boolean): Promise<boolean> =>
      (await rewinds.find(streamId, live.broadcast.id, current)) !== undefined;
    t.equal(await inAnother(true), true);
    await recordings.edit(id, { visibility: 'private' });
    await until('another gateway does not read its cached window', async () => !(await inAnother(false)));
    t.equal(await inAnother(true), false);
  },
);
