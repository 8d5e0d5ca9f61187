import t, { type Test } from 'tap';
import { HlsViewer } from '../../support/clients/hls-viewer.js';
import { REVOKED_WITHIN_MS } from '../../support/clients/opened-access.js';
import { signInPage } from '../../support/clients/page-session.js';
import { WebSocketClient } from '../../support/clients/websocket-client.js';
import { startAudienceGateway } from '../../support/gateway/audience-gateway.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

const SMALL = { size: '320x180', rate: '10', bitrate: '100k' };
const { gateway, requestAsOperator, peers } = await startAudienceGateway(t);
const { port } = new URL(gateway.http);

const rtmp = (key: string) => `rtmp://127.0.0.1:${gateway.rtmpPort}/live/${key}`;

async function assertEnds(t: Test, streamId: string, reason: string): Promise<void> {
  await until(reason, async () => (await gateway.state(streamId)) !== 'live', REVOKED_WITHIN_MS);
  await until('the end is stored', async () => {
    const { stream } = await gateway.api<{ stream: { status: string } }>('GET', `/${streamId}`);
    return stream.status === 'ended';
  });
  t.pass(reason);
}

for (const [index, change] of [{ disabled: true }, { role: 'viewer' }].entries())
  t.test(
    `a broadcast ends within a second when its account is changed to ${JSON.stringify(change)}`,
    async (t) => {
      const page = await signInPage(gateway, `Broadcaster ${index}`, 'broadcaster');
      const { body } = await page.request('POST', '/api/livestream/create', { title: 'A test' });
      const { streamId, streamKey } = body as { streamId: string; streamKey: string };
      const channel = await page.request('POST', '/api/channel/key', { overlapSeconds: 0 });
      const { streamKey: channelKey } = channel.body as { streamKey: string };
      const encoder = publish(t, await testMedia(60, SMALL), rtmp(streamKey));
      await gateway.untilLive({ streamId });
      const viewer = new WebSocketClient(t, Number(port));
      viewer.send('join-livestream', { streamId }, 'join');
      await viewer.next('ok');
      const hls = new HlsViewer(`${gateway.http}/hls/${streamId}/index.m3u8`);
      t.teardown(() => hls.stop());
      await hls.start();

      const changed = await requestAsOperator('PATCH', `/api/auth/accounts/${page.userId}`, change);
      t.equal(changed.status, 200);
      await assertEnds(t, streamId, 'the broadcast is over');
      t.match(await encoder.ended, { errors: /may not broadcast any more/ }, 'the encoder gets the reason');
      const state = await until('viewers get the reason', () =>
        viewer.received.find(({ event, data }) => event === 'stream:state' && data.state === 'ended'),
      );
      t.match(state.data, { reason: 'account-barred', message: /may not broadcast any more/ });
      for (const key of [streamKey, channelKey])
        t.match(await publish(t, await testMedia(60, SMALL), rtmp(key)).ended, {
          errors: /may not broadcast/,
        });
    },
  );

t.test('an admin who is demoted stops publishing the livestream of another account', async (t) => {
  const owner = await signInPage(gateway, 'Owner', 'broadcaster');
  const admin = await signInPage(gateway, 'Admin', 'admin');
  const { body } = await owner.request('POST', '/api/livestream/create', { title: 'A test' });
  const { streamId } = body as { streamId: string };
  const socket = new WebSocketClient(t, Number(port), '/ws', { cookie: admin.headers.cookie });
  const peer = await peers.create();
  socket.send('stream:offer', { streamId, offer: peer.offer }, 'offer');
  await socket.next('stream:answer');
  t.equal(
    (await requestAsOperator('PATCH', `/api/auth/accounts/${admin.userId}`, { role: 'viewer' })).status,
    200,
  );
  await socket.next('auth:expired');
  await until('no publisher', async () => (await gateway.state(streamId)) === 'offline', REVOKED_WITHIN_MS);
  const again = new WebSocketClient(t, Number(port), '/ws', { cookie: admin.headers.cookie });
  again.send('stream:offer', { streamId, offer: (await peers.create()).offer }, 'offer');
  t.match(await again.next('error'), { data: { code: 'not_your_stream' } });
});

t.test('viewer tokens of accounts demoted or disabled before a restart get 404', async (t) => {
  const livestream = await gateway.createLivestream();
  const { streamId, hls } = livestream;
  const path = `/api/livestream/${streamId}`;
  await requestAsOperator('PATCH', path, { visibility: 'private' });
  const encoder = publish(t, await testMedia(120, SMALL), livestream.rtmp);
  await gateway.untilLive({ streamId });
  const [demoted, kept] = [
    await signInPage(gateway, 'Demoted', 'admin'),
    await signInPage(gateway, 'Kept', 'admin'),
  ];
  const viewers = [];
  for (const { headers } of [demoted, kept]) {
    const join = await fetch(`${gateway.http}${path}/join`, {
      method: 'POST',
      headers: { cookie: headers.cookie },
    });
    const { viewerToken } = (await join.json()) as { viewerToken: string };
    const viewer = new HlsViewer(`${hls}?v=${viewerToken}`);
    t.teardown(() => viewer.stop());
    await viewer.start();
    viewer.stop();
    viewers.push(viewerToken);
  }
  await gateway.kill('SIGTERM');
  await encoder.ended;
  await gateway.start();
  const change = { role: 'viewer', disabled: true };
  t.equal((await requestAsOperator('PATCH', `/api/auth/accounts/${demoted.userId}`, change)).status, 200);
  publish(t, await testMedia(120, SMALL), livestream.rtmp);
  await gateway.untilLive({ streamId });
  const start = async (token: string | undefined) => {
    const viewer = new HlsViewer(`${hls}?v=${token}`);
    t.teardown(() => viewer.stop());
    await viewer.start();
  };
  await start(viewers[1]);
  t.pass('a token of before the restart still stands for an admin');
  await t.rejects(start(viewers[0]), /404/);
});
