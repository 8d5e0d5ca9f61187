import t from 'tap';
import {
  KEY,
  OTHER,
  publisherOffer,
  STREAM,
  startSignallingFixture,
  viewerOffer,
} from '../support/fixtures/socket-signalling-fixture.js';
import { eventually } from '../support/until.js';

/** Timers of the server itself: heartbeat, check of backlogs and viewer counts. */
const SERVER_TIMERS = 3;

t.test('a broadcaster offers with the stream key and is answered', async (t) => {
  const { client, publications, pool, logLines } = await startSignallingFixture(t);
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
  t.notMatch(logLines.join(''), KEY);
});

t.test('a signed-in owner publishes without a stream key', async (t) => {
  const { client, publications, principals } = await startSignallingFixture(t);
  const account = { kind: 'account', name: 'Somebody', via: 'session' } as const;
  principals.ann = { ...account, userId: 'ann', role: 'broadcaster' };
  principals.bob = { ...account, userId: 'bob', role: 'broadcaster' };
  principals.eve = { ...account, userId: 'eve', role: 'admin' };
  principals.machine = { kind: 'operator' };
  const offered = async (token: string, data: object, answer: string) => {
    const socket = client('/ws', token === '' ? {} : { authorization: `Bearer ${token}` });
    socket.send('stream:offer', { offer: publisherOffer, ...data }, 1);
    return await socket.next(answer);
  };
  const unknown = '01890a5d-ac96-774b-bcce-b302099a8059';
  t.match(await offered('', { streamId: STREAM }, 'error'), { data: { code: 'stream_key_missing' } });
  t.match(await offered('bob', { streamId: STREAM }, 'error'), { data: { code: 'not_your_stream' } });
  t.match(await offered('ann', { streamId: unknown }, 'error'), { data: { code: 'not_your_stream' } });
  t.match(await offered('ann', {}, 'error'), { data: { code: 'message_invalid' } });
  t.match(await offered('ann', { streamId: STREAM, streamKey: '' }, 'error'), {
    data: { code: 'message_invalid' },
  });
  t.strictSame(publications, []);

  for (const [token, streamId, userId] of [
    ['ann', STREAM, 'ann'],
    ['ann', STREAM.toUpperCase(), 'ann'],
    ['eve', OTHER, 'eve'],
    ['machine', OTHER, 'operator'],
  ] as const) {
    const answer = await offered(token, { streamId }, 'stream:answer');
    t.match(answer, { id: 1, data: { streamId: streamId.toLowerCase(), answer: { type: 'answer' } } }, token);
    const signedIn = { streamId: streamId.toLowerCase(), userId };
    t.match(publications.at(-1)?.publisher, { protocol: 'whip', signedIn, streamKey: undefined });
  }
});

t.test('a viewer joins, gets the ICE servers, offers and watches; the room gets the count', async (t) => {
  const { client, pool, clock, change, audience, subscription } = await startSignallingFixture(t);
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
  peer?.connect();
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
  t.equal(audience.watching, 1);
  change({ name: 'reconnecting', until: 1 });
  t.match(await viewer.next('stream:state'), { data: { state: 'reconnecting', until: 1 } });

  viewer.send('stream:join', { streamId: STREAM, offer: viewerOffer });
  await viewer.next('stream:answer');
  t.equal(peer?.ended, 'closed', 'a new session replaces the old one');
  await subscription.broadcastEnded('grace-expired');
  t.match(await viewer.next('stream:ended'), {
    data: { streamId: STREAM, reason: 'grace-expired', message: 'The broadcast is over.', reconnect: false },
  });
  t.equal(viewer.received.filter(({ event }) => event === 'stream:ended').length, 1);
  t.equal(audience.watching, 0);
  change({ name: 'offline' }, { end: 'grace-expired' });
  await clock.advance(100);
  viewer.send('stream:join', { streamId: STREAM }, 'still there');
  await viewer.next('stream:joined');
});

t.test('a viewer who joins gets an offer as soon as media are available', async (t) => {
  const { client, pool, registry, change, subscription } = await startSignallingFixture(t);
  registry.state = { name: 'offline' };
  const viewer = client();
  viewer.send('stream:join', { streamId: STREAM });
  t.match(await viewer.next('stream:joined'), { data: { state: 'offline' } });
  viewer.send('stream:answer', { streamId: STREAM, answer: 'v=0' }, 1);
  t.match(await viewer.next('error'), { id: 1, data: { code: 'answer_not_expected' } });
  change({ name: 'starting' }, { wasLive: false });
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
  t.match(pool.viewers[0]?.options, {
    viewerGroupId: `broadcast-of-${STREAM}`,
    remote: { setup: 'actpass' },
  });
  pool.viewers[0]?.event({ type: 'active' });
  await viewer.next('stream:active');

  pool.viewers[0]?.end('worker-died');
  t.match(await viewer.next('stream:ended'), { data: { reason: 'worker-died', reconnect: true } });
  await viewer.next('stream:offer');
  viewer.send('stream:answer', { streamId: STREAM, answer: viewerOffer }, 4);
  await viewer.next('ok');
  await subscription.broadcastEnded('grace-expired');
  t.match(await viewer.next('stream:ended'), { data: { reason: 'grace-expired', reconnect: false } });
  viewer.send('stream:ice-candidate', { streamId: STREAM, candidate: {} }, 5);
  t.match(
    await viewer.next('error'),
    { id: 5, data: { code: 'not_your_stream' } },
    'the client has left the room',
  );
});

