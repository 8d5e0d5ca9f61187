import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { createRealtimeEgress } from '../../src/egress/whep/index.js';
import { createWhipIngest, whipRoutes } from '../../src/ingest/whip/index.js';
import { type SignallingRoutesOptions, signallingRoutes, WebrtcService } from '../../src/signalling/index.js';
import type { Livestream, Publisher, StreamState } from '../../src/streams/index.js';
import { FakeClock } from '../support/fake-clock.js';
import { PoolDouble } from '../support/pool-double.js';
import { PublishedSource, RealtimeBroadcast } from '../support/realtime-broadcast.js';
import { RecordingPublication } from '../support/recording-publication.js';
import { signallingServer } from '../support/signalling-server.js';
import { eventually } from '../support/start-rtmp.js';
import { offerText } from '../support/webrtc-offer.js';
import { WebSocketClient } from '../support/websocket-client.js';

const STREAM = '01890a5d-ac96-774b-bcce-b302099a8057';
const OTHER = '01890a5d-ac96-774b-bcce-b302099a8058';
const KEY = 'live_good-key-1234567890';

/** The signalling over rooms that work, an SFU without media, and a hall of two streams. */
async function stage(t: Test, routes: Partial<SignallingRoutesOptions> = {}) {
  const clock = new FakeClock();
  const { app, log, logged } = signallingServer(t, clock);
  const pool = new PoolDouble();
  const egress = createRealtimeEgress({ pool, clock, log });
  const visit = egress.visit(new RealtimeBroadcast(STREAM));
  const publications: RecordingPublication[] = [];
  const ended: string[] = [];
  const hall: { state: StreamState } = { state: { name: 'live' } };
  const ingest = createWhipIngest({
    pool,
    publish: async (publisher: Publisher) => {
      if (publisher.streamKey !== KEY)
        return { refusal: { code: 'stream_key_unknown', message: 'This stream key is not known.' } };
      const publication = Object.assign(new RecordingPublication(publisher), { streamId: STREAM });
      publications.push(publication);
      visit.published?.(new PublishedSource(publisher.rtp?.feedId));
      return { publication };
    },
    maximumBitrate: 1,
    clock,
    log,
  });
  const livestreams = [STREAM, OTHER].map(
    (id) => ({ id, userId: 'ann', title: id, startedAt: new Date(0) }) as Livestream,
  );
  const iceServers = {
    list: (user?: string) => [{ urls: ['turn:t.example.net'], username: user ?? '', credential: 'x' }],
    links: () => [],
  };
  const service = new WebrtcService({
    publish: (request) => ingest.publish(request),
    view: (request) => egress.view(request),
    offer: (streamId) => egress.offer(streamId),
    viewers: (streamId) => egress.viewers(streamId),
    create: async (userId) => ({ streamId: `stream-of-${userId}`, streamKey: KEY }),
    streams: {
      find: async (streamId) => livestreams.find(({ id }) => id === streamId),
      listActive: async ({ limit, offset }) =>
        Array.from({ length: 250 }, () => livestreams[0]!).slice(offset, offset + limit),
      status: (streamId) => ({
        state: streamId === STREAM ? hall.state : { name: 'offline' },
        source: undefined,
        notices: [],
      }),
      end: async (streamId) => {
        if (!livestreams.some(({ id }) => id === streamId)) return false;
        ended.push(streamId);
        await visit.ended('ended-by-owner');
        return true;
      },
    },
    iceServers,
  });
  await app.register(signallingRoutes, { service, iceServers, clock, log, ...routes });
  await app.register(whipRoutes, { ingest, iceServers, clock });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const { port } = app.server.address() as AddressInfo;
  const client = (path?: string): WebSocketClient => new WebSocketClient(t, port, path);
  return { app, clock, pool, publications, ended, hall, visit, service, client, logged };
}

const publisherOffer = offerText('chromium-simulcast');
const viewerOffer = offerText('chromium-view');

