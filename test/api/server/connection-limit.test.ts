import { once } from 'node:events';
import net, { type AddressInfo } from 'node:net';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { createServer, type ServerOptions } from '../../../src/api/index.js';
import { systemClock } from '../../../src/platform/index.js';
import { until } from '../../support/until.js';

type Client = { socket: net.Socket; answer: () => string; closed: Promise<unknown> };

async function listen(t: Test, options: Partial<ServerOptions>) {
  const logged: string[] = [];
  const log = pino({ level: 'warn', base: null }, { write: (line: string) => void logged.push(line) });
  const app = createServer({ log, clock: systemClock, trustProxy: false, version: '1.2.3', ...options });
  app.get('/ip', async (request) => request.ip);
  await app.listen({ port: 0, host: '::' });
  t.teardown(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  const connect = (localAddress = '127.0.0.1', host = '127.0.0.1'): Client => {
    const socket = net.connect({ port, host, localAddress });
    t.teardown(() => socket.destroy());
    let answer = '';
    socket.on('data', (data) => {
      answer += data;
    });
    socket.on('error', () => {});
    return { socket, answer: () => answer, closed: once(socket, 'close') };
  };
  /** Requests the client address as the server sees it. */
  const request = async (client: Client, headers = ''): Promise<string> => {
    const before = client.answer().length;
    client.socket.write(`GET /ip HTTP/1.1\r\nHost: x\r\n${headers}\r\n`);
    await Promise.race([
      client.closed,
      until('a response', () => /\r\n\r\n./.test(client.answer().slice(before))),
    ]);
    return client.answer().slice(before);
  };
  return { connect, request, logged };
}

const isRefusal = /^HTTP\/1\.1 503 [\s\S]*Retry-After: 5[\s\S]*"code":"too_many_connections"/;

t.test('an address at its connection limit gets 503, and other addresses are served', async (t) => {
  const { connect, request, logged } = await listen(t, { limits: { connectionsPerAddress: 3 } });
  const open = [connect(), connect(), connect()];
  for (const client of open) t.match(await request(client), /^HTTP\/1\.1 200/);
  for (let i = 0; i < 5; i++) t.match(await request(connect()), isRefusal);
  t.match(await request(connect('127.0.0.2')), /^HTTP\/1\.1 200/, 'another address');
  t.match(await request(open[0] as Client), /^HTTP\/1\.1 200/, 'open connections are kept');
  t.equal(logged.filter((line) => line.includes('HTTP connections were refused')).length, 1, 'logged once');

  open[0]?.socket.destroy();
  await until('a closed connection frees its place', async () =>
    (await request(connect())).startsWith('HTTP/1.1 200'),
  );
});

t.test('many refused connections are reset, and the server continues', async (t) => {
  const { connect, request } = await listen(t, { limits: { connectionsPerAddress: 1 } });
  const first = connect();
  t.match(await request(first), /^HTTP\/1\.1 200/);
  const flood = Array.from({ length: 300 }, () => connect());
  await Promise.all(flood.map((client) => client.closed));
  for (const client of flood) t.ok(client.answer() === '' || isRefusal.test(client.answer()));
  t.match(await request(first), /^HTTP\/1\.1 200/);
});

t.test('a trusted proxy has no connection limit', async (t) => {
  const limits = { connectionsPerAddress: 1 };
  for (const trustProxy of [true, ['127.0.0.0/8']]) {
    const { connect, request } = await listen(t, { limits, trustProxy });
    for (let i = 0; i < 4; i++) t.match(await request(connect()), /^HTTP\/1\.1 200/);
  }
  const { connect, request } = await listen(t, { limits, trustProxy: ['10.0.0.0/8'] });
  t.match(await request(connect()), /^HTTP\/1\.1 200/);
  t.match(await request(connect()), isRefusal, 'an address that is not trusted');
});

t.test('the client is the last untrusted hop, and an untrusted peer cannot name another', async (t) => {
  const { connect, request } = await listen(t, { trustProxy: ['127.0.0.1', '10.0.0.0/8', '::1'] });
  const chain = 'X-Forwarded-For: 203.0.113.66, 198.51.100.7, 10.1.2.3\r\n';
  const ipOf = async (from: string, headers: string, host?: string) =>
    (await request(connect(from, host), headers)).split('\r\n').at(-1);
  t.equal(await ipOf('127.0.0.1', chain), '198.51.100.7');
  t.equal(await ipOf('::1', chain, '::1'), '198.51.100.7');
  t.match(await ipOf('127.0.0.2', chain), /(^|:)127\.0\.0\.2$/, 'spoofed');
  t.equal(await ipOf('127.0.0.1', 'X-Forwarded-For: 198.51.100.7\r\n'), '198.51.100.7');
});

t.test('a silent connection is closed, also when its response is not read', async (t) => {
  const limits = { headersTimeoutMs: 200, timeoutCheckMs: 50, silenceTimeoutMs: 400 };
  const { connect, request } = await listen(t, { limits });
  const silent = connect();
  await silent.closed;
  t.match(silent.answer(), /^(HTTP\/1\.1 408|$)/);
  const idle = connect();
  t.match(await request(idle), /^HTTP\/1\.1 200/);
});