t.test('only the publisher of a stream may end it', async (t) => {
  const { client, ended } = await startSignallingFixture(t);
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

t.test('the owner may end a livestream without publishing it', async (t) => {
  const { client, ended, principals } = await startSignallingFixture(t);
  const account = { kind: 'account', name: 'Somebody', via: 'token' } as const;
  principals.ann = { ...account, userId: 'ann', role: 'broadcaster' };
  principals.bob = { ...account, userId: 'bob', role: 'broadcaster' };
  principals.eve = { ...account, userId: 'eve', role: 'admin' };
  const unknown = '01890a5d-ac96-774b-bcce-b302099a8059';
  for (const [token, streamId] of [
    ['bob', STREAM],
    ['ann', unknown],
    ['ann', 'nonsense'],
  ] as const) {
    const socket = client('/ws', { authorization: `Bearer ${token}` });
    socket.send('stream:end', { streamId }, 1);
    t.match(await socket.next('error'), { id: 1, data: { code: 'not_your_stream' } }, `${token} ${streamId}`);
  }
  t.strictSame(ended, []);
  for (const [token, streamId] of [
    ['ann', STREAM],
    ['eve', OTHER],
  ] as const) {
    const socket = client('/ws', { authorization: `Bearer ${token}` });
    socket.send('stream:end', { streamId }, 1);
    await socket.next('ok');
  }
  t.strictSame(ended, [STREAM, OTHER]);
});

t.test('joined clients get the states of a stream, and none of one that was never live', async (t) => {
  const { client, change, clock } = await startSignallingFixture(t);
  const viewer = client();
  viewer.send('stream:join', { streamId: STREAM }, 1);
  await viewer.next('stream:joined');
  change({ name: 'reconnecting', until: 7 });
  t.match(await viewer.next('stream:state'), { data: { streamId: STREAM, state: 'reconnecting', until: 7 } });
  change({ name: 'starting' });
  change({ name: 'ending', reason: 'shutdown' });
  change({ name: 'offline' }, { end: 'shutdown' });
  change({ name: 'starting' }, { wasLive: false });
  change({ name: 'ending', reason: 'never-started' }, { wasLive: false });
  change({ name: 'offline' }, { wasLive: false, end: 'never-started' });
  change({ name: 'live' });
  change({ name: 'ending', reason: 'grace-expired' });
  change({ name: 'offline' }, { end: 'grace-expired' });
  await clock.advance(100);
  const states: unknown[] = [];
  for (;;) {
    const { data } = await viewer.next('stream:state');
    states.push(data.state);
    if (data.state === 'ended') {
      t.match(data, { reason: 'grace-expired', message: 'The broadcast is over.' });
      break;
    }
  }
  t.strictSame(states, ['live', 'ended']);
});

t.test('the audience admits viewers, and is informed while they watch', async (t) => {
  const { client, audience, pool } = await startSignallingFixture(t);
  const viewer = client();
  audience.refuse = true;
  for (const offer of [undefined, viewerOffer]) {
    viewer.send('stream:join', { streamId: STREAM, offer }, 1);
    t.match(await viewer.next('error'), { data: { code: 'viewer_limit_reached' } });
  }
  t.equal(pool.viewers.length, 0);
  audience.refuse = false;
  viewer.send('stream:join', { streamId: OTHER, offer: viewerOffer }, 2);
  t.match(await viewer.next('error'), { data: { code: 'stream_offline' } });
  t.strictSame([audience.admitted, audience.withdrawn], [1, 1], 'a viewer that cannot connect is withdrawn');
  viewer.send('stream:join', { streamId: STREAM, offer: viewerOffer }, 3);
  await viewer.next('stream:answer');
  t.equal(audience.watching, 1);
  audience.dismiss();
  t.match(await viewer.next('stream:ended'), { data: { reason: 'dismissed', reconnect: false } });
  t.equal(audience.watching, 0);
  t.equal(pool.viewers[0]?.ended, 'closed');
  viewer.send('stream:ice-candidate', { streamId: STREAM, candidate: {} }, 4);
  t.match(await viewer.next('error'), { data: { code: 'not_your_stream' } });
  viewer.send('stream:join', { streamId: STREAM, offer: viewerOffer }, 5);
  await viewer.next('stream:answer');
  viewer.destroy();
  await eventually(() => audience.watching === 0);
});

t.test('a client that disconnects or leaves releases everything', async (t) => {
  const { client, publications, pool, clock } = await startSignallingFixture(t);
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
  await eventually(() => clock.pending === SERVER_TIMERS);
  t.pass('no timer is left');
});

t.test('a client that disconnects during negotiation leaves nothing open', async (t) => {
  const { client, publications, pool } = await startSignallingFixture(t);
  let release: () => void = () => {};
  let asked = 0;
  pool.beforePeer = () => {
    asked++;
    return new Promise((resolve) => {
      const before = release;
      release = () => {
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
  release();
  await eventually(() => pool.publishers[0]?.ended === 'closed' && pool.viewers[0]?.ended === 'closed');
  t.strictSame(publications[0]?.ends, ['publisher-left']);
});