t.test('a broadcaster offers with the stream key and is answered', async (t) => {
  const { client, publications, pool, logged } = await stage(t);
  const broadcaster = client();
  broadcaster.send('stream:offer', { streamKey: KEY, offer: { type: 'offer', sdp: publisherOffer } }, 7);
  const answer = await broadcaster.next('stream:answer');
  t.match(answer, {
    id: 7,
    data: {
      streamId: STREAM,
      answer: { type: 'answer', sdp: /^v=0\r\n[\s\S]*a=simulcast:recv l;m;h\r\n/ },
      iceServers: [{ urls: ['turn:t.example.net'], username: STREAM }],
    },
  });
  t.match(publications[0]?.publisher, { protocol: 'whip', streamKey: KEY, address: '127.0.0.1' });
  broadcaster.send('stream:ice-candidate', { streamId: STREAM, candidate: { candidate: 'x' } }, 'c');
  t.equal((await broadcaster.next('ok')).id, 'c');
  broadcaster.send('stream:offer', { streamKey: 'live_wrong', offer: publisherOffer }, 8);
  t.match(await broadcaster.next('error'), { id: 8, data: { code: 'stream_key_unknown' } });
  broadcaster.send('stream:offer', { streamKey: KEY, streamId: OTHER, offer: publisherOffer });
  t.match(await broadcaster.next('error'), { data: { code: 'not_your_stream' } });
  t.strictSame(publications[1]?.ends, ['publisher-left']);

  pool.publishers[0]?.end('lost');
  t.match(await broadcaster.next('stream:disconnected'), { data: { streamId: STREAM } });
  t.strictSame(publications[0]?.ends, ['publisher-lost']);
  t.notMatch(logged.join(''), KEY);
});

t.test('a viewer joins, learns the servers, offers and watches; the room learns of it', async (t) => {
  const { client, pool, clock, hall, visit } = await stage(t);
  const viewer = client();
  viewer.send('stream:join', { streamId: STREAM, userId: 'bob' }, 1);
  t.match(await viewer.next('stream:joined'), {
    id: 1,
    data: { streamId: STREAM, state: 'live', viewers: 0, iceServers: [{ username: 'bob' }] },
  });
  viewer.send('stream:join', { streamId: STREAM, offer: viewerOffer }, 2);
  t.match(await viewer.next('stream:answer'), {
    id: 2,
    data: { streamId: STREAM, answer: { type: 'answer', sdp: /a=sendonly/ } },
  });
  const [peer] = pool.viewers;
  peer?.event({ type: 'active' });
  t.match(await viewer.next('stream:active'), { data: { streamId: STREAM } });
  peer?.layers({ rid: 'h', active: true }, { rid: 'l', active: true });
  t.match(await viewer.next('stream:layers'), {
    data: { layers: [{ rid: 'h' }, { rid: 'l' }], current: 'h' },
  });
  viewer.send('stream:layer', { streamId: STREAM, rid: 'l' }, 3);
  await viewer.next('ok');
  viewer.send('stream:layer', { streamId: STREAM, rid: 'x' }, 4);
  t.match(await viewer.next('error'), { data: { code: 'layer_unknown' } });
  viewer.send('stream:layer', { streamId: STREAM }, 5);
  await viewer.next('ok');
  t.strictSame(peer?.selected, ['l', undefined]);

  await clock.advance(1_000);
  t.match(await viewer.next('stream:viewers'), { data: { streamId: STREAM, viewers: 1 } });
  hall.state = { name: 'reconnecting', until: 1 };
  await clock.advance(1_000);
  t.match(await viewer.next('stream:state'), { data: { state: 'reconnecting' } });

  viewer.send('stream:join', { streamId: STREAM, offer: viewerOffer });
  await viewer.next('stream:answer');
  t.equal(peer?.ended, 'closed', 'a new connection takes the place of the old one');
  await visit.ended('grace-expired');
  t.match(await viewer.next('stream:ended'), {
    data: { streamId: STREAM, reason: 'grace-expired', message: 'The broadcast is over.', reconnect: false },
  });
  t.equal(viewer.received.filter(({ event }) => event === 'stream:ended').length, 1);
});

t.test('a viewer who joins is offered the picture and answers, as soon as there is one', async (t) => {
  const { client, pool, clock, hall, visit } = await stage(t);
  hall.state = { name: 'offline' };
  const viewer = client();
  viewer.send('stream:join', { streamId: STREAM });
  t.match(await viewer.next('stream:joined'), { data: { state: 'offline' } });
  viewer.send('stream:answer', { streamId: STREAM, answer: 'v=0' }, 1);
  t.match(await viewer.next('error'), { id: 1, data: { code: 'answer_not_expected' } });
  hall.state = { name: 'starting' };
  await clock.advance(1_000);
  const { data } = await viewer.next('stream:offer');
  t.match(data, {
    streamId: STREAM,
    iceServers: [{ username: 'viewer' }],
    offer: { type: 'offer', sdp: /a=sendonly[\s\S]*a=rtpmap:102 H264\/90000[\s\S]*a=rtpmap:96 VP8\/90000/ },
  });
  viewer.send('stream:answer', { streamId: STREAM, answer: 'v=1' }, 2);
  t.match(await viewer.next('error'), { id: 2, data: { code: 'sdp_invalid' } });
  viewer.send('stream:answer', { streamId: STREAM, answer: { type: 'answer', sdp: viewerOffer } }, 3);
  t.equal((await viewer.next('ok')).id, 3);
  t.match(pool.viewers[0]?.options, { channelId: `broadcast-of-${STREAM}`, remote: { setup: 'actpass' } });
  pool.viewers[0]?.event({ type: 'active' });
  await viewer.next('stream:active');

  pool.viewers[0]?.end('worker-died');
  t.match(await viewer.next('stream:ended'), { data: { reason: 'worker-died', reconnect: true } });
  await viewer.next('stream:offer');
  viewer.send('stream:answer', { streamId: STREAM, answer: viewerOffer }, 4);
  await viewer.next('ok');
  await visit.ended('grace-expired');
  t.match(await viewer.next('stream:ended'), { data: { reason: 'grace-expired', reconnect: false } });
  viewer.send('stream:ice-candidate', { streamId: STREAM, candidate: {} }, 5);
  t.match(await viewer.next('error'), { id: 5, data: { code: 'not_your_stream' } }, 'the room was left');
});

