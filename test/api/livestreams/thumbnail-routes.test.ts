import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { LightMyRequestResponse } from 'fastify';
import t, { type Test } from 'tap';
import { ThumbnailStore } from '../../../src/thumbnails/index.js';
import {
  assertErrorResponse,
  authorizationOf,
  type LivestreamApi,
  openLivestreamApi,
} from '../../support/fixtures/livestream-api-fixture.js';
import { until } from '../../support/until.js';

const JPEG = Buffer.concat([Buffer.from([0xff, 0xd8, 0xff, 0xe0]), Buffer.alloc(100, 1)]);
const PNG = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), Buffer.alloc(100, 2)]);
const WEBP = Buffer.concat([Buffer.from('RIFF\x64\x00\x00\x00WEBPVP8L', 'latin1'), Buffer.alloc(90, 3)]);

type Fixture = LivestreamApi & {
  streamId: string;
  put(bytes: Buffer | string, type?: string): Promise<LightMyRequestResponse>;
};

async function openFixture(t: Test, body: object = {}): Promise<Fixture> {
  const api = await openLivestreamApi(t);
  const streamId = await api.create(body);
  const put = async (payload: Buffer | string, type = 'image/png') =>
    await api.app.inject({
      method: 'PUT',
      url: `/api/livestream/${streamId}/thumbnail`,
      headers: { ...authorizationOf('anna'), 'content-type': type },
      payload,
    });
  return { ...api, streamId, put };
}

t.test('an uploaded thumbnail is stored, named by the livestream, and cacheable', async (t) => {
  const { app, streamId, put } = await openFixture(t);
  const at = `/api/livestream/${streamId}/thumbnail`;
  assertErrorResponse(t, await app.inject(at), 404, 'thumbnail_not_found');
  const urls = new Set<string>();
  for (const [bytes, type] of [
    [JPEG, 'image/jpeg'],
    [PNG, 'image/png'],
    [WEBP, 'image/webp'],
  ] as const) {
    const kept = await put(bytes, type);
    t.equal(kept.statusCode, 200, kept.body);
    const { thumbnailUrl } = kept.json();
    t.match(thumbnailUrl, `https://live.example.test${at}?v=`);
    t.equal((await app.inject(`/api/livestream/${streamId}`)).json().stream.thumbnailUrl, thumbnailUrl);
    urls.add(thumbnailUrl);
    const versioned = await app.inject(thumbnailUrl.slice('https://live.example.test'.length));
    t.same(versioned.rawPayload, bytes);
    t.match(versioned.headers, {
      'content-type': type,
      'cache-control': 'public, max-age=31536000, s-maxage=1, immutable',
      'x-content-type-options': 'nosniff',
      'content-security-policy': /default-src 'none'/,
    });
    const newest = await app.inject(at);
    t.match(newest.headers, { 'cache-control': 'public, max-age=60, s-maxage=1', 'content-type': type });
    const again = await app.inject({ url: at, headers: { 'if-none-match': String(newest.headers.etag) } });
    t.same([again.statusCode, again.body], [304, '']);
  }
  t.equal(urls.size, 3, 'each thumbnail has its own URL');
});

t.test('a body that is no image, too large or of another type is refused', async (t) => {
  const { app, folder, streamId, put } = await openFixture(t);
  for (const wrong of [
    Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
    Buffer.from('GIF89a'),
    PNG.subarray(0, 5),
  ])
    assertErrorResponse(t, await put(wrong), 400, 'not_a_picture');
  assertErrorResponse(
    t,
    await put('<script>alert(1)</script>', 'text/html'),
    415,
    'unsupported_media_type',
    /image\/jpeg/,
  );
  assertErrorResponse(t, await put('{}', 'application/json'), 415, 'unsupported_media_type');
  assertErrorResponse(t, await put(Buffer.concat([PNG, Buffer.alloc(512 * 1024)])), 413, 'body_too_large');
  const bare = await app.inject({
    method: 'PUT',
    url: `/api/livestream/${streamId}/thumbnail`,
    headers: authorizationOf('anna'),
  });
  assertErrorResponse(t, bare, 415, 'unsupported_media_type');
  t.equal((await app.inject(`/api/livestream/${streamId}`)).json().stream.thumbnailUrl, null);
  t.notOk((await readdir(folder)).includes('thumbnails'), 'nothing was stored');
  t.equal(
    (await put(Buffer.concat([PNG, Buffer.alloc(512 * 1024 - PNG.length)]))).statusCode,
    200,
    'the largest size',
  );
});

t.test('a thumbnail is removed with its livestream and replaced by an external one', async (t) => {
  const { app, folder, streamId, put } = await openFixture(t);
  const url = `/api/livestream/${streamId}`;
  const files = () => readdir(path.join(folder, 'thumbnails'));
  await put(PNG);
  await put(JPEG);
  t.same(await files(), [streamId], 'the previous file is replaced');
  const headers = authorizationOf('anna');
  await app.inject({
    method: 'PATCH',
    url,
    headers,
    payload: { thumbnailUrl: 'https://example.test/a.png' },
  });
  assertErrorResponse(t, await app.inject(`${url}/thumbnail`), 404, 'thumbnail_not_found');
  await put(PNG);
  t.same((await app.inject({ method: 'DELETE', url: `${url}/thumbnail`, headers })).json(), {
    success: true,
  });
  t.equal((await app.inject(url)).json().stream.thumbnailUrl, null);
  t.same(await files(), []);
  await put(PNG);
  await app.inject({ method: 'DELETE', url, headers });
  t.same(await files(), []);
});

