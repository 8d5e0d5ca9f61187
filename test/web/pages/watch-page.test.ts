import type { Page } from 'playwright-core';
import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { STREAM_ID, untilPageHolds, WatchPageFixture } from '../../support/fixtures/watch-page-fixture.js';

const browser = await openChromium(t);
const server = await WatchPageFixture.open(t);
const watch = `${server.url}/watch/${STREAM_ID}`;
const notice = (page: Page, text: RegExp) => page.locator('.notice').getByText(text).waitFor();

const playing = (page: Page) =>
  untilPageHolds(
    page,
    "window.headend?.stats().phase === 'playing' && document.querySelector('video').currentTime > 0",
  );

async function advances(page: Page): Promise<void> {
  const from = await page.evaluate<number>("document.querySelector('video').currentTime");
  await untilPageHolds(page, `document.querySelector('video').currentTime > ${from} + 1`);
}

t.test('an unknown stream id gets a notice', async (t) => {
  const page = await openPage(t, browser);
  await page.goto(`${server.url}/watch/0198c0de-0000-7000-8000-00000000dead`);
  await notice(page, /no stream at this address/);
  t.pass('shown');
});

t.test(
  'an offline stream plays once it goes live, offers its renditions, and shows a notice at its end',
  async (t) => {
    const page = await openPage(t, browser);
    await page.goto(watch);
    await notice(page, /offline\. Playback starts automatically/);
    t.equal(await page.locator('h1').textContent(), 'Test <b>picture</b>', 'titles are rendered as text');

    await server.startBroadcast();
    await playing(page);
    t.equal(await page.locator('.notice p').count(), 0, 'no notice covers the video');
    t.equal(await page.locator('.badge').textContent(), 'Live');
    t.match(await page.locator('.latency').textContent(), /^\d+\.\d s behind live$/);

    const quality = page.getByLabel('Quality');
    t.same(await page.evaluate("[...document.querySelectorAll('option')].map((option) => option.value)"), [
      'auto',
      '180p',
      '108p',
    ]);
    for (const level of ['108p', '180p']) {
      await quality.selectOption(level);
      await untilPageHolds(page, `window.headend.stats().level === '${level}'`);
    }
    await advances(page);

    await server.endBroadcast();
    await notice(page, /broadcast is over/);
    await server.startBroadcast();
    await playing(page);
    await advances(page);
    t.pass('a new broadcast of the same stream plays in the same page');
  },
);

t.test('the front page lists live streams with links to them', async (t) => {
  const page = await openPage(t, browser);
  server.stream = { ...server.stream, status: 'ended', state: { name: 'offline' } };
  await page.goto(server.url);
  await page.getByText('Nothing is live').waitFor();
  await server.goLive();
  await page.reload();
  await page.getByRole('link', { name: /Test/ }).click();
  await page.waitForURL(watch);
  await playing(page);
  t.pass('plays');
});

t.test('a paused viewer stays at their position until "Go live" is pressed', async (t) => {
  const page = await openPage(t, browser);
  await server.goLive();
  await page.goto(watch);
  await playing(page);
  await page.evaluate("document.querySelector('video').pause()");
  await page.getByRole('button', { name: 'Go live' }).waitFor();
  await page.getByRole('button', { name: 'Go live' }).click();
  await advances(page);
  await page.getByRole('button', { name: 'Go live' }).waitFor({ state: 'detached' });
  t.pass('live again');
});

t.test('playback starts muted where autoplay requires it, and a click unmutes it', async (t) => {
  const page = await openPage(t, await openChromium(t, { autoplay: false }));
  await server.goLive();
  await page.goto(watch);
  // `evaluate` counts as a user gesture: until autoplay is decided, only requests are observed.
  for (let segments = 0; segments < 3; segments += 1) await page.waitForResponse(/\.m4s$/);
  await playing(page);
  t.ok(await page.evaluate("document.querySelector('video').muted"));
  await page.getByRole('button', { name: 'Unmute' }).click();
  t.notOk(await page.evaluate("document.querySelector('video').muted"));
  await advances(page);
  t.equal(await page.getByRole('button', { name: 'Unmute' }).count(), 0);
});

t.test('the page reconnects to a restarted server, with the last frame in view meanwhile', async (t) => {
  const page = await openPage(t, browser);
  await server.goLive();
  await page.goto(watch);
  await playing(page);
  await page.evaluate("window.mark = 'never reloaded'");
  await server.stop();
  await notice(page, /server does not answer/);
  t.ok(
    await page.evaluate(
      "document.querySelector('video').readyState >= 2 || !document.querySelector('.still').hidden",
    ),
    'a frame is visible behind the notice',
  );
  await server.start();
  await playing(page);
  await advances(page);
  t.equal(await page.evaluate('window.mark'), 'never reloaded');
});

t.test('a lost publisher gets a notice, and the last frame stays', async (t) => {
  const page = await openPage(t, browser);
  await server.goLive();
  await page.goto(watch);
  await playing(page);
  await server.killEncoder();
  server.stream = { ...server.stream, state: { name: 'reconnecting' } };
  await notice(page, /broadcaster lost the connection/);
  t.equal(await page.evaluate('window.headend.stats().state'), 'reconnecting');
  t.ok(await page.evaluate("document.querySelector('video').readyState >= 2"), 'the last frame stays');
});
