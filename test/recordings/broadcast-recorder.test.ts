import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { systemClock } from '../../src/platform/index.js';
import { openRecordingsFixture, syntheticSegment } from '../support/recordings/recordings-fixture.js';
import { until } from '../support/until.js';

t.test('a recording holds the segments from the first on, byte by byte', async (t) => {
  const fixture = await openRecordingsFixture(t);
  const live = await fixture.publish(await fixture.create());
  const segments = [3, 4, 5].flatMap((msn) => [
    syntheticSegment(msn),
    syntheticSegment(msn, { renditionId: 'audio', sizeBytes: 300 }),
  ]);
  // All come before the database has answered whether the livestream is recorded.
  for (const segment of segments) live.feed(segment);
  const { id } = await live.untilRecording(({ durationS }) => durationS === 6);
  const bytesOf = (rendition: string): Buffer[] =>
    segments.filter(({ renditionId }) => renditionId === rendition).flatMap(({ parts }) => parts);
  const file = (name: string): Buffer => readFileSync(path.join(fixture.folder, id, name));
  t.ok(file('720p-0.mp4').equals(Buffer.concat([Buffer.from('init of video'), ...bytesOf('720p')])));
  t.ok(file('audio-0.mp4').equals(Buffer.concat([Buffer.from('init of audio'), ...bytesOf('audio')])));
});

t.test(
  'slates of an absent publisher are recorded or left out as configured, those of a pause are kept',
  async (t) => {
    for (const recordsSlates of [true, false]) {
      const fixture = await openRecordingsFixture(t, { recordsSlates });
      const live = await fixture.publish(await fixture.create());
      const slates = [undefined, 'publisher-away', undefined, 'picture-paused', undefined] as const;
      for (const [index, slate] of slates.entries())
        for (const renditionId of ['720p', 'audio'])
          live.feed({ ...syntheticSegment(index, { renditionId, run: index }), slate });
      const { id } = await live.untilRecording(({ durationS }) => durationS === (recordsSlates ? 10 : 8));
      const runs = readdirSync(path.join(fixture.folder, id)).sort();
      const kept = recordsSlates ? [0, 1, 2, 3, 4] : [0, 2, 3, 4];
      t.strictSame(
        runs,
        ['720p', 'audio'].flatMap((rendition) => kept.map((run) => `${rendition}-${run}.mp4`)),
      );
    }
  },
);

t.test('a livestream without recording is recorded from the moment that it is switched on', async (t) => {
  const fixture = await openRecordingsFixture(t);
  const streamId = await fixture.create(false);
  const live = await fixture.publish(streamId);
  const find = fixture.livestreams.find.bind(fixture.livestreams);
  const decided = new Promise<void>((resolve) => {
    fixture.livestreams.find = async (id) => {
      const livestream = await find(id);
      setImmediate(resolve);
      return livestream;
    };
  });
  live.feed(syntheticSegment(0));
  await decided;
  await fixture.livestreams.edit(streamId, { recordingEnabled: true });
  await live.untilRecording(({ state }) => state === 'recording');
  live.feed(syntheticSegment(1));
  const { durationS } = await live.untilRecording((recording) => recording.durationS > 0);
  t.equal(durationS, 2, 'the segment before is not in it');
});

t.test('a recording that was stopped by hand does not start again by itself', async (t) => {
  const fixture = await openRecordingsFixture(t);
  const streamId = await fixture.create();
  const live = await fixture.publish(streamId);
  live.feed(syntheticSegment(0));
  const { id } = await live.untilRecording(({ durationS }) => durationS === 2);
  const [one, two] = await Promise.all([
    fixture.recordings.stopRecording(id),
    fixture.recordings.stopRecording(id),
  ]);
  t.match(
    [one, two],
    [
      { state: 'ready', endReason: 'stopped' },
      { state: 'ready', endReason: 'stopped' },
    ],
  );
  await until('its end is reported', () => fixture.ready.length > 0);
  t.equal(fixture.ready.length, 1, 'two stops at once end it once');
  live.feed(syntheticSegment(1));
  await fixture.livestreams.edit(streamId, { title: 'Another' });
  live.feed(syntheticSegment(2));
  const second = await fixture.recordings.startRecording(streamId);
  t.equal((await fixture.recordings.listByStream(streamId, { limit: 9, offset: 0 })).length, 2);
  await t.rejects(fixture.recordings.startRecording(streamId), {
    code: 'recording_under_way',
    details: { recordingId: second.id },
  });
  live.feed(syntheticSegment(2, { renditionId: 'audio' }));
  live.feed(syntheticSegment(3));
  const again = await live.untilRecording(({ durationS }) => durationS > 0);
  t.match(again, { id: second.id, durationS: 2 }, 'starts with a segment of all renditions');
  await fixture.streams.endLivestream(streamId, 'ended-by-owner');
  t.match(await fixture.recordings.find(second.id), { state: 'ready', endReason: 'broadcast-ended' });
  await t.rejects(fixture.recordings.startRecording(streamId), { code: 'stream_offline' });
});

