import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { signInPage } from '../../support/clients/page-session.js';
import { openPage } from '../../support/clients/pages.js';
import { openForHls, untilPlaying } from '../../support/clients/watch-page.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { RecordingGateway } from '../../support/recordings/recording-gateway.js';
import { until } from '../../support/until.js';

t.test('a signed-in viewer makes a clip on the watch page, and its page plays it', async (t) => {
  const [browser, recorder] = await Promise.all([openChromium(t), RecordingGateway.start(t)]);
  const { gateway } = recorder;
  const livestream = await recorder.createRecorded();
  publish(t, await testMedia(60), livestream.rtmp);
  await gateway.api('PATCH', `/${livestream.streamId}`, { clipsBy: 'viewers' });
  const session = await signInPage(gateway, 'Maria');
  const [name = '', value = ''] = session.headers.cookie.split(/=(.*)/);
  const context = await browser.newContext();
  t.teardown(() => context.close());
  await context.addCookies([{ name, value, url: gateway.http }]);
  const page = await openPage(t, context);
  const anonymous = await openPage(t, browser);
  await recorder.untilSeconds(livestream, 8);
  await openForHls(page, livestream.watch);
  await untilPlaying(page);
  const message = { message: 'What a goal', mediaTime: Date.now() - 5_000, userId: 'vera', name: 'Vera' };
  await gateway.api('POST', `/${livestream.streamId}/chat`, message);

  await page.getByRole('button', { name: 'Clip', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Make a clip' });
  await dialog.getByLabel('Title').fill('<b>A goal</b>');
  t.equal(await dialog.getByLabel('Seconds up to now').inputValue(), '30');
  await dialog.getByLabel('Seconds up to now').fill('6');
  await dialog.getByRole('button', { name: 'Make the clip' }).click();
  await page.waitForURL(/\/clips\/[0-9a-f-]{36}$/);
  await until(
    'it plays',
    async () => (await page.evaluate<number>("document.querySelector('video').currentTime")) > 0.5,
  );
  t.equal(await page.locator('h1').textContent(), '<b>A goal</b>', 'titles are rendered as text');
  const durationS = await page.evaluate<number>("document.querySelector('video').duration");
  t.ok(durationS >= 5.9 && durationS < 14, `${durationS} s`);
  await page.getByRole('complementary', { name: 'Chat replay' }).getByText('What a goal').waitFor();
  t.equal(
    await page.getByRole('link', { name: 'Whole broadcast' }).getAttribute('href'),
    `/watch/${livestream.streamId}`,
  );

  await gateway.api('PATCH', `/${livestream.streamId}`, { visibility: 'private' });
  await anonymous.goto(page.url());
  await anonymous.locator('.notice').getByText('There is no clip at this address.').waitFor();
  t.equal(await anonymous.locator('h1').textContent(), 'Clip', 'a private one shows nothing');
});
