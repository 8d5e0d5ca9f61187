import type { Socket } from 'socket.io-client';
import t from 'tap';
import { PublicError } from '../../src/platform/index.js';
import { ANN, startSocketsFixture } from '../support/fixtures/sockets-fixture.js';
import { eventually } from '../support/until.js';

const TRANSPORTS = [['polling'], ['websocket'], ['polling', 'websocket']];

/** Waits for an event, and returns its data. */
function next(socket: Socket, event: string): Promise<Record<string, unknown> | string> {
  return new Promise((resolve) => socket.once(event, resolve));
}

async function connected(socket: Socket): Promise<Socket> {
  if (!socket.connected) await next(socket, 'connect');
  return socket;
}

for (const transports of TRANSPORTS)
  t.test(`Socket.IO clients use the same events by ${transports.join(', then ')}`, async (t) => {
    const { socketIo, member, hub, clock } = await startSocketsFixture(t, {
      feature: {
        events: {
          refused: () => {
            throw new PublicError(409, 'stream_offline', 'Not now.');
          },
          named: () => ({ event: 'answer', data: { number: 7 } }),
        },
      },
    });
    const socket = await connected(socketIo({ transports, auth: { token: 'ann-token' } }));
    const upgraded = transports.length > 1 ? 'websocket' : transports[0];
    await eventually(() => socket.io.engine.transport.name === upgraded);
    t.match(await socket.emitWithAck('who'), { success: true, principal: ANN, address: '127.0.0.1' });
    t.strictSame(await socket.emitWithAck('refused', {}), {
      success: false,
      error: { code: 'stream_offline', message: 'Not now.' },
    });
    t.match(await socket.emitWithAck('nothing', {}), { error: { code: 'event_unknown' } });
    t.match(await socket.emitWithAck('echo', 'text'), { error: { code: 'message_invalid' } });
    t.match(await socket.emitWithAck('echo', { text: 'x'.repeat(20_000) }), {
      error: { code: 'message_too_large' },
    });
    t.strictSame(await socket.emitWithAck('named', {}), { success: true, number: 7 });
    const answer = next(socket, 'answer');
    socket.emit('named', {});
    t.strictSame(await answer, { number: 7 }, 'without an acknowledgement function it is an event');
    const error = next(socket, 'error');
    socket.emit('refused', {});
    t.match(await error, { code: 'stream_offline' });

    const other = await member();
    await socket.emitWithAck('enter', { room: 'room' });
    t.equal(hub.size('room'), 2);
    const received: unknown[] = [];
    socket.on('news', (data) => received.push(data));
    for (let number = 0; number < 5; number++)
      hub.broadcast('room', 'news', { number, text: 'ö'.repeat(200) });
    await clock.advance(100);
    await eventually(() => received.length === 5);
    t.match(
      received,
      [0, 1, 2, 3, 4].map((number) => ({ number, text: 'ö'.repeat(200) })),
    );
    for (let number = 0; number < 5; number++) t.match(await other.next('news'), { data: { number } });
    socket.disconnect();
    await eventually(() => hub.size('room') === 1);
  });

t.test('clients authenticate by token, or by the cookie or header of the handshake', async (t) => {
  const { socketIo, credentials } = await startSocketsFixture(t);
  const anonymous = await connected(socketIo());
  t.match(await anonymous.emitWithAck('who', {}), { principal: { kind: 'anonymous' } });
  const extraHeaders = { cookie: 'c=1', origin: 'http://elsewhere.example' };
  for (const transports of TRANSPORTS) {
    const socket = await connected(socketIo({ transports, extraHeaders }));
    t.match(await socket.emitWithAck('who', {}), { principal: { via: 'session' } });
    t.match(credentials.at(-1), { cookie: 'c=1', origin: 'http://elsewhere.example', host: /^127/ });
  }
  const wrong = socketIo({ auth: { token: 'nonsense' } });
  const error = await next(wrong, 'connect_error');
  t.match(error, { message: 'This token is not valid.', data: { code: 'access_token_invalid' } });
});

t.test('connections count towards the common limit until they close', async (t) => {
  const { socketIo, client } = await startSocketsFixture(t, { limits: { connectionsPerAddress: 2 } });
  const first = await connected(socketIo({ transports: ['polling'] }));
  await connected(socketIo({ transports: ['websocket'] }));
  const third = client();
  await third.untilClosed();
  t.equal(third.closeCode, 1013);
  for (const transports of TRANSPORTS) {
    const refused = socketIo({ transports });
    await next(refused, 'connect_error');
    refused.disconnect();
  }
  first.disconnect();
  for (let free = client(); ; free = client()) {
    free.send('who', {}, 1);
    if (await free.next('ok').catch(() => false)) break;
  }
  t.pass();
});