t.test(
  'a recording of all renditions keeps their encoders running; one of the source does not',
  async (t) => {
    const fixture = await openRecordingsFixture(t);
    const streamId = await fixture.create(false);
    const live = await fixture.publish(streamId);
    const run = {
      originMs: 0,
      renditions: [
        { id: '720p', kind: 'video', passthrough: true } as const,
        { id: '360p', kind: 'video', passthrough: false } as const,
        { id: 'audio', kind: 'audio', passthrough: true } as const,
      ],
    };
    await live.broadcast.openRun(run);
    const renditions = ['720p', '360p', 'audio'];
    const recordedRenditions = async (id: string): Promise<string[]> => {
      const rows = await fixture.sql<{ rendition: string }[]>`
      select rendition from recording_files where recording_id = ${id} order by rendition`;
      return rows.map(({ rendition }) => rendition);
    };
    for (const [index, wanted] of (['source', 'all'] as const).entries()) {
      t.equal(live.broadcast.hlsDemand.isWithin(0), false);
      const { id } = await fixture.recordings.startRecording(streamId, { renditions: wanted });
      t.equal(live.broadcast.hlsDemand.isWithin(0), wanted === 'all', wanted);
      for (const renditionId of renditions) live.feed(syntheticSegment(10 + index, { renditionId }));
      await live.untilRecording(({ durationS }) => durationS > 0);
      await fixture.recordings.stopRecording(id);
      t.strictSame(
        await recordedRenditions(id),
        wanted === 'all' ? ['360p', '720p', 'audio'] : ['720p', 'audio'],
      );
    }
    t.equal(live.broadcast.hlsDemand.isWithin(0), false, 'the demand ends with the recording');
    // The source of the next run is encoded: all of its renditions cost the same encoder.
    await live.broadcast.openRun({
      ...run,
      renditions: run.renditions.map((each) => ({ ...each, passthrough: false })),
    });
    const { id } = await fixture.recordings.startRecording(streamId, { renditions: 'source' });
    for (const renditionId of renditions) live.feed(syntheticSegment(20, { renditionId, run: 1 }));
    await live.untilRecording(({ durationS }) => durationS > 0);
    t.strictSame(await recordedRenditions(id), ['360p', '720p', 'audio']);
  },
);

for (const [name, copied] of [
  ['video and audio', { video: false, audio: false }],
  ['audio beside copied video', { video: true, audio: false }],
] as const)
  t.test(`encoders of ${name} run for a recording of the source, from the first run on`, async (t) => {
    const fixture = await openRecordingsFixture(t);
    const streamId = await fixture.create();
    const live = await fixture.publish(streamId);
    t.equal(live.broadcast.hlsDemand.isWithin(0), false);
    // Suspended: there are no segments.
    await live.broadcast.openRun({
      originMs: 0,
      renditions: [
        { id: '720p', kind: 'video', passthrough: copied.video },
        { id: 'audio', kind: 'audio', passthrough: copied.audio },
      ],
    });
    const { id } = await live.untilRecording(({ state }) => state === 'recording');
    await until('the renditions are demanded', () => live.broadcast.hlsDemand.isWithin(0));
    await live.broadcast.openRun({
      originMs: 0,
      renditions: [
        { id: '720p', kind: 'video', passthrough: true },
        { id: 'audio', kind: 'audio', passthrough: true },
      ],
    });
    t.equal(live.broadcast.hlsDemand.isWithin(0), false, 'not by a run that copies both');
    await fixture.recordings.stopRecording(id);
  });

t.test('an account above its quota is told, and records again after a deletion', async (t) => {
  const fixture = await openRecordingsFixture(t, { quotaBytes: 5_000 });
  fixture.recordings.start();
  const streamId = await fixture.create();
  const live = await fixture.publish(streamId);
  for (let msn = 0; msn < 10; msn++) live.feed(syntheticSegment(msn));
  const full = await live.untilRecording(({ state }) => state === 'ready');
  t.equal(full.endReason, 'quota-reached');
  const notices = (): unknown => fixture.streams.status(streamId).notices;
  t.match(notices(), [{ topic: 'recording', message: /quota/ }]);
  await t.rejects(fixture.recordings.startRecording(streamId), {
    code: 'recording_quota_reached',
    status: 409,
  });
  const other = await fixture.publish(await fixture.create(true, 'boris'));
  other.feed(syntheticSegment(0));
  await other.untilRecording(({ state }) => state === 'recording');
  t.equal(await fixture.recordings.remove(full), true);
  await until('it is deleted', async () => (await fixture.recordings.find(full.id)) === undefined);
  await fixture.recordings.startRecording(streamId);
  t.same(notices(), []);
});

