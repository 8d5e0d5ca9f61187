import t from 'tap';
import { HlsViewer } from '../../support/clients/hls-viewer.js';
import { WebSocketClient } from '../../support/clients/websocket-client.js';
import { startAudienceGateway } from '../../support/gateway/audience-gateway.js';
import { until } from '../../support/until.js';

const {
  gateway,
  sql,
  peers,
  request,
  requestAsOperator,
  viewerCounts,
  assertViewerCount,
  joinBySocket,
  viewerTokenOf,
  watchByWhep,
  publishLivestream,
} = await startAudienceGateway(t);

t.test('a livestream admits viewers up to its limit by every protocol', async (t) => {
  const livestream = await publishLivestream(t, 60);
  const { streamId, hls } = livestream;
  t.equal((await requestAsOperator('PATCH', `/api/livestream/${streamId}`, { viewerLimit: 3 })).status, 200);
  const socket = joinBySocket(t, livestream);
  await viewerTokenOf(socket);
  const one = new HlsViewer(hls);
  t.teardown(() => one.stop());
  await one.start();
  const other = await watchByWhep(peers, livestream);
  await assertViewerCount(t, livestream, 3, socket, 'the house is full');

  const refusal = { error: { code: 'viewer_limit_reached' } };
  const refused = [
    await request('POST', `/api/livestream/${streamId}/join`, {}),
    await request('GET', new URL(hls).pathname),
    await request('POST', `/whep/${streamId}`, (await peers.create({ watches: true })).offer),
  ];
  for (const { status, body, headers } of refused) {
    t.match({ status, body }, { status: 503, body: refusal });
    t.match(headers.get('retry-after'), /^\d+$/);
    t.match(headers.get('access-control-allow-origin') ?? '*', '*');
  }
  const late = joinBySocket(t, livestream);
  t.match((await late.next('error')).data, refusal.error);
  // An admitted viewer stays admitted by another protocol too.
  await one.start();
  await viewerTokenOf(joinBySocket(t, livestream, one.token));
  await assertViewerCount(t, livestream, 3, socket, 'no other viewer is admitted');

  t.equal((await request('DELETE', other.path)).status, 200);
  await until('a place is free', async () => (await viewerCounts(livestream)).total === 2);
  late.send('join-livestream', { streamId }, 'again');
  await viewerTokenOf(late);
  await assertViewerCount(t, livestream, 3, socket, 'the waiting viewer is admitted');
});

t.test('a private livestream admits invitees alone, until they are removed', async (t) => {
  const livestream = await publishLivestream(t, 60);
  const { streamId, hls } = livestream;
  const path = `/api/livestream/${streamId}`;
  const uninvitedViewer = new HlsViewer(hls);
  const uninvitedSocket = joinBySocket(t, livestream);
  await viewerTokenOf(uninvitedSocket);
  await uninvitedViewer.start();
  t.equal((await requestAsOperator('PATCH', path, { visibility: 'private' })).status, 200);
  await uninvitedSocket.next('livestream:dismissed');
  await t.rejects(uninvitedViewer.requestPlaylist(), /404/, 'a viewer who was admitted before gets 404');
  uninvitedViewer.stop();
  const offer = (await peers.create({ watches: true })).offer;
  const unknown = await request(
    'GET',
    path.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')),
  );
  for (const answer of [
    await request('GET', path),
    await request('GET', `${path}/viewers`),
    await request('POST', `${path}/join`, {}),
    await request('POST', `/whep/${streamId}`, offer),
  ]) {
    t.equal(answer.status, 404);
    t.match(answer.body, { error: { code: 'stream_not_found' } });
  }
  t.same((await request('GET', path)).body, unknown.body, 'like an unknown livestream');
  t.equal((await request('GET', new URL(hls).pathname)).status, 404);
  uninvitedSocket.send('join-livestream', { streamId }, 'again');
  t.match((await uninvitedSocket.next('error')).data, { code: 'stream_not_found' });

  const account = { name: 'Gisela', password: 'correct horse battery', role: 'viewer' };
  const { body: made } = await requestAsOperator('POST', '/api/auth/register', account);
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
  t.equal(uninvited.status, 404, 'an account without an invitation');
  t.equal((await requestAsOperator('PUT', `${path}/guests/${userId}`)).status, 200);

  const port = Number(new URL(gateway.http).port);
  const socket = new WebSocketClient(t, port, '/ws', { Cookie: cookie });
  socket.send('join-livestream', { streamId }, 'join');
  const token = await viewerTokenOf(socket);
  const viewer = new HlsViewer(`${hls}?v=${token}`);
  t.teardown(() => viewer.stop());
  await viewer.start();
  const { peer } = await watchByWhep(peers, livestream, token);
  let packets = 0;
  peer.onPacket = () => packets++;
  await assertViewerCount(t, livestream, 1, socket, 'all of that is one viewer');
  // Views are written a second later.
  await until('the view is stored for the invitee', async () => {
    const rows = await sql<{ user_id: string }[]>`
      select user_id from livestream_viewers where stream_id = ${streamId} and left_at is null`;
    return rows.length === 1 && rows[0]?.user_id === userId;
  });

  t.equal((await requestAsOperator('DELETE', `${path}/guests/${userId}`)).status, 200);
  await socket.next('livestream:dismissed');
  await until('no further media are sent', async () => {
    const before = packets;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return packets === before;
  });
  await t.rejects(viewer.requestPlaylist(), /404/);
  await until('no viewers', async () => (await viewerCounts(livestream)).total === 0);
});
