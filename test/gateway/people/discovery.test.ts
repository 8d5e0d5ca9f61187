import t from 'tap';
import type { QoeResponse } from '../../../src/api/contract.js';
import { openChromium } from '../../support/clients/chromium.js';
import { PASSWORD, signInPage } from '../../support/clients/page-session.js';
import { openIsolatedPage, openPage } from '../../support/clients/pages.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { openSite } from '../../support/pages/other-site.js';
import { until } from '../../support/until.js';

/** Longest name of an account. */
const NAME = `שלום ${'w'.repeat(27)}`;
const TITLE = `<i>שלום</i> ${'long '.repeat(30)}`.trim();

/** The encoder goes on to the end of the file. */
const wholeFile = t;
const [browser, gateway] = await Promise.all([
  openChromium(t),
  startGatewayProcess(t, { LADDER: 'off', THUMBNAIL_EVERY: '2', DVR_WINDOW: 'off' }),
]);
const ada = await signInPage(gateway, NAME, 'broadcaster');
const create = async (body: object): Promise<{ streamId: string; streamKey: string }> =>
  (await ada.request('POST', '/api/livestream/create', body)).body as never;
const live = await create({ title: TITLE, tags: ['Chess', 'x'.repeat(30)] });
const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
const secret = await create({ title: 'Secret', visibility: 'private', scheduledAt: inAnHour });

t.test('a viewer finds a broadcast on the page of its channel and by searching', async (t) => {
  await signInPage(gateway, 'Vera');
  await create({ title: 'Planned', scheduledAt: inAnHour });
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

  publish(wholeFile, await testMedia(60), `rtmp://127.0.0.1:${gateway.rtmpPort}/live/${live.streamKey}`);
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

t.test(
  'other sites get the title and the player of a public livestream, and nothing of a private one',
  async (t) => {
    const page = (path: string) => fetch(gateway.http + path);
    const read = async () => await (await page(`/watch/${live.streamId}`)).text();
    await until('there is a picture', async () => (await read()).includes('property="og:image"'));
    const html = await read();
    t.match(html, '<title>&lt;i&gt;שלום&lt;/i&gt; long long');
    t.match(html, /property="og:image" content="http[^"]+thumbnail/);
    const player = /name="twitter:player" content="([^"]+)"/.exec(html)?.[1] ?? '';
    t.ok(player.endsWith(`/embed/${live.streamId}`), player);
    t.match(html, 'name="twitter:card" content="player"');
    const oembed = new URL(/json\+oembed" href="([^"]+)"/.exec(html)?.[1] ?? '');
    const answer = await page(`${oembed.pathname}${oembed.search}&maxwidth=640`);
    const described = (await answer.json()) as { html: string };
    t.match(described, {
      version: '1.0',
      type: 'video',
      title: TITLE,
      author_name: NAME,
      width: 640,
      height: 360,
    });
    t.match(described.html, `src="${player}"`);

    for (const path of [`/watch/${secret.streamId}`, `/embed/${secret.streamId}`]) {
      const text = await (await page(path)).text();
      t.equal(text, await (await page(path.replace(/[0-9a-f]{12}$/, '000000000000'))).text(), path);
      t.notMatch(text, 'Secret');
    }
    const url = `${gateway.http}/watch/${secret.streamId}`;
    t.equal((await page(`/api/oembed?${new URLSearchParams({ url })}`)).status, 404);

    const policyOf = async (path: string) => {
      const { headers } = await page(path);
      return [
        headers.get('x-frame-options'),
        /frame-ancestors [^;]+/.exec(`${headers.get('content-security-policy')}`)?.[0],
      ];
    };
    t.same(await policyOf(`/embed/${live.streamId}`), [null, 'frame-ancestors *']);
    for (const path of ['/', '/dashboard', `/watch/${live.streamId}`, `/@${encodeURIComponent(NAME)}`])
      t.same(await policyOf(path), ['DENY', "frame-ancestors 'none'"], path);
  },
);

t.test('the player plays in a frame and as an element of a page of another site', async (t) => {
  const site = await openSite(
    t,
    `<script type="module" src="${gateway.http}/player.js"></script>
    <iframe src="${gateway.http}/embed/${live.streamId}?autoplay&muted" allow="autoplay"></iframe>
    <headend-player id="webrtc" src="${gateway.http}/watch/${live.streamId}" autoplay muted></headend-player>
    <headend-player id="hls" delivery="hls" src="${gateway.http}/watch/${live.streamId}"></headend-player>
    <headend-player id="none" src="${gateway.http}/watch/${secret.streamId}" autoplay></headend-player>`,
  );
  const page = await openPage(t, browser);
  await page.goto(site);
  const frame = page.frameLocator('iframe').locator('video');
  const advances = async (name: string, position: () => Promise<number>): Promise<void> => {
    const first = await position();
    await until(`${name} plays`, async () => (await position()) > first + 1);
  };
  await advances('the frame', () =>
    frame.evaluate((video) => (video as unknown as { currentTime: number }).currentTime),
  );
  await advances('WebRTC', () => page.evaluate('document.querySelector("#webrtc").currentTime'));
  t.match(await page.evaluate('document.querySelector("#webrtc").stats().delivery'), 'webrtc');
  t.equal(await page.evaluate('document.querySelector("#hls").paused'), true, 'it waits for a click');
  await page.locator('#hls .notice').getByRole('button', { name: 'Play' }).click();
  await until('HLS plays', () =>
    page.evaluate('document.querySelector("#hls").stats()?.phase === "playing"'),
  );
  await advances('HLS', () => page.evaluate('document.querySelector("#hls").currentTime'));
  t.equal(await page.evaluate('document.querySelector("#hls").state'), 'live');
  await page.locator('#none').getByText('There is nothing to play at this address.').waitFor();
  const { stream } = await gateway.api<{ stream: { viewers: { total: number } } }>(
    'GET',
    `/${live.streamId}`,
  );
  t.equal(stream.viewers.total, 3, 'each player is one viewer');

  await page.goto('about:blank');
  const deliveries = await until('the players have reported', async () => {
    const { body } = await ada.request('GET', `/api/livestream/${live.streamId}/qoe`);
    const [broadcast] = (body as QoeResponse).broadcasts;
    const [webrtc, hls] = broadcast?.deliveries ?? [];
    return webrtc?.plays === 2 && hls?.plays === 1 && [webrtc, hls];
  });
  t.match(deliveries, [
    { delivery: 'webrtc', startup: { count: 2 }, latency: { count: 2 } },
    { delivery: 'hls', startup: { count: 1 } },
  ]);
});
