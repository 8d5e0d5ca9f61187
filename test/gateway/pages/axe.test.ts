import type { Browser, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { type PageSession, signInPage } from '../../support/clients/page-session.js';
import { openPage } from '../../support/clients/pages.js';
import { type GatewayProcess, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { seriousFaults } from '../../support/pages/axe.js';

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
    if (session) {
      const [name = '', value = ''] = session.headers.cookie.split('=');
      await context.addCookies([{ name, value, url: gateway.http }]);
    }
    const page = await openPage(t, context);
    for (const { name, path, prepare } of visits) {
      await page.goto(gateway.http + path);
      await prepare(page);
      t.same(await seriousFaults(page), [], `${name}, ${colorScheme}`);
    }
  }
}

t.test('axe-core finds nothing serious on any page, light and dark', async (t) => {
  const [browser, gateway] = await Promise.all([
    openChromium(t, { fakeDevices: true }),
    startGatewayProcess(t, { LADDER: 'off' }),
  ]);
  const ada = await signInPage(gateway, 'Ada', 'admin');
  const created = await ada.request('POST', '/api/livestream/create', { title: 'A test' });
  await check(t, browser, gateway, ANYBODY);
  await check(t, browser, gateway, ownPages(String(created.body.streamId)), ada);
});
