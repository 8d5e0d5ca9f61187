import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

t.test(
  'the setup link of an empty gateway leads from an account to a first broadcast on the home page, once',
  async (t) => {
    const [browser, gateway] = await Promise.all([
      openChromium(t),
      startGatewayProcess(t, { LADDER: 'off', REGISTRATION: 'closed', THUMBNAIL_EVERY: '1' }),
    ]);
    const link = await until('the link is printed', () => /http:\S+\/setup#\S+/.exec(gateway.output)?.[0]);
    t.notMatch(JSON.stringify(gateway.log), /setup#/, 'the log has no secret');
    const page = await openPage(t, browser);
    await page.goto(link);
    await page.getByLabel('Name').fill('Ada');
    await page.getByLabel('Password').fill('correct horse battery');
    await page.getByRole('button', { name: 'Create the account' }).click();
    await page.getByLabel('Title').fill('<b>First</b> 🎬');
    await page.getByRole('button', { name: 'Create the livestream' }).click();
    const server = await page.getByLabel('Server', { exact: true }).inputValue();
    const key = page.getByLabel('Stream key', { exact: true });
    t.equal(await key.getAttribute('type'), 'password', 'the stream key is not shown at once');
    await page.getByRole('button', { name: 'Show: Stream key' }).click();
    t.equal(await key.getAttribute('type'), 'text');
    publish(t, await testMedia(60), `${server}/${await key.inputValue()}`);
    await page.getByRole('link', { name: 'Watch the livestream' }).click();
    await page.getByRole('heading', { name: '<b>First</b> 🎬' }).waitFor();

    const { streamId } = await gateway.createLivestream('Later');
    await gateway.api('PATCH', `/${streamId}`, {
      scheduledAt: new Date(Date.now() + 7_500_000).toISOString(),
    });
    await page.getByRole('link', { name: 'Headend' }).click();
    const cardOf = (name: string) =>
      page.getByRole('listitem').filter({ has: page.getByRole('link', { name }) });
    const live = cardOf('<b>First</b> 🎬');
    await live.getByText('Live', { exact: true }).waitFor();
    await cardOf('Later')
      .getByText(/^Starts in 2:0\d:\d\d$/)
      .waitFor();
    await live.locator('img').waitFor();
    const shown = "document.querySelector('.streams img').naturalWidth > 0";
    await until('the picture is shown', () => page.evaluate<boolean>(shown));

    const other = await openPage(t, await browser.newContext());
    await other.goto(link);
    await other.getByLabel('Name').fill('Eve');
    await other.getByLabel('Password').fill('correct horse battery');
    await other.getByRole('button', { name: 'Create the account' }).click();
    t.match(await other.getByRole('alert').textContent(), /closed/, 'the link is used up');
    await gateway.kill('SIGTERM');
    await gateway.start();
    t.equal(gateway.output.match(/\/setup#/g)?.length, 1, 'no further link once there is an administrator');
  },
);
