import { get } from 'node:http';
import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { parse, setOptions, type types } from 'hls-parser';
import t, { type Test } from 'tap';
import { hlsRoutes } from '../../../src/egress/hls/index.js';
import { createLog, PublicError } from '../../../src/platform/index.js';
import { ADMIT_EVERY_VIEWER } from '../../../src/streams/index.js';
import { PackagedBroadcast, type PackagedOptions } from '../../support/gateway/packaged-broadcast.js';
import { makeLadder } from '../../support/media/cmaf-ladder.js';

setOptions({ strictMode: true });
const { renditions, chunks } = await makeLadder({
  folder: t.testdir(),
  durationS: 8,
  frameRate: '25',
  gop: 50,
});
const BASE = '/hls/stream-1/broadcast-1';
const split = chunks.findIndex(({ timeS }) => timeS >= 15.1);

type Fixture = {
  broadcast: PackagedBroadcast;
  app: FastifyInstance;
  /** Load of the event loop, as the routes see it. */
  load: { isFull: boolean; share: number };
  /** Codes of failed attempts to watch. */
  failures: string[];
  continueBroadcast(): Promise<void>;
};

/** Serves a broadcast of five seconds, in the middle of its third segment, on a plain fastify server. */
async function serve(t: Test, options: PackagedOptions = {}): Promise<Fixture> {
  const broadcast = new PackagedBroadcast({ keyframeInterval: 2, ...options });
  const app = Fastify();
  const load = { isFull: false, share: 0 };
  const failures: string[] = [];
  app.setErrorHandler((error, _request, reply) => {
    if (!(error instanceof PublicError)) throw error;
    return reply.code(error.status).send({ error: { code: error.code, message: error.message } });
  });
  await app.register(hlsRoutes, {
    packager: broadcast.packager,
    admission: ADMIT_EVERY_VIEWER,
    load,
    joinFailed: (_streamId, code) => void failures.push(code),
    log: createLog('silent'),
    clock: broadcast.clock,
  });
  t.teardown(() => app.close());
  const reader = broadcast.startRun(0, renditions);
  await broadcast.writeChunks(reader, chunks.slice(0, split));
  return {
    broadcast,
    app,
    load,
    failures,
    continueBroadcast: () => broadcast.writeChunks(reader, chunks.slice(split)),
  };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

t.test('playlists and media have their content types and cache headers', async (t) => {
  const { app } = await serve(t);
  const multivariant = await app.inject('/hls/stream-1/index.m3u8');
  t.equal(multivariant.statusCode, 200);
  t.equal(multivariant.headers['content-type'], 'application/vnd.apple.mpegurl');
  t.equal(multivariant.headers['cache-control'], 'public, max-age=0, s-maxage=1');
  t.equal(multivariant.headers['access-control-allow-origin'], '*');
  const { variants } = parse(multivariant.body) as types.MasterPlaylist;
  for (const { uri } of variants) {
    const folder = `/hls/stream-1/${uri.slice(0, uri.lastIndexOf('/'))}`;
    const playlist = await app.inject(`${folder}/index.m3u8`);
    const { segments } = parse(playlist.body) as types.MediaPlaylist;
    const files = segments.flatMap(({ uri, map, parts }) => [
      ...(uri ? [uri] : []),
      ...(map?.uri ? [map.uri] : []),
      ...parts.filter(({ hint }) => !hint).map((part) => part.uri),
    ]);
    t.ok(files.length > 10);
    for (const file of new Set(files)) {
      const media = await app.inject(`${folder}/${file}`);
      t.equal(media.statusCode, 200, file);
      t.equal(media.headers['content-type'], folder.endsWith('audio') ? 'audio/mp4' : 'video/mp4');
      t.equal(media.headers['cache-control'], 'public, max-age=3600, s-maxage=1, immutable');
      t.equal(Number(media.headers['content-length']), media.rawPayload.length);
    }
  }
});

t.test('a blocking reload is answered when its part is available', async (t) => {
  const { app, continueBroadcast } = await serve(t);
  const { segments } = parse((await app.inject(`${BASE}/source/index.m3u8`)).body) as types.MediaPlaylist;
  const open = segments.at(-1)!;
  const msn = open.mediaSequenceNumber;
  const have = open.parts.filter(({ hint }) => !hint).length;
  const immediately = await app.inject(`${BASE}/source/index.m3u8?_HLS_msn=${msn}&_HLS_part=${have - 1}`);
  t.equal(immediately.statusCode, 200);
  t.equal(immediately.headers['cache-control'], 'public, max-age=0, s-maxage=1');
  let answered = 0;
  const ask = async (query: string, wanted: string): Promise<void> => {
    const response = await app.inject(`${BASE}/source/index.m3u8?${query}`);
    answered++;
    t.equal(response.statusCode, 200, query);
    t.ok(response.body.includes(wanted), `${query} has ${wanted}`);
  };
  const part = `_HLS_msn=${msn}&_HLS_part=${have}`;
  const asked = [
    ask(part, `"p${msn}.${have}.m4s"`),
    ask(`${part}&_HLS_skip=YES`, `"p${msn}.${have}.m4s"`),
    ask(`_HLS_msn=${msn}`, `\ns${msn}.m4s\n`),
    ask(`_HLS_msn=${msn}&_HLS_part=6`, `"p${msn + 1}.0.m4s"`),
    ask(`_HLS_msn=${msn + 1}&_HLS_part=0`, `"p${msn + 1}.0.m4s"`),
  ];
  await settle();
  t.equal(answered, 0);
  await continueBroadcast();
  await Promise.all(asked);
});

t.test('invalid directives get 400 without blocking', async (t) => {
  const { app } = await serve(t);
  for (const query of [
    '_HLS_part=0',
    '_HLS_msn=-1',
    '_HLS_msn=1.5',
    '_HLS_msn=',
    '_HLS_msn=1&_HLS_msn=2',
    '_HLS_msn=1&_HLS_part=x',
    '_HLS_msn=99999999999999999999',
    '_HLS_skip=NO',
  ]) {
    const response = await app.inject(`${BASE}/source/index.m3u8?${query}`);
    t.equal(response.statusCode, 400, query);
    t.equal(response.json().error.code, 'bad_request');
    t.equal(response.headers['cache-control'], 'no-store');
  }
  for (const query of ['_HLS_msn=5', '_HLS_msn=999999', '_HLS_msn=2&_HLS_part=50']) {
    const response = await app.inject(`${BASE}/source/index.m3u8?${query}`);
    t.equal(response.statusCode, 400, query);
    t.equal(response.json().error.code, 'hls_msn_out_of_range');
  }
});

t.test('a hinted part is served when complete; an impossible part gets 404 at once', async (t) => {
  const { app, continueBroadcast, broadcast } = await serve(t);
  const body = (await app.inject(`${BASE}/source/index.m3u8`)).body;
  const hint = /PRELOAD-HINT:TYPE=PART,URI="(.*)"/.exec(body)![1];
  const hinted = app.inject(`${BASE}/source/${hint}`).then((response) => response);
  await settle();
  t.equal((await app.inject(`${BASE}/source/p2.5.m4s`)).statusCode, 404, 'not the part after it');
  t.equal((await app.inject(`${BASE}/source/p9.0.m4s`)).statusCode, 404);
  t.equal(
    (await app.inject(`${BASE}/source/p1.6.m4s`)).statusCode,
    404,
    'a finished segment gets no more parts',
  );
  t.equal((await app.inject(`${BASE}/source/s3.m4s`)).statusCode, 404, 'a segment without a part');
  await continueBroadcast();
  t.equal((await hinted).statusCode, 200);
  t.ok((await hinted).rawPayload.length > 0);
  const last = /PRELOAD-HINT:TYPE=PART,URI="(.*)"/.exec(broadcast.playlist('source'))![1];
  const never = app.inject(`${BASE}/source/${last}`).then((response) => response);
  await settle();
  await broadcast.endBroadcast('ended-by-owner');
  t.equal((await never).statusCode, 404);
  t.equal((await never).headers['cache-control'], 'no-store');
});

t.test('a blocked request gets 503 on timeout, above the limit and at shutdown', async (t) => {
  const { app, broadcast } = await serve(t, { maximumWaitingRequests: 2 });
  const url = `${BASE}/source/index.m3u8?_HLS_msn=3&_HLS_part=0`;
  const waiting = [app.inject(url).then((r) => r), app.inject(url).then((r) => r)];
  await settle();
  const third = await app.inject(url);
  t.equal(third.statusCode, 503);
  t.equal(third.json().error.code, 'hls_busy');
  t.equal(third.headers['retry-after'], '1');
  await broadcast.clock.advance(5_999);
  await broadcast.clock.advance(1);
  for (const response of await Promise.all(waiting)) {
    t.equal(response.statusCode, 503);
    t.equal(response.json().error.code, 'hls_late');
  }
  const closed = app.inject(url).then((r) => r);
  await settle();
  broadcast.packager.close();
  t.equal((await closed).json().error.code, 'shutting_down');
  t.equal(broadcast.clock.pending, 0);
});

t.test('a new viewer gets 503 while the event loop is full, and the others are served', async (t) => {
  const { app, load, failures, continueBroadcast } = await serve(t);
  load.isFull = true;
  const refused = await app.inject('/hls/stream-1/index.m3u8');
  t.equal(refused.statusCode, 503);
  t.equal(refused.json().error.code, 'hls_busy');
  t.match(refused.json().error.message, 'busy');
  t.same(failures, ['hls_busy'], 'it is counted');
  t.equal(refused.headers['retry-after'], '5');
  t.equal(refused.headers['cache-control'], 'no-store');
  t.equal(refused.headers['access-control-allow-origin'], '*');
  for (const path of ['source/index.m3u8', 'source/p1.0.m4s', 'source/init-0.mp4'])
    t.equal((await app.inject(`${BASE}/${path}`)).statusCode, 200, path);
  const waiting = app.inject(`${BASE}/source/index.m3u8?_HLS_msn=3&_HLS_part=0`).then((response) => response);
  await settle();
  await continueBroadcast();
  t.equal((await waiting).statusCode, 200);
  load.isFull = false;
  t.equal((await app.inject('/hls/stream-1/index.m3u8')).statusCode, 200);
});

t.test('a blocked request of a disconnected client is released', async (t) => {
  const { app, broadcast, continueBroadcast } = await serve(t, { maximumWaitingRequests: 1 });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}${BASE}/source/index.m3u8?_HLS_msn=3&_HLS_part=0`;
  const request = get(url);
  request.on('error', () => {});
  // A blocked request has a timer; one above the limit is answered.
  while (broadcast.clock.pending === 0) await settle();
  t.equal(
    (await app.inject(`${BASE}/source/index.m3u8?_HLS_msn=3&_HLS_part=0`)).statusCode,
    503,
    'the limit is reached',
  );
  request.destroy();
  while (broadcast.clock.pending > 0) await settle();
  const next = app.inject(`${BASE}/source/index.m3u8?_HLS_msn=3&_HLS_part=0`).then((response) => response);
  while (broadcast.clock.pending === 0) await settle();
  await continueBroadcast();
  t.equal((await next).statusCode, 200, 'its place is free');
});

t.test('HEAD has the headers of GET', async (t) => {
  const { app } = await serve(t);
  for (const path of ['/hls/stream-1/index.m3u8', `${BASE}/source/s1.m4s`, `${BASE}/source/index.m3u8`]) {
    const whole = await app.inject(path);
    const head = await app.inject({ method: 'HEAD', url: path });
    t.equal(head.statusCode, 200);
    t.equal(head.rawPayload.length, 0);
    t.equal(head.headers['content-length'], String(whole.rawPayload.length));
    t.equal(head.headers['content-type'], whole.headers['content-type']);
  }
});

t.test('a single range gets 206, several get the whole body', async (t) => {
  const { app } = await serve(t);
  const url = `${BASE}/source/s1.m4s`;
  const { rawPayload: whole } = await app.inject(url);
  const size = whole.length;
  const range = (header: string) => app.inject({ url, headers: { range: header } });
  for (const [header, first, last] of [
    ['bytes=0-99', 0, 99],
    ['bytes=100-', 100, size - 1],
    ['bytes=-50', size - 50, size - 1],
    [`bytes=10-${size * 2}`, 10, size - 1],
  ] as const) {
    const response = await range(header);
    t.equal(response.statusCode, 206, header);
    t.equal(response.headers['content-range'], `bytes ${first}-${last}/${size}`);
    t.ok(response.rawPayload.equals(whole.subarray(first, last + 1)));
  }
  for (const header of ['bytes=0-1,5-9', 'bytes=x', 'items=0-1', 'bytes=9-1', 'bytes=-']) {
    const response = await range(header);
    t.equal(response.statusCode, 200, header);
    t.equal(response.rawPayload.length, size);
  }
  const beyondEnd = await range(`bytes=${size}-`);
  t.equal(beyondEnd.statusCode, 416);
  t.equal(beyondEnd.headers['content-range'], `bytes */${size}`);
  t.equal((await range('bytes=-0')).statusCode, 416);
});

t.test('unknown paths and other spellings get 404 that is not cached', async (t) => {
  const { app } = await serve(t);
  for (const path of [
    '/hls/',
    '/hls/stream-1',
    '/hls/stream-2/index.m3u8',
    '/hls/stream-1/broadcast-2/source/index.m3u8',
    `${BASE}/1080p/index.m3u8`,
    `${BASE}/index.m3u8`,
    `${BASE}/source/`,
    `${BASE}/source/s01.m4s`,
    `${BASE}/source/s1.m4s/x`,
    `${BASE}/source/init-9.mp4`,
    `${BASE}/source/p1.m4s`,
    `${BASE}/source/..%2f..%2fetc`,
    `${BASE}/__proto__/index.m3u8`,
    '/hls/__proto__/index.m3u8',
  ]) {
    const response = await app.inject(path);
    t.equal(response.statusCode, 404, path);
    t.equal(response.headers['cache-control'], 'no-store');
    t.equal(response.headers['access-control-allow-origin'], '*');
  }
  t.equal((await app.inject({ method: 'POST', url: `${BASE}/source/index.m3u8` })).statusCode, 404);
});

t.test('a CORS preflight allows credentials, ranges and CMCD headers', async (t) => {
  const { app } = await serve(t);
  const response = await app.inject({ method: 'OPTIONS', url: `${BASE}/source/s1.m4s` });
  t.equal(response.statusCode, 204);
  t.equal(response.headers['access-control-allow-origin'], '*');
  t.match(response.headers['access-control-allow-methods'], /GET/);
  const headers = String(response.headers['access-control-allow-headers']).split(', ');
  for (const header of [
    'Authorization',
    'Range',
    'CMCD-Request',
    'CMCD-Object',
    'CMCD-Status',
    'CMCD-Session',
  ])
    t.ok(headers.includes(header), header);
});
