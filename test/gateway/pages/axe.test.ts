import type { Browser, BrowserContext, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { type PageSession, signInPage } from '../../support/clients/page-session.js';
import { openPage } from '../../support/clients/pages.js';
import { type GatewayProcess, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { seriousFaults } from '../../support/pages/axe.js';
import { openSite } from '../../support/pages/other-site.js';

type Visit = {
  name: string;
  path: string;
  /** Brings the page into the state that is checked. */
  prepare(page: Page): Promise<unknown>;
};

const press = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).first().click();
const heading = (name: string) => (page: Page) => page.getByRole('heading', { name }).first().waitFor();
const text = (pattern: string | RegExp) => (page: Page) => page.getByText(pattern).first().waitFor();
const MISSING = '019a0000-0000-7000-8000-000000000000';

const ANYBODY: Visit[] = [
  { name: 'home', path: '/', prepare: (page) => page.getByRole('heading').first().waitFor() },
  { name: 'set-up without an invitation', path: '/setup', prepare: (page) => page.locator('main').waitFor() },
  { name: 'broadcast', path: '/broadcast', prepare: heading('Broadcast') },
  { name: 'sign-in', path: '/dashboard', prepare: text('Sign in to manage your livestreams.') },
  {
    name: 'missing recording',
    path: `/recordings/${MISSING}`,
    prepare: (page) => page.locator('main').waitFor(),
  },
  { name: 'missing clip', path: `/clips/${MISSING}`, prepare: (page) => page.locator('main').waitFor() },
  { name: 'missing video', path: `/videos/${MISSING}`, prepare: (page) => page.locator('main').waitFor() },
];

function ownPages(streamId: string): Visit[] {
  return [
    { name: 'watch', path: `/watch/${streamId}`, prepare: heading('A test') },
    {
      name: 'studio with OBS',
      path: `/studio/${streamId}`,
      prepare: text('Go live to see how your stream does.'),
    },
    {
      name: 'studio with the browser',
      path: `/studio/${streamId}`,
      prepare: async (page) => {
        await page.getByRole('tab', { name: 'This browser' }).click();
        await page.getByLabel('Resolution').waitFor();
      },
    },
    {
      name: 'dashboard with a form',
      path: '/dashboard',
      prepare: async (page) => {
        await press(page, 'New livestream');
        await page.getByLabel('Viewers at most').waitFor();
      },
    },
    {
      name: 'dashboard with everything open',
      path: '/dashboard',
      prepare: async (page) => {
        await press(page, 'Manage');
        await page.getByText('Nobody yet: moderators delete').waitFor();
        await page.getByRole('heading', { name: 'Analytics' }).waitFor();
        for (const summary of await page.locator('summary').all()) await summary.click();
      },
    },
    { name: 'settings', path: '/settings', prepare: (page) => page.getByRole('heading').nth(1).waitFor() },
    {
      name: 'administration',
      path: '/admin',
      prepare: async (page) => {
        await page.getByText('running since').waitFor();
        for (const summary of await page.locator('summary').all()) await summary.click();
        await page.getByText('MAX_BROADCASTS').waitFor();
      },
    },
  ];
}

/** Pages in German, each in the state of its longest texts. */
function germanPages(streamId: string): Visit[] {
  return [
    { name: 'home', path: '/', prepare: heading('Jetzt live') },
    { name: 'watch', path: `/watch/${streamId}`, prepare: text('Dieser Stream ist offline.') },
    {
      name: 'missing recording',
      path: `/recordings/${MISSING}`,
      prepare: text('gibt es keine Aufzeichnung'),
    },
    { name: 'studio with OBS', path: `/studio/${streamId}`, prepare: heading('Stream-Diagnose') },
    {
      name: 'studio with the browser',
      path: `/studio/${streamId}`,
      prepare: async (page) => {
        await page.getByRole('tab', { name: 'Dieser Browser' }).click();
        await page.getByLabel('Auflösung').waitFor();
      },
    },
    {
      name: 'dashboard',
      path: '/dashboard',
      prepare: async (page) => {
        await press(page, 'Verwalten');
        await page.getByText('Moderatoren löschen Nachrichten').waitFor();
        await page.getByRole('heading', { name: 'Auswertung' }).waitFor();
      },
    },
    { name: 'settings', path: '/settings', prepare: heading('Angemeldete Browser') },
    { name: 'administration', path: '/admin', prepare: text('läuft seit') },
    { name: 'player on other sites', path: '/player', prepare: heading('Der Player auf anderen Websites') },
  ];
}

/** Checks that a browser which prefers German gets German pages, which fit into 360 pixels. */
async function checkGerman(
  t: Test,
  browser: Browser,
  gateway: GatewayProcess,
  session: PageSession,
  streamId: string,
): Promise<void> {
  const context = await browser.newContext({ locale: 'de-DE', viewport: { width: 360, height: 780 } });
  t.teardown(() => context.close());
  const page = await openPage(t, context);
  await page.goto(`${gateway.http}/dashboard`);
  await page.getByText('Melde dich an, um deine Livestreams zu verwalten.').waitFor();
  await page.getByLabel('Name').fill('Ada');
  await page.getByLabel('Passwort').fill('not the password');
  await press(page, 'Anmelden');
  await text('Der Name oder das Passwort ist falsch.')(page);
  await signIn(context, gateway, session);
  for (const { name, path, prepare } of germanPages(streamId)) {
    await page.goto(gateway.http + path);
    await prepare(page);
    t.equal(await page.locator('html').getAttribute('lang'), 'de', name);
    t.same(await seriousFaults(page), [], name);
    const width = await page.locator('html').evaluate(({ scrollWidth }) => scrollWidth);
    t.ok(width <= 360, `${name} is ${width} pixels wide`);
  }

  await page.goto(`${gateway.http}/embed/${streamId}`);
  await text('Dieser Stream ist offline.')(page);
  t.equal(await page.locator('html').getAttribute('lang'), 'de', 'embedded player');
  const site = await openSite(
    t,
    `<script type="module" src="${gateway.http}/player.js"></script>
    <headend-player lang="en" src="${gateway.http}/watch/${streamId}"></headend-player>`,
  );
  await page.goto(site);
  await text('This stream is offline.')(page);
  t.pass('the element follows its own language');
}

async function signIn(context: BrowserContext, gateway: GatewayProcess, session: PageSession): Promise<void> {
  const [name = '', value = ''] = session.headers.cookie.split('=');
  await context.addCookies([{ name, value, url: gateway.http }]);
}

async function check(
  t: Test,
  browser: Browser,
  gateway: GatewayProcess,
  visits: Visit[],
  session?: PageSession,
): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    const context = await browser.newContext({ colorScheme, reducedMotion: 'reduce' });
    t.teardown(() => context.close());
    if (session) await signIn(context, gateway, session);
    const page = await openPage(t, context);
    for (const { name, path, prepare } of visits) {
      await page.goto(gateway.http + path);
      await prepare(page);
      t.same(await seriousFaults(page), [], `${name}, ${colorScheme}`);
    }
  }
}

t.test('axe-core finds nothing serious on any page, light and dark, in English and German', async (t) => {
  const [browser, gateway] = await Promise.all([
    openChromium(t, { fakeDevices: true }),
    startGatewayProcess(t, { LADDER: 'off' }),
  ]);
  const ada = await signInPage(gateway, 'Ada', 'admin');
  const created = await ada.request('POST', '/api/livestream/create', { title: 'A test' });
  await check(t, browser, gateway, ANYBODY);
  const streamId = String(created.body.streamId);
  await check(t, browser, gateway, ownPages(streamId), ada);
  await checkGerman(t, browser, gateway, ada, streamId);
});
