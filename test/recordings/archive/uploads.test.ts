import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { systemClock } from '../../../src/platform/index.js';
import type { PlayableRecording, Recording, RecordingsOptions } from '../../../src/recordings/index.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { ObjectStoreServer } from '../../support/recordings/object-store-server.js';
import {
  openRecordingsFixture,
  type RecordingsFixture,
  syntheticSegment,
} from '../../support/recordings/recordings-fixture.js';
import { until } from '../../support/until.js';

const SEGMENTS = 6;

/** Records segments of 4 MiB video and some audio: three parts of an upload, and one. */
async function record(fixture: RecordingsFixture): Promise<Recording & { streamId: string }> {
  const streamId = await fixture.create();
  const live = await fixture.publish(streamId);
  for (let msn = 0; msn < SEGMENTS; msn++) {
    live.feed(syntheticSegment(msn, { sizeBytes: 4 * 2 ** 20 }));
    live.feed(syntheticSegment(msn, { renditionId: 'audio' }));
  }
  await live.untilRecording(({ durationS }) => durationS === SEGMENTS * 2);
  await fixture.streams.endLivestream(streamId, 'ended-by-owner');
  return { ...(await live.untilRecording(({ state }) => state === 'ready')), streamId };
}

async function open(t: Test) {
  const server = await ObjectStoreServer.start(t);
  const fixture = await openRecordingsFixture(t);
  const openUploading = async (over: Partial<RecordingsOptions> = {}) => {
    const { recordings } = await fixture.openAnother({ objectStore: server.options, ...over });
    recordings.start();
    return recordings;
  };
  const row = async (id: string): Promise<Recording | undefined> => await fixture.recordings.find(id);
  const untilRemote = (id: string) =>
    until('it is in the object store', async () => (await row(id))?.location === 'remote');
  const files = (id: string): string[] => {
    const folder = `${fixture.folder}/${id}`;
    return existsSync(folder) ? readdirSync(folder) : [];
  };
  return { server, fixture, openUploading, row, untilRemote, files };
}

t.test(
  'a finished recording moves to the object store, is played from there and deleted there',
  async (t) => {
    const { server, fixture, openUploading, untilRemote, files } = await open(t);
    const { id } = await record(fixture);
    const { replays } = fixture.recordings;
    const replay = await replays.load(id);
    const part = replay.segment('720p', 3)!;
    const local = Buffer.concat(await (await replays.open(part))!.toArray());
    const names = files(id);
    t.equal(names.length, 2);

    const recordings = await openUploading();
    await untilRemote(id);
    t.strictSame(files(id), [], 'the local copy is deleted');
    t.strictSame(server.partsSent.sort(), [1, 1, 2, 3]);
    const playable = (await recordings.replays.find(id)) as PlayableRecording;
    t.equal(playable.location, 'remote');
    const remote = Buffer.concat(await (await recordings.replays.open(part))!.toArray());
    t.ok(remote.equals(local), 'a segment has the bytes that were recorded');
    server.fault = () => 503;
    await t.rejects(recordings.replays.open(part), { status: 503, code: 'recording_store_away' });
    server.fault = () => undefined;
    await t.rejects(fixture.recordings.replays.find(id), { status: 503, code: 'recording_elsewhere' });

    await recordings.remove(playable);
    await until('the row is deleted', async () => (await recordings.find(id)) === undefined);
    for (const name of names) t.equal(await server.object(`${id}/${name}`), undefined, `${name} is deleted`);
  },
);

t.test('an upload goes on after a restart with the part that is missing', async (t) => {
  const { server, fixture, openUploading, row, untilRemote, files } = await open(t);
  const { id } = await record(fixture);
  const video = readFileSync(`${fixture.folder}/${id}/720p-0.mp4`);
  server.fault = ({ url }) => (Number(url.searchParams.get('partNumber')) > 1 ? 403 : undefined);
  const killed = await openUploading();
  await until('the second part was refused', () => server.partsSent.includes(2));
  await killed.close();
  t.equal((await row(id))?.location, 'local');
  t.equal(files(id).length, 2, 'the recording is kept here');
  const before = server.partsSent.length;
  server.fault = () => undefined;
  await openUploading();
  await untilRemote(id);
  t.strictSame(server.partsSent.slice(before), [2, 3, 1], 'the first part is not sent again');
  t.ok((await server.object(`${id}/720p-0.mp4`))!.equals(video), 'the object is the file');
});

