import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { createServer, type ServerOptions } from '../../../src/api/index.js';
import { PublicError, sleep, systemClock } from '../../../src/platform/index.js';

function server(t: Test, options: Partial<ServerOptions> = {}): { app: FastifyInstance; logged: string[] } {
  const logged: string[] = [];
  const log = pino({ level: 'trace', base: null }, { write: (line: string) => void logged.push(line) });
  const app = createServer({ log, clock: systemClock, trustProxy: false, version: '1.2.3', ...options });
  t.teardown(() => app.close());
  return { app, logged };
}

/** Sends raw bytes and collects the response until the server closes. */
function exchange(app: FastifyInstance, bytes: string): Promise<string> {
  const socket = net.connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  let answer = '';
  socket.on('data', (data) => {
    answer += data;
  });
  socket.on('error', () => {});
  socket.write(bytes);
  return new Promise((resolve) => socket.once('close', () => resolve(answer)));
}

t.test('public errors are returned with their code; others get 500 without details', async (t) => {
  const { app, logged } = server(t);
  app.get('/public', async () => {
    throw new PublicError(418, 'gone', 'Short and stout.', { spout: true });
  });
  app.get('/private', async () => {
    throw new Error('the secret reason');
  });
  const open = await app.inject('/public');
  t.equal(open.statusCode, 418);
  t.same(open.json(), { error: { code: 'gone', message: 'Short and stout.', details: { spout: true } } });
  const hidden = await app.inject('/private');
  t.equal(hidden.statusCode, 500);
  t.match(hidden.json(), {
    error: { code: 'internal_error', details: { requestId: hidden.headers['x-request-id'] } },
  });
  t.notMatch(hidden.body, 'secret reason');
  t.match(logged.join(''), 'the secret reason');
  t.match(logged.join(''), `"reqId":"${hidden.headers['x-request-id']}"`, 'the log names the request');
});

t.test('requests get 503 while the database is unavailable', async (t) => {
  const { app } = server(t);
  for (const code of ['ECONNREFUSED', 'CONNECTION_CLOSED', '57P01', '08006'])
    app.get(`/${code}`, async () => {
      throw Object.assign(new Error('away'), { code });
    });
  for (const code of ['ECONNREFUSED', 'CONNECTION_CLOSED', '57P01', '08006']) {
    const answer = await app.inject(`/${code}`);
    t.equal(answer.statusCode, 503, code);
    t.match(answer.headers, { 'retry-after': '5' });
    t.match(answer.json(), { error: { code: 'temporarily_unavailable' } });
  }
});

t.test('unknown paths get 404, and wrong methods 405 with the allowed ones', async (t) => {
  const { app } = server(t);
  app.get('/things/:id', async () => 'ok');
  app.post('/things/:id', async () => 'ok');
  const missing = await app.inject('/nothing');
  t.equal(missing.statusCode, 404);
  t.match(missing.json(), { error: { code: 'not_found' } });
  t.equal(missing.headers['cache-control'], 'no-store');
  const wrong = await app.inject({ method: 'DELETE', url: '/things/1?x=1' });
  t.equal(wrong.statusCode, 405);
  t.equal(wrong.headers.allow, 'GET, HEAD, POST');
  t.match(wrong.json(), { error: { code: 'method_not_allowed' } });
  t.equal((await app.inject({ method: 'DELETE', url: '/things/1/2' })).statusCode, 404);
});

t.test('bodies that are too large, malformed or of another type get different codes', async (t) => {
  const { app } = server(t);
  app.post('/', async (request) => ({ got: request.body ?? null }));
  const json = { 'content-type': 'application/json' };
  const post = (payload: string, headers: Record<string, string> = json) =>
    app.inject({ method: 'POST', url: '/', payload, headers });
  t.match((await post('{"a":1}')).json(), { got: { a: 1 } });
  t.match((await post('')).json(), { got: null }, 'declared, but empty');
  const large = await post(JSON.stringify('x'.repeat(200_000)));
  t.equal(large.statusCode, 413);
  t.match(large.json(), { error: { code: 'body_too_large' } });
  for (const broken of ['{', '{"a":}', 'null x', '{"__proto__":{"a":1}}']) {
    const answer = await post(broken);
    t.equal(answer.statusCode, 400, broken);
    t.match(answer.json(), { error: { code: 'body_invalid' } });
  }
  const text = await post('hello', { 'content-type': 'text/plain' });
  t.equal(text.statusCode, 415);
  t.match(text.json(), { error: { code: 'unsupported_media_type' } });
});