t.test('only who publishes a stream may end it', async (t) => {
  const { client, ended } = await stage(t);
  const [broadcaster, viewer] = [client(), client()];
  broadcaster.send('stream:offer', { streamKey: KEY, offer: publisherOffer });
  await broadcaster.next('stream:answer');
  viewer.send('stream:join', { streamId: STREAM, offer: viewerOffer });
  await viewer.next('stream:answer');
  viewer.send('stream:end', { streamId: STREAM }, 1);
  t.match(await viewer.next('error'), { id: 1, data: { code: 'not_your_stream' } });
  t.strictSame(ended, []);
  broadcaster.send('stream:end', { streamId: STREAM }, 2);
  await broadcaster.next('ok');
  t.strictSame(ended, [STREAM]);
  t.match(await viewer.next('stream:ended'), { data: { reason: 'ended-by-owner' } });
});

t.test('who disconnects or leaves lets go of everything', async (t) => {
  const { client, publications, pool, clock } = await stage(t);
  const [broadcaster, first, second] = [client(), client(), client()];
  broadcaster.send('stream:offer', { streamKey: KEY, offer: publisherOffer });
  await broadcaster.next('stream:answer');
  for (const viewer of [first, second]) {
    viewer.send('stream:join', { streamId: STREAM, offer: viewerOffer });
    await viewer.next('stream:answer');
  }
  first.send('stream:leave', { streamId: STREAM }, 1);
  await first.next('ok');
  t.equal(pool.viewers[0]?.ended, 'closed');
  second.destroy();
  await eventually(() => pool.viewers[1]?.ended === 'closed');
  broadcaster.destroy();
  await eventually(() => (publications[0]?.ends.length ?? 0) > 0);
  t.strictSame(publications[0]?.ends, ['publisher-left']);
  t.equal(pool.publishers[0]?.ended, 'closed');
  first.destroy();
  await clock.advance(2_000);
  await eventually(() => clock.pending === 1);
  t.pass('only the rooms’ own timer is left');
});

t.test('who goes while they are negotiated leaves nothing behind', async (t) => {
  const { client, publications, pool } = await stage(t);
  let go: () => void = () => {};
  let asked = 0;
  pool.beforePeer = () => {
    asked++;
    return new Promise((resolve) => {
      const before = go;
      go = () => {
        before();
        resolve();
      };
    });
  };
  const [broadcaster, viewer] = [client(), client()];
  broadcaster.send('stream:offer', { streamKey: KEY, offer: publisherOffer });
  viewer.send('stream:join', { streamId: STREAM, offer: viewerOffer });
  await eventually(() => asked === 2);
  broadcaster.destroy();
  viewer.destroy();
  // The server sees the sockets close before it goes on.
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  go();
  await eventually(() => pool.publishers[0]?.ended === 'closed' && pool.viewers[0]?.ended === 'closed');
  t.strictSame(publications[0]?.ends, ['publisher-left']);
});

t.test('wrong messages are answered with errors; ten in a row end the connection', async (t) => {
  const { client } = await stage(t);
  const rude = client();
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
    rude.sendText(text);
    t.match(await rude.next('error'), { data: { code } }, text.slice(0, 60));
  }
  for (let broken = 0; broken < 9; broken++) rude.sendText('{');
  rude.send('stream:nothing');
  for (let broken = 0; broken < 9; broken++) rude.sendText('{');
  rude.send('stream:nothing', {}, 'still here');
  while ((await rude.next('error')).id !== 'still here');
  for (let broken = 0; broken < 10; broken++) rude.sendText('{');
  await rude.untilClosed();
  t.equal(rude.closeCode, 1008);

  const heavy = client();
  heavy.sendText('x'.repeat(70_000));
  await heavy.untilClosed();
  t.equal(heavy.closeCode, 1009);
});

