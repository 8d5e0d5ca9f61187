import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { InjectOptions } from 'fastify';
import t, { type Test } from 'tap';
import { createWhepEgress, type WhepRoutesOptions, whepRoutes } from '../../../src/egress/whep/index.js';
import { ADMIT_EVERY_VIEWER, type BroadcastEnd } from '../../../src/streams/index.js';
import { offerText } from '../../support/clients/webrtc-offer.js';
import { FakeClock } from '../../support/fakes/fake-clock.js';
import { FakeWebrtcBroadcast } from '../../support/fakes/fake-webrtc-broadcast.js';
import { FakeWebrtcPool } from '../../support/fakes/fake-webrtc-pool.js';
import { createTestServer } from '../../support/fixtures/test-server.js';
import { eventually } from '../../support/until.js';

const LIVE = '01890a5d-ac96-774b-bcce-b302099a8057';
const OFFLINE = '01890a5d-ac96-774b-bcce-b302099a8058';
const OVER = '01890a5d-ac96-774b-bcce-b302099a8059';
const LATER = '01890a5d-ac96-774b-bcce-b302099a805a';

async function whep(t: Test, routes: Partial<WhepRoutesOptions> = {}) {
  const clock = new FakeClock();
  const { app, log } = createTestServer(t, clock);
  const pool = new FakeWebrtcPool();
  const egress = createWhepEgress({ pool, clock, log });
  const subscription = egress.subscribe(new FakeWebrtcBroadcast(LIVE));
  const asked: string[] = [];
  await app.register(whepRoutes, {
    egress,
    admission: ADMIT_EVERY_VIEWER,
    findLivestream: async (streamId: string): Promise<{ endReason: BroadcastEnd | null } | undefined> => {
      asked.push(streamId);
      if (streamId === OFFLINE) return { endReason: null };
      if (streamId === LATER) return { endReason: 'grace-expired' };
      return streamId === OVER ? { endReason: 'ended-by-owner' } : undefined;
    },
    iceServers: { links: (user?: string) => [`<stun:${user}>; rel="ice-server"`] },
    clock,
    ...routes,
  });
  const ask = (method: InjectOptions['method'], url: string, body?: unknown) =>
    app.inject({
      ...(method === undefined ? {} : { method }),
      url,
      ...(body === undefined
        ? {}
        : { payload: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
  const post = (streamId = LIVE, payload = offerText('chromium-view')) =>
    app.inject({
      method: 'POST',
      url: `/whep/${streamId}`,
      payload,
      headers: { 'content-type': 'application/sdp' },
    });
  return { app, pool, post, ask, asked, clock, subscription };
}

/** Reads the server-sent events of a URL. */
async function listen(t: Test, url: string) {
  const request = get(url, { headers: { accept: 'text/event-stream' } });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  let text = '';
  let over = false;
  response.on('data', (bytes) => {
    text += bytes;
  });
  response.on('error', () => {});
  response.on('close', () => {
    over = true;
  });
  t.teardown(() => request.destroy());
  return {
    response,
    request,
    /** The raw text. */
    text: () => text,
    /** Name and data of every event. */
    events: () =>
      [...text.matchAll(/event: (.*)\ndata: (.*)\n\n/g)].map(([, name, data]): [string, unknown] => [
        name ?? '',
        JSON.parse(data ?? ''),
      ]),
    over: () => over,
  };
}

t.test('an offer gets 201 with a session, ICE servers and the extensions', async (t) => {
  const { post, pool, asked, app } = await whep(t);
  const answer = await post();
  t.equal(answer.statusCode, 201);
  const location = String(answer.headers.location);
  t.match(location, /^\/whep\/session\/[\w-]{22}$/);
  t.strictSame(answer.headers.link, [
    `<stun:${LIVE}>; rel="ice-server"`,
    `<${location}/layer>; rel="urn:ietf:params:whep:ext:core:layer"`,
    `<${location}/events>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="active,inactive,layers,viewercount,reconnect,end"`,
  ]);
  t.match(answer.headers, { etag: /^".+"$/, 'accept-patch': 'application/trickle-ice-sdpfrag' });
  t.match(answer.body, 'm=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n');
  t.match(pool.viewers, [{ options: { viewerGroupId: `broadcast-of-${LIVE}`, plan: { kind: 'viewer' } } }]);
  t.strictSame(asked, [], 'live streams need no database');

  t.equal((await app.inject({ method: 'DELETE', url: location })).statusCode, 200);
  t.equal(pool.viewers[0]?.ended, 'closed');
  t.equal((await app.inject({ method: 'DELETE', url: location })).statusCode, 404);
});

t.test('an offline stream gets 409 with Retry-After; an ended or unknown one gets 404', async (t) => {
  const { post, asked } = await whep(t);
  for (const streamId of [OFFLINE, LATER]) {
    const answer = await post(streamId);
    t.equal(answer.statusCode, 409);
    t.equal(answer.headers['retry-after'], '5');
    t.match(answer.json(), { error: { code: 'stream_offline' } });
  }
  for (const streamId of [OVER, '01890a5d-ac96-774b-bcce-000000000000', 'session', "x'%20or"]) {
    const answer = await post(streamId);
    t.equal(answer.statusCode, 404, streamId);
    t.equal(answer.headers['retry-after'], undefined);
  }
  t.strictSame(asked.length, 4, 'malformed ids are not looked up');
  t.equal((await post(OFFLINE, 'nonsense')).statusCode, 400);
  t.equal((await post(LIVE, offerText('chromium-view').replaceAll('recvonly', 'sendonly'))).statusCode, 400);
});

t.test('a layer is selected by POST and released by DELETE', async (t) => {
  const { post, pool, ask } = await whep(t);
  const url = `${(await post()).headers.location}/layer`;
  const [viewer] = pool.viewers;
  viewer?.layers({ rid: 'h', active: true }, { rid: 'l', active: true });
  t.equal((await ask('POST', url, { rid: 'l' })).statusCode, 200);
  t.equal((await ask('POST', url, { mediaId: '1', encodingId: 'h' })).statusCode, 200);
  t.equal((await ask('POST', url, { mediaId: 1, rid: 'h' })).statusCode, 200);
  t.strictSame((await ask('POST', url, {})).json(), { chosen: null });
  t.equal((await ask('DELETE', url)).statusCode, 200);
  t.strictSame(viewer?.selected, ['l', 'h', 'h', undefined, undefined]);
  for (const wrong of [{ rid: 'x' }, { rid: 7 }, { mediaId: '0', rid: 'h' }, [], 'h', null])
    t.equal((await ask('POST', url, wrong)).statusCode, 400, JSON.stringify(wrong));
  t.equal((await ask('POST', url.replace(/session\/[\w-]+/, 'session/none'), {})).statusCode, 404);
  t.equal((await ask('GET', url)).statusCode, 405);
  t.equal(viewer?.selected.length, 5);
});

t.test('subscribed events arrive as they happen and end with the reason', async (t) => {
  const { app, post, pool, ask, clock, subscription } = await whep(t, { basePath: '/live' });
  await app.listen({ port: 0, host: '127.0.0.1' });
  const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const session = String((await post()).headers.location).replace('/live', '');
  const [viewer] = pool.viewers;
  const made = await ask('POST', `${session}/events`, ['active', 'inactive', 'layers', 'something-new']);
  t.equal(made.statusCode, 201);
  const location = String(made.headers.location);
  t.match(location, new RegExp(`^/live${session}/events/[\\w-]{22}$`));

  viewer?.event({ type: 'active' });
  viewer?.event({ type: 'inactive' });
  viewer?.event({ type: 'active' });
  const stream = await listen(t, base + location.replace('/live', ''));
  t.equal(stream.response.statusCode, 200);
  t.match(stream.response.headers, {
    'content-type': 'text/event-stream',
    'access-control-allow-origin': '*',
    'cache-control': 'no-store',
  });
  await eventually(() => stream.events().length === 1);
  t.strictSame(stream.events(), [['active', {}]], 'the latest of unread events is sent');

  viewer?.layers(
    { rid: 'h', active: true, width: 1280, height: 720, bitrate: 2_000_000 },
    { rid: 'l', active: false },
  );
  await clock.advance(1_000);
  await eventually(() => stream.events().length === 2);
  t.strictSame(stream.events()[1], [
    'layers',
    {
      1: {
        active: [{ id: 'h', simulcastIdx: 0, width: 1280, height: 720, bitrate: 2_000_000 }],
        inactive: [{ id: 'l', simulcastIdx: 1 }],
        layers: [
          { encodingId: 'h', rid: 'h', simulcastIdx: 0, width: 1280, height: 720, bitrate: 2_000_000 },
        ],
      },
      current: 'h',
      chosen: null,
    },
  ]);
  await clock.advance(15_000);
  await eventually(() => stream.text().includes('\n:\n\n'));

  await subscription.broadcastEnded('key-revoked');
  await eventually(() => stream.over());
  t.strictSame(stream.events().slice(2), [
    ['end', { reason: 'key-revoked', message: 'The broadcast was stopped.' }],
  ]);
  t.equal((await ask('GET', location.replace('/live', ''))).statusCode, 404);
});

t.test(
  'a stream without a subscription gets all events; streams are limited and end with the session',
  async (t) => {
    const { app, post, pool, ask, clock } = await whep(t);
    await app.listen({ port: 0, host: '127.0.0.1' });
    const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
    const session = String((await post()).headers.location);
    const stream = await listen(t, `${base}${session}/events`);
    pool.viewers[0]?.connect();
    await pool.viewers[0]?.connected;
    await clock.advance(1_000);
    await eventually(() => stream.events().length === 1);
    t.strictSame(stream.events(), [['viewercount', { viewercount: 1 }]]);

    const made = [];
    for (let more = 0; more < 3; more++) made.push(await ask('POST', `${session}/events`, []));
    t.strictSame(
      made.map(({ statusCode }) => statusCode),
      [201, 201, 201],
    );
    const one = String(made[0]?.headers.location);
    t.equal((await ask('POST', `${session}/events`)).statusCode, 409);
    t.equal((await ask('DELETE', one)).statusCode, 200);
    t.equal((await ask('GET', one)).statusCode, 404);
    t.equal((await ask('POST', `${session}/events`)).statusCode, 201);
    t.equal((await ask('POST', `${session}/events`, { active: true })).statusCode, 400);

    stream.request.destroy();
    await eventually(() => clock.pending === 0);
    const again = await listen(t, `${base}${session}/events`);
    pool.viewers[0]?.end('worker-died');
    await eventually(() => again.over());
    t.match(again.events().at(-1), ['reconnect', { reason: 'worker-died' }]);
  },
);

t.test('an event stream that is not read is closed within bounded memory', async (t) => {
  const { app, post, pool } = await whep(t);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const session = String((await post()).headers.location);
  const stream = await listen(t, `${base}${session}/events`);
  stream.response.pause();
  stream.response.removeAllListeners('data');
  const layers = Array.from({ length: 200 }, (_, index) => ({ rid: `r${index}`, active: true }));
  let closed = false;
  stream.response.socket.once('close', () => {
    closed = true;
  });
  for (let round = 0; round < 5_000 && !closed; round++) {
    pool.viewers[0]?.layers(...layers);
    if (round % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await eventually(() => closed);
  t.pass('the connection was cut');
});

t.test('open event streams do not delay the server’s close', async (t) => {
  const { app, post } = await whep(t);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  const session = String((await post()).headers.location);
  const stream = await listen(t, `${base}${session}/events`);
  await app.close();
  await eventually(() => stream.over());
  t.pass('closed without any time going by');
});
