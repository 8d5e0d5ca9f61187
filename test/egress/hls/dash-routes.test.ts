import Fastify from 'fastify';
import t, { type Test } from 'tap';
import { dashRoutes } from '../../../src/egress/hls/index.js';
import { createLog } from '../../../src/platform/index.js';
import { ADMIT_EVERY_VIEWER } from '../../../src/streams/index.js';
import { PackagedBroadcast } from '../../support/gateway/packaged-broadcast.js';
import { makeLadder } from '../../support/media/cmaf-ladder.js';

const { chunks, renditions } = await makeLadder({
  ...{ folder: t.testdir(), durationS: 6, frameRate: '25', gop: 25 },
});
const URL = '/dash/stream-1/index.mpd';

async function serve(t: Test) {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 1 });
  const reader = broadcast.startRun(0, renditions);
  await broadcast.writeChunks(reader, chunks);
  const app = Fastify();
  const { packager, clock } = broadcast;
  const load = { isFull: false, share: 0 };
  await app.register(dashRoutes, {
    ...{ packager, clock, load },
    admission: ADMIT_EVERY_VIEWER,
    findRecording: async ({ streamId }) => (streamId === 'ended' ? 'recording-1' : undefined),
    log: createLog('silent'),
  });
  t.teardown(() => app.close());
  return { app, load };
}

t.test('a token in the query of a description is no markup in it', async (t) => {
  const { app } = await serve(t);
  const token = '"></Location><BaseURL>http://192.0.2.1/</BaseURL>&x=';
  const { statusCode, body } = await app.inject(`${URL}?v=${encodeURIComponent(token)}`);
  t.equal(statusCode, 200);
  t.notMatch(body, '<BaseURL');
  t.match(body, `<Location>index.mpd?v=${encodeURIComponent(token)}</Location>`);
});

t.test('a new viewer of a description gets 503 while the event loop is full', async (t) => {
  const { app, load } = await serve(t);
  load.isFull = true;
  const refused = await app.inject(URL);
  t.equal(refused.statusCode, 503);
  t.equal(refused.json().code, 'hls_busy');
  t.equal(refused.headers['retry-after'], '5');
  t.equal((await app.inject(`${URL}?v=known`)).statusCode, 200);
});

t.test('a preflight of a description is answered', async (t) => {
  const { app } = await serve(t);
  const { statusCode, headers } = await app.inject({ method: 'OPTIONS', url: URL });
  t.equal(statusCode, 204);
  t.equal(headers['access-control-allow-origin'], '*');
  t.match(headers['access-control-allow-headers'], 'CMCD-Request');
});

t.test('the description of a livestream without media leads to that of its recording', async (t) => {
  const { app } = await serve(t);
  const found = await app.inject('/dash/ended/index.mpd?v=a%22b');
  t.equal(found.statusCode, 302);
  t.equal(found.headers.location, '../../recordings/recording-1/index.mpd?v=a%22b');
  t.equal((await app.inject('/dash/unknown/index.mpd')).statusCode, 404);
});
