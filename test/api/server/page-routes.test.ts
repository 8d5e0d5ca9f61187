import { fastify } from 'fastify';
import t from 'tap';
import { pageRoutes } from '../../../src/api/server/page-routes.js';

const BUILT = {
  'index.html': '<!doctype html><title>page</title>',
  'embed.html': '<!doctype html><title>embed</title>',
  'player.js': 'export {};',
  assets: { 'index-1a2b3c.js': 'export {};' },
};

t.test('every page is the same document and is revalidated', async (t) => {
  const app = fastify();
  t.teardown(() => app.close());
  await app.register(pageRoutes, { root: t.testdir(BUILT) });
  for (const url of [
    '/',
    '/broadcast',
    '/watch/0198c0de-0000-7000-8000-000000000000',
    '/watch/no-such-stream',
    '/recordings/0198c0de-0000-7000-8000-000000000000',
  ]) {
    const reply = await app.inject({ url });
    t.equal(reply.statusCode, 200, url);
    t.match(reply.headers['content-type'], /^text\/html/);
    t.equal(reply.headers['cache-control'], 'no-cache');
    t.match(reply.body, '<title>page</title>');
  }
  const head = await app.inject({ method: 'HEAD', url: '/watch/x' });
  t.equal(head.statusCode, 200);
  t.equal(head.body, '');
});

t.test('a described page has its description in the head, and 404 where there is none', async (t) => {
  const app = fastify({ routerOptions: { maxParamLength: 200 } });
  t.teardown(() => app.close());
  const described: string[] = [];
  await app.register(pageRoutes, {
    root: t.testdir(BUILT),
    describe: async ({ path, params }) => {
      described.push(path);
      if (path !== '/@:name') return undefined;
      if (params.name === 'nobody') return 'missing';
      return {
        ...{ title: `Channel of ${params.name}`, url: 'https://live.example.test/' },
        ...{ description: 'About', type: 'profile' },
      };
    },
  });
  const url = `/@${encodeURIComponent('😀/'.repeat(16))}`;
  const reply = await app.inject({ url });
  t.equal(reply.statusCode, 200);
  t.match(reply.body, `<title>Channel of ${'😀/'.repeat(16)} · Headend</title>`);
  t.match(reply.headers, { 'content-type': /^text\/html/, 'cache-control': 'no-cache' });
  const headers = { 'if-none-match': String(reply.headers.etag) };
  t.equal((await app.inject({ url, headers })).statusCode, 304);
  t.equal((await app.inject({ url: '/@other', headers })).statusCode, 200);
  const missing = await app.inject({ url: '/@nobody' });
  t.equal(missing.statusCode, 404);
  t.match(missing.body, '<title>page</title>');
  t.equal((await app.inject({ url: '/watch/x' })).statusCode, 200);
  t.match(described, ['/@:name', '/@:name', '/@:name', '/@:name', '/watch/:streamId']);
});

t.test('an unchanged page gets 304', async (t) => {
  const app = fastify();
  t.teardown(() => app.close());
  await app.register(pageRoutes, { root: t.testdir(BUILT) });
  const { etag } = (await app.inject({ url: '/' })).headers;
  const reply = await app.inject({ url: '/', headers: { 'if-none-match': String(etag) } });
  t.equal(reply.statusCode, 304);
});

t.test('the policy of the pages allows media and no foreign scripts', async (t) => {
  const app = fastify();
  t.teardown(() => app.close());
  await app.register(pageRoutes, { root: t.testdir(BUILT) });
  const policy = String((await app.inject({ url: '/' })).headers['content-security-policy']);
  t.match(policy, "media-src 'self' blob:");
  t.match(policy, "default-src 'self'");
  t.notMatch(policy, 'unsafe');
  t.notMatch(policy, 'upgrade-insecure-requests');
  const other = fastify();
  t.teardown(() => other.close());
  await other.register(pageRoutes, { root: t.testdir(BUILT), mediaOrigin: 'https://s3.example.com' });
  const further = String((await other.inject({ url: '/' })).headers['content-security-policy']);
  t.match(further, /connect-src 'self' https:\/\/s3\.example\.com;/);
  t.match(further, /media-src 'self' blob: https:\/\/s3\.example\.com;/);
  t.match(further, /default-src 'self';/);
});

t.test('assets are cached for a year, and files outside of the folder get 404', async (t) => {
  const app = fastify();
  t.teardown(() => app.close());
  await app.register(pageRoutes, { root: t.testdir({ ...BUILT, 'secret.txt': 'no' }) });
  const asset = await app.inject({ url: '/assets/index-1a2b3c.js' });
  t.equal(asset.headers['cache-control'], 'public, max-age=31536000, immutable');
  for (const url of [
    '/assets/../secret.txt',
    '/assets/%2e%2e/secret.txt',
    '/secret.txt',
    '/assets/',
    '/assets/none.js',
  ]) {
    const { statusCode, body } = await app.inject({ url });
    t.ok(statusCode === 404 || statusCode === 403, `${url} is refused`);
    t.not(body, 'no');
  }
});

t.test(
  'other sites may load the script of the player and its assets, and frame the player alone',
  async (t) => {
    const app = fastify();
    t.teardown(() => app.close());
    await app.register(pageRoutes, { root: t.testdir(BUILT) });
    const script = await app.inject({ url: '/player.js' });
    t.match(script.headers, { 'access-control-allow-origin': '*', 'cache-control': 'no-cache' });
    t.match((await app.inject({ url: '/assets/index-1a2b3c.js' })).headers, {
      'access-control-allow-origin': '*',
    });
    for (const url of ['/embed/x', '/embed/clips/x', '/embed/recordings/x', '/embed/videos/x']) {
      const reply = await app.inject({ url });
      t.match(reply.body, '<title>embed</title>');
      t.match(reply.headers['content-security-policy'], 'frame-ancestors *');
      t.notOk(reply.headers['access-control-allow-origin']);
    }
    t.match((await app.inject({ url: '/' })).headers['content-security-policy'], "frame-ancestors 'none'");
  },
);

t.test('without built pages the response names the build command', async (t) => {
  const app = fastify();
  t.teardown(() => app.close());
  await app.register(pageRoutes, { root: t.testdir({}) });
  for (const url of ['/', '/broadcast', '/watch/x']) {
    const reply = await app.inject({ url });
    t.match(reply.body, 'npm run build');
  }
});

t.test('the pages are hidden from the OpenAPI document, also when they are not built', async (t) => {
  const folder = t.testdir({ built: BUILT, empty: {} });
  for (const root of [`${folder}/built`, `${folder}/empty`]) {
    const app = fastify();
    t.teardown(() => app.close());
    const pages: [string, unknown][] = [];
    app.addHook('onRoute', ({ url, method, schema }) => {
      if (method === 'GET' && !url.startsWith('/assets')) pages.push([url, schema?.hide]);
    });
    await app.register(pageRoutes, { root });
    t.same(
      pages,
      [
        ...['/', '/admin', '/broadcast', '/dashboard', '/player', '/settings', '/setup'],
        ...[
          '/watch/:streamId',
          '/studio/:streamId',
          '/recordings/:recordingId',
          '/clips/:clipId',
          '/videos/:videoId',
          '/@:name',
        ],
        ...[
          '/embed/:streamId',
          '/embed/recordings/:recordingId',
          '/embed/clips/:clipId',
          '/embed/videos/:videoId',
        ],
        '/player.js',
      ].map((url) => [url, true]),
      root,
    );
  }
});
