import Fastify from 'fastify';
import { parse, type types } from 'hls-parser';
import t, { type Test } from 'tap';
import { hlsRoutes } from '../../../src/egress/hls/index.js';
import { PublicError } from '../../../src/platform/index.js';
import type { ViewerGate, ViewerRequest } from '../../../src/streams/index.js';
import { makeLadder } from '../../support/cmaf-ladder.js';
import { PackagedBroadcast } from '../../support/packaged-broadcast.js';

const ladder = await makeLadder({ folder: t.testdir(), seconds: 4, frameRate: '25', gop: 50 });
const TOKEN = 'AQ-token_1';

/** A gate that knows one token, and notes what it is asked. */
class GateDouble implements ViewerGate {
  openness: 'everybody' | 'invited' = 'everybody';
  refusal: PublicError | undefined;
  readonly asked: [string, ViewerRequest | string, string?][] = [];

  async admit(request: ViewerRequest) {
    this.asked.push(['admit', request]);
    if (this.refusal) throw this.refusal;
    return { token: TOKEN, hold: () => () => {}, onRevoked: () => () => {}, withdraw() {} };
  }

  seen(streamId: string, token: string, protocol: string) {
    this.asked.push(['seen', `${streamId} ${token}`, protocol]);
    return token === TOKEN ? this.openness : undefined;
  }

  async pass(request: ViewerRequest, protocol: string) {
    this.asked.push(['pass', request, protocol]);
    if (this.refusal) throw this.refusal;
    return this.openness;
  }
}

async function serve(t: Test) {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 2 });
  const gate = new GateDouble();
  const app = Fastify();
  app.setErrorHandler((error, _request, reply) => {
    if (!(error instanceof PublicError)) throw error;
    return reply.code(error.status).send({ error: { code: error.code } });
  });
  await app.register(hlsRoutes, { packager: broadcast.packager, gate, clock: broadcast.clock });
  t.teardown(() => app.close());
  await broadcast.feed(broadcast.run(0, ladder.renditions), ladder.chunks);
  return { app, gate };
}

t.test('the multivariant playlist gives every viewer a token for all their media playlists', async (t) => {
  const { app, gate } = await serve(t);
  const answer = await app.inject({
    url: '/hls/stream-1/index.m3u8',
    headers: { cookie: 'a=b', authorization: 'Bearer x', origin: 'https://example.org' },
  });
  t.equal(answer.headers['cache-control'], 'private, no-store', 'no two viewers share it');
  t.match(gate.asked, [
    [
      'admit',
      {
        streamId: 'stream-1',
        token: undefined,
        cookie: 'a=b',
        authorization: 'Bearer x',
        origin: 'https://example.org',
        address: '127.0.0.1',
      },
    ],
  ]);
  const { variants } = parse(answer.body) as types.MasterPlaylist;
  const addresses = variants.flatMap(({ uri, audio }) => [uri, ...audio.map((sound) => sound.uri ?? '')]);
  t.ok(addresses.length >= 3);
  gate.asked.length = 0;
  for (const address of addresses) {
    t.ok(address.endsWith(`/index.m3u8?v=${TOKEN}`), address);
    const media = await app.inject(`/hls/stream-1/${address}`);
    t.equal(media.statusCode, 200);
    t.notMatch(media.body, TOKEN, 'segments and parts are the same for everybody');
    t.match(gate.asked.splice(0), [['seen', `stream-1 ${TOKEN}`, 'hls']]);
  }
  await app.inject(`/hls/stream-1/index.m3u8?v=${TOKEN}`);
  t.match(gate.asked, [['admit', { token: TOKEN }]]);
});

t.test('who uses delivery directives watches with low latency', async (t) => {
  const { app, gate } = await serve(t);
  const url = `/hls/stream-1/broadcast-1/source/index.m3u8?v=${TOKEN}`;
  const blocked = await app.inject(`${url}&_HLS_msn=1&_HLS_part=0`);
  t.equal(blocked.statusCode, 200);
  t.match(blocked.headers['cache-control'], /^public/);
  await app.inject(`${url}&_HLS_skip=YES`);
  t.strictSame(
    gate.asked.map(([, , protocol]) => protocol),
    ['ll-hls', 'll-hls'],
  );
});

t.test('a token that is not known, or none, is the gate’s to decide', async (t) => {
  const { app, gate } = await serve(t);
  const url = '/hls/stream-1/broadcast-1/source/index.m3u8';
  for (const query of ['', '?v=', '?v=a&v=b', '?v=strange']) {
    gate.asked.length = 0;
    t.equal((await app.inject(url + query)).statusCode, 200, query);
    const token = query === '?v=strange' ? 'strange' : undefined;
    t.match(gate.asked.at(-1), ['pass', { streamId: 'stream-1', token }, 'hls']);
  }
});

t.test('what only the invited may have is kept by no cache, and is missing for others', async (t) => {
  const { app, gate } = await serve(t);
  gate.openness = 'invited';
  const url = '/hls/stream-1/broadcast-1/source/index.m3u8';
  for (const query of [`?v=${TOKEN}`, `?v=${TOKEN}&_HLS_msn=1&_HLS_part=0`]) {
    const answer = await app.inject(url + query);
    t.equal(answer.headers['cache-control'], 'private, no-store');
  }
  gate.refusal = new PublicError(404, 'stream_not_found', 'There is no such livestream.');
  for (const path of [url, `${url}?v=strange`, '/hls/stream-1/index.m3u8']) {
    const answer = await app.inject(path);
    const missing = await app.inject('/hls/stream-2/index.m3u8');
    t.equal(answer.statusCode, 404);
    t.equal(answer.body, missing.body, 'as what does not exist');
  }
  gate.refusal = new PublicError(503, 'viewer_limit_reached', 'Full.');
  t.equal((await app.inject('/hls/stream-1/index.m3u8')).json().error.code, 'viewer_limit_reached');
  gate.asked.length = 0;
  t.equal((await app.inject('/hls/stream-2/index.m3u8')).statusCode, 404);
  t.equal((await app.inject('/hls/stream-1/broadcast-1/none/index.m3u8')).statusCode, 404);
  t.equal((await app.inject('/hls/stream-1/broadcast-1/source/init-0.mp4')).statusCode, 200);
  t.strictSame(gate.asked, [], 'what is not there, and media, need no gate');
});
