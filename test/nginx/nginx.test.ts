import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import http from 'node:http';
import type net from 'node:net';
import path from 'node:path';
import t, { type Test } from 'tap';
import {
  NGINX,
  renderTemplate,
  SKIP_WITHOUT_NGINX,
  sendRequest,
  startNginx,
  temporaryFolder,
  writeConfiguration,
} from '../support/gateway/nginx-front.js';

const PART = Buffer.alloc(50_000, 'part');

/** Fake origin: counts requests, and holds playlist requests until released. */
async function startOrigin(t: Test) {
  const requests: http.IncomingMessage[] = [];
  const held: http.ServerResponse[] = [];
  const server = http.createServer((request, response) => {
    requests.push(request);
    const { pathname } = new URL(request.url ?? '/', 'http://origin');
    if (pathname.endsWith('.m3u8')) {
      held.push(response);
    } else if (pathname.endsWith('/events')) {
      // Neither chunked nor with the gateway's own header: nginx would buffer it.
      response.useChunkedEncodingByDefault = false;
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(':\n\n');
      held.push(response);
    } else if (pathname.endsWith('.m4s')) {
      response.writeHead(200, {
        'content-type': 'video/mp4',
        'content-length': PART.length,
        'cache-control': 'public, max-age=3600, immutable',
      });
      response.end(PART);
    } else if (pathname.startsWith('/hls/')) {
      // Even with this header of the origin the answer must not be cached.
      response.writeHead(404, { 'content-type': 'text/plain', 'cache-control': 'public, max-age=3600' });
      response.end('not there');
    } else {
      let size = 0;
      request.on('data', (bytes: Buffer) => {
        size += bytes.length;
      });
      request.on('end', () => response.end(JSON.stringify({ headers: request.headers, size })));
    }
  });
  server.on('upgrade', (request, socket) => {
    requests.push(request);
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as net.AddressInfo;
  return {
    port,
    held,
    count: (url: string) => requests.filter((request) => request.url === url).length,
    requests,
  };
}

async function until(description: string, condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`timed out waiting for ${description}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

t.test(
  'the rendered configuration is accepted by nginx without and with TLS',
  { skip: SKIP_WITHOUT_NGINX },
  async (t) => {
    const folder = temporaryFolder(t);
    const check = (env: Record<string, string>): string => {
      const config = writeConfiguration(
        folder,
        renderTemplate({ NGINX_CACHE_PATH: path.join(folder, 'cache'), ...env }),
      );
      // Throws with nginx's message when the configuration is invalid.
      execFileSync(NGINX as string, ['-t', '-p', folder, '-e', `${folder}/error.log`, '-c', config], {
        stdio: 'pipe',
      });
      return fs.readFileSync(path.join(folder, 'headend.conf'), 'utf8');
    };
    const plain = check({ NGINX_LISTEN: '127.0.0.1:8081' });
    t.notMatch(plain, /\$\{/, 'every setting is filled in');
    t.notMatch(plain, 'http2;');

    const [key, cert] = [path.join(folder, 'key.pem'), path.join(folder, 'cert.pem')];
    execFileSync(
      'openssl',
      [
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '1',
      ].concat(['-subj', '/CN=localhost', '-keyout', key, '-out', cert]),
      { stdio: 'pipe' },
    );
    const secure = check({ NGINX_LISTEN: '127.0.0.1:8443', NGINX_TLS_CERT: cert, NGINX_TLS_KEY: key });
    t.match(secure, 'listen 127.0.0.1:8443 ssl http2;');
  },
);

t.test('invalid settings are refused with a reason', async (t) => {
  t.throws(() => renderTemplate({ NGINX_TLS_CERT: '/cert.pem' }), /belong together/);
  t.throws(
    () => renderTemplate({ NGINX_SERVER_NAME: 'x; } server { listen 1' }),
    /cannot stand in a configuration/,
  );
});

t.test(
  'a cached part does not reach the origin a second time, whatever its query',
  { skip: SKIP_WITHOUT_NGINX },
  async (t) => {
    const origin = await startOrigin(t);
    const port = await startNginx(t, origin.port);
    const first = await sendRequest(port, '/hls/s/v0/p1.0.m4s');
    t.equal(first.headers['x-cache-status'], 'MISS');
    t.ok(first.body.equals(PART));
    for (const url of ['/hls/s/v0/p1.0.m4s', '/hls/s/v0/p1.0.m4s?t=1']) {
      const again = await sendRequest(port, url);
      t.equal(again.status, 200);
      t.equal(again.headers['x-cache-status'], 'HIT', url);
      t.equal(again.headers['cache-control'], 'public, max-age=3600, immutable', 'for the next cache');
      t.ok(again.body.equals(PART));
    }
    t.equal(origin.requests.length, 1);
  },
);

t.test('HEAD and Range are answered from the cache', { skip: SKIP_WITHOUT_NGINX }, async (t) => {
  const origin = await startOrigin(t);
  const port = await startNginx(t, origin.port);
  const head = await sendRequest(port, '/hls/s/v0/p1.1.m4s', { method: 'HEAD' });
  t.equal(head.status, 200);
  t.equal(head.headers['content-length'], String(PART.length));
  t.equal(head.body.length, 0);
  const range = await sendRequest(port, '/hls/s/v0/p1.1.m4s', { headers: { range: 'bytes=2-9' } });
  t.equal(range.status, 206);
  t.equal(range.headers['content-range'], `bytes 2-9/${PART.length}`);
  t.ok(range.body.equals(PART.subarray(2, 10)));
  t.equal(origin.requests.length, 1);
});

t.test(
  'a 404 reaches the origin each time, even with a cacheable header',
  { skip: SKIP_WITHOUT_NGINX },
  async (t) => {
    const origin = await startOrigin(t);
    const port = await startNginx(t, origin.port);
    for (const count of [1, 2, 3]) {
      const reply = await sendRequest(port, '/hls/s/v0/none.mp4');
      t.equal(reply.status, 404);
      t.equal(origin.count('/hls/s/v0/none.mp4'), count);
    }
  },
);

t.test(
  'two blocking requests for the same playlist both wait at the origin',
  { skip: SKIP_WITHOUT_NGINX },
  async (t) => {
    const origin = await startOrigin(t);
    const port = await startNginx(t, origin.port);
    const url = '/hls/s/v0/index.m3u8?_HLS_msn=7&_HLS_part=2';
    const replies = [sendRequest(port, url), sendRequest(port, url)];
    await until('both requests', () => origin.held.length === 2);
    t.equal(origin.count(url), 2, 'with their query');
    for (const response of origin.held) {
      response.writeHead(200, {
        'content-type': 'application/vnd.apple.mpegurl',
        'cache-control': 'max-age=60',
      });
      response.end('#EXTM3U\n'.repeat(200));
    }
    for (const reply of await Promise.all(replies)) {
      t.equal(reply.status, 200);
      t.equal(reply.headers['x-cache-status'], undefined);
    }
    const compressed = sendRequest(port, url, { headers: { 'accept-encoding': 'gzip' } });
    await until('the next request', () => origin.held.length === 3);
    origin.held[2]
      ?.writeHead(200, { 'content-type': 'application/vnd.apple.mpegurl' })
      .end('#EXTM3U\n'.repeat(200));
    t.equal((await compressed).headers['content-encoding'], 'gzip');
    t.equal(origin.count(url), 3, 'playlists are not cached');
    for (const viewer of ['one', 'two']) {
      const own = `/hls/s/index.m3u8?v=${viewer}`;
      const playlist = sendRequest(port, own);
      await until("the viewer's own request", () => origin.count(own) === 1);
      origin.held.at(-1)?.writeHead(200, { 'cache-control': 'max-age=60' }).end(viewer);
      t.equal((await playlist).body.toString(), viewer, 'every viewer has their own response');
    }
    const connections = new Set(origin.requests.map(({ socket }) => socket));
    t.equal(connections.size, 2, 'connections to the origin are reused');
  },
);

t.test('a WebSocket is proxied', { skip: SKIP_WITHOUT_NGINX }, async (t) => {
  const origin = await startOrigin(t);
  const port = await startNginx(t, origin.port);
  for (const url of ['/ws', '/socket.io/?EIO=4&transport=websocket']) {
    const request = http.get({
      host: '127.0.0.1',
      port,
      path: url,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-key': 'x',
        'sec-websocket-version': '13',
      },
    });
    const [response, socket] = (await once(request, 'upgrade')) as [http.IncomingMessage, net.Socket];
    t.equal(response.statusCode, 101, url);
    socket.write('there and back');
    const [echo] = (await once(socket, 'data')) as [Buffer];
    t.equal(echo.toString(), 'there and back');
    socket.destroy();
  }
});

t.test(
  'a server-sent event reaches the viewer before the response ends',
  { skip: SKIP_WITHOUT_NGINX },
  async (t) => {
    const origin = await startOrigin(t);
    const port = await startNginx(t, origin.port);
    const request = http.get({ host: '127.0.0.1', port, path: '/whep/session/abc/events', agent: false });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.on('error', () => {});
    let text = '';
    response.on('data', (bytes: Buffer) => {
      text += bytes;
    });
    await until('the headers', () => text === ':\n\n');
    for (const event of ['event: active\ndata: {}\n\n', 'event: end\ndata: {}\n\n']) {
      origin.held[0]?.write(event);
      await until('the event', () => text.endsWith(event));
    }
    t.equal(origin.requests.length, 1);
    request.destroy();
  },
);

t.test('stream keys appear in no log', { skip: SKIP_WITHOUT_NGINX }, async (t) => {
  const folder = temporaryFolder(t);
  const origin = await startOrigin(t);
  const port = await startNginx(t, origin.port, folder);
  await sendRequest(port, '/whip/live_secret', { method: 'POST', body: 'v=0' });
  // Failed requests are written to the error log.
  await sendRequest(port, '/whip/live_secret', { method: 'POST', headers: { 'content-length': 10_000_000 } });
  await sendRequest(port, '/whip/session/secret', { method: 'DELETE' });
  await sendRequest(port, '/whip', { method: 'POST', body: 'v=0' });
  await sendRequest(port, '/whep/stream', { method: 'POST', body: 'v=0' });
  const logs = (): string =>
    ['access.log', 'error.log'].map((name) => fs.readFileSync(path.join(folder, name), 'utf8')).join('');
  await until('the last request is logged', () => logs().includes('/whep/stream'));
  t.match(logs(), /POST \/whip HTTP/);
  t.notMatch(logs(), 'secret');
});

t.test(
  'the origin gets the client address, and clients cannot forge it',
  { skip: SKIP_WITHOUT_NGINX },
  async (t) => {
    const origin = await startOrigin(t);
    const port = await startNginx(t, origin.port);
    const reply = await sendRequest(port, '/api/livestream/active', {
      headers: { host: 'live.example.org:8443', 'x-forwarded-for': '203.0.113.9' },
    });
    t.match(JSON.parse(reply.body.toString()).headers, {
      host: 'live.example.org:8443',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-host': 'live.example.org:8443',
    });
  },
);

t.test('WHIP bodies are proxied up to their limit', { skip: SKIP_WITHOUT_NGINX }, async (t) => {
  const origin = await startOrigin(t);
  const port = await startNginx(t, origin.port);
  const offer = await sendRequest(port, '/whip/x', { method: 'POST', body: 'v'.repeat(20_000) });
  t.equal(JSON.parse(offer.body.toString()).size, 20_000);
  const flood = await sendRequest(port, '/whip/x', {
    method: 'POST',
    headers: { 'content-length': 10_000_000 },
  });
  t.equal(flood.status, 413);
  t.equal(origin.requests.length, 1);
});
