import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { systemClock, TargetPolicy } from '../../../src/platform/index.js';
import { LoopGuard } from '../../../src/restreams/loop-guard.js';
import { connectRtmp } from '../../../src/restreams/rtmp/rtmp-connection.js';
import { targetErrorOf } from '../../../src/restreams/target-error.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { ADMITTED_STREAM_KEY, startRtmpFixture } from '../../support/fixtures/rtmp-fixture.js';
import { createCertificate } from '../../support/restreams/certificate.js';
import { until } from '../../support/until.js';

const TRACKS = { video: { codec: 'h264' as const }, audio: undefined };

function connect(
  url: string,
  {
    key = ADMITTED_STREAM_KEY,
    privateAddresses = true,
    ownPort = 0,
    clock = systemClock,
    relayPath = '',
  } = {},
  signal = new AbortController().signal,
) {
  const loops = new LoopGuard({ ports: () => [ownPort], publicUrls: () => [], isOwnKey: async () => false });
  const policy = new TargetPolicy({ privateAddresses });
  const secret = { url, key };
  return connectRtmp({ secret, relayPath, encoder: 'Headend test', policy, loops, clock, signal });
}

async function failureOf(...options: Parameters<typeof connect>): Promise<string> {
  return await connect(...options).then(
    () => 'connected',
    (error: unknown) => targetErrorOf(error).message,
  );
}

/** Server that speaks no RTMP. */
async function startServer(t: Test, greet: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    greet(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

t.test('an accepted stream has its media, its metadata and the path of its relays', async (t) => {
  const { port, publications } = await startRtmpFixture(t, { relayId: 'aaaaaaaaaaaaaaaa' });
  const connection = await connect(`rtmp://127.0.0.1:${port}/live`, { relayPath: 'bbbbbbbbbbbbbbbb' });
  connection.reader?.begin(TRACKS);
  t.equal(publications.length, 1);
  t.ok(connection.traffic.sentBytes >= 0);
  connection.close();
  t.match((await connection.closed).message, /^The target (closed|ended)/);
  await until('the server knows the end', () => publications[0]?.ends.length === 1);
});

t.test('failures are told in words, without the key', async (t) => {
  const { port } = await startRtmpFixture(t, { relayId: 'aaaaaaaaaaaaaaaa' });
  const url = `rtmp://127.0.0.1:${port}/live`;
  t.match(await failureOf(url, { key: 'wrong-key' }), /^The target refused the stream: /);
  t.match(await failureOf(url, { relayPath: 'aaaaaaaaaaaaaaaa' }), /comes from this server itself/);
  t.match(await failureOf(`rtmp://127.0.0.1:${port}/other`), /^The target refused the connection: /);
  t.match(await failureOf(url, { ownPort: port }), /this server itself/);
  t.match(await failureOf(url, { privateAddresses: false }), /does not connect to this address/);
  t.match(
    await failureOf(`rtmp://localhost:${port}/live`, { privateAddresses: false }),
    /does not connect to the address/,
  );
  t.match(await failureOf('rtmp://127.0.0.1:9/live'), /refuses connections/);
  const http = await startServer(t, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  t.match(await failureOf(`rtmp://127.0.0.1:${http}/live`), /does not speak RTMP/);
});

t.test('a target that does not answer is given up, and an end closes the attempt', async (t) => {
  const open: Socket[] = [];
  const port = await startServer(t, (socket) => open.push(socket));
  const clock = new FakeClock();
  const failure = failureOf(`rtmp://127.0.0.1:${port}/live`, { clock });
  await until('it is connected', () => open.length === 1);
  await clock.advance(15_000);
  t.equal(await failure, 'The target does not answer.');
  t.equal(clock.pending, 0);
  const over = new AbortController();
  const aborted = failureOf(`rtmp://127.0.0.1:${port}/live`, { clock }, over.signal);
  await until('it is connected again', () => open.length === 2);
  over.abort();
  t.match(await aborted, /closed the connection/);
});

t.test('a certificate that is not trusted is refused', async (t) => {
  const { cert, key } = await createCertificate(t);
  const { server } = await startRtmpFixture(t, { tls: { port: 0, cert, key } });
  const { rtmpsPort } = server.address();
  t.match(await failureOf(`rtmps://localhost:${rtmpsPort}/live`), /certificate .* is not trusted/);
});