t.test('pages of other origins may connect', async (t) => {
  const { app } = await startSocketsFixture(t);
  const headers = { origin: 'https://platform.example', 'access-control-request-method': 'POST' };
  const preflight = await app.inject({
    method: 'OPTIONS',
    url: '/socket.io/?EIO=4&transport=polling',
    headers,
  });
  t.equal(preflight.headers['access-control-allow-origin'], 'https://platform.example');
  const handshake = await app.inject({ url: '/socket.io/?EIO=4&transport=polling', headers });
  t.equal(handshake.statusCode, 200);
  t.equal(handshake.headers['access-control-allow-origin'], 'https://platform.example');
});

t.test('malformed messages are rejected, and ten in a row end the connection', async (t) => {
  const { app, socketIo, port } = await startSocketsFixture(t);
  const bad: [string, string, number][] = [
    ['GET', '/socket.io/', 400],
    ['GET', '/socket.io/?EIO=4&transport=carrier-pigeon', 400],
    ['GET', '/socket.io/?EIO=4&transport=polling&sid=nobody', 400],
    ['GET', '/socket.io/?EIO=3&transport=polling', 400],
    ['GET', '/socket.io/?EIO=4&transport=websocket', 400],
    ['POST', '/socket.io/?EIO=4&transport=polling', 400],
    ['DELETE', '/socket.io/', 405],
    ['GET', '/socket.io/socket.io.js', 404],
  ];
  for (const [method, url, status] of bad)
    t.equal((await app.inject({ method: method as 'GET', url })).statusCode, status, `${method} ${url}`);
  const malformed = await connected(socketIo());
  for (let count = 0; count < 10; count++) malformed.emit('echo', 'text');
  t.equal(await next(malformed, 'disconnect'), 'io server disconnect');

  const base = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`;
  const open = await (await fetch(base)).text();
  const { sid } = JSON.parse(open.slice(1)) as { sid: string };
  const post = (body: string): Promise<Response> => fetch(`${base}&sid=${sid}`, { method: 'POST', body });
  t.equal((await post('x'.repeat(70_000))).status, 413);
  t.equal((await post('40')).status, 200);
  const poll = (): Promise<Response> => fetch(`${base}&sid=${sid}`);
  t.match(await (await poll()).text(), /^40/);
  await post('42["echo",').catch(() => {});
  t.match(await (await poll()).text(), /1$/, 'a broken packet ends the connection');
  t.equal((await poll()).status, 400);
});

t.test('a client that does not read, or floods with packets, is disconnected', async (t) => {
  const { hub, clock, port } = await startSocketsFixture(t);
  const base = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`;
  const open = async (): Promise<(body: string) => Promise<Response>> => {
    const { sid } = JSON.parse((await (await fetch(base)).text()).slice(1)) as { sid: string };
    const post = (body: string): Promise<Response> => fetch(`${base}&sid=${sid}`, { method: 'POST', body });
    await post('40');
    await post('42["enter",{"room":"room"}]');
    return post;
  };
  const unread = await open();
  await eventually(() => hub.size('room') === 1);
  const flood = await open();
  await eventually(() => hub.size('room') === 2);
  const packets = Array.from({ length: 1_100 }, () => '40/elsewhere,').join('\x1e');
  await flood(packets).catch(() => {});
  await eventually(() => hub.size('room') === 1);
  t.notOk((await flood('2').catch(() => ({ ok: false }))).ok);

  let sent = 0;
  for (; sent < 100 && hub.size('room') === 1; sent++) {
    hub.broadcast('room', 'news', { text: 'x'.repeat(50_000) }, { droppable: true });
    await clock.advance(100);
  }
  t.equal(sent, 100, 'droppable messages are discarded');
  for (; sent < 200 && hub.size('room') === 1; sent++) {
    hub.broadcast('room', 'news', { text: 'x'.repeat(50_000) });
    await clock.advance(100);
  }
  t.ok(sent > 110 && sent < 130, `disconnected after ${sent - 100} more of 50 kB`);
  t.notOk((await unread('2').catch(() => ({ ok: false }))).ok);
});

t.test('clients reconnect after a restart or the end of their sign-in', async (t) => {
  for (const transports of TRANSPORTS) {
    const { socketIo, hub, app, clock } = await startSocketsFixture(t);
    const ann = await connected(socketIo({ transports, auth: { token: 'ann-token' } }));
    const bob = await connected(socketIo({ transports }));
    const [reason, expired] = [next(ann, 'disconnect'), next(ann, 'auth:expired')];
    hub.signOut(({ principal }) => principal.kind === 'account');
    t.match(await expired, { code: 'auth_revoked', message: String });
    t.match(await reason, /^transport (close|error)$/, 'other than "io server disconnect"');
    const lost = next(bob, 'disconnect');
    const closed = app.close();
    t.match(await lost, /^transport (close|error)$/);
    await clock.advance(4_000);
    await closed;
  }
});