t.test('the thumbnail of a private livestream is not cacheable', async (t) => {
  const { app, streamId, put } = await openFixture(t, { visibility: 'private' });
  await put(PNG);
  const url = `/api/livestream/${streamId}/thumbnail`;
  assertErrorResponse(t, await app.inject(url), 404, 'stream_not_found');
  t.match((await app.inject({ url, headers: authorizationOf('anna') })).headers, {
    'cache-control': 'private, no-store',
  });
});

t.test('without an upload a livestream has the newest captured thumbnail', async (t) => {
  const thumbnails = new ThumbnailStore({ folder: path.join(t.testdir(), 'thumbnails') });
  const { app, clock, livestreams, create, publish } = await openLivestreamApi(t, { thumbnails });
  const streamId = await create();
  const at = `/api/livestream/${streamId}`;
  const url = `${at}/thumbnail`;
  const headers = authorizationOf('anna');
  const thumbnailUrlOf = async () => (await app.inject(at)).json().stream.thumbnailUrl;
  await publish(streamId);
  await until('the stored status is live', async () => (await livestreams.find(streamId))?.status === 'live');
  const listed = async () => {
    await clock.advance(1_000);
    return (await app.inject('/api/livestream/active')).json().streams[0].thumbnailUrl;
  };
  t.equal(await listed(), null);

  thumbnails.capture(streamId, JPEG, 'public');
  const first = await thumbnailUrlOf();
  t.match(first, new RegExp(`^https://live.example.test${url}\\?v=[0-9a-f]{16}$`));
  t.equal(await listed(), first);
  const local = first.slice('https://live.example.test'.length);
  const answer = await app.inject(local);
  t.same(answer.rawPayload, JPEG);
  t.match(answer.headers, {
    'content-type': 'image/jpeg',
    'cache-control': 'public, max-age=31536000, s-maxage=1, immutable',
  });
  const known = { 'if-none-match': String(answer.headers.etag) };
  t.equal((await app.inject({ url, headers: known })).statusCode, 304);

  const next = Buffer.concat([JPEG, Buffer.from('later')]);
  thumbnails.capture(streamId, next, 'public');
  t.not(await thumbnailUrlOf(), first, 'the next thumbnail has another URL');
  const outdated = await app.inject({ url: local, headers: known });
  t.same(outdated.rawPayload, next, 'the old URL has the new thumbnail');
  t.match(outdated.headers, { 'cache-control': 'public, max-age=60' });

  const payload = PNG;
  await app.inject({ method: 'PUT', url, headers: { ...headers, 'content-type': 'image/png' }, payload });
  const uploaded = await thumbnailUrlOf();
  thumbnails.capture(streamId, JPEG, 'public');
  t.equal(await thumbnailUrlOf(), uploaded, 'an upload takes precedence');
  t.same((await app.inject(url)).rawPayload, PNG);
  await app.inject({ method: 'DELETE', url, headers });
  t.equal(await thumbnailUrlOf(), null, 'both are removed');
  assertErrorResponse(t, await app.inject(url), 404, 'thumbnail_not_found');

  thumbnails.capture(streamId, JPEG, 'public');
  const elsewhere = 'https://example.test/a.png';
  await app.inject({ method: 'PATCH', url: at, headers, payload: { thumbnailUrl: elsewhere } });
  t.equal(await thumbnailUrlOf(), elsewhere);
  assertErrorResponse(t, await app.inject(url), 404, 'thumbnail_not_found');

  await app.inject({
    method: 'PATCH',
    url: at,
    headers,
    payload: { visibility: 'private', thumbnailUrl: null },
  });
  assertErrorResponse(t, await app.inject(url), 404, 'stream_not_found');
  const own = await app.inject({ url, headers });
  t.same(own.rawPayload, JPEG);
  t.match(own.headers, { 'cache-control': 'private, no-store' });
  thumbnails.capture(streamId, next, 'private');
  t.same((await app.inject({ url, headers })).rawPayload, next);
  await app.inject({ method: 'PATCH', url: at, headers, payload: { visibility: 'public' } });
  t.equal(await thumbnailUrlOf(), null, 'a picture of a private broadcast');
  assertErrorResponse(t, await app.inject({ url, headers }), 404, 'thumbnail_not_found');
});

t.test('a removed livestream has no captured thumbnail', async (t) => {
  const thumbnails = new ThumbnailStore({ folder: path.join(t.testdir(), 'thumbnails') });
  const { app, create } = await openLivestreamApi(t, { thumbnails });
  const streamId = await create();
  thumbnails.capture(streamId, JPEG, 'public');
  await app.inject({
    method: 'DELETE',
    url: `/api/livestream/${streamId}`,
    headers: authorizationOf('anna'),
  });
  t.equal(thumbnails.captured(streamId, 'public'), undefined);
});
