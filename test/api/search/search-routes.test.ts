import t, { type Test } from 'tap';
import { createAuthentication } from '../../../src/accounts/index.js';
import type { SearchResponse } from '../../../src/api/contract.js';
import { PublicChannels, searchRoutes } from '../../../src/api/index.js';
import { BoundedCalls, newId, systemClock } from '../../../src/platform/index.js';
import { ClipTable } from '../../../src/recordings/clips/clip-table.js';
import { RecordingTable } from '../../../src/recordings/recording-table.js';
import { VideoTable } from '../../../src/videos/video-table.js';
import {
  assertErrorResponse,
  authorizationOf,
  type LivestreamApi,
  openLivestreamApi,
  URLS,
} from '../../support/fixtures/livestream-api-fixture.js';
import { recordLog } from '../../support/fixtures/log-record.js';
import { until } from '../../support/until.js';

async function openSearch(t: Test) {
  const calls = new BoundedCalls({ clock: systemClock, timeoutMs: 10_000 });
  const api: LivestreamApi = await openLivestreamApi(t, {
    registerFurtherRoutes: async (scope, lookup) => {
      const { sql, livestreams, clock } = api;
      const { log } = recordLog();
      const authentication = createAuthentication({
        ...{ sql, clock, log, operatorToken: { verify: () => false } },
        ...{ publicOrigin: () => '', registration: 'open', defaultRole: 'broadcaster' },
      });
      const { accounts, follows } = authentication;
      const channels = new PublicChannels({
        ...{ accounts, follows, urls: URLS },
        channels: { find: async () => undefined },
      });
      const recordings = new RecordingTable(sql);
      const [clips, videos] = [new ClipTable(sql), new VideoTable(sql)];
      await scope.register(searchRoutes, {
        ...{ channels, livestreams, recordings, clips, videos, lookup, urls: URLS, calls, clock },
        prefix: '/search',
      });
    },
  });
  const search = async (words: string) => {
    await api.clock.advance(2_000);
    const answer = await api.app.inject(`/api/livestream/search?${new URLSearchParams({ q: words })}`);
    t.equal(answer.statusCode, 200, answer.body);
    const { channels, streams, recordings, clips, videos } = answer.json<SearchResponse>();
    return {
      channels: channels.map(({ name }) => name),
      streams: streams.map(({ title }) => title),
      recordings: recordings.map(({ title }) => title),
      clips: clips.map(({ title }) => title),
      videos: videos.map(({ title }) => title),
    };
  };
  return { ...api, search };
}

const NOTHING = { channels: [], streams: [], recordings: [], clips: [], videos: [] };

t.test('public livestreams that are live or upcoming are found by title and tags', async (t) => {
  const { app, create, publish, livestreams, search } = await openSearch(t);
  const live = await create({ title: 'Friday Concért', tags: ['Chess & Jazz', '東京'] });
  await create({ title: 'Concert later', scheduledAt: '2100-01-01T00:00:00Z' });
  await create({ title: 'Concert without a date' });
  await create({ title: 'Secret concert', visibility: 'private', scheduledAt: '2100-01-01T00:00:00Z' });
  await create({ title: 'Unlisted concert', visibility: 'unlisted', scheduledAt: '2100-01-01T00:00:00Z' });
  await publish(live);
  await until('it is live', async () => (await livestreams.find(live))?.status === 'live');
  t.same(await search('CONC'), { ...NOTHING, streams: ['Friday Concért', 'Concert later'] });
  t.same(await search('concert fri'), { ...NOTHING, streams: ['Friday Concért'] });
  for (const words of ['jazz', '京', "chess' | 'x"])
    t.same((await search(words)).streams.length, words.includes('x') ? 0 : 1, words);
  t.same(await search('oncert'), NOTHING);
  t.same(await search('!?'), NOTHING);
  const edited = await app.inject({
    method: 'PATCH',
    url: `/api/livestream/${live}`,
    payload: { title: 'Opera', tags: [] },
    headers: authorizationOf('anna'),
  });
  t.match(edited.json(), { stream: { title: 'Opera', tags: [], userName: 'Anna' } });
  t.same(await search('jazz'), NOTHING);
  t.same(await search('opera'), { ...NOTHING, streams: ['Opera'] });
});

t.test('channels, and what their broadcasters made, are found by name', async (t) => {
  const { sql, create, search } = await openSearch(t);
  const [id, viewer] = [newId(), newId()];
  for (const [userId, name, role] of [
    [id, 'Ada Lovelace', 'broadcaster'],
    [viewer, 'Ada Viewer', 'viewer'],
  ] as const)
    await sql`
      insert into accounts (id, name, name_key, search_text, password_hash, role)
      values (${userId}, ${name}, ${name.toLowerCase()}, ${name.toLowerCase()}, 'x', ${role})`;
  const streamId = await create(
    { title: 'Engine', userId: id, scheduledAt: '2100-01-01T00:00:00Z' },
    'operator',
  );
  const recordings = new RecordingTable(sql);
  for (const title of ['Notes on the engine', 'Hidden']) {
    const recordingId = newId();
    await recordings.insert(
      {
        ...{ id: recordingId, streamId, broadcastId: newId(), userId: id, purpose: 'recording' },
        ...{ renditions: 'source', storeId: newId(), startedAt: new Date() },
      },
      newId(),
    );
    await sql`update recordings set state = 'ready' where id = ${recordingId}`;
    await recordings.update(recordingId, { title, visibility: title === 'Hidden' ? 'unlisted' : 'public' });
  }
  const found = { streams: ['Engine'], recordings: ['Notes on the engine'] };
  t.same(await search('love'), { ...NOTHING, channels: ['Ada Lovelace'], ...found });
  t.same(await search('note'), { ...NOTHING, recordings: ['Notes on the engine'] });
});

