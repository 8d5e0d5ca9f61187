import Fastify from 'fastify';
import { parse, type types } from 'hls-parser';
import t, { type Test } from 'tap';
import { hlsRoutes } from '../../../src/egress/hls/index.js';
import { createLog, PublicError } from '../../../src/platform/index.js';
import type { ViewerAdmission, ViewerProtocol, ViewerRequest } from '../../../src/streams/index.js';
import { PackagedBroadcast } from '../../support/gateway/packaged-broadcast.js';
import { makeLadder } from '../../support/media/cmaf-ladder.js';

const ladder = await makeLadder({ folder: t.testdir(), durationS: 4, frameRate: '25', gop: 50 });
const TOKEN = 'AQ-token_1';

/** Fake viewer admission that knows one token and records its calls. */
class FakeAdmission implements ViewerAdmission {
  visibility: 'everybody' | 'invited' = 'everybody';
  refusal: PublicError | undefined;
  readonly asked: [string, ViewerRequest | string, (string | undefined)?][] = [];
  /** Whether the token is known in memory. */
  known = true;

  async admit(request: ViewerRequest) {
    this.asked.push(['admit', request]);
    if (this.refusal) throw this.refusal;
    return { token: TOKEN, hold: () => () => {}, onRevoked: () => () => {}, withdraw() {} };
  }

  recordActivity(streamId: string, token: string, protocol: string) {
    this.asked.push(['seen', `${streamId} ${token}`, protocol]);
    return this.known && token === TOKEN ? this.visibility : undefined;
  }

  mediaAccess(streamId: string, token: string | undefined) {
    this.asked.push(['media', `${streamId} ${token ?? ''}`]);
    if (this.visibility === 'everybody') return this.visibility;
    return this.known && token === TOKEN ? this.visibility : undefined;
  }

  async admitPlaylistRequest(request: ViewerRequest, protocol: ViewerProtocol | undefined) {
    this.asked.push(['pass', request, protocol]);
    if (this.refusal) throw this.refusal;
    return this.visibility;
  }
}

/** @param beforeS media time at which the broadcast pauses until `continueBroadcast` */
async function serve(t: Test, beforeS = Number.POSITIVE_INFINITY) {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 2 });
  const gate = new FakeAdmission();
  const app = Fastify();
  app.setErrorHandler((error, _request, reply) => {
    if (!(error instanceof PublicError)) throw error;
    return reply.code(error.status).send({ error: { code: error.code } });
  });
  await app.register(hlsRoutes, {
    packager: broadcast.packager,
    admission: gate,
    load: { isFull: false, share: 0 },
    clock: broadcast.clock,
    log: createLog('silent'),
  });
  t.teardown(() => app.close());
  const reader = broadcast.startRun(0, ladder.renditions);
  const later = ladder.chunks.findIndex(({ timeS }) => timeS >= beforeS);
  const split = later < 0 ? ladder.chunks.length : later;
  await broadcast.writeChunks(reader, ladder.chunks.slice(0, split));
  return { app, gate, continueBroadcast: () => broadcast.writeChunks(reader, ladder.chunks.slice(split)) };
}

/** Returns every URI of a media playlist. */
function urisOf(playlist: string): string[] {
  return [...playlist.matchAll(/URI="([^"]+)"|^([^#\n].*)$/gm)].map(
    ([, quoted, bare]) => quoted ?? bare ?? '',
  );
}

t.test('the multivariant playlist puts one token into all its media playlists', async (t) => {
  const { app, gate } = await serve(t);
  const answer = await app.inject({
    url: '/hls/stream-1/index.m3u8',
    headers: { cookie: 'a=b', authorization: 'Bearer x', origin: 'https://example.org' },
  });
  t.equal(answer.headers['cache-control'], 'private, no-store', 'no two viewers share a token');
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
  const addresses = variants.flatMap(({ uri, audio }) => [
    uri,
    ...audio.map((rendition) => rendition.uri ?? ''),
  ]);
  t.ok(addresses.length >= 3);
  gate.asked.length = 0;
  for (const address of addresses) {
    t.ok(address.endsWith(`/index.m3u8?v=${TOKEN}`), address);
    const media = await app.inject(`/hls/stream-1/${address}`);
    t.equal(media.statusCode, 200);
    t.notMatch(media.body, TOKEN, 'segments and parts are the same for all viewers');
    t.match(gate.asked.splice(0), [['seen', `stream-1 ${TOKEN}`, 'hls']]);
  }
  await app.inject(`/hls/stream-1/index.m3u8?v=${TOKEN}`);
  t.match(gate.asked, [['admit', { token: TOKEN }]]);
});

