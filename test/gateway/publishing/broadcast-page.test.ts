import type { Browser, Page } from 'playwright-core';
import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { type GatewayProcess, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { until } from '../../support/until.js';

type Stats = { state: string; why?: string; reconnects: number };

async function stats(page: Page): Promise<Stats> {
  return await page.evaluate<Stats>('window.headend.stats()');
}

async function goLive(browser: Browser, gateway: GatewayProcess, streamKey: string): Promise<Page> {
  const page = await browser.newPage();
  await page.goto(`${gateway.http}/broadcast`);
  await page.getByLabel('Stream key').fill(streamKey);
  await page.getByRole('button', { name: 'Go live' }).click();
  await until('the tab is live', async () => (await stats(page)).state === 'live');
  return page;
}

t.test('a second tab with the same stream key takes over, and the first one shows the reason', async (t) => {
  const gateway = await startGatewayProcess(t);
  const { streamId, streamKey } = await gateway.createLivestream();
  const browser = await openChromium(t, { webrtc: true, fakeDevices: true });
  const older = await goLive(browser, gateway, streamKey);
  const newer = await goLive(browser, gateway, streamKey);
  await older
    .getByText('You are not live: Another publisher went live with the same stream key.')
    .waitFor({ timeout: 30_000 });
  t.match(await stats(older), { state: 'refused', reconnects: 0 });
  await until('the newer tab’s media arrive', async () => (await gateway.state(streamId)) === 'live');
  t.match(await stats(newer), { state: 'live', reconnects: 0 });

  await older.getByRole('button', { name: 'Go live' }).click();
  await until('the older tab is live again', async () => (await stats(older)).state === 'live');
  await until('the newer tab is replaced', async () => (await stats(newer)).state === 'refused');
  const disconnects = gateway.log.filter(({ msg }) => msg === 'publisher disconnected');
  t.match(
    disconnects,
    [{ reason: 'replaced' }, { reason: 'replaced' }],
    'no publisher reconnected by itself',
  );
});