t.test('clips and videos are found by title and maker while they are ready and public', async (t) => {
  const { sql, app, create, search } = await openSearch(t);
  const maker = newId();
  await sql`
    insert into accounts (id, name, name_key, search_text, password_hash, role)
    values (${maker}, 'Ada', 'ada', 'ada', 'x', 'broadcaster')`;
  const streamId = await create({ title: 'Engine' });
  const clips = new ClipTable(sql);
  const cut = async (title: string, visibility: 'public' | 'unlisted' | 'private', state = 'ready') => {
    const id = newId();
    await clips.insert({
      ...{ id, streamId, broadcastId: newId(), sourceId: null, userId: 'anna', createdBy: maker, title },
      ...{ visibility, access: 'public', storeId: newId(), exact: false },
      ...{ createdAt: new Date(), startsAt: new Date(), endsAt: new Date() },
    });
    await sql`update recordings set state = ${state} where id = ${id}`;
    return id;
  };
  const videos = new VideoTable(sql);
  const upload = async (title: string, visibility: 'public' | 'unlisted' | 'private', state = 'ready') => {
    const id = newId();
    const video = { id, userId: maker, title, visibility, storeId: newId(), uploadBytes: 1 };
    await videos.insert(video, async () => {});
    await sql`update videos set state = ${state} where id = ${id}`;
    return id;
  };
  const clipId = await cut('Goal one', 'public');
  const videoId = await upload('Goal two', 'public');
  for (const visibility of ['unlisted', 'private'] as const)
    await Promise.all([cut('Goal', visibility), upload('Goal', visibility)]);
  await Promise.all([cut('Goal', 'public', 'recording'), upload('Goal', 'public', 'transcoding')]);
  const found = { clips: ['Goal one'], videos: ['Goal two'] };
  t.same(await search('goal'), { ...NOTHING, ...found });
  t.same(await search('ada'), { ...NOTHING, channels: ['Ada'], ...found });
  await clips.update(clipId, { title: 'Renamed' });
  await videos.update(videoId, { title: 'Renamed' });
  t.same(await search('goal'), NOTHING);
  t.same(await search('renamed'), { ...NOTHING, clips: ['Renamed'], videos: ['Renamed'] });
  await videos.update(videoId, { visibility: 'private' });
  await app.inject({
    ...{ method: 'PATCH', url: `/api/livestream/${streamId}`, headers: authorizationOf('anna') },
    payload: { visibility: 'unlisted' },
  });
  t.same(await search('renamed'), NOTHING, 'neither a private video nor a clip of an unlisted livestream');
});

t.test('a search without words, with odd ones, or too often gets its error', async (t) => {
  const { app, clock } = await openSearch(t);
  const get = (query: string) => app.inject(`/api/livestream/search${query}`);
  for (const query of ['', '?q=', '?q=a&limit=51', `?q=${'a'.repeat(201)}`])
    assertErrorResponse(t, await get(query), 400, 'validation_failed');
  for (const query of ['?q=%00', "?q=')%20or%201=1", '?q=2026', '?q=%27:*%26!'])
    t.same((await get(query)).json(), NOTHING, query);
  let status = 200;
  for (let count = 0; count < 61 && status === 200; count++) status = (await get('?q=a')).statusCode;
  t.equal(status, 429);
  await clock.advance(60_000);
  t.equal((await get('?q=a')).statusCode, 200);
});

t.test('the searches use their indexes', async (t) => {
  const { sql } = await openSearch(t);
  await sql.begin(async (transaction) => {
    await transaction`set local enable_seqscan = off`;
    // The others seem cheaper while the table is empty.
    await transaction`drop index recordings_public, recordings_ended_at`;
    const plan = async (query: ReturnType<typeof sql>) => JSON.stringify(await query);
    t.match(
      await plan(
        transaction`explain select id from livestreams where visibility = 'public'
        and to_tsvector('simple', title_text || ' ' || tags_text) @@ to_tsquery('simple', 'a:*')` as never,
      ),
      'livestreams_search',
    );
    t.match(
      await plan(
        transaction`explain select id from recordings where state = 'ready' and purpose = 'recording'
        and to_tsvector('simple', search_text) @@ to_tsquery('simple', 'a:*')` as never,
      ),
      'recordings_search',
    );
    t.match(
      await plan(
        transaction`explain select id from recordings where state = 'ready' and purpose = 'clip'
        and to_tsvector('simple', search_text) @@ to_tsquery('simple', 'a:*')` as never,
      ),
      'recordings_search',
    );
    await transaction`drop index videos_public`;
    t.match(
      await plan(
        transaction`explain select id from videos where state = 'ready' and visibility = 'public'
        and to_tsvector('simple', search_text) @@ to_tsquery('simple', 'a:*')` as never,
      ),
      'videos_search',
    );
    t.match(
      await plan(
        transaction`explain select id from accounts
        where to_tsvector('simple', search_text) @@ to_tsquery('simple', 'a:*')` as never,
      ),
      'accounts_search',
    );
  });
});
