import { get } from 'node:http';
import t from 'tap';
import { PublicError } from '../../src/platform/index.js';
import { ANN, startSocketsFixture } from '../support/fixtures/sockets-fixture.js';
import { eventually } from '../support/until.js';

t.test('messages are acknowledged by their id, one after another', async (t) => {
  const going: (() => void)[] = [];
  const order: string[] = [];
  const { client } = await startSocketsFixture(t, {
    feature: {
      events: {
        slow: async (_client, { name }) => {
          await new Promise<void>((resolve) => going.push(resolve));
          order.push(String(name));
          return { event: 'slow-done', data: { name }, afterSent: () => void order.push('afterwards') };
        },
        quick: (each) => {
          order.push('quick');
          each.send('told', {});
          return undefined;
        },
        refused: () => {
          throw new PublicError(409, 'stream_offline', 'Not now.', { retryAfter: 3 });
        },
        away: async () => {
          throw Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });
        },
        broken: async () => {
          throw new Error('secret of the server');
        },
      },
    },
  });
  const socket = client();
  socket.send('slow', { name: 'first' }, 1);
  socket.send('quick', {}, 'two');
  socket.send('quick');
  await eventually(() => going.length === 1);
  t.strictSame(order, []);
  going[0]?.();
  t.strictSame(await socket.next('slow-done'), { event: 'slow-done', data: { name: 'first' }, id: 1 });
  t.strictSame(await socket.next('ok'), { event: 'ok', data: {}, id: 'two' });
  await socket.next('told');
  t.strictSame(order, ['first', 'afterwards', 'quick', 'quick']);
  socket.send('refused', {}, 3);
  t.strictSame(await socket.next('error'), {
    event: 'error',
    data: { code: 'stream_offline', message: 'Not now.', details: { retryAfter: 3 } },
    id: 3,
  });
  socket.send('broken', {}, 4);
  t.strictSame(await socket.next('error'), {
    event: 'error',
    data: { code: 'internal_error', message: 'Something went wrong on the server.' },
    id: 4,
  });
  socket.send('away', {}, 5);
  t.match(await socket.next('error'), { id: 5, data: { code: 'temporarily_unavailable' } });
  t.equal(
    socket.received.filter(({ event }) => event === 'ok').length,
    1,
    'without an id there is no acknowledgement',
  );
});

t.test('clients authenticate by header, cookie or a first message', async (t) => {
  const { client, credentials, tokens } = await startSocketsFixture(t);
  const principalOf = async (socket: ReturnType<typeof client>): Promise<unknown> => {
    socket.send('who', {}, 'who');
    return (await socket.next('ok')).data.principal;
  };
  t.strictSame(await principalOf(client()), { kind: 'anonymous' });
  t.strictSame(await principalOf(client({ authorization: 'Bearer ann-token' })), ANN);
  t.match(await principalOf(client({ cookie: 'c=1', origin: 'http://localhost' })), { via: 'session' });
  t.strictSame(credentials.at(-1), {
    method: 'GET',
    authorization: undefined,
    cookie: 'c=1',
    origin: 'http://localhost',
    host: 'localhost',
    address: '127.0.0.1',
  });
  const wrong = client({ authorization: 'Bearer nonsense' });
  await eventually(() => wrong.handshake !== '');
  t.match(wrong.handshake, /^HTTP\/1\.1 401 [\s\S]*www-authenticate: Bearer/i);
  await wrong.untilClosed();

  const foreign = client();
  foreign.send('auth', { token: 'nonsense' }, 1);
  t.match(await foreign.next('error'), { id: 1, data: { code: 'access_token_invalid' } });
  foreign.send('auth', {}, 2);
  t.match(await foreign.next('error'), { id: 2, data: { code: 'message_invalid' } });
  foreign.send('auth', { token: 'ann-token' }, 3);
  t.match(await foreign.next('ok'), { id: 3, data: { kind: 'account', userId: 'ann', role: 'viewer' } });
  t.strictSame(await principalOf(foreign), ANN);
  tokens['eve-token'] = { ...ANN, userId: 'eve' };
  foreign.send('auth', { token: 'eve-token' }, 4);
  t.match(
    await foreign.next('error'),
    { id: 4, data: { code: 'auth_too_late' } },
    'a connection does not change its account',
  );
  t.strictSame(await principalOf(foreign), ANN);
  const late = client();
  await principalOf(late);
  late.send('auth', { token: 'ann-token' }, 5);
  t.match(await late.next('error'), { id: 5, data: { code: 'auth_too_late' } });
});

