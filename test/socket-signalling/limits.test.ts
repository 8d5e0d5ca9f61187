import t from 'tap';
import {
  KEY,
  OTHER,
  STREAM,
  startSignallingFixture,
  viewerOffer,
} from '../support/fixtures/socket-signalling-fixture.js';
import { eventually } from '../support/until.js';

t.test('wrong messages are answered with errors; ten in a row end the connection', async (t) => {
  const { client } = await startSignallingFixture(t);
  const socket = client();
  const cases: [string, string][] = [
    ['{', 'message_invalid'],
    ['[]', 'message_invalid'],
    ['{"event":7}', 'message_invalid'],
    ['{"event":"stream:join","data":[]}', 'message_invalid'],
    ['{"event":"x"}', 'event_unknown'],
    ['{"event":"__proto__"}', 'event_unknown'],
    ['{"event":"stream:join"}', 'message_invalid'],
    [`{"event":"stream:join","data":{"streamId":"${'x'.repeat(50)}"}}`, 'stream_not_found'],
    ['{"event":"stream:answer","data":{}}', 'message_invalid'],
    ['{"event":"stream:answer","data":{"streamId":"x","answer":"y"}}', 'answer_not_expected'],
    [`{"event":"stream:ice-candidate","data":{"streamId":"${STREAM}"}}`, 'not_your_stream'],
    ['{"event":"stream:offer","data":{"streamKey":"k","offer":{"sdp":7}}}', 'message_invalid'],
    ['{"event":"stream:offer","data":{"streamKey":"k","offer":"v=1"}}', 'sdp_invalid'],
    [
      `{"event":"stream:join","data":{"streamId":"${OTHER}","offer":${JSON.stringify(viewerOffer)}}}`,
      'stream_offline',
    ],
  ];
  for (const [text, code] of cases) {
    socket.sendText(text);
    t.match(await socket.next('error'), { data: { code } }, text.slice(0, 60));
  }
  for (let broken = 0; broken < 9; broken++) socket.sendText('{');
  socket.send('stream:nothing');
  for (let broken = 0; broken < 9; broken++) socket.sendText('{');
  socket.send('stream:nothing', {}, 'still here');
  while ((await socket.next('error')).id !== 'still here');
  for (let broken = 0; broken < 10; broken++) socket.sendText('{');
  await socket.untilClosed();
  t.equal(socket.closeCode, 1008);

  const heavy = client();
  heavy.sendText('x'.repeat(70_000));
  await heavy.untilClosed();
  t.equal(heavy.closeCode, 1009);
});

t.test('messages and offers are limited, streams and connections bounded', async (t) => {
  const { client, clock } = await startSignallingFixture(t, {
    limits: { connectionsPerAddress: 2 },
    offerLimits: { burst: 2, refillMs: 1_000 },
  });
  const busy = client();
  for (let count = 0; count < 250; count++) busy.send('stream:nothing', {}, count);
  busy.send('stream:nothing', {}, 'last');
  let limited = 0;
  for (;;) {
    const { id, data } = await busy.next('error');
    if (data.code === 'rate_limited') limited++;
    if (id === 'last') break;
  }
  t.ok(limited >= 51, `${limited} limited`);
  await clock.advance(20_000);
  for (let count = 0; count < 3; count++)
    busy.send('stream:join', { streamId: STREAM, offer: viewerOffer }, count);
  await busy.next('stream:answer');
  await busy.next('stream:answer');
  t.match(await busy.next('error'), { id: 2, data: { code: 'rate_limited' } });

  client();
  const third = client();
  await third.untilClosed();
  t.equal(third.closeCode, 1013);
});

t.test('viewers of an address above its limit get the offers of the server in turn', async (t) => {
  const { client, clock, service } = await startSignallingFixture(t, {
    offerLimits: { burst: 1, refillMs: 5_000 },
  });
  const viewers = [client(), client(), client()];
  for (const viewer of viewers) {
    viewer.send('stream:join', { streamId: STREAM });
    await viewer.next('stream:joined');
  }
  const offered = (): number =>
    viewers.filter(({ received }) => received.some(({ event }) => event === 'stream:offer')).length;
  await eventually(() => offered() === 1);
  t.notOk(viewers.some(({ received }) => received.some(({ event }) => event === 'error')));
  viewers.find(({ received }) => !received.some(({ event }) => event === 'stream:offer'))?.destroy();
  await clock.advance(5_000);
  await eventually(() => offered() === 2);
  await clock.advance(60_000);
  t.equal(clock.pending > 0, true, 'heartbeats go on');
  t.equal(service.viewers(STREAM), 0, 'the viewers have not answered');
});

t.test('connections that an address makes at the same time are bounded across its clients', async (t) => {
  const { client, pool } = await startSignallingFixture(t, { offerLimits: { connecting: 1 } });
  const [first, second] = [client(), client()];
  first.send('stream:join', { streamId: STREAM, offer: viewerOffer });
  await first.next('stream:answer');
  second.send('stream:join', { streamId: STREAM, offer: viewerOffer });
  t.match(await second.next('error'), { data: { code: 'rate_limited' } });
  pool.viewers[0]?.close();
  await first.next('stream:ended');
  second.send('stream:join', { streamId: STREAM, offer: viewerOffer });
  await second.next('stream:answer');
});

t.test('a client that does not answer a ping before the next is disconnected', async (t) => {
  const { client, clock, pool } = await startSignallingFixture(t);
  const [responsive, dead] = [client(), client()];
  dead.answersPings = false;
  for (const viewer of [responsive, dead]) {
    viewer.send('stream:join', { streamId: STREAM, offer: viewerOffer });
    await viewer.next('stream:answer');
  }
  await clock.advance(25_000);
  await eventually(() => responsive.pings === 1 && dead.pings === 1);
  responsive.send('stream:nothing');
  await responsive.next('error');
  await clock.advance(25_000);
  await dead.untilClosed();
  await eventually(() => pool.viewers[1]?.ended === 'closed');
  t.equal(responsive.closed, false);
  t.equal(pool.viewers[0]?.ended, undefined);
});

t.test('closing the server closes clients, and terminates those that do not answer', async (t) => {
  const { app, client, clock } = await startSignallingFixture(t);
  const [responsive, stalled] = [client(), client()];
  stalled.answersPings = false;
  for (const each of [responsive, stalled]) {
    each.send('stream:nothing');
    await each.next('error');
  }
  const closed = app.close();
  await responsive.untilClosed();
  t.equal(responsive.closeCode, 1001);
  await clock.advance(1_000);
  await closed;
  await stalled.untilClosed();
});

t.test('requests without an upgrade, or with one elsewhere, are answered and leave no secret', async (t) => {
  const { app, client, logLines } = await startSignallingFixture(t);
  const plain = await app.inject('/ws');
  t.equal(plain.statusCode, 426);
  t.match(plain.json(), { error: { code: 'upgrade_required' } });
  const stray = client(`/whip/${KEY}`);
  await eventually(() => stray.handshake !== '');
  t.match(stray.handshake, /^HTTP\/1\.1 405 /);
  await stray.untilClosed();
  t.notMatch(logLines.join(''), KEY);
});