t.test('a viewer with delivery directives is recorded as ll-hls', async (t) => {
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

t.test('an unknown or missing token is passed to viewer admission', async (t) => {
  const { app, gate } = await serve(t);
  const url = '/hls/stream-1/broadcast-1/source/index.m3u8';
  for (const query of ['', '?v=', '?v=a&v=b', '?v=strange']) {
    gate.asked.length = 0;
    t.equal((await app.inject(url + query)).statusCode, 200, query);
    const token = query === '?v=strange' ? 'strange' : undefined;
    t.match(gate.asked.at(-1), ['pass', { streamId: 'stream-1', token }, 'hls']);
  }
});

t.test('private media is not cacheable and gets 404 for others', async (t) => {
  const { app, gate } = await serve(t);
  gate.visibility = 'invited';
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
    t.equal(answer.body, missing.body, 'like an unknown stream');
  }
  gate.refusal = new PublicError(503, 'viewer_limit_reached', 'Full.');
  t.equal((await app.inject('/hls/stream-1/index.m3u8')).json().error.code, 'viewer_limit_reached');
  gate.asked.length = 0;
  t.equal((await app.inject('/hls/stream-2/index.m3u8')).statusCode, 404);
  t.equal((await app.inject('/hls/stream-1/broadcast-1/none/index.m3u8')).statusCode, 404);
  t.strictSame(gate.asked, [], 'unknown streams need no admission');
});

t.test("a private livestream's media playlists carry the viewer's token in every URI", async (t) => {
  const { app, gate } = await serve(t);
  const url = `/hls/stream-1/broadcast-1/source/index.m3u8`;
  const shared = urisOf((await app.inject(`${url}?v=${TOKEN}`)).body);
  t.ok(shared.length > 10);
  t.notMatch(shared.join(' '), TOKEN, 'public media have the same URLs for all viewers');
  gate.visibility = 'invited';
  for (const query of ['', '&_HLS_msn=1&_HLS_part=0', '&_HLS_skip=YES']) {
    const { body, headers } = await app.inject(`${url}?v=${TOKEN}${query}`);
    t.equal(headers['cache-control'], 'private, no-store');
    const uris = urisOf(body);
    t.strictSame(
      uris,
      shared.map((uri) => `${uri}?v=${TOKEN}`),
      query,
    );
    for (const kind of ['init-0.mp4', 's0.m4s', 'p1.0.m4s', '../audio/index.m3u8'])
      t.ok(
        uris.some((uri) => uri.startsWith(kind)),
        kind,
      );
    t.equal((parse(body) as types.MediaPlaylist).segments.length > 1, true, 'players can parse the playlist');
  }
});

t.test(
  "a private livestream's media are answered for a viewer's token alone, and kept by no cache",
  async (t) => {
    const { app, gate } = await serve(t);
    const media = ['init-0.mp4', 's0.m4s', 'p1.0.m4s'].map(
      (name) => `/hls/stream-1/broadcast-1/source/${name}`,
    );
    for (const url of media) {
      const { headers, statusCode } = await app.inject(url);
      t.same(
        [statusCode, headers['cache-control']],
        [200, 'public, max-age=3600, s-maxage=1, immutable'],
        url,
      );
      const etag = String(headers.etag);
      const again = await app.inject({ url, headers: { 'if-none-match': etag } });
      t.same(
        [again.statusCode, again.body, again.headers['cache-control']],
        [304, '', headers['cache-control']],
      );
      gate.visibility = 'invited';
      for (const known of [true, false]) {
        gate.known = known;
        const own = await app.inject({ url: `${url}?v=${TOKEN}`, headers: { 'if-none-match': etag } });
        t.same(
          [own.statusCode, own.headers['cache-control'], own.headers.etag],
          [200, 'private, no-store', undefined],
        );
        const range = await app.inject({ url: `${url}?v=${TOKEN}`, headers: { range: 'bytes=0-9' } });
        t.same([range.statusCode, range.headers['cache-control']], [206, 'private, no-store']);
      }
      gate.refusal = new PublicError(404, 'stream_not_found', 'There is no such livestream.');
      const missing = await app.inject('/hls/stream-1/broadcast-1/source/s99.m4s');
      for (const query of ['', '?v=', '?v=forged', `?v=${TOKEN}&v=${TOKEN}`, `?V=${TOKEN}`])
        for (const method of ['GET', 'HEAD'] as const)
          for (const more of [{}, { range: 'bytes=0-9' }, { 'if-none-match': etag }]) {
            const refused = await app.inject({ method, url: url + query, headers: more });
            t.equal(refused.statusCode, 404, `${method} ${url}${query}`);
            t.equal(refused.headers['cache-control'], 'no-store');
            if (method === 'GET') t.equal(refused.body, missing.body, 'like an unknown stream');
          }
      Object.assign(gate, { visibility: 'everybody', known: true, refusal: undefined });
    }
  },
);

t.test('a blocked request whose permission ends before it is answered gets 404', async (t) => {
  const url = '/hls/stream-1/broadcast-1/source';
  for (const before of ['everybody', 'invited'] as const) {
    const { app, gate, continueBroadcast } = await serve(t, 13.1);
    const playlist = (await app.inject(`${url}/index.m3u8`)).body;
    const [, hint, msn, part] = /PRELOAD-HINT:TYPE=PART,URI="(p(\d+)\.(\d+)\.m4s)"/.exec(playlist) ?? [];
    gate.visibility = before;
    let answered = 0;
    const blocked = [`${hint}?v=${TOKEN}`, `index.m3u8?v=${TOKEN}&_HLS_msn=${msn}&_HLS_part=${part}`].map(
      async (name) => {
        const response = await app.inject(`${url}/${name}`);
        answered++;
        return response;
      },
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    t.equal(answered, 0, 'both are blocked');
    Object.assign(gate, { visibility: 'invited', known: false });
    gate.refusal = new PublicError(404, 'stream_not_found', 'There is no such livestream.');
    await continueBroadcast();
    for (const response of await Promise.all(blocked)) {
      t.equal(response.statusCode, 404, `the request was for ${before}`);
      t.equal(response.headers['cache-control'], 'no-store');
    }
  }
});
