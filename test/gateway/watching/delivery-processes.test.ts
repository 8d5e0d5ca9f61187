import t, { type Test } from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { HlsViewer } from '../../support/clients/hls-viewer.js';
import { openPage } from '../../support/clients/pages.js';
import { openForHls, playback, untilPlaying, untilPlaysOn } from '../../support/clients/watch-page.js';
import { connectionsOf, deliveryPids, isRunning } from '../../support/gateway/delivery-processes.js';
import {
  type GatewayProcess,
  type Livestream,
  startGatewayProcess,
} from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

/** Limit for a revoked permission to take effect everywhere. */
const ENDS_WITHIN_MS = 2_000;
const ONE_VIEWER = { total: 1, byProtocol: { whep: 0, 'll-hls': 1, hls: 0, dash: 0 } };
/** Small video, as a browser decodes it; keyframes every 2 s let it be passed through. */
const SMALL = { size: '320x180', rate: '30', bitrate: '150k' };

async function startBroadcast(t: Test): Promise<{ gateway: GatewayProcess; livestream: Livestream }> {
  const settings = { LADDER: 'off', HLS_PROCESSES: '1' };
  const gateway = await startGatewayProcess(t, settings, 'test/support/gateway/busy-gateway');
  const livestream = await gateway.createLivestream();
  publish(t, await testMedia(120, SMALL), livestream.rtmp);
  await gateway.untilLive(livestream);
  return { gateway, livestream };
}

/** Waits until a delivery process has connections of clients. @returns its process id */
async function untilDelivered(gateway: GatewayProcess): Promise<number> {
  const port = Number(new URL(gateway.http).port);
  return await until('a delivery process has the connections', () =>
    deliveryPids(gateway.pid).find((pid) => connectionsOf(pid, port) > 0),
  );
}

async function viewersOf(gateway: GatewayProcess, { streamId }: Livestream): Promise<unknown> {
  return (await gateway.api<{ viewers: object }>('GET', `/${streamId}/viewers`)).viewers;
}

t.test(
  'a page plays by a delivery process, over its death, until the livestream becomes private',
  async (t) => {
    const [browser, { gateway, livestream }] = await Promise.all([openChromium(t), startBroadcast(t)]);
    const { streamId, watch } = livestream;
    const page = await openPage(t, browser);
    await openForHls(page, watch);
    await untilPlaying(page);
    const pid = await untilDelivered(gateway);
    await untilPlaysOn(page);
    const before = await playback(page);
    // Longer than the time without requests after which a viewer has left.
    await page.waitForTimeout(16_000);
    const after = await playback(page);
    t.ok(after.position - before.position > 14, `${after.position - before.position} s`);
    t.strictSame(await viewersOf(gateway, livestream), ONE_VIEWER);

    process.kill(pid, 'SIGKILL');
    await untilPlaysOn(page);
    t.not(await untilDelivered(gateway), pid, 'another process takes the connections');
    await untilPlaysOn(page);
    t.strictSame(await viewersOf(gateway, livestream), ONE_VIEWER);

    let endedAt = Number.POSITIVE_INFINITY;
    const late: string[] = [];
    page.on('response', (response) => {
      const isMedia = response.url().includes('/hls/') && response.status() < 400;
      if (isMedia && performance.now() > endedAt + ENDS_WITHIN_MS) late.push(response.url());
    });
    await gateway.api('PATCH', `/${streamId}`, { visibility: 'private' });
    endedAt = performance.now();
    await page.waitForTimeout(ENDS_WITHIN_MS + 3_000);
    t.strictSame(late, [], 'no media after the permission has ended');

    const [last = 0] = deliveryPids(gateway.pid);
    await gateway.kill('SIGTERM');
    t.equal(gateway.exitCode, 0);
    t.notOk(isRunning(last), 'no process is left');
  },
);

t.test('delivery processes of a killed gateway end', async (t) => {
  const { gateway, livestream } = await startBroadcast(t);
  const viewer = new HlsViewer(livestream.hls);
  t.teardown(() => viewer.stop());
  const pid = await until('a delivery process runs', async () => {
    await viewer.start();
    return deliveryPids(gateway.pid)[0];
  });
  await gateway.kill('SIGKILL');
  await until('it has ended', () => !isRunning(pid));
});
