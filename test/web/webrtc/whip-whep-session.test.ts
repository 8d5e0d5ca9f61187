import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { type OpenResult, WhipWhepSession } from '../../../src/web/webrtc/whip-whep-session.js';
import { parseTrickleFragment } from '../../../src/webrtc/sdp/index.js';

type ReceivedRequest = { method: string; path: string; headers: IncomingMessage['headers']; body: string };
type Answer = (seen: ReceivedRequest, response: ServerResponse) => void;

/** HTTP server that records requests. */
async function serve(t: Test, answer: Answer): Promise<{ url: string; seen: ReceivedRequest[] }> {
  const seen: ReceivedRequest[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const { method = '', url = '', headers } = request;
    const one = { method, path: url, headers, body };
    seen.push(one);
    answer(one, response);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const CREATED = {
  'content-type': 'application/sdp',
  // Another host name of the same server, as behind a proxy.
  location: 'https://public.invalid/whep/session/7?x=1',
  etag: '"tag"',
  link: [
    '<stun:stun.example.net:19302>; rel="ice-server"',
    '<turn:turn.example.net?transport=udp>; rel="ice-server"; username="user"; credential="secret"; credential-type="password"',
    '<https://elsewhere.invalid/>; rel="ice-server"',
    '</whep/session/7/layer>; rel="urn:ietf:params:whep:ext:core:layer"',
    '<https://public.invalid/whep/session/7/sse>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="active,end"',
  ],
};

async function opened(url: string, bearer?: string): Promise<WhipWhepSession> {
  const open: OpenResult = await WhipWhepSession.open({
    endpoint: `${url}/whep/1`,
    offer: 'the offer',
    ...(bearer === undefined ? {} : { bearer }),
  });
  if ('refusal' in open) throw new Error(open.refusal.message);
  return open.session;
}

t.test('an answered offer gives a session with ICE servers and extension URLs', async (t) => {
  const { url, seen } = await serve(t, (_seen, response) =>
    response.writeHead(201, CREATED).end('the answer'),
  );
  const session = await opened(url, 'sk_test');
  t.match(seen[0], {
    method: 'POST',
    path: '/whep/1',
    headers: { 'content-type': 'application/sdp', authorization: 'Bearer sk_test' },
    body: 'the offer',
  });
  t.equal(session.answer, 'the answer');
  t.same(session.iceServers, [
    { urls: ['stun:stun.example.net:19302'] },
    { urls: ['turn:turn.example.net?transport=udp'], username: 'user', credential: 'secret' },
  ]);
  t.equal(session.layerUrl, `${url}/whep/session/7/layer`);
  t.equal(session.eventsUrl, `${url}/whep/session/7/sse`, 'on the origin that answered');
});

t.test('candidates are sent with If-Match, and the session is deleted once', async (t) => {
  const { url, seen } = await serve(t, ({ method }, response) => {
    if (method === 'POST') response.writeHead(201, CREATED).end('the answer');
    else response.writeHead(method === 'PATCH' ? 204 : 200).end();
  });
  const session = await opened(url, 'sk_test');
  t.equal(await session.addCandidates('a=candidate'), undefined);
  await Promise.all([session.endSession(), session.endSession()]);
  t.match(seen[1], {
    method: 'PATCH',
    path: '/whep/session/7?x=1',
    headers: {
      'content-type': 'application/trickle-ice-sdpfrag',
      'if-match': '"tag"',
      authorization: 'Bearer sk_test',
    },
    body: 'a=candidate',
  });
  t.match(seen[2], {
    method: 'DELETE',
    path: '/whep/session/7?x=1',
    headers: { authorization: 'Bearer sk_test' },
  });
  t.equal(seen.length, 3);
});

t.test('a session ended by the server gives the reason on check and on deletion', async (t) => {
  const error = { code: 'publication_replaced', message: 'Somebody else.' };
  const { url, seen } = await serve(t, ({ method }, response) => {
    if (method === 'POST') response.writeHead(201, CREATED).end('the answer');
    else response.writeHead(410).end(JSON.stringify({ error }));
  });
  const session = await opened(url);
  const expected = { status: 410, ...error };
  t.same(await session.checkAlive(), expected);
  t.same(parseTrickleFragment(seen[1]?.body ?? ''), { iceUfrag: undefined, candidates: 0 });
  t.same(await session.endSession(), expected);
  t.same(await session.endSession(), expected, 'also on the second call');
  t.equal(seen.length, 3);
});

t.test('layer selection and event subscription use the URLs of the Link header', async (t) => {
  const { url, seen } = await serve(t, ({ path }, response) => {
    if (path.endsWith('/sse')) response.writeHead(201, { location: '/whep/session/7/events' }).end();
    else if (path.endsWith('/layer')) response.writeHead(200).end();
    else response.writeHead(201, CREATED).end('the answer');
  });
  const session = await opened(url);
  t.equal(await session.selectLayer('1', 'h'), undefined);
  t.equal(await session.selectLayer('1', undefined), undefined);
  t.equal(await session.subscribeEvents(['active', 'end']), `${url}/whep/session/7/events`);
  t.same(
    seen.slice(1).map(({ path, body }) => [path, JSON.parse(body)]),
    [
      ['/whep/session/7/layer', { mediaId: '1', rid: 'h' }],
      ['/whep/session/7/layer', { mediaId: '1' }],
      ['/whep/session/7/sse', ['active', 'end']],
    ],
  );
  t.notOk(
    seen.some(({ headers }) => 'authorization' in headers),
    'viewers send no bearer token',
  );
});

t.test("a refusal has the server's status, code, message and Retry-After", async (t) => {
  const answers: [number, Record<string, string>, string][] = [
    [401, {}, JSON.stringify({ error: { code: 'stream_key_unknown', message: 'No such key.' } })],
    [503, { 'retry-after': '30' }, JSON.stringify({ error: { code: 'full', message: 'Full.' } })],
    [404, { 'retry-after': 'Wed, 21 Oct 2015 07:28:00 GMT' }, '<html>'],
    [500, {}, JSON.stringify({ error: 'of another shape' })],
    [204, {}, ''],
  ];
  const expected = [
    { status: 401, code: 'stream_key_unknown', message: 'No such key.' },
    { status: 503, code: 'full', message: 'Full.', retryAfterS: 30 },
    { status: 404, message: 'The server refused with status 404.' },
    { status: 500, message: 'The server refused with status 500.' },
    { status: 204, message: 'The server refused with status 204.' },
  ];
  for (const [index, [status, headers, body]] of answers.entries()) {
    const { url } = await serve(t, (_seen, response) => response.writeHead(status, headers).end(body));
    const open = await WhipWhepSession.open({ endpoint: `${url}/whip`, offer: 'the offer' });
    t.same(open, { refusal: expected[index] });
  }
});

t.test('an answer without Location or with another content type is a refusal with status 502', async (t) => {
  const { location: _location, ...unlocated } = CREATED;
  for (const headers of [unlocated, { ...CREATED, 'content-type': 'text/html' }]) {
    const { url } = await serve(t, (_seen, response) => response.writeHead(201, headers).end('the answer'));
    t.match(await WhipWhepSession.open({ endpoint: `${url}/whep/1`, offer: '' }), {
      refusal: { status: 502 },
    });
  }
});

t.test('an unreachable server is a refusal with status 0', async (t) => {
  const { url } = await serve(t, (_seen, response) => response.socket?.destroy());
  const expected = { status: 0, message: 'The server does not answer.' };
  t.same(await WhipWhepSession.open({ endpoint: `${url}/whep/1`, offer: '' }), { refusal: expected });

  let answering = true;
  const other = await serve(t, (_seen, response) => {
    if (answering) response.writeHead(201, CREATED).end('the answer');
    else response.socket?.destroy();
  });
  const session = await opened(other.url);
  answering = false;
  t.same(await session.addCandidates('a=candidate'), expected);
  t.equal(await session.subscribeEvents(['end']), undefined);
  await t.resolves(session.endSession());
});

t.test('a redirect is followed, and the session is on its target (RFC 9725 section 4.5)', async (t) => {
  const target = await serve(t, (_seen, response) => response.writeHead(201, CREATED).end('the answer'));
  const redirecting = await serve(t, (_seen, response) =>
    response.writeHead(307, { location: `${target.url}/whep/1` }).end(),
  );
  const session = await opened(redirecting.url);
  t.equal(target.seen[0]?.body, 'the offer');
  t.equal(session.eventsUrl, `${target.url}/whep/session/7/sse`);
});
