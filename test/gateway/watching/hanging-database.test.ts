import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import { HlsViewer } from '../../support/clients/hls-viewer.js';
import { signInPage } from '../../support/clients/page-session.js';
import { RtcPeers } from '../../support/clients/rtc-peers.js';
import { WebSocketClient } from '../../support/clients/websocket-client.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

/** The query limit is one second; the rest allows for a busy machine. */
const SERVED_WITHIN_MS = 2_000;
/** The principal is looked up first: two queries time out. */
const REFUSED_WITHIN_MS = 3_000;
const SMALL = { size: '320x180', rate: '10', bitrate: '100k' };

/** Lists the embedded database's server and its child processes. */
function databaseProcesses(dataDir: string): number[] {
  const table = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
  const rows = table.split('\n').map((line) => /^ *(\d+) +(\d+) +(.*)$/.exec(line)?.slice(1) ?? []);
  const [server] =
    rows.find(([, , args = '']) => args.includes('bin/postgres') && args.includes(dataDir)) ?? [];
  return rows.filter(([pid, parent]) => pid === server || parent === server).map(([pid]) => Number(pid));
}

async function timed<T>(
  t: Test,
  request: string,
  work: () => Promise<T>,
  withinMs = SERVED_WITHIN_MS,
): Promise<T> {
  const from = performance.now();
  const result = await work();
  const tookMs = Math.round(performance.now() - from);
  t.ok(tookMs < withinMs, `${request}: ${tookMs} ms`);
  return result;
}

t.test('a public broadcast stays open to viewers while the database hangs', async (t) => {
  const dataDir = mkdtempSync(path.join(os.tmpdir(), 'headend-hang-'));
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }));
  const gateway = await startGatewayProcess(t, { DATA_DIR: dataDir, DATABASE_URL: '', LADDER: 'off' });
  const peers = await RtcPeers.start();
  t.teardown(() => peers.kill());
  const [open, closed] = [await gateway.createLivestream(), await gateway.createLivestream('Private')];
  await gateway.api('PATCH', `/${closed.streamId}`, { visibility: 'private' });
  for (const { rtmp } of [open, closed]) publish(t, await testMedia(120, SMALL), rtmp);
  for (const livestream of [open, closed]) await gateway.untilLive(livestream);
  const account = await signInPage(gateway, 'Hanna');
  const invited = await fetch(`${gateway.http}/api/livestream/${closed.streamId}/guests/${account.userId}`, {
    method: 'PUT',
    headers: { authorization: 'Bearer test-operator-token-0123456789' },
  });
  t.equal(invited.status, 200);
  const join = `/api/livestream/${closed.streamId}/join`;
  const token = String((await account.request('POST', join, {})).body.viewerToken);
  const known = new HlsViewer(`${closed.hls}?v=${token}`);
  t.teardown(() => known.stop());
  await known.start();

  const pids = databaseProcesses(dataDir);
  t.ok(pids.length > 5, `${pids.length} processes`);
  const signal = (name: NodeJS.Signals): void => pids.forEach((pid) => void process.kill(pid, name));
  signal('SIGSTOP');
  t.teardown(() => signal('SIGCONT'));
  // By now every cached answer has expired.
  await new Promise((resolve) => setTimeout(resolve, 1_500));

  await timed(t, 'a new HLS viewer', async () => {
    const viewer = new HlsViewer(open.hls);
    await viewer.start();
    viewer.stop();
    t.ok(viewer.token);
  });
  await timed(t, 'a new WHEP viewer', async () => {
    const peer = await peers.create({ watches: true });
    const answer = await fetch(`${gateway.http}/whep/${open.streamId}`, {
      method: 'POST',
      headers: { 'content-type': 'application/sdp' },
      body: peer.offer,
    });
    t.equal(answer.status, 201);
    peer.accept(await answer.text());
    return peer;
  }).then((peer) => peer.until(() => peer.received.length > 0));
  for (const cookie of [undefined, account.headers.cookie]) {
    const headers: Record<string, string> = cookie === undefined ? {} : { cookie };
    const at = `${gateway.http}/api/livestream/${open.streamId}`;
    await timed(t, 'the livestream', async () => t.equal((await fetch(at, { headers })).status, 200));
    await timed(t, 'joining', async () => {
      const joined = await fetch(`${at}/join`, { method: 'POST', headers });
      t.equal(joined.status, 200, await joined.text());
    });
    await timed(t, 'HLS', async () => t.equal((await fetch(open.hls, { headers })).status, 200));
  }
  const socket = new WebSocketClient(t, Number(new URL(gateway.http).port));
  await timed(t, 'join-livestream', async () => {
    socket.send('join-livestream', { streamId: open.streamId }, 'join');
    t.ok((await socket.next('ok')).data.viewerToken);
  });
  await timed(t, 'stream:join', async () => {
    socket.send('stream:join', { streamId: open.streamId }, 'watch');
    await socket.next('stream:offer');
  });

  const { headers } = account;
  for (const url of [closed.hls, `${gateway.http}/api/livestream/${closed.streamId}`])
    await timed(
      t,
      'a private livestream',
      async () => {
        const refused = await fetch(url, { headers: { cookie: headers.cookie } });
        t.equal(refused.status, 503);
        t.match(await refused.json(), {
          error: {
            code: 'temporarily_unavailable',
            message: 'The database does not answer: try again in a moment.',
          },
        });
      },
      REFUSED_WITHIN_MS,
    );
  await known.requestPlaylist();
  t.strictSame(known.errors, [], 'a viewer continues');

  signal('SIGCONT');
  await until(
    'the invitee is admitted again',
    async () => (await account.request('POST', join, {})).status === 200,
  );
  t.equal(await gateway.state(open.streamId), 'live');
});