t.test(
  'a client is disconnected when its sign-in expires, unless it authenticates again before',
  async (t) => {
    const { client, clock, tokens } = await startSocketsFixture(t);
    const now = clock.now();
    tokens.early = { ...ANN, expiresAt: now + 60_000 };
    tokens.late = { ...ANN, expiresAt: now + 120_000 };
    tokens.admin = { ...ANN, role: 'admin', expiresAt: now + 120_000 };
    const [expiring, renewing, permanent, anonymous] = [
      client({ authorization: 'Bearer early' }),
      client({ authorization: 'Bearer early' }),
      client({ authorization: 'Bearer ann-token' }),
      client(),
    ];
    for (const socket of [expiring, renewing, permanent, anonymous]) {
      socket.send('who', {}, 1);
      await socket.next('ok');
    }
    await clock.advance(59_000);
    renewing.send('auth', { token: 'admin' }, 2);
    t.match(
      await renewing.next('error'),
      { data: { code: 'auth_too_late' } },
      'a connection does not gain a role',
    );
    renewing.send('auth', { token: 'late' }, 3);
    t.match(await renewing.next('ok'), { data: { userId: 'ann', expiresAt: now + 120_000 } });
    t.notOk(expiring.closed);
    await clock.advance(1_000);
    t.match(await expiring.next('auth:expired'), { data: { code: 'auth_expired', message: String } });
    await expiring.untilClosed();
    t.equal(expiring.closeCode, 4401);
    for (const socket of [renewing, permanent, anonymous]) {
      socket.send('echo', {}, 4);
      await socket.next('ok');
    }
    await clock.advance(60_000);
    await renewing.next('auth:expired');
    await renewing.untilClosed();
    for (const socket of [permanent, anonymous]) {
      socket.send('echo', {}, 5);
      await socket.next('ok');
    }
  },
);

t.test('a client signed out while it connects is closed', async (t) => {
  const { hub, tokens } = await startSocketsFixture(t);
  const closed: string[] = [];
  const connection = (name: string) => ({
    bufferedBytes: 0,
    send() {},
    terminate() {},
    close: (code: number) => void closed.push(`${name} ${code}`),
  });
  tokens.ann = { ...ANN };
  tokens.eve = { ...ANN, userId: 'eve' };
  const identify = (name: string) =>
    hub.identify({ method: 'GET', address: '192.0.2.1', authorization: `Bearer ${name}` });
  const [ann, eve] = await Promise.all([identify('ann'), identify('eve')]);
  hub.signOut(({ principal }) => principal.kind === 'account' && principal.userId === 'ann');
  hub.connect(connection('ann'), ann, '192.0.2.1');
  hub.connect(connection('eve'), eve, '192.0.2.1');
  hub.connect(connection('ann again'), await identify('ann'), '192.0.2.1');
  t.same(closed, ['ann 4401']);
});

t.test('a client gets the messages of a room while a holder keeps it there', async (t) => {
  const { client, member, hub, clock } = await startSocketsFixture(t);
  const [ann, bob, nonMember] = [await member(), await member(), client()];
  t.equal(hub.size('room'), 2);
  hub.broadcast('room', 'news', { number: 1 });
  hub.broadcast('empty', 'news', {});
  t.match(await ann.next('news'), { data: { number: 1 } });
  t.match(await bob.next('news'), { data: { number: 1 } });
  bob.send('enter', { room: 'room', holder: 'another' }, 1);
  bob.send('leave', { room: 'room' }, 2);
  bob.send('leave', { room: 'room' }, 3);
  while ((await bob.next('ok')).id !== 3);
  t.equal(hub.size('room'), 2, 'another holder keeps bob in the room');
  bob.send('leave', { room: 'room', holder: 'another' }, 4);
  await bob.next('ok');
  await clock.advance(1_000);
  hub.broadcast('room', 'news', { number: 2 });
  t.match(await ann.next('news'), { data: { number: 2 } });
  ann.destroy();
  await eventually(() => hub.size('room') === 0);
  nonMember.send('who', {}, 1);
  await nonMember.next('ok');
  t.equal(nonMember.frames, 1);
  t.notOk(bob.received.some(({ data }) => data.number === 2));
});

t.test('malformed messages are rejected; ten in a row end the connection', async (t) => {
  const { client } = await startSocketsFixture(t, {
    feature: { events: { big: () => undefined }, limits: { big: 99_999 } },
  });
  const malformed = client();
  const cases: [string, string][] = [
    ['{', 'message_invalid'],
    ['', 'message_invalid'],
    ['null', 'message_invalid'],
    ['"text"', 'message_invalid'],
    ['[{"event":"who"}]', 'message_invalid'],
    ['{"event":7}', 'message_invalid'],
    [`{"event":"${'x'.repeat(101)}"}`, 'message_invalid'],
    ['{"event":"echo","data":null}', 'message_invalid'],
    ['{"event":"echo","data":[]}', 'message_invalid'],
    ['{"event":"__proto__"}', 'event_unknown'],
    ['{"event":"constructor"}', 'event_unknown'],
    [JSON.stringify({ event: 'echo', data: { text: 'x'.repeat(16_400) } }), 'message_too_large'],
  ];
  for (const [text, code] of cases) {
    malformed.sendText(text);
    t.match(await malformed.next('error'), { data: { code } }, text.slice(0, 60));
  }
  malformed.send('big', { text: 'x'.repeat(60_000) }, 1);
  t.equal((await malformed.next('ok')).id, 1, 'a feature may raise the limit');
  malformed.send('echo', { text: 'x'.repeat(16_200) }, 2);
  t.equal((await malformed.next('ok')).id, 2);
  for (let count = 0; count < 10; count++) malformed.sendText('{');
  await malformed.untilClosed();
  t.equal(malformed.closeCode, 1008);

  const heavy = client();
  heavy.sendText('x'.repeat(66_000));
  await heavy.untilClosed();
  t.equal(heavy.closeCode, 1009, 'a message above every limit is not parsed');
  const binary = client();
  for (let count = 0; count < 10; count++) binary.sendBinary(Buffer.from('{"event":"who"}'));
  await binary.untilClosed();
  t.equal(binary.closeCode, 1008);
});

