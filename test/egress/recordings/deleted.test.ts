import { once } from 'node:events';
import { existsSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fastify } from 'fastify';
import t from 'tap';
import { recordingMediaRoutes } from '../../../src/egress/recordings/index.js';
import { ADMIT_EVERY_VIEWER } from '../../../src/streams/index.js';
import { openRecordingsFixture, syntheticSegment } from '../../support/recordings/recordings-fixture.js';
import { until } from '../../support/until.js';

const SEGMENT_BYTES = 8 * 2 ** 20;

t.test(
  'a recording that is deleted while it is watched is read to the end of its segment only',
  async (t) => {
    const fixture = await openRecordingsFixture(t);
    const { recordings } = fixture;
    recordings.start();
    const streamId = await fixture.create();
    const live = await fixture.publish(streamId);
    const segments = [0, 1, 2].map((msn) => syntheticSegment(msn, { sizeBytes: SEGMENT_BYTES }));
    for (const segment of segments) live.feed(segment);
    await live.untilRecording(({ durationS }) => durationS === 6);
    await fixture.streams.endLivestream(streamId, 'ended-by-owner');
    const recording = await live.untilRecording(({ state }) => state === 'ready');
    const app = fastify({ forceCloseConnections: true });
    const { replays, previews } = recordings;
    await app.register(recordingMediaRoutes, {
      folders: [{ path: '/recordings', find: (id) => replays.find(id) }],
      ...{ replays, previews, admission: ADMIT_EVERY_VIEWER },
    });
    t.teardown(() => app.close());
    const folder = `${await app.listen({ host: '127.0.0.1', port: 0 })}/recordings/${recording.id}`;

    /** Starts a request whose body is not read yet: more than sockets hold is left. */
    const start = async (name: string): Promise<http.IncomingMessage> => {
      const request = http.get(`${folder}/${name}`, { agent: false });
      request.on('error', () => {});
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      response.on('error', () => {});
      return response;
    };
    const segment = await start('720p/s1.m4s');
    t.equal(await recordings.remove(recording), true);
    await until('its files are deleted', () => !existsSync(path.join(fixture.folder, recording.id)));

    const bytes = Buffer.concat(await segment.toArray());
    t.ok(bytes.equals(Buffer.concat([...segments[1]!.parts])), 'a segment that is open is sent whole');
    for (const name of ['index.m3u8', 'index.mpd', '720p/index.m3u8', '720p/s2.m4s', 'download.mp4'])
      t.equal((await fetch(`${folder}/${name}`)).status, 404, name);
  },
);
