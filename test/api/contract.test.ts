import t from 'tap';
import { healthRoutes } from '../../src/api/index.js';
import { newId } from '../../src/platform/index.js';
import { openChromium } from '../support/clients/chromium.js';
import { authorizationOf, openLivestreamApi } from '../support/fixtures/livestream-api-fixture.js';
import { answerSchema, checkDocument, type OpenApi, problemsOf } from '../support/fixtures/openapi.js';
import { until } from '../support/until.js';

t.test(
  'the OpenAPI document describes every route with its errors, without dangling references',
  async (t) => {
    const { app, routes, clock } = await openLivestreamApi(t);
    app.register(healthRoutes, { clock, checks: {} });
    const document = (await app.inject('/openapi.json')).json<OpenApi>();
    checkDocument(t, document, routes);
    t.same((await app.inject('/docs/json')).json(), document);
    const { post } = document.paths['/api/livestream/create']!;
    t.same(Object.keys(post!.responses), ['201', '400', '401', '403', '413', '415', '429', '500', '503']);
    t.same(post!.security, [{ bearer: [] }, { session: [], csrf: [] }]);
    for (const path of ['/whip', '/whep/{streamId}', '/hls/{streamId}/index.m3u8', '/ws'])
      t.ok(document.paths[path], path);
    const thumbnail = document.paths['/api/livestream/{streamId}/thumbnail']!;
    t.same(Object.keys(thumbnail.put!.requestBody!.content), ['image/jpeg', 'image/png', 'image/webp']);
  },
);

t.test('checkDocument reports missing routes and dangling references', async (t) => {
  const { app, routes } = await openLivestreamApi(t);
  const document = (await app.inject('/openapi.json')).json<OpenApi>();
  const stream = document.components.schemas.Stream as { required: string[] };
  t.notSame(problemsOf(document, stream, { id: newId() }), []);
  t.notSame(problemsOf(document, { $ref: '#/components/schemas/ErrorResponse' }, { error: 'text' }), []);
  const found: unknown[] = [];
  const listener = { ok: (fine: unknown) => fine || found.push(fine), same: () => {}, equal: () => {} };
  delete document.paths['/api/livestream/active'];
  delete document.components.schemas.Viewers;
  checkDocument(listener as never, document, routes);
  t.ok(found.length >= 2, 'a missing route and a dangling reference');
});

t.test('responses match the OpenAPI document', async (t) => {
  const { app, create, publish, livestreams } = await openLivestreamApi(t, {
    viewers: () => ({ total: 3, byProtocol: { whep: 1, hls: 2 } }),
  });
  const document = (await app.inject('/openapi.json')).json<OpenApi>();
  const streamId = await create({ scheduledAt: '2026-03-01T20:00:00Z', guests: ['vera'], viewerLimit: 5 });
  const { publication } = await publish(streamId);
  publication.describe({ video: { codec: 'h264', width: 1280, height: 720 }, audio: { codec: 'aac' } });
  await until('the stored status is live', async () => (await livestreams.find(streamId))?.status === 'live');
  type Call = [path: string, method: 'get' | 'post' | 'patch' | 'put', status: number, payload?: object];
  const calls: Call[] = [
    ['/create', 'post', 201, { title: 'Another' }],
    ['/create', 'post', 400, {}],
    ['/active', 'get', 200],
    ['/active?limit=0', 'get', 400],
    ['/upcoming', 'get', 200],
    ['/user/{userId}', 'get', 200],
    ['/{streamId}', 'get', 200],
    ['/{streamId}', 'patch', 200, { title: 'New' }],
    ['/{streamId}/stats', 'get', 200],
    ['/{streamId}/guests', 'get', 200],
    ['/{streamId}/guests/{userId}', 'put', 200],
    ['/{streamId}/thumbnail', 'get', 404],
    ['/{streamId}/start', 'post', 200],
    ['/{streamId}/kick', 'post', 200],
    ['/{streamId}/kick', 'post', 409],
    ['/{streamId}/end', 'post', 200, { recordingUrl: 'https://example.test/r.mp4' }],
    ['/{streamId}/start', 'post', 409],
  ];
  for (const [path, method, status, payload] of calls) {
    const name = `${method} ${path} ${status}`;
    const answer = await app.inject({
      method,
      url: `/api/livestream${path.replace('{streamId}', streamId).replace('{userId}', 'anna')}`,
      headers: authorizationOf('anna'),
      ...(payload ? { payload } : {}),
    });
    t.equal(answer.statusCode, status, `${name}: ${answer.body}`);
    const schema = answerSchema(document, `/api/livestream${path.replace(/\?.*/, '')}`, method, status);
    t.same(problemsOf(document, schema, answer.json()), [], name);
  }
});

t.test('/docs shows the document and loads nothing from other origins', async (t) => {
  const { app } = await openLivestreamApi(t);
  const at = await app.listen({ port: 0, host: '127.0.0.1' });
  const page = await (await openChromium(t)).newPage();
  const problems: string[] = [];
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('request', (request) => request.url().startsWith(at) || problems.push(request.url()));
  await page.goto(`${at}/docs`);
  await page.locator('.opblock-summary-path', { hasText: '/api/livestream/create' }).first().click();
  await page.locator('.opblock.is-open', { hasText: 'Create a livestream' }).first().waitFor();
  await page.locator('.opblock-summary-path', { hasText: '/hls/' }).first().waitFor();
  t.same(problems, []);
  const other = await app.inject('/api/livestream/active');
  t.match(
    other.headers['content-security-policy'],
    "default-src 'none'",
    'other routes keep their strict policy',
  );
});
