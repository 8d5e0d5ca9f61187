import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { signInPage } from '../../support/clients/page-session.js';
import { openPage } from '../../support/clients/pages.js';
import { openForHls, untilPlaying } from '../../support/clients/watch-page.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { RecordingGateway } from '../../support/recordings/recording-gateway.js';
import { until } from '../../support/until.js';

/** True when the browser shows the picture of the first entry. */
const HAS_THUMBNAIL = "document.querySelector('img.thumbnail')?.naturalWidth > 0";

t.test(
  'a signed-in viewer makes clips on the pages, which play, and manages them on the dashboard',
  async (t) => {
    const [browser, recorder] = await Promise.all([
      openChromium(t),
      RecordingGateway.start(t, { THUMBNAIL_EVERY: '60' }),
    ]);
    const { gateway } = recorder;
    const livestream = await recorder.createRecorded();
    const encoder = publish(t, await testMedia(60), livestream.rtmp);
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
      async () => Number(await page.evaluate("document.querySelector('video')?.currentTime")) > 0.5,
    );
    t.equal(await page.locator('h1').textContent(), '<b>A goal</b>', 'titles are rendered as text');
    const durationS = await page.evaluate<number>("document.querySelector('video').duration");
    t.ok(durationS >= 5.9 && durationS < 14, `${durationS} s`);
    await page.getByRole('complementary', { name: 'Chat replay' }).getByText('What a goal').waitFor();
    t.equal(
      await page.getByRole('link', { name: 'Whole broadcast' }).getAttribute('href'),
      `/watch/${livestream.streamId}`,
    );

    const clipPage = page.url();
    await page.goto(`${gateway.http}/dashboard`);
    await page.getByText(/0 recordings, 0 clips, 0 videos/).waitFor();
    const entry = page.getByRole('listitem').filter({ hasText: '<b>A goal</b>' });
    await entry.getByText(/0:\d\d · .*public/).waitFor();
    await until('its thumbnail is there', () => page.evaluate<boolean>(HAS_THUMBNAIL));
    await entry.getByRole('button', { name: 'Edit' }).click();
    await page.getByLabel('Title').fill('The goal');
    await page.getByLabel('Who may watch').selectOption('private');
    await page.getByRole('button', { name: 'Save' }).click();
    const renamed = page.getByRole('listitem').filter({ hasText: 'The goal' });
    await renamed.getByText(/private$/).waitFor();
    await anonymous.goto(clipPage);
    await anonymous.locator('.notice').getByText('There is no clip at this address.').waitFor();
    await page.reload();
    await until('its thumbnail is there for who made it', () => page.evaluate<boolean>(HAS_THUMBNAIL));
    await renamed.getByRole('link', { name: 'The goal' }).click();
    await until(
      'it plays for who made it',
      async () => Number(await page.evaluate("document.querySelector('video')?.currentTime")) > 0.5,
    );

    await encoder.stop();
    await recorder.end(livestream);
    const { id } = await recorder.untilReady(livestream);
    await page.goto(`${gateway.http}/recordings/${id}`);
    await until(
      'the recording plays',
      async () => (await page.evaluate<number>("document.querySelector('video')?.currentTime ?? 0")) > 0.5,
    );
    await page.evaluate("document.querySelector('video').currentTime = 7");
    await page.getByRole('complementary', { name: 'Chat replay' }).getByText('What a goal').waitFor();
    await page.getByRole('button', { name: 'Clip', exact: true }).click();
    await dialog.getByLabel('Title').fill('Again');
    await dialog.getByLabel('Seconds up to now').fill('5');
    await dialog.getByRole('button', { name: 'Make the clip' }).click();
    await page.waitForURL(/\/clips\/[0-9a-f-]{36}$/);
    await page.goto(`${gateway.http}/dashboard`);
    await renamed.getByRole('button', { name: 'Delete' }).click();
    await renamed.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click();
    await renamed.waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'Again' }).click();
    await page.waitForURL(/\/clips\/[0-9a-f-]{36}$/);

    await gateway.api('PATCH', `/${livestream.streamId}`, { visibility: 'private' });
    await anonymous.goto(page.url());
    await anonymous.locator('.notice').getByText('There is no clip at this address.').waitFor();
    t.equal(await anonymous.locator('h1').textContent(), 'Clip', 'a private one shows nothing');
  },
);
