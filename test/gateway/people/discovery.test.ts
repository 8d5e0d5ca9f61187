import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { PASSWORD, signInPage } from '../../support/clients/page-session.js';
import { openIsolatedPage } from '../../support/clients/pages.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';

/** Longest name of an account. */
const NAME = `שלום ${'w'.repeat(27)}`;
const TITLE = `<i>שלום</i> ${'long '.repeat(30)}`.trim();

t.test('a viewer finds a broadcast on the page of its channel, and follows it', async (t) => {
  const [browser, gateway] = await Promise.all([
    openChromium(t),
    startGatewayProcess(t, { LADDER: 'off', RECORDINGS_MIN_FREE: '0', DVR_WINDOW: 'off' }),
  ]);
  const ada = await signInPage(gateway, NAME, 'broadcaster');
  await signInPage(gateway, 'Vera');
  const create = async (body: object): Promise<{ streamId: string; streamKey: string }> =>
    (await ada.request('POST', '/api/livestream/create', body)).body as never;
  const live = await create({ title: TITLE, tags: ['Chess', 'x'.repeat(30)] });
  const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
  await create({ title: 'Planned', scheduledAt: inAnHour });
  await create({ title: 'Secret', visibility: 'private', scheduledAt: inAnHour });
  await ada.request('PATCH', '/api/channel', { description: 'About <b>the</b> channel' });

  t.equal((await fetch(`${gateway.http}/@nobody`)).status, 404);
  const page = await openIsolatedPage(t, browser, `${gateway.http}/@nobody`);
  await page.getByRole('heading', { name: 'There is no channel named nobody.' }).waitFor();

  const answer = await page.goto(`${gateway.http}/@${encodeURIComponent(NAME)}`);
  t.equal(answer?.status(), 200);
  await page.getByRole('heading', { name: NAME }).waitFor();
  await page.getByText('0 followers').waitFor();
  await page.getByText('About <b>the</b> channel').waitFor();
  const upcoming = page.getByRole('region', { name: 'Upcoming' });
  await upcoming.getByRole('link', { name: 'Planned' }).waitFor();
  await upcoming.getByText(/^Starts in (59|1:00):\d\d/).waitFor();

  publish(t, await testMedia(60), `rtmp://127.0.0.1:${gateway.rtmpPort}/live/${live.streamKey}`);
  const card = page.getByRole('region', { name: 'Live now' }).getByRole('listitem');
  await card.getByText('Live', { exact: true }).waitFor();
  const title = card.getByRole('link', { name: TITLE });
  t.equal(await title.getAttribute('href'), `/watch/${live.streamId}`);
  t.equal(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), true);
  t.equal(await page.getByText('Secret').count(), 0);

  await page.getByRole('button', { name: 'Sign in to follow' }).click();
  await page.getByLabel('Name').fill('Vera');
  await page.getByLabel('Password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('button', { name: 'Follow', exact: true }).click();
  await page.getByText('1 follower', { exact: true }).waitFor();
  await page.getByRole('button', { name: 'Following' }).click();
  await page.getByText('0 followers').waitFor();

  await page.getByRole('link', { name: 'Chess' }).click();
  await page.getByRole('heading', { name: 'Results for “Chess”' }).waitFor();
  await page.getByText('One result.').waitFor();
  await page.getByRole('searchbox').fill('www');
  await page.getByRole('region', { name: 'Channels' }).getByRole('link', { name: NAME }).waitFor();
  await page.getByRole('searchbox').fill('no such words');
  await page.getByText('Nothing public has these words.').waitFor();
  await page.getByRole('searchbox').fill('');
  await page.getByText('One stream is live.').waitFor();
  const listed = page.getByRole('list', { name: 'Live now' }).getByRole('listitem');
  await listed.getByText(/^0:\d\d$/).waitFor();
  await listed.getByText('0 watching').waitFor();

  await page.setViewportSize({ width: 360, height: 800 });
  const width = () => page.evaluate('document.documentElement.scrollWidth');
  t.equal(await width(), 360, 'the home page fits a phone');
  await listed.getByRole('link', { name: NAME }).click();
  await page.getByRole('heading', { name: NAME }).waitFor();
  await page.getByRole('region', { name: 'Live now' }).waitFor();
  t.equal(await width(), 360, 'the page of the channel fits a phone');
});
