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
    const sessions = new Set<string>();
    page.on('request', (request) => sessions.add(request.headers()['cmcd-session'] ?? ''));
    await page.goto(watch);
    await notice(page, /offline\. Playback starts automatically/);
    t.equal(await page.locator('h1').textContent(), 'Test <b>picture</b>', 'titles are rendered as text');

    await server.startBroadcast();
    await playing(page);
    t.equal(await page.locator('.notice p').count(), 0, 'no notice covers the video');
    t.equal(await page.locator('.badge').textContent(), 'Live');
    await page
      .locator('.latency')
      .getByText(/^\d+\.\d s behind the broadcast$/)
      .waitFor();

    const quality = page.getByLabel('Quality');
    t.same(
      await page.evaluate("[...document.querySelectorAll('.quality option')].map((option) => option.value)"),
      ['auto', '180p', '108p'],
    );
    for (const level of ['108p', '180p']) {
      await quality.selectOption(level);
      await untilPageHolds(page, `window.headend.stats().level === '${level}'`);
    }
    await advances(page);
    const sids = new Set([...sessions].flatMap((text) => /sid="([^"]*)"/.exec(text)?.[1] ?? []));
    t.match([...sids], [/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/]);
    t.equal(sids.size, 1, 'the requests of a playback name one random session (CMCD)');

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

t.test('keys operate the player, statistics are plotted, and the volume outlasts a reload', async (t) => {
  const page = await openPage(t, browser);
  await server.goLive();
  await page.goto(watch);
  await playing(page);
  const video = "document.querySelector('video')";
  await page.keyboard.press('k');
  await untilPageHolds(page, `${video}.paused`);
  await page.keyboard.press(' ');
  await untilPageHolds(page, `!${video}.paused`);
  await page.keyboard.press('m');
  await untilPageHolds(page, `${video}.muted`);
  await page.getByLabel('Volume').fill('0.5');
  await untilPageHolds(page, `!${video}.muted && ${video}.volume === 0.5`);
  await page.keyboard.press('?');
  const help = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await help.getByText('Theatre mode').waitFor();
  await page.keyboard.press('Escape');
  await help.waitFor({ state: 'detached' });
  await page.keyboard.press('t');
  await untilPageHolds(page, "document.documentElement.hasAttribute('data-theatre')");
  await page.keyboard.press('s');
  const stats = page.getByRole('region', { name: 'Stats for nerds' });
  await stats
    .getByRole('definition')
    .getByText(/^\d+\.\d\d Mbit\/s$/)
    .waitFor();
  await untilPageHolds(page, "document.querySelectorAll('.stats canvas').length === 4");

  await page.reload();
  await playing(page);
  t.equal(await page.evaluate(`${video}.volume`), 0.5);
});

t.test('the share dialog has the address and the code for other pages', async (t) => {
  const page = await openPage(t, browser);
  await server.goLive();
  await page.goto(watch);
  await page.getByRole('button', { name: 'Share' }).click();
  const dialog = page.getByRole('dialog', { name: 'Share' });
  t.equal(await dialog.getByLabel('Link', { exact: true }).inputValue(), watch);
  const code = await dialog.getByLabel('Code for your page', { exact: true }).inputValue();
  t.match(code, `<iframe src="${server.url}/embed/${STREAM_ID}"`);
});

t.test('a browser without network says so, and plays on when it is connected again', async (t) => {
  const page = await openPage(t, browser);
  await server.goLive();
  await page.goto(watch);
  await playing(page);
  await page.context().setOffline(true);
  await notice(page, /You are offline/);
  await page.context().setOffline(false);
  await playing(page);
  await advances(page);
  t.pass('plays');
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
