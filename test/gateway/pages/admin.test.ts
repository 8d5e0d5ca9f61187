import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { signInPage } from '../../support/clients/page-session.js';
import { openPage } from '../../support/clients/pages.js';
import { webhookReceiver } from '../../support/fakes/webhook-receiver.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

t.test(
  'an administrator sees sessions, server, settings, webhooks and changes, and disconnects a publisher',
  async (t) => {
    const [browser, gateway] = await Promise.all([
      openChromium(t),
      startGatewayProcess(t, { LADDER: 'off', MAX_BROADCASTS: '7' }),
    ]);
    const ada = await signInPage(gateway, 'Ada', 'admin');
    await signInPage(gateway, 'Bob', 'broadcaster');
    const { streamId, rtmp } = await gateway.createLivestream('A private test');
    await gateway.api('PATCH', `/${streamId}`, { testing: true });
    publish(t, await testMedia(60), rtmp);
    const context = await browser.newContext();
    const [name = '', value = ''] = ada.headers.cookie.split('=');
    await context.addCookies([{ name, value, url: gateway.http }]);
    const page = await openPage(t, context);
    await page.goto(`${gateway.http}/admin`);

    const session = page.getByRole('region', { name: 'Live sessions' }).getByRole('listitem');
    await session.getByText('Private test', { exact: true }).waitFor();
    t.match(await session.textContent(), /0 watching · RTMP.*h264 640×360/);
    const node = page.getByRole('region', { name: 'This server' });
    await node.getByText('WebRTC, port').waitFor();
    t.match(await node.textContent(), /load \d.*Broadcasts1Encoders\d.*free.*Database\d+ ms/);

    await page.getByLabel('Role of Bob').selectOption('viewer');
    await session.getByRole('button', { name: 'Disconnect' }).click();
    await session.getByRole('alertdialog').getByRole('button', { name: 'Disconnect' }).click();
    const audit = page.getByRole('region', { name: 'Who changed what' });
    await audit.getByText('signed in as an administrator').waitFor();
    while (!(await audit.textContent())?.includes('disconnected a publisher'))
      await audit.getByRole('button', { name: 'Refresh' }).click();
    await audit.getByText('changed an account: Bob, role viewer').waitFor();

    const receiver = await webhookReceiver(t);
    const hooks = page.getByRole('region', { name: 'Webhooks' });
    await hooks.getByText('New webhook').click();
    await hooks.getByLabel('Address').fill(receiver.url);
    await hooks.getByRole('button', { name: 'Create the webhook' }).click();
    await hooks.getByLabel('Secret that signs the deliveries', { exact: true }).waitFor();
    await hooks.getByRole('button', { name: 'Test' }).click();
    await hooks.getByText('delivered, 1 attempt').waitFor();
    await hooks.getByRole('button', { name: 'Send again' }).click();
    await until('it is delivered again', async () => receiver.received.length === 2);

    await page.getByText('In force now').click();
    await page.getByText('MAX_BROADCASTS').waitFor();
    t.match(await page.locator('.settings').textContent(), /MAX_BROADCASTS7 \(changed\)/);
    t.notMatch(await page.locator('.settings').textContent(), /TOKEN|SECRET|PASSWORD/);
  },
);