t.test('a broadcast whose recording was deleted is recorded again by hand only', async (t) => {
  const fixture = await openRecordingsFixture(t);
  const { livestreams, recordings } = fixture;
  recordings.start();
  const streamId = await fixture.create();
  const live = await fixture.publish(streamId);
  live.feed(syntheticSegment(0));
  const { id } = await live.untilRecording(({ durationS }) => durationS === 2);
  await recordings.stopRecording(id);
  await recordings.remove((await recordings.find(id))!);
  await until('it is deleted', async () => (await recordings.find(id)) === undefined);
  await livestreams.edit(streamId, { title: 'Another' });
  live.feed(syntheticSegment(1));
  t.match(await recordings.startRecording(streamId), { title: 'Another' }, 'none is under way');
});

t.test('steps of the wall clock take nothing from a recording, and it ends after its start', async (t) => {
  let stepMs = 0;
  const fixture = await openRecordingsFixture(t, {
    clock: { ...systemClock, now: () => systemClock.now() + stepMs },
  });
  fixture.recordings.start();
  for (const by of [86_400_000, -2 * 86_400_000]) {
    const streamId = await fixture.create();
    const live = await fixture.publish(streamId);
    live.feed(syntheticSegment(0));
    await live.untilRecording(({ durationS }) => durationS === 2);
    stepMs += by;
    for (const msn of [1, 2]) live.feed(syntheticSegment(msn));
    await live.untilRecording(({ durationS }) => durationS === 6);
    await fixture.streams.endLivestream(streamId, 'ended-by-owner');
    const { id, startedAt, endedAt, ...ended } = await live.untilRecording(
      ({ state }) => state !== 'recording',
    );
    t.match(ended, { state: 'ready', endReason: 'broadcast-ended', durationS: 6 }, `step of ${by} ms`);
    t.ok(endedAt && endedAt >= startedAt, `from ${startedAt.toISOString()} to ${endedAt?.toISOString()}`);
    t.equal((await fixture.recordings.replays.load(id)).renditions[0]?.segments.length, 3);
  }
});

t.test('a private test is recorded by hand only, and nobody can rewind to it after it', async (t) => {
  const fixture = await openRecordingsFixture(t, { rewind: { windowMs: 600_000 } });
  const { livestreams, recordings, sql } = fixture;
  const streamId = await fixture.create();
  await livestreams.edit(streamId, { isTesting: true });
  const live = await fixture.publish(streamId);
  live.feed(syntheticSegment(0));
  live.feed(syntheticSegment(1));
  const byHand = await recordings.startRecording(streamId);
  t.equal(byHand.visibility, 'private');
  await recordings.stopRecording(byHand.id);
  await recordings.remove(byHand);
  live.feed(syntheticSegment(2));

  await livestreams.edit(streamId, { isTesting: false });
  let msn = 3;
  await until('the window is written', async () => {
    live.feed(syntheticSegment(msn++));
    const rows = await sql`select from recording_segments s join recordings r on r.id = s.recording_id
      where r.purpose = 'rewind'`;
    return rows.count > 0;
  });
  const [first] = await sql<[{ msn: number }]>`
    select min(s.program_date_time) as at, min(decode_time_s)::float8 as msn
    from recording_segments s join recordings r on r.id = s.recording_id where r.purpose = 'rewind'`;
  t.ok(first.msn >= 10 + 3 * 2, 'it begins behind the test');
});

t.test('a recording that goes on behind a private test takes no viewer back into it', async (t) => {
  // Synthetic segments have old dates.
  const fixture = await openRecordingsFixture(t, { rewind: { windowMs: 100 * 365 * 86_400_000 } });
  const { livestreams, recordings } = fixture;
  const streamId = await fixture.create();
  await livestreams.edit(streamId, { isTesting: true });
  const live = await fixture.publish(streamId);
  live.feed(syntheticSegment(0));
  await recordings.startRecording(streamId);
  for (const msn of [1, 2, 3]) live.feed(syntheticSegment(msn));
  await live.untilRecording(({ durationS }) => durationS === 6);
  const isRewindable = async (): Promise<boolean> =>
    (await recordings.rewinds.find(streamId, live.broadcast.id, true)) !== undefined;
  await until('the owner can rewind', isRewindable);

  await livestreams.edit(streamId, { isTesting: false });
  await until('nobody can', async () => !(await isRewindable()));
  live.feed(syntheticSegment(4));
  await live.untilRecording(({ state, durationS }) => state === 'recording' && durationS === 8);
  t.notOk(await isRewindable());
});

t.test('a broadcast that was tested first is recorded from the end of the test on', async (t) => {
  const fixture = await openRecordingsFixture(t);
  const streamId = await fixture.create();
  await fixture.livestreams.edit(streamId, { isTesting: true });
  const live = await fixture.publish(streamId);
  live.feed(syntheticSegment(0));
  await fixture.livestreams.edit(streamId, { isTesting: false });
  let msn = 1;
  await until('it is recorded', async () => {
    live.feed(syntheticSegment(msn++));
    return (await fixture.recordings.listByStream(streamId, { limit: 1, offset: 0 })).length > 0;
  });
  const recording = await live.untilRecording(() => true);
  t.equal(recording.visibility, 'public');
});
