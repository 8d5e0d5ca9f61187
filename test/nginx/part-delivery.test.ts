import { once } from 'node:events';
import http from 'node:http';
import type net from 'node:net';
import t, { type Test } from 'tap';
import { SKIP_WITHOUT_NGINX, startNginx } from '../support/gateway/nginx-front.js';

/**
 * One full segment of the loopback interface (MTU 65536) and a partial one: TCP_CORK holds back the partial one. Parts
 * below 64 KiB do not show it here; on Ethernet (MTU 1500) nearly every part does.
 */
const PART = Buffer.alloc(100_003, 'part');
const REQUESTS = 41;
/** Measured: 44 ms with `tcp_nopush on`, 1 to 4 ms with `off`. */
const MAXIMUM_MEDIAN_MS = 20;

async function startOrigin(t: Test): Promise<number> {
  const server = http.createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'video/mp4', 'content-length': PART.length });
    response.end(PART);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as net.AddressInfo).port;
}

/** Requests `paths` one after another on one connection. Returns the time to the last byte of each, ms, sorted. */
async function lastByteMs(t: Test, port: number, paths: string[]): Promise<number[]> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const sockets = new Set<net.Socket>();
  const times: number[] = [];
  for (const path of paths) {
    const start = performance.now();
    const request = http.get({ host: '127.0.0.1', port, path, agent });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    sockets.add(response.socket);
    let bytes = 0;
    response.on('data', (data: Buffer) => {
      bytes += data.length;
      if (bytes === PART.length) times.push(performance.now() - start);
    });
    await once(response, 'end');
  }
  agent.destroy();
  t.equal(sockets.size, 1, 'one connection carries all requests');
  t.equal(times.length, paths.length, 'every part arrives whole');
  return times.sort((a, b) => a - b);
}

t.test(
  'the last byte of a part on a kept connection is not held back',
  { skip: SKIP_WITHOUT_NGINX },
  async (t) => {
    const port = await startNginx(t, await startOrigin(t));
    const numbers = Array.from({ length: REQUESTS }, (_, index) => index);
    const cases: [name: string, paths: string[]][] = [
      ['parts that are fetched from the origin', numbers.map((number) => `/hls/s/v0/p1.${number}.m4s`)],
      ['parts that are in the cache', numbers.map(() => '/hls/s/v0/p1.0.m4s')],
    ];
    for (const [name, paths] of cases) {
      const times = await lastByteMs(t, port, paths);
      const median = times[REQUESTS >> 1] ?? Number.POSITIVE_INFINITY;
      t.ok(median < MAXIMUM_MEDIAN_MS, `${name}: median ${median.toFixed(1)} ms`);
    }
  },
);