t.test('messages and offers are limited, streams and connections bounded', async (t) => {
  const { client, clock } = await stage(t, {
    limits: { connectionsPerAddress: 2, offers: { burst: 2, refillMs: 1_000 } },
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
  t.ok(limited >= 51, `${limited} put off`);
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

t.test('who does not answer pings is gone after the next', async (t) => {
  const { client, clock, pool } = await stage(t);
  const [lively, dead] = [client(), client()];
  dead.lively = false;
  for (const viewer of [lively, dead]) {
    viewer.send('stream:join', { streamId: STREAM, offer: viewerOffer });
    await viewer.next('stream:answer');
  }
  await clock.advance(25_000);
  await eventually(() => lively.pings === 1 && dead.pings === 1);
  lively.send('stream:nothing');
  await lively.next('error');
  await clock.advance(25_000);
  await dead.untilClosed();
  await eventually(() => pool.viewers[1]?.ended === 'closed');
  t.equal(lively.closed, false);
  t.equal(pool.viewers[0]?.ended, undefined);
});

t.test('when the server closes clients are told, and those who do not hear are cut off', async (t) => {
  const { app, client, clock } = await stage(t);
  const [polite, deaf] = [client(), client()];
  deaf.lively = false;
  for (const each of [polite, deaf]) {
    each.send('stream:nothing');
    await each.next('error');
  }
  const closed = app.close();
  await polite.untilClosed();
  t.equal(polite.closeCode, 1001);
  await clock.advance(1_000);
  await closed;
  await deaf.untilClosed();
});

t.test('requests without an upgrade, or with one elsewhere, are answered and leave no secret', async (t) => {
  const { app, client, logged } = await stage(t);
  const plain = await app.inject('/ws');
  t.equal(plain.statusCode, 426);
  t.match(plain.json(), { error: { code: 'upgrade_required' } });
  const stray = client(`/whip/${KEY}`);
  await eventually(() => stray.handshake !== '');
  t.match(stray.handshake, /^HTTP\/1\.1 405 /);
  await stray.untilClosed();
  t.notMatch(logged.join(''), KEY);
});

t.test('programs in the process use the platform’s names', async (t) => {
  const { service, publications, ended, pool } = await stage(t);
  const broadcast = await service.startBroadcast('ann', { title: 'Hello' });
  t.match(broadcast, { streamId: 'stream-of-ann', streamKey: KEY, iceServers: [{ username: 'ann' }] });
  const publication = await broadcast.answer(publisherOffer, '192.0.2.1');
  t.match(publication.answer, 'a=recvonly');
  t.equal(publications[0]?.publisher?.address, '192.0.2.1');

  const joined = await service.joinStream(STREAM, 'bob');
  t.match(joined, { streamId: STREAM, state: 'live', viewers: 0, iceServers: [{ username: 'bob' }] });
  const viewing = await joined.connection.answer(viewerOffer);
  t.match(viewing.answer, 'a=sendonly');
  await t.rejects(joined.connection.answer(viewerOffer), { code: 'already_negotiated' });
  const active = await service.getActiveStreams();
  t.equal(active.length, 250);
  t.match(active[0], { streamId: STREAM, userId: 'ann', state: 'live', viewers: 1 });
  t.match(await service.getStreamStats(STREAM), { streamId: STREAM, viewers: 1, state: { name: 'live' } });
  joined.connection.close();
  t.equal(pool.viewers[0]?.ended, 'closed');

  const offering = service.createPeerConnection(STREAM, 'dora');
  await t.rejects(offering.acceptAnswer(viewerOffer), { code: 'no_offer' });
  t.match(await offering.createOffer(), 'a=sendonly');
  await offering.acceptAnswer(viewerOffer);
  await t.rejects(offering.acceptAnswer(viewerOffer), { code: 'no_offer' });
  t.equal(service.viewers(STREAM), 1);
  offering.close();
  t.equal(pool.viewers[1]?.ended, 'closed');

  const unheard = service.createPeerConnection(STREAM, 'carl');
  unheard.close();
  await unheard.answer(viewerOffer);
  t.equal(pool.viewers[2]?.ended, 'closed', 'what is closed stays closed');
  await t.rejects(service.createPeerConnection(OTHER, 'carl').answer(viewerOffer), {
    code: 'stream_offline',
  });
  await t.rejects(service.joinStream('nowhere', 'bob'), { code: 'stream_not_found' });
  await t.rejects(service.getStreamStats('nowhere'), { code: 'stream_not_found' });
  await service.stopBroadcast(STREAM);
  t.strictSame(ended, [STREAM]);
  await t.rejects(service.stopBroadcast('nowhere'), { code: 'stream_not_found' });
});
