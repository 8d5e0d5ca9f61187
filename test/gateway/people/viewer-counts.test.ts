import t from 'tap';
import { HlsViewer } from '../../support/clients/hls-viewer.js';
import { RtcPeers } from '../../support/clients/rtc-peers.js';
import type { WebSocketClient } from '../../support/clients/websocket-client.js';
import {
  startAudienceGateway,
  UNCHANGED_FOR_MS,
  type WhepViewer,
} from '../../support/gateway/audience-gateway.js';
import { until } from '../../support/until.js';

const HLS_VIEWERS = 200;
const SOCKETS = 44;
const WHEP_VIEWERS = 6;
const VIEWERS = HLS_VIEWERS + SOCKETS + WHEP_VIEWERS;

const {
  gateway,
  sql,
  peers,
  request,
  viewerCounts,
  assertViewerCount,
  joinBySocket,
  viewerTokenOf,
  watchByWhep,
  publishLivestream,
} = await startAudienceGateway(t);

t.test('viewers that join, leave, vanish and return by every protocol are counted exactly', async (t) => {
  const livestream = await publishLivestream(t, 240);
  const { streamId, hls } = livestream;
  const viewers = Array.from({ length: HLS_VIEWERS }, (_, index) => {
    return new HlsViewer(hls, { lowLatency: index % 2 === 1 });
  });
  t.teardown(() => {
    for (const viewer of viewers) viewer.stop();
  });
  await Promise.all(viewers.map((viewer) => viewer.start()));
  const sockets = Array.from({ length: SOCKETS }, () => joinBySocket(t, livestream));
  const tokens = await Promise.all(sockets.map(viewerTokenOf));
  const socket = sockets[0] as WebSocketClient;
  const disconnecting = await RtcPeers.start();
  t.teardown(() => disconnecting.kill());
  const tabs: WhepViewer[] = [];
  for (let index = 0; index < WHEP_VIEWERS; index++)
    tabs.push(await watchByWhep(index < 3 ? peers : disconnecting, livestream));
  await assertViewerCount(t, livestream, VIEWERS, socket, 'every viewer counts once');
  t.same((await viewerCounts(livestream)).byProtocol, { whep: 6, 'll-hls': 100, hls: 100, dash: 0 });

  // A request for the multivariant playlist alone is no view.
  t.equal((await request('GET', new URL(hls).pathname)).status, 200);
  // Reloaded pages, a reconnected socket and tabs that use two protocols count once.
  await Promise.all(viewers.slice(0, 20).map((viewer) => viewer.start()));
  for (const [index, token] of tokens.entries()) {
    if (index === 0 || index > 10) continue;
    sockets[index]?.destroy();
    const again = joinBySocket(t, livestream, token);
    t.equal(await viewerTokenOf(again), token, 'the same viewer');
    sockets[index] = again;
  }
  for (const viewer of viewers.slice(0, 5)) await viewerTokenOf(joinBySocket(t, livestream, viewer.token));
  const both = await watchByWhep(peers, livestream, tokens[1]);
  await assertViewerCount(t, livestream, VIEWERS, socket, 'no viewer counts twice');
  t.equal((await viewerCounts(livestream)).byProtocol.whep, WHEP_VIEWERS + 1);

  // An orderly leave counts at once.
  const leaving = viewers.slice(100, 150);
  for (const viewer of leaving) viewer.stop();
  for (const { token } of leaving)
    t.equal((await request('POST', `/api/livestream/${streamId}/leave`, { viewerToken: token })).status, 200);
  for (const socket of sockets.slice(30)) socket.send('leave-livestream', { streamId });
  for (const { path } of tabs.slice(0, 3)) t.equal((await request('DELETE', path)).status, 200);
  const left = 50 + 14 + 3;
  await assertViewerCount(t, livestream, VIEWERS - left, socket, 'viewers that leave in order');

  // Lost sockets count at once, playlists after 15 s, WebRTC when its connection times out.
  const silentSince = Date.now();
  const silent = viewers.slice(150);
  for (const viewer of silent) viewer.stop();
  for (const socket of sockets.slice(20, 30)) socket.destroy();
  await disconnecting.kill();
  const gone = 50 + 10 + 3;
  await assertViewerCount(t, livestream, VIEWERS - left - gone, socket, 'disconnected viewers do not count');

  await Promise.all(silent.slice(0, 20).map((viewer) => viewer.requestPlaylist()));
  await assertViewerCount(t, livestream, VIEWERS - left - gone + 20, socket, 'returned viewers count again');

  t.same(
    viewers.flatMap(({ errors }) => errors),
    [],
    'no playlist was refused',
  );
  await request('DELETE', both.path);
  await gateway.api('POST', `/${streamId}/end`, {});
  for (const viewer of viewers) viewer.stop();
  await assertViewerCount(t, livestream, 0, socket, 'no viewers after the end');
  // Peaks and views are written a second later.
  await until('the peak is stored', async () => {
    const { stream } = await gateway.api<{ stream: { viewerCountPeak: number } }>('GET', `/${streamId}`);
    return stream.viewerCountPeak === VIEWERS;
  });
  await until(
    'every view has ended',
    async () =>
      (await sql`select from livestream_viewers where stream_id = ${streamId} and left_at is null`).count ===
      0,
  );

  type Row = { viewer_id: string; user_id: string | null; joined_at: Date; left_at: Date | null };
  const rows = await sql<Row[]>`
    select viewer_id, user_id, joined_at, left_at from livestream_viewers where stream_id = ${streamId}`;
  t.equal(rows.length, VIEWERS, 'one row per viewer');
  t.equal(new Set(rows.map(({ viewer_id }) => viewer_id)).size, VIEWERS);
  t.ok(rows.every(({ user_id }) => user_id === null));
  const times = rows.map(({ left_at }) => left_at?.getTime() ?? Number.NaN);
  t.ok(
    rows.every(({ joined_at, left_at }) => left_at !== null && left_at >= joined_at),
    'every view has ended',
  );
  const early = times.filter((time) => time <= silentSince).length;
  const late = VIEWERS - left - gone + 20;
  t.equal(
    times.filter((time) => time > silentSince + UNCHANGED_FOR_MS).length >= late,
    true,
    'views of continuous viewers are not interrupted',
  );
  t.ok(early >= left, `${early} views ended before the silence`);
  // The timeout is awaited, but not added to the view's duration.
  const playlists = times.filter((time) => time > silentSince - 2_500 && time <= silentSince + 500).length;
  t.ok(playlists >= 30 + 10, `${playlists} views end at the last playlist request`);
});
