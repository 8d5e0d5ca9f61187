import { createHmac } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import t, { type Test } from 'tap';
import { systemClock } from '../../src/platform/index.js';
import { IceServers, type IceServersOptions } from '../../src/webrtc/index.js';
import { FakeClock } from '../support/fakes/fake-clock.js';
import { recordLog } from '../support/fixtures/log-record.js';

function servers(options: Partial<IceServersOptions> = {}) {
  const { log, lines } = recordLog();
  return {
    ice: new IceServers({ stunUrls: [], clock: new FakeClock(1_700_000_000_000), log, ...options }),
    lines,
  };
}

/** Opens a UDP socket on loopback that answers by `answer`. */
async function udp(
  t: Test,
  answer: (request: Buffer, reply: (bytes: Buffer) => void) => void,
): Promise<string> {
  const socket: Socket = createSocket('udp4');
  socket.on('message', (request, from) =>
    answer(request, (bytes) => socket.send(bytes, from.port, from.address)),
  );
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  return `127.0.0.1:${socket.address().port}`;
}

/** Builds a binding response (RFC 8489) to a request. */
function response(request: Buffer, type = 0x0101): Buffer {
  const answer = Buffer.from(request);
  answer.writeUInt16BE(type, 0);
  return answer;
}

t.test(
  'STUN servers and TURN servers with credentials are returned as a list and as Link headers',
  async (t) => {
    const { ice } = servers({
      stunUrls: ['stun:stun.example.net:19302', 'stun1.example.net'],
      turnServer: 'turn:turn.example.net:3478?transport=udp, turns:turn.example.net',
      turnUsername: 'ann "x"',
      turnPassword: 'pass\\word',
    });
    t.strictSame(ice.list(), [
      { urls: ['stun:stun.example.net:19302', 'stun:stun1.example.net'] },
      {
        urls: ['turn:turn.example.net:3478?transport=udp', 'turns:turn.example.net'],
        username: 'ann "x"',
        credential: 'pass\\word',
      },
    ]);
    const login = 'username="ann \\"x\\""; credential="pass\\\\word"; credential-type="password"';
    t.strictSame(ice.links(), [
      '<stun:stun.example.net:19302>; rel="ice-server"',
      '<stun:stun1.example.net>; rel="ice-server"',
      `<turn:turn.example.net:3478?transport=udp>; rel="ice-server"; ${login}`,
      `<turns:turn.example.net>; rel="ice-server"; ${login}`,
    ]);
    t.strictSame(servers().ice.list(), []);
  },
);

t.test('TURN_SECRET yields credentials per client that expire after a day', async (t) => {
  const { ice } = servers({ turnServer: 'turn.example.net:3478', turnSecret: 'between us' });
  const [server] = ice.list('viewer 7\r\n');
  t.equal(server?.username, `${1_700_000_000 + 86_400}:viewer_7__`);
  const expected = createHmac('sha1', 'between us')
    .update(server?.username ?? '')
    .digest('base64');
  t.equal(server?.credential, expected);
  t.strictSame(server?.urls, ['turn:turn.example.net:3478']);
});

t.test('invalid settings are rejected by name', async (t) => {
  const wrong: [Partial<IceServersOptions>, RegExp][] = [
    [{ stunUrls: ['http://x'] }, /STUN_URLS/],
    [{ stunUrls: ['stun:a b'] }, /STUN_URLS/],
    [{ stunUrls: ['stun:a:99999'] }, /STUN_URLS/],
    [{ stunUrls: ['turn:a'] }, /STUN_URLS/],
    [{ turnServer: 'turn:a>; rel=x', turnSecret: 's' }, /TURN_SERVER/],
    [{ turnServer: 'turn:a' }, /TURN_SECRET/],
    [{ turnServer: 'turn:a', turnUsername: 'a', turnPassword: 'b\r\nc' }, /TURN_PASSWORD/],
  ];
  for (const [options, message] of wrong)
    t.throws(() => servers(options), { code: 'ice_servers_invalid', message });
  t.doesNotThrow(() => servers({ stunUrls: ['stun:[2001:db8::1]:3478', 'localhost:3478'] }));
});

t.test(
  'a server that answers passes the check, also with an error response or after a retransmission',
  async (t) => {
    const plain = await udp(t, (request, reply) => reply(response(request)));
    const refusing = await udp(t, (request, reply) => reply(response(request, 0x0111)));
    let requests = 0;
    const lossy = await udp(t, (request, reply) => {
      if (++requests > 1) reply(response(request));
    });
    const tcp = createServer().listen(0, '127.0.0.1');
    await once(tcp, 'listening');
    t.teardown(() => tcp.close());
    const { ice, lines } = servers({
      clock: systemClock,
      stunUrls: [plain, refusing, lossy],
      turnServer: `turn:${plain},turn:127.0.0.1:${(tcp.address() as AddressInfo).port}?transport=tcp`,
      turnSecret: 'x',
    });
    t.strictSame(await ice.check(), []);
    t.strictSame(lines(), []);
  },
);

t.test(
  'a silent, closed or unresolvable server is logged as a warning, and the check resolves',
  async (t) => {
    const clock = new FakeClock();
    const unexpected = await udp(t, (request, reply) => {
      reply(Buffer.from('hello'));
      reply(response(Buffer.concat([request.subarray(0, 8), Buffer.alloc(12)])));
      reply(request);
    });
    const { ice, lines } = servers({
      clock,
      stunUrls: [unexpected],
      turnServer: unexpected,
      turnSecret: 'x',
    });
    const checked = ice.check();
    // DNS runs in real time, before the timers of the fake clock are set.
    while (clock.pending < 8) await new Promise((resolve) => setTimeout(resolve, 5));
    await clock.advance(3_000);
    const problems = await checked;
    t.equal(problems.length, 2);
    t.match(problems[0]?.problem, /127\.0\.0\.1:\d+ did not answer within 3 s/);
    const [first, second] = lines();
    t.match(first, { level: 40, msg: /the STUN server 127.*behind NAT.*STUN_URLS and the firewall/ });
    t.match(second, { level: 40, msg: /the TURN server 127.*blocks UDP.*TURN_SERVER/ });
    t.equal(clock.pending, 0, 'no timer is left');

    const closed = servers({
      clock: systemClock,
      turnServer: 'turn:127.0.0.1:1?transport=tcp',
      turnSecret: 'x',
    });
    t.match(await closed.ice.check(), [{ problem: '127.0.0.1:1 refused the connection' }]);
    const unresolvable = servers({ clock: systemClock, stunUrls: ['stun:no-such-host.invalid'] });
    t.match(await unresolvable.ice.check(), [{ problem: /(cannot be resolved|did not answer)/ }]);
  },
);
