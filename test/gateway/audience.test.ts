import t, { type Test } from 'tap';
import { testDatabase } from '../support/database.js';
import { film, publish } from '../support/encoder.js';
import {
  type GatewayProcess,
  type Livestream,
  OPERATOR_TOKEN,
  startGatewayProcess,
  until,
} from '../support/gateway-process.js';
import { HlsViewer } from '../support/hls-viewer.js';
import { type RtcPeer, RtcPeers } from '../support/rtc-peers.js';
import { WebSocketClient } from '../support/websocket-client.js';

/** A picture that costs little: what is counted here are people. */
const SMALL = { size: '320x180', rate: '10', bitrate: '100k' };
const HLS_VIEWERS = 200;
const SOCKETS = 44;
const WHEP_VIEWERS = 6;
const EVERYBODY = HLS_VIEWERS + SOCKETS + WHEP_VIEWERS;
/** How long a count has to stay right: everybody asks for a playlist once meanwhile. */
const STEADY_MS = 3_000;

const { sql, url } = await testDatabase(t);
const gateway = await startGatewayProcess(t, { DATABASE_URL: url, LADDER: '180:100k' });
const peers = await RtcPeers.start();
t.teardown(() => peers.kill());

type WhepViewer = { peer: RtcPeer; path: string };
type Counts = { total: number; byProtocol: { whep: number; 'll-hls': number; hls: number } };
type Answer = { status: number; body: Record<string, unknown>; headers: Headers };

