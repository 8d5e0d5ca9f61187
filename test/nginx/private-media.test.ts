import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import t, { type Test } from 'tap';
import { hlsRoutes } from '../../src/egress/hls/index.js';
import { createLog, PublicError } from '../../src/platform/index.js';
import type { AccessScope, ViewerAdmission } from '../../src/streams/index.js';
import { SKIP_WITHOUT_NGINX, sendRequest, startNginx } from '../support/gateway/nginx-front.js';
import { PackagedBroadcast } from '../support/gateway/packaged-broadcast.js';
import { makeLadder } from '../support/media/cmaf-ladder.js';

const TOKEN = 'AQ-invitee';
/** nginx counts whole seconds: max-age=1 stays fresh for less than two. */
const FRESH_AT_MOST_MS = 2_000;
const BASE = '/hls/stream-1/broadcast-1/source';
const ladder = SKIP_WITHOUT_NGINX
  ? undefined
  : await makeLadder({ folder: t.testdir(), durationS: 4, frameRate: '25', gop: 50 });

/** Starts nginx in front of the real HLS routes, with a livestream whose visibility the test changes. */
async function serve(t: Test) {
  const state = { isPrivate: false, reached: 0 };
  const missing = (): PublicError => new PublicError(404, 'stream_not_found', 'There is no such livestream.');
  const access = (token: string | undefined): AccessScope | undefined => {
    if (!state.isPrivate) return 'everybody';
    return token === TOKEN ? 'invited' : undefined;
  };
  const gate: ViewerAdmission = {
    admit: async ({ token }) => {
      if (!access(token)) throw missing();
      return { token: TOKEN, hold: () => () => {}, onRevoked: () => () => {}, withdraw() {} };
    },
    recordActivity: (_streamId, token) => access(token),
    mediaAccess: (_streamId, token) => access(token),
    admitPlaylistRequest: async ({ token }) => {
      const visibility = access(token);
      if (!visibility) throw missing();
      return visibility;
    },
  };
  const broadcast = new PackagedBroadcast({ keyframeInterval: 2 });
  const app = Fastify();
  app.setErrorHandler((error, _request, reply) => {
    if (!(error instanceof PublicError)) throw error;
    return reply.code(error.status).send({ error: { code: error.code } });
  });
  app.addHook('onRequest', async () => void state.reached++);
  await app.register(hlsRoutes, {
    packager: broadcast.packager,
    admission: gate,
    load: { isFull: false, share: 0 },
    clock: broadcast.clock,
    log: createLog('silent'),
  });
  t.teardown(() => app.close());
  if (ladder) await broadcast.writeChunks(broadcast.startRun(0, ladder.renditions), ladder.chunks);
  await app.listen({ host: '127.0.0.1', port: 0 });
  return { state, port: await startNginx(t, (app.server.address() as AddressInfo).port) };
}

const cacheOf = (reply: { headers: Record<string, unknown> }): unknown => reply.headers['x-cache-status'];
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

t.test(
  'a public part older than a second is revalidated by its ETag',
  { skip: SKIP_WITHOUT_NGINX },
  async (t) => {
    const { state, port } = await serve(t);
    const url = `${BASE}/s0.m4s`;
    const first = await sendRequest(port, url);
    t.same([first.status, cacheOf(first)], [200, 'MISS']);
    t.same(cacheOf(await sendRequest(port, url)), 'HIT');
    t.equal(state.reached, 1, 'many viewers cause one request to the gateway');
    await pause(FRESH_AT_MOST_MS);
    const again = await sendRequest(port, url);
    t.same([again.status, cacheOf(again)], [200, 'REVALIDATED']);
    t.ok(again.body.equals(first.body));
    t.equal(state.reached, 2);
  },
);

t.test(
  'media of a private livestream bypass the cache for every request',
  { skip: SKIP_WITHOUT_NGINX },
  async (t) => {
    const { state, port } = await serve(t);
    state.isPrivate = true;
    const files = ['init-0.mp4', 's0.m4s', 'p1.0.m4s', 'index.m3u8'].map((name) => `${BASE}/${name}`);
    for (const url of files) {
      // Also an argument that nginx does not recognize as the token.
      for (const query of [`?v=${TOKEN}`, `?v=${TOKEN}`, `?%76=${TOKEN}`]) {
        const own = await sendRequest(port, url + query);
        t.equal(own.status, 200, url + query);
        t.equal(own.headers['cache-control'], 'private, no-store');
        t.not(cacheOf(own), 'HIT');
      }
      for (const query of ['', '?v=', '?v=0', '?v=forged', '?x=1', `?V=${TOKEN}`, `?v=0&v=${TOKEN}`])
        for (const method of ['GET', 'HEAD'])
          for (const headers of [{}, { range: 'bytes=0-9' }] as Record<string, string>[]) {
            const response = await sendRequest(port, url + query, { method, headers });
            t.equal(response.status, 404, `${method} ${url}${query}`);
          }
    }
    const range = await sendRequest(port, `${BASE}/s0.m4s?v=${TOKEN}`, { headers: { range: 'bytes=2-9' } });
    t.same([range.status, range.body.length], [206, 8]);
  },
);

t.test(
  'media of a livestream made private while live leave the cache within two seconds',
  { skip: SKIP_WITHOUT_NGINX },
  async (t) => {
    const { state, port } = await serve(t);
    const [cached, other] = [`${BASE}/s0.m4s`, `${BASE}/p1.0.m4s`];
    await sendRequest(port, cached);
    t.equal(cacheOf(await sendRequest(port, cached)), 'HIT');
    state.isPrivate = true;
    const changedAt = performance.now();
    t.equal((await sendRequest(port, other)).status, 404, 'uncached media are refused at once');
    t.equal((await sendRequest(port, `${BASE}/index.m3u8`)).status, 404);
    await pause(FRESH_AT_MOST_MS - (performance.now() - changedAt));
    t.equal((await sendRequest(port, cached)).status, 404, 'cached media are refused');
    for (let turn = 0; turn < 3; turn++) {
      t.equal((await sendRequest(port, `${cached}?v=${TOKEN}`)).status, 200);
      t.equal((await sendRequest(port, cached)).status, 404, 'a response to an invitee is not cached');
      await pause(400);
    }
    state.isPrivate = false;
    t.equal((await sendRequest(port, cached)).status, 200);
  },
);