t.test('a client above the rate limit gets errors, and is closed if it continues', async (t) => {
  const { client, clock } = await startSocketsFixture(t);
  const busy = client();
  for (let count = 0; count < 250; count++) busy.send('echo', {}, count);
  let refused = 0;
  for (let count = 0; count < 250; count++) {
    await eventually(() => busy.received.length > count);
    if (busy.received[count]?.data.code === 'rate_limited') refused++;
  }
  t.equal(refused, 50);
  await clock.advance(1_000);
  busy.send('echo', { text: 'again' }, 'again');
  await busy.next('ok');
  for (let count = 0; count < 700; count++) busy.send('echo', {}, count);
  await busy.untilClosed();
  t.equal(busy.closeCode, 1008);
});

t.test('connections are limited in total and per address', async (t) => {
  const { client } = await startSocketsFixture(t, { limits: { connections: 3, connectionsPerAddress: 2 } });
  const from = (address: string): ReturnType<typeof client> => client({ 'x-forwarded-for': address });
  const first = [from('192.0.2.1'), from('192.0.2.1')];
  for (const each of first) {
    each.send('who', {}, 1);
    t.match(await each.next('ok'), { data: { address: '192.0.2.1' } });
  }
  const refused = from('192.0.2.1');
  await refused.untilClosed();
  t.equal(refused.closeCode, 1013);
  const third = from('2001:db8::1');
  third.send('who', {}, 1);
  await third.next('ok');
  const fourth = from('192.0.2.2');
  await fourth.untilClosed();
  t.equal(fourth.closeCode, 1013);
  first[0]?.destroy();
  for (let next = from('192.0.2.1'); ; next = from('192.0.2.1')) {
    next.send('who', {}, 1);
    if (await next.next('ok').catch(() => false)) break;
  }
});

t.test('a client that does not answer a ping before the next is disconnected', async (t) => {
  const { client, clock, hub, member } = await startSocketsFixture(t);
  const dead = await member();
  dead.answersPings = false;
  await clock.advance(10_000);
  const responsive = client();
  responsive.send('who', {}, 1);
  await responsive.next('ok');
  await clock.advance(15_000);
  await eventually(() => dead.pings === 1);
  t.equal(responsive.pings, 0);
  await clock.advance(10_000);
  await eventually(() => responsive.pings === 1);
  responsive.send('who', {}, 2);
  await responsive.next('ok');
  await clock.advance(15_000);
  await dead.untilClosed();
  await eventually(() => hub.size('room') === 0);
  await clock.advance(10_000);
  await eventually(() => responsive.pings === 2);
  t.notOk(responsive.closed);
});

t.test('a signed-out client is closed, and all clients when the server closes', async (t) => {
  const left: unknown[] = [];
  const aborted: string[] = [];
  const { app, client, clock, hub } = await startSocketsFixture(t, {
    feature: {
      events: {
        watch: (each) => {
          each.signal.addEventListener('abort', () => aborted.push(each.id));
          return undefined;
        },
      },
      clientDisconnected: (each) => {
        left.push(each.principal);
        throw new Error('a feature that fails does not hold up the others');
      },
    },
  });
  const [ann, bob, stalled] = [client({ authorization: 'Bearer ann-token' }), client(), client()];
  for (const each of [ann, bob, stalled]) {
    each.send('watch', {}, 1);
    await each.next('ok');
  }
  hub.signOut(({ principal }) => principal.kind === 'account');
  t.match(await ann.next('auth:expired'), { data: { code: 'auth_revoked', message: String } });
  await ann.untilClosed();
  t.equal(ann.closeCode, 4401);
  await eventually(() => left.length === 1);
  t.strictSame(left, [ANN]);
  t.equal(aborted.length, 1);

  stalled.answersPings = false;
  const closed = app.close();
  await bob.untilClosed();
  t.equal(bob.closeCode, 1001);
  await clock.advance(1_000);
  await closed;
  await stalled.untilClosed();
  await eventually(() => left.length === 3);
  await eventually(() => clock.pending === 0);
});

t.test('requests without an upgrade, or with one elsewhere, are answered', async (t) => {
  const { port, client, app } = await startSocketsFixture(t);
  t.equal((await app.inject('/ws')).statusCode, 426);
  const answer = await new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    const headers = { connection: 'upgrade', upgrade: 'websocket' };
    get({ port, host: '127.0.0.1', path: '/elsewhere', headers }, (response) => {
      let body = '';
      response.on('data', (chunk) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode, body }));
    }).on('error', reject);
  });
  t.strictSame(answer, { status: 200, body: 'elsewhere' });
  const fine = client();
  fine.send('who', {}, 1);
  await fine.next('ok');
});
