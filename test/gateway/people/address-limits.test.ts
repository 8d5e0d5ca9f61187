import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import t from 'tap';
import { OPERATOR_TOKEN, startGatewayProcess } from '../../support/gateway/gateway-process.js';

const PROXY = '127.0.0.1';
const UNTRUSTED = '127.0.0.2';

const gateway = await startGatewayProcess(t, {
  TRUST_PROXY: PROXY,
  MAX_HTTP_CONNECTIONS_PER_ADDRESS: '10',
});
const port = Number(new URL(gateway.http).port);

type RequestOptions = { from?: string; forwardedFor?: string; body?: object };
type Answer = { status: number; retryAfter: string | undefined; body: { error?: { code: string } } };

/** Makes a request from a local address, on a connection of its own. */
function post(path: string, { from = PROXY, forwardedFor, body = {} }: RequestOptions): Promise<Answer> {
  const headers = {
    'content-type': 'application/json',
    ...(forwardedFor === undefined ? {} : { 'x-forwarded-for': forwardedFor }),
  };
  const options = { host: PROXY, port, path, method: 'POST', localAddress: from, headers, agent: false };
  return new Promise((resolve, reject) => {
    const request = http.request(options, (response) => {
      let text = '';
      response.on('data', (data) => {
        text += data;
      });
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          retryAfter: response.headers['retry-after'],
          body: JSON.parse(text),
        }),
      );
    });
    request.on('error', reject);
    request.end(JSON.stringify(body));
  });
}

async function limited(viewerLimit: number): Promise<string> {
  const { streamId } = await gateway.createLivestream();
  await gateway.api('PATCH', `/${streamId}`, { viewerLimit });
  return `/api/livestream/${streamId}/join`;
}

const statuses = async (answers: Promise<Answer>[]): Promise<Record<number, number>> => {
  const counts: Record<number, number> = {};
  for (const { status } of await Promise.all(answers)) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
};

t.test(
  'one address behind the proxy reaches its limit, and viewers at other addresses are admitted',
  async (t) => {
    const join = await limited(50);
    const flood = Array.from({ length: 50 }, () => post(join, { forwardedFor: '203.0.113.5' }));
    t.strictSame(await statuses(flood), { 200: 45, 503: 5 });
    const others = Array.from({ length: 30 }, (_, i) => post(join, { forwardedFor: `198.51.100.${i}` }));
    t.strictSame(await statuses(others), { 200: 30 });
  },
);

t.test('X-Forwarded-For of an untrusted peer is ignored', async (t) => {
  const join = await limited(50);
  for (let i = 0; i < 50; i += 5) {
    const some = Array.from({ length: 5 }, (_, j) =>
      post(join, { from: UNTRUSTED, forwardedFor: `203.0.113.${i + j}` }),
    );
    t.strictSame(await statuses(some), i < 45 ? { 200: 5 } : { 503: 5 }, 'all requests count as one address');
  }
});

t.test('an untrusted address is limited in connections, and the trusted proxy is not', async (t) => {
  const open = async (from: string): Promise<net.Socket> => {
    const socket = net.connect({ host: PROXY, port, localAddress: from });
    socket.on('error', () => {});
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    return socket;
  };
  for (let i = 0; i < 10; i++) await open(UNTRUSTED);
  const refused = await open(UNTRUSTED);
  const [answer] = await once(refused, 'data');
  t.match(String(answer), /^HTTP\/1\.1 503 [\s\S]*"code":"too_many_connections"/);
  for (let i = 0; i < 15; i++) await open(PROXY);
  const join = await limited(5);
  t.equal((await post(join, { forwardedFor: '203.0.113.9' })).status, 200);
});

t.test(
  'an account over its sign-in limit is refused even with the right password, others are not',
  async (t) => {
    const accounts = ['Ada', 'Grace'].map((name) => ({ name, password: 'correct horse battery' }));
    for (const account of accounts)
      t.equal(
        (
          await fetch(`${gateway.http}/api/auth/register`, {
            method: 'POST',
            headers: { 'content-type': 'application/json', authorization: `Bearer ${OPERATOR_TOKEN}` },
            body: JSON.stringify({ ...account, role: 'viewer' }),
          })
        ).status,
        201,
      );
    const [ada, grace] = accounts;
    const login = (body: object | undefined, forwardedFor: string) =>
      post('/api/auth/login', { forwardedFor, ...(body ? { body } : {}) });
    const flood = Array.from({ length: 60 }, (_, i) => login(ada, `203.0.113.${i % 6}`));
    const other = login(grace, '198.51.100.7');
    t.equal((await other).status, 200);
    const answers = await Promise.all(flood);
    const refused = answers.filter(({ status }) => status === 429);
    t.ok(refused.length >= 30, `${refused.length} refused`);
    t.ok(answers.some(({ status }) => status === 200));
    for (const { status, body, retryAfter } of refused) {
      t.equal(status, 429);
      t.match(body, { error: { code: 'rate_limited' } });
      t.match(retryAfter, /^\d+$/);
    }
  },
);
