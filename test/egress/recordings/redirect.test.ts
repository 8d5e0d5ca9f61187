import { fastify } from 'fastify';
import { parse, setOptions, type types } from 'hls-parser';
import t from 'tap';
import { recordingMediaRoutes } from '../../../src/egress/recordings/index.js';
import { type AccessScope, ADMIT_EVERY_VIEWER } from '../../../src/streams/index.js';
import { ObjectStoreServer } from '../../support/recordings/object-store-server.js';
import { openRecordingsFixture, syntheticSegment } from '../../support/recordings/recordings-fixture.js';
import { until } from '../../support/until.js';

setOptions({ strictMode: true });

t.test(
  'players of a public recording get its media from the object store, others from the gateway',
  async (t) => {
    const server = await ObjectStoreServer.start(t);
    const fixture = await openRecordingsFixture(t);
    const streamId = await fixture.create();
    const live = await fixture.publish(streamId);
    const segments = [0, 1, 2].map((msn) => syntheticSegment(msn, { sizeBytes: 1_000 + msn }));
    for (const segment of segments) live.feed(segment);
    await live.untilRecording(({ durationS }) => durationS === 6);
    await fixture.streams.endLivestream(streamId, 'ended-by-owner');
    const { id } = await live.untilRecording(({ state }) => state === 'ready');
    const objectStore = { ...server.options, redirects: true };
    const { recordings } = await fixture.openAnother({ objectStore });
    recordings.start();
    await until('it is in the object store', async () => (await recordings.find(id))?.location === 'remote');

    let scope: AccessScope = 'everybody';
    const app = fastify({ forceCloseConnections: true });
    await app.register(recordingMediaRoutes, {
      folders: [{ path: '/recordings', find: (id) => recordings.replays.find(id) }],
      replays: recordings.replays,
      previews: recordings.previews,
      admission: { ...ADMIT_EVERY_VIEWER, mediaAccess: () => scope },
    });
    t.teardown(() => app.close());
    const folder = `${await app.listen({ host: '127.0.0.1', port: 0 })}/recordings/${id}/720p`;

    const listed = await fetch(`${folder}/index.m3u8`);
    t.equal(listed.headers.get('etag'), '"2"');
    const playlist = parse(await listed.text()) as types.MediaPlaylist;
    t.equal(playlist.segments.length, 3);
    t.match(playlist.segments[0]?.map, { uri: 'file-0.mp4', byterange: { offset: 0 } });
    for (const [index, { uri, byterange }] of playlist.segments.entries()) {
      const range = `bytes=${byterange.offset}-${byterange.offset + byterange.length - 1}`;
      const redirected = await fetch(`${folder}/${uri}`, { headers: { range }, redirect: 'manual' });
      t.equal(redirected.status, 302);
      t.equal(redirected.headers.get('cache-control'), 'no-store');
      const location = new URL(redirected.headers.get('location') ?? '');
      t.equal(location.origin, recordings.replays.redirectOrigin);
      t.equal(location.searchParams.get('X-Amz-Expires'), '60');
      const bytes = Buffer.from(await (await fetch(location, { headers: { range } })).arrayBuffer());
      t.ok(
        bytes.equals(Buffer.concat([...segments[index]!.parts])),
        'the range has the bytes of the segment',
      );
    }

    scope = 'invited';
    const own = await fetch(`${folder}/index.m3u8`);
    t.notMatch(await own.text(), /BYTERANGE/, 'the permission of a private livestream ends at once');
    const direct = await fetch(`${folder}/file-0.mp4`, {
      headers: { range: 'bytes=5-9' },
      redirect: 'manual',
    });
    t.equal(direct.status, 206);
    t.equal((await direct.arrayBuffer()).byteLength, 5);
  },
);
