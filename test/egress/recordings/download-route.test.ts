import { once } from 'node:events';
import http from 'node:http';
import { fastify } from 'fastify';
import t, { type Test } from 'tap';
import { recordingMediaRoutes } from '../../../src/egress/recordings/index.js';
import { newId } from '../../../src/platform/index.js';
import type { Movie, Replay } from '../../../src/recordings/index.js';
import { ADMIT_EVERY_VIEWER } from '../../../src/streams/index.js';
import { until } from '../../support/until.js';

const SIZE_BYTES = 10 * 2 ** 30;

/** Serves an endless recording of a livestream whose permission the test takes back. */
async function serve(t: Test) {
  const state = { open: 0, chunks: 0, revoke: () => {}, reviews: 0 };
  const movie: Pick<Movie, 'sizeBytes' | 'etag' | 'bytes'> = {
    sizeBytes: SIZE_BYTES,
    etag: '"x"',
    async *bytes() {
      state.open++;
      try {
        for (; ; state.chunks++) yield Buffer.alloc(64 * 1024);
      } finally {
        state.open--;
      }
    },
  };
  const variant = { kind: 'video', id: 'source', height: 720 };
  const app = fastify({ forceCloseConnections: true });
  await app.register(recordingMediaRoutes, {
    folders: [{ path: '/recordings', find: async (id) => ({ id, title: 'A test', location: 'local' }) }],
    replays: {
      load: async () => ({ renditions: [{ variant }] }) as unknown as Replay,
      open: async () => undefined,
      isRedirected: () => false,
      signedUrl: async () => '',
      movie: async () => movie as Movie,
    },
    admission: {
      ...ADMIT_EVERY_VIEWER,
      admit: async () => ({
        ...(await ADMIT_EVERY_VIEWER.admit({ streamId: '', address: '' })),
        onRevoked: (revoked) => {
          state.reviews++;
          state.revoke = revoked;
          return () => void state.reviews--;
        },
      }),
    },
    previews: {
      findSheet: async () => undefined,
      findPoster: async () => undefined,
      cuesOfReplay: async () => 'WEBVTT\n',
    },
  });
  t.teardown(() => app.close());
  const origin = await app.listen({ host: '127.0.0.1', port: 0 });
  const start = async (): Promise<http.IncomingMessage> => {
    const request = http.get(`${origin}/recordings/${newId()}/download.mp4`, { agent: false });
    request.on('error', () => {});
    t.teardown(() => request.destroy());
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.on('error', () => {});
    return response;
  };
  return { state, start };
}

t.test('a running download ends with the permission that it was started with', async (t) => {
  const { state, start } = await serve(t);
  const response = await start();
  t.equal(response.statusCode, 200);
  t.equal(Number(response.headers['content-length']), SIZE_BYTES);
  response.resume();
  await until('it runs', () => state.chunks > 100);
  state.revoke();
  await until('it is cut off', () => response.destroyed);
  t.notOk(response.complete, 'the client sees that it is not complete');
  await until('nothing is open', () => state.open === 0 && state.reviews === 0);
});

t.test('a client that does not read costs a bounded queue, and its place is free when it goes', async (t) => {
  const { state, start } = await serve(t);
  const slow = await Promise.all(Array.from({ length: 16 }, start));
  let before = -1;
  await until('no more is read for them', async () => {
    const isStill = state.chunks === before;
    before = state.chunks;
    return isStill;
  });
  // Socket buffers of the system take some megabytes of each.
  t.ok(state.chunks < 16 * 160, `${state.chunks} chunks`);
  const refused = await start();
  t.equal(refused.statusCode, 503);
  t.match(JSON.stringify(await refused.toArray()), /./);
  for (const response of slow) response.destroy();
  await until('nothing is open', () => state.open === 0 && state.reviews === 0);
  t.equal((await start()).statusCode, 200);
});