t.test('malformed HTTP ends its own connection only', async (t) => {
  const { app } = server(t);
  app.get('/', async () => 'ok');
  await app.listen({ port: 0, host: '127.0.0.1' });
  t.match(await exchange(app, 'what is this\r\n\r\n'), /^HTTP\/1\.1 400 [\s\S]*"code":"bad_request"/);
  t.match(
    await exchange(app, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`),
    /^HTTP\/1\.1 431 /,
  );
  t.match(
    await exchange(app, 'GET /%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
    /^HTTP\/1\.1 400 [\s\S]*"bad_request"/,
  );
  t.match(await exchange(app, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 200 /);
});

t.test('slow senders get 408, and slow responses are not cut off', async (t) => {
  const limits = { headersTimeoutMs: 200, requestTimeoutMs: 400, timeoutCheckMs: 50 };
  const { app } = server(t, { limits });
  app.post('/', async () => 'ok');
  app.get('/wait', async () => {
    await sleep(systemClock, 1_200);
    return 'worth waiting for';
  });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const [silent, headers, body, waiting] = await Promise.all([
    exchange(app, ''),
    exchange(app, 'GET / HTTP/1.1\r\nHost: a\r\nX-Slow: '),
    exchange(
      app,
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{',
    ),
    exchange(app, 'GET /wait HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'),
  ]);
  for (const answer of [silent, headers, body]) t.match(answer, /^HTTP\/1\.1 408 [\s\S]*"request_timeout"/);
  t.match(waiting, /worth waiting for/);
});

t.test('connections above the limit are closed, and the others served', async (t) => {
  const { app } = server(t, { limits: { connections: 2 } });
  app.get('/', async () => 'ok');
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const first = net.connect(port, '127.0.0.1');
  const second = net.connect(port, '127.0.0.1');
  t.teardown(() => first.destroy());
  await Promise.all([once(first, 'connect'), once(second, 'connect')]);
  t.equal(await exchange(app, 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), '');
  second.destroy();
  await once(second, 'close');
  first.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  t.match(String((await once(first, 'data'))[0]), /^HTTP\/1\.1 200 /);
});

t.test('closing does not wait for idle connections and incomplete requests', async (t) => {
  const { app } = server(t, { limits: { closeWithinMs: 100 } });
  app.get('/', async () => 'ok');
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const idle = net.connect(port, '127.0.0.1');
  idle.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await once(idle, 'data');
  const half = net.connect(port, '127.0.0.1');
  half.on('error', () => {});
  half.write('GET / HTTP/1.1\r\n');
  await once(half, 'connect');
  await Promise.all([once(idle, 'close'), once(half, 'close'), app.close()]);
  t.pass('closed');
});

t.test('pages have security headers, and media have none', async (t) => {
  const { app } = server(t);
  app.get('/page', async () => 'ok');
  app.get('/hls/x', async () => 'ok');
  app.get('/own', async (_request, reply) =>
    reply.header('content-security-policy', "default-src 'self'").send('ok'),
  );
  const page = await app.inject('/page');
  t.match(page.headers, {
    'content-security-policy': "default-src 'none';frame-ancestors 'none'",
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'cross-origin',
  });
  t.notOk(page.headers['strict-transport-security']);
  t.equal(
    (await app.inject('/own')).headers['content-security-policy'],
    "default-src 'self'",
    'a page may set its own',
  );
  const media = await app.inject('/hls/x');
  t.notOk(media.headers['content-security-policy']);
  t.notOk(media.headers['x-request-id']);
});

t.test('behind a trusted proxy the client address is the one that the proxy saw', async (t) => {
  const direct = server(t).app;
  const behindProxy = server(t, { trustProxy: true }).app;
  const headers = { 'x-forwarded-for': '203.0.113.66, 198.51.100.7' };
  for (const app of [direct, behindProxy]) app.get('/ip', async (request) => request.ip);
  t.equal((await direct.inject({ url: '/ip', headers })).body, '127.0.0.1');
  t.equal((await behindProxy.inject({ url: '/ip', headers })).body, '198.51.100.7');
});

t.test('neither requested URLs nor secrets are logged', async (t) => {
  const { app, logged } = server(t);
  app.get('/known/:id', async () => {
    throw new Error('broken');
  });
  const secret = 'live_abcdefghijklmnopqrstuvwxyz234567';
  const headers = { authorization: `Bearer ${secret}`, cookie: `a=${secret}` };
  for (const url of [
    `/live/${secret}`,
    `/known/1?key=${secret}`,
    `/known/1?authorization=${secret}`,
    `/%zz${secret}`,
  ])
    await app.inject({ url, headers });
  await app.inject({ method: 'POST', url: `/known/${secret}`, headers, payload: { key: secret } });
  t.ok(logged.length >= 5);
  t.notMatch(logged.join(''), secret);
});