t.test('while the object store is away for an hour, recordings stay and attempts are few', async (t) => {
  const { server, fixture, openUploading, row, untilRemote, files } = await open(t);
  const first = await record(fixture);
  server.fault = () => 'away';
  const clock = new FakeClock(systemClock.now());
  await openUploading({ clock });
  const settle = async (): Promise<void> => {
    const requests = server.requests.length;
    for (let count = 0; count < 20; count++) await turn();
    if (server.requests.length > requests) await settle();
  };
  await until('it was tried', () => server.requests.length > 0);
  for (let second = 0; second < 3_600; second += 5) {
    await clock.advance(5_000);
    if (second % 300 === 0) await settle();
  }
  t.ok(server.requests.length < 40, `${server.requests.length} requests within an hour`);
  const second = await record(fixture);
  for (const { id } of [first, second]) {
    t.equal((await row(id))?.location, 'local');
    t.equal(files(id).length, 2);
    const replay = await fixture.recordings.replays.load(id);
    const segment = Buffer.concat(
      await (await fixture.recordings.replays.open(replay.segment('720p', 0)!))!.toArray(),
    );
    t.ok(segment.length > 4 * 2 ** 20 - 100, 'it can be played');
  }
  server.fault = () => undefined;
  const stopped = new AbortController();
  const advancing = (async () => {
    while (!stopped.signal.aborted) {
      await clock.advance(5_000);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  await Promise.all([untilRemote(first.id), untilRemote(second.id)]);
  stopped.abort();
  await advancing;
});

t.test('an object that is not what was sent is not trusted: the local copy stays', async (t) => {
  const { server, fixture, openUploading, row, files } = await open(t);
  const { id } = await record(fixture);
  server.answer = ({ method }, headers) => {
    if (method === 'HEAD') headers.etag = `"${'0'.repeat(32)}"`;
  };
  await openUploading();
  await until('it was compared', () => server.requests.some(({ method }) => method === 'HEAD'));
  const postponed = await until('it is put off', async () => {
    const [found] = await fixture.sql<{ failures: number; isLater: boolean }[]>`
      select upload_failures as failures, upload_after > now() as "isLater" from recordings where id = ${id}`;
    return found!.failures > 0 && found!;
  });
  t.ok(postponed.isLater);
  t.equal((await row(id))?.location, 'local');
  t.equal(files(id).length, 2);
});

t.test('a recording that is deleted during its upload leaves nothing in the object store', async (t) => {
  const { server, fixture, openUploading, row } = await open(t);
  const { id } = await record(fixture);
  server.fault = ({ url }) => (url.searchParams.get('partNumber') === '2' ? 'hang' : undefined);
  const recordings = await openUploading();
  await until('the upload hangs', () => server.partsSent.includes(2));
  t.ok(await recordings.remove((await row(id))!), 'an upload does not hinder a deletion');
  server.fault = () => undefined;
  await until('the row is deleted', async () => (await row(id)) === undefined, 30_000);
  t.equal(await server.object(`${id}/720p-0.mp4`), undefined);
  t.ok(server.requests.some(({ method, url }) => method === 'DELETE' && url.searchParams.has('uploadId')));
});

t.test(
  'a recording that is deleted before the store has put its object together leaves no object',
  async (t) => {
    const { server, fixture, openUploading, row } = await open(t);
    const { id } = await record(fixture);
    const deleted = new AbortController();
    server.fault = async ({ method, url }) => {
      if (method !== 'POST' || !url.searchParams.has('uploadId')) return undefined;
      if (!deleted.signal.aborted) await once(deleted.signal, 'abort');
      return undefined;
    };
    const recordings = await openUploading();
    await until('an upload is being completed', () =>
      server.requests.some(({ method, url }) => method === 'POST' && url.searchParams.has('uploadId')),
    );
    t.ok(await recordings.remove((await row(id))!));
    await until('the row is deleted', async () => (await row(id)) === undefined, 30_000);
    deleted.abort();
    await recordings.close();
    t.strictSame(await server.names(), []);
  },
);