async function ask(method: string, path: string, body?: unknown, token?: string): Promise<Answer> {
  const isText = typeof body === 'string';
  const response = await fetch(`${gateway.http}${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': isText ? 'application/sdp' : 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, body: isJson ? JSON.parse(text) : { text }, headers: response.headers };
}

const asOperator = (method: string, path: string, body?: unknown) => ask(method, path, body, OPERATOR_TOKEN);

async function counts({ streamId }: Livestream): Promise<Counts> {
  return (await gateway.api<{ viewers: Counts }>('GET', `/${streamId}/viewers`)).viewers;
}

/** Waits until so many are counted, by the API and on a socket, and looks whether it stays so. */
async function watched(
  t: Test,
  livestream: Livestream,
  total: number,
  socket: WebSocketClient,
  what: string,
) {
  // Also the answer to joining tells: of what has not changed since, nobody is told again.
  const told = (): unknown => socket.received.findLast(({ data }) => 'viewers' in data)?.data.viewers;
  await until(`${total} viewers: ${what}`, async () => (await counts(livestream)).total === total, 60_000);
  await until(`everybody is told of ${total}`, () => told() === total);
  const seen = new Set<unknown>();
  for (const end = Date.now() + STEADY_MS; Date.now() < end; ) {
    seen.add((await counts(livestream)).total).add(told());
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  t.same([...seen], [total], what);
}

function join(t: Test, { streamId }: Livestream, token?: string): WebSocketClient {
  const socket = new WebSocketClient(t, Number(new URL(gateway.http).port));
  socket.send(
    'join-livestream',
    { streamId, ...(token === undefined ? {} : { viewerToken: token }) },
    'join',
  );
  return socket;
}

async function joined(socket: WebSocketClient): Promise<string> {
  return String((await socket.next('ok')).data.viewerToken);
}

/** Somebody who watches by WHEP, through a real connection. */
async function watch(peers: RtcPeers, { streamId }: Livestream, token?: string): Promise<WhepViewer> {
  const peer = await peers.create({ watches: true });
  const query = token === undefined ? '' : `?v=${token}`;
  const answer = await ask('POST', `/whep/${streamId}${query}`, peer.offer);
  if (answer.status !== 201) throw new Error(`WHEP: ${answer.status} ${JSON.stringify(answer.body)}`);
  peer.accept(String(answer.body.text));
  await peer.until(() => peer.received.length > 0);
  return { peer, path: answer.headers.get('location') ?? '' };
}

async function live(t: Test, gateway: GatewayProcess, seconds: number): Promise<Livestream> {
  const livestream = await gateway.createLivestream();
  publish(t, await film(seconds, SMALL), livestream.rtmp);
  await gateway.untilLive(livestream);
  return livestream;
}

t.test('a crowd comes, leaves, vanishes and comes back, and is counted to the unit', async (t) => {
  const livestream = await live(t, gateway, 240);
  const { streamId, hls } = livestream;
  const viewers = Array.from({ length: HLS_VIEWERS }, (_, index) => {
    return new HlsViewer(hls, { lowLatency: index % 2 === 1 });
  });
  t.teardown(() => {
    for (const viewer of viewers) viewer.vanish();
  });
  await Promise.all(viewers.map((viewer) => viewer.start()));
  const sockets = Array.from({ length: SOCKETS }, () => join(t, livestream));
  const tokens = await Promise.all(sockets.map(joined));
  const ear = sockets[0] as WebSocketClient;
  const vanishing = await RtcPeers.start();
  t.teardown(() => vanishing.kill());
  const tabs: WhepViewer[] = [];
  for (let index = 0; index < WHEP_VIEWERS; index++)
    tabs.push(await watch(index < 3 ? peers : vanishing, livestream));
  await watched(t, livestream, EVERYBODY, ear, 'everybody who came is counted once');
  t.same((await counts(livestream)).byProtocol, { whep: 6, 'll-hls': 100, hls: 100 });

  // Who asks for the multivariant playlist alone watches nothing.
  t.equal((await ask('GET', new URL(hls).pathname)).status, 200);
  // Pages that are loaded again, a socket that comes back, tabs that watch in two ways.
  await Promise.all(viewers.slice(0, 20).map((viewer) => viewer.start()));
  for (const [index, token] of tokens.entries()) {
    if (index === 0 || index > 10) continue;
    sockets[index]?.destroy();
    const again = join(t, livestream, token);
    t.equal(await joined(again), token, 'the same viewer');
    sockets[index] = again;
  }
  for (const viewer of viewers.slice(0, 5)) await joined(join(t, livestream, viewer.token));
  const both = await watch(peers, livestream, tokens[1]);
  await watched(t, livestream, EVERYBODY, ear, 'nobody is counted twice');
  t.equal((await counts(livestream)).byProtocol.whep, WHEP_VIEWERS + 1);

  // With a goodbye: at once.
  const leaving = viewers.slice(100, 150);
  for (const viewer of leaving) viewer.vanish();
  for (const { token } of leaving)
    t.equal((await ask('POST', `/api/livestream/${streamId}/leave`, { viewerToken: token })).status, 200);
  for (const socket of sockets.slice(30)) socket.send('leave-livestream', { streamId });
  for (const { path } of tabs.slice(0, 3)) t.equal((await ask('DELETE', path)).status, 200);
  const left = 50 + 14 + 3;
  await watched(t, livestream, EVERYBODY - left, ear, 'who says goodbye is gone');

  // Without one: sockets at once, playlists after 15 seconds, WebRTC when its connection is given up.
  const silentSince = Date.now();
  const silent = viewers.slice(150);
  for (const viewer of silent) viewer.vanish();
  for (const socket of sockets.slice(20, 30)) socket.destroy();
  await vanishing.kill();
  const gone = 50 + 10 + 3;
  await watched(t, livestream, EVERYBODY - left - gone, ear, 'who vanished is gone');

  await Promise.all(silent.slice(0, 20).map((viewer) => viewer.again()));
  await watched(t, livestream, EVERYBODY - left - gone + 20, ear, 'who comes back is there again');

  t.same(
    viewers.flatMap(({ errors }) => errors),
    [],
    'nobody was refused a playlist',
  );
  await ask('DELETE', both.path);
  await gateway.api('POST', `/${streamId}/end`, {});
  for (const viewer of viewers) viewer.vanish();
  await watched(t, livestream, 0, ear, 'after the end nobody watches');
  const { stream } = await gateway.api<{ stream: { viewerCountPeak: number } }>('GET', `/${streamId}`);
  t.equal(stream.viewerCountPeak, EVERYBODY, 'the peak');

  type Row = { viewer_id: string; user_id: string | null; joined_at: Date; left_at: Date | null };
  const rows = await sql<Row[]>`
    select viewer_id, user_id, joined_at, left_at from livestream_viewers where stream_id = ${streamId}`;
  t.equal(rows.length, EVERYBODY, 'one row for each');
  t.equal(new Set(rows.map(({ viewer_id }) => viewer_id)).size, EVERYBODY);
  t.ok(rows.every(({ user_id }) => user_id === null));
  const times = rows.map(({ left_at }) => left_at?.getTime() ?? Number.NaN);
  t.ok(
    rows.every(({ joined_at, left_at }) => left_at !== null && left_at >= joined_at),
    'everybody has left',
  );
  const early = times.filter((time) => time <= silentSince).length;
  const late = EVERYBODY - left - gone + 20;
  t.equal(times.filter((time) => time > silentSince + STEADY_MS).length >= late, true, 'who stayed, stayed');
  t.ok(early >= left, `${early} had left before others fell silent`);
  // Silence is waited out, but counts for nobody's time.
  const playlists = times.filter((time) => time > silentSince - 2_500 && time <= silentSince + 500).length;
  t.ok(playlists >= 30 + 10, `${playlists} are taken to have left when they were last seen`);
});

t.test('as many may watch as may, however they come', async (t) => {
  const livestream = await live(t, gateway, 60);
  const { streamId, hls } = livestream;
  t.equal((await asOperator('PATCH', `/api/livestream/${streamId}`, { viewerLimit: 3 })).status, 200);
  const ear = join(t, livestream);
  await joined(ear);
  const one = new HlsViewer(hls);
  t.teardown(() => one.vanish());
  await one.start();
  const other = await watch(peers, livestream);
  await watched(t, livestream, 3, ear, 'the house is full');

  const refusal = { error: { code: 'viewer_limit_reached' } };
  const refused = [
    await ask('POST', `/api/livestream/${streamId}/join`, {}),
    await ask('GET', new URL(hls).pathname),
    await ask('POST', `/whep/${streamId}`, (await peers.create({ watches: true })).offer),
  ];
  for (const { status, body, headers } of refused) {
    t.match({ status, body }, { status: 503, body: refusal });
    t.match(headers.get('retry-after'), /^\d+$/);
    t.match(headers.get('access-control-allow-origin') ?? '*', '*');
  }
  const late = join(t, livestream);
  t.match((await late.next('error')).data, refusal.error);
  // Who is in stays in, also by another way.
  await one.start();
  await joined(join(t, livestream, one.token));
  await watched(t, livestream, 3, ear, 'nobody else came in');

  t.equal((await ask('DELETE', other.path)).status, 200);
  await until('there is a place', async () => (await counts(livestream)).total === 2);
  late.send('join-livestream', { streamId }, 'again');
  await joined(late);
  await watched(t, livestream, 3, ear, 'who waited is in');
});

t.test('a private livestream is for those who are invited, as long as they are', async (t) => {
  const livestream = await live(t, gateway, 60);
  const { streamId, hls } = livestream;
  const path = `/api/livestream/${streamId}`;
  const stranger = new HlsViewer(hls);
  const strangersSocket = join(t, livestream);
  await joined(strangersSocket);
  await stranger.start();
  t.equal((await asOperator('PATCH', path, { visibility: 'private' })).status, 200);
  await strangersSocket.next('livestream:dismissed');
  await t.rejects(stranger.again(), /404/, 'who watched it before is sent away');
  stranger.vanish();
  const offer = (await peers.create({ watches: true })).offer;
  const unknown = await ask(
    'GET',
    path.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')),
  );
  for (const answer of [
    await ask('GET', path),
    await ask('GET', `${path}/viewers`),
    await ask('POST', `${path}/join`, {}),
    await ask('POST', `/whep/${streamId}`, offer),
  ]) {
    t.equal(answer.status, 404);
    t.match(answer.body, { error: { code: 'stream_not_found' } });
  }
  t.same((await ask('GET', path)).body, unknown.body, 'as if there were none');
  t.equal((await ask('GET', new URL(hls).pathname)).status, 404);
  strangersSocket.send('join-livestream', { streamId }, 'again');
  t.match((await strangersSocket.next('error')).data, { code: 'stream_not_found' });

  const account = { name: 'Gisela', password: 'correct horse battery', role: 'viewer' };
  const { body: made } = await asOperator('POST', '/api/auth/register', account);
  const userId = (made as { user: { id: string } }).user.id;
  const session = await fetch(`${gateway.http}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: account.name, password: account.password }),
  });
  const cookie = session.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ');
  const uninvited = await fetch(`${gateway.http}${path}`, { headers: { cookie } });
  t.equal(uninvited.status, 404, 'an account alone is no invitation');
  t.equal((await asOperator('PUT', `${path}/guests/${userId}`)).status, 200);

  const port = Number(new URL(gateway.http).port);
  const socket = new WebSocketClient(t, port, '/ws', { Cookie: cookie });
  socket.send('join-livestream', { streamId }, 'join');
  const token = await joined(socket);
  const viewer = new HlsViewer(`${hls}?v=${token}`);
  t.teardown(() => viewer.vanish());
  await viewer.start();
  const { peer } = await watch(peers, livestream, token);
  let packets = 0;
  peer.onPacket = () => packets++;
  await watched(t, livestream, 1, socket, 'all of that is one guest');
  const [row] = await sql<{ user_id: string }[]>`
    select user_id from livestream_viewers where stream_id = ${streamId} and left_at is null`;
  t.equal(row?.user_id, userId);

  t.equal((await asOperator('DELETE', `${path}/guests/${userId}`)).status, 200);
  await socket.next('livestream:dismissed');
  await until('nothing is sent to them any more', async () => {
    const before = packets;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return packets === before;
  });
  await t.rejects(viewer.again(), /404/);
  await until('nobody watches', async () => (await counts(livestream)).total === 0);
});
