import type { BrowserContext, Page, Route } from 'playwright-core';
import t, { type Test } from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { PASSWORD, type PageSession, signInPage } from '../../support/clients/page-session.js';
import { openPage } from '../../support/clients/pages.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';

const [browser, gateway] = await Promise.all([openChromium(t), startGatewayProcess(t, { LADDER: 'off' })]);

const NO_ANSWER = 'The server does not answer. Try again.';
const RIGHT_TO_LEFT = `שידור חי של הקונצרט הגדול ${'مساء الخير '.repeat(12)}<b>🎉</b>`.slice(0, 200);
const LONG = 'Donaudampfschifffahrtsgesellschaft'.repeat(5);

async function openAs(t: Test, session: PageSession): Promise<{ page: Page; context: BrowserContext }> {
  const context = await browser.newContext();
  t.teardown(() => context.close());
  const [name = '', value = ''] = session.headers.cookie.split(/=(.*)/);
  await context.addCookies([{ name, value, url: gateway.http }]);
  return { page: await openPage(t, context), context };
}

/** Runs in the page: whether it scrolls sideways, and elements that are too wide. */
const TOO_WIDE = `(() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  const wide = [...document.querySelectorAll('body *')].filter((one) => one.getBoundingClientRect().right > clientWidth + 1);
  return {
    isTooWide: scrollWidth > clientWidth,
    wide: scrollWidth > clientWidth ? wide.slice(0, 6).map((one) => one.tagName + '.' + one.className) : [],
  };
})()`;

const press = (page: Page, name: string): Promise<void> =>
  page.getByRole('button', { name, exact: true }).first().click();

type Form = {
  name: string;
  path: string;
  open?: (page: Page) => Promise<unknown>;
  /** Label, or the place by its label, of a text that is kept. */
  label: string;
  text: string;
  /** Fills what else is required. */
  fill?: (page: Page) => Promise<unknown>;
  submit: string;
  /** Appears after a success. */
  done: string | RegExp;
};

const FORMS: Form[] = [
  {
    name: 'new livestream',
    path: '/dashboard',
    open: (page) => press(page, 'New livestream'),
    ...{
      label: 'Title',
      text: 'Offline',
      submit: 'Create the livestream',
      done: 'Waiting for your broadcast…',
    },
  },
  {
    name: 'edited livestream',
    path: '/dashboard',
    open: async (page) => {
      await press(page, 'Manage');
      await press(page, 'Edit');
    },
    ...{ label: 'Description', text: 'Written offline', submit: 'Save', done: /^Edit$/ },
  },
  {
    name: 'access token',
    path: '/settings',
    ...{ label: 'Purpose', text: 'Backup', submit: 'Create a token', done: 'It is shown only now.' },
  },
  {
    name: 'webhook',
    path: '/admin',
    open: (page) => page.getByText('New webhook').click(),
    ...{ label: 'Address', text: 'https://example.org/hook', submit: 'Create the webhook' },
    done: /Secret that signs the deliveries/,
  },
];

t.test('forms keep what was entered when the server fails or is away, and work again', async (t) => {
  const ada = await signInPage(gateway, 'Ada', 'admin');
  const { page } = await openAs(t, ada);
  for (const { name, path, open, label, text, submit, done } of FORMS) {
    await page.goto(gateway.http + path);
    await open?.(page);
    const field = page.getByLabel(label, { exact: true }).first();
    await field.fill(text);
    // A list that is still being loaded would keep an error of its own.
    await page.waitForLoadState('networkidle');
    const form = page.locator('form').filter({ has: field });
    const send = form.getByRole('button', { name: submit, exact: true });
    await page.context().setOffline(true);
    await send.click();
    await page.getByText(NO_ANSWER).first().waitFor();
    t.equal(await field.inputValue(), text, `${name}: the text is kept without a network`);
    await page.context().setOffline(false);
    const fail = { status: 500, contentType: 'text/html', body: '<h1>Bad gateway</h1>' };
    await page.route('**/api/**', (route) =>
      route.request().method() === 'GET' ? route.fallback() : route.fulfill(fail),
    );
    await send.click();
    await send.and(page.locator(':enabled')).waitFor();
    await form.getByText(NO_ANSWER).or(page.getByText(NO_ANSWER)).first().waitFor();
    t.equal(await field.inputValue(), text, `${name}: the text is kept when the server fails`);
    await page.unroute('**/api/**');
    await send.click();
    await page.getByText(done).first().waitFor();
    t.equal(await page.getByText(NO_ANSWER).count(), 0, `${name}: the error is gone`);
  }
});

t.test('a sign-in that fails keeps the name, and a page that could not load is tried again', async (t) => {
  await signInPage(gateway, 'Ben', 'broadcaster');
  const context = await browser.newContext();
  t.teardown(() => context.close());
  const page = await openPage(t, context);
  await page.route('**/api/auth/me', (route) => route.abort());
  await page.goto(`${gateway.http}/dashboard`);
  await page.getByText(NO_ANSWER).waitFor();
  await page.unroute('**/api/auth/me');
  await press(page, 'Try again');
  await page.getByLabel('Name').fill('Ben');
  await page.getByLabel('Password').fill(PASSWORD);
  await context.setOffline(true);
  await press(page, 'Sign in');
  await page.getByText(NO_ANSWER).first().waitFor();
  t.equal(await page.getByLabel('Name').inputValue(), 'Ben');
  await context.setOffline(false);
  await press(page, 'Sign in');
  await page.getByText('You have no livestream yet').waitFor();
});

t.test('an expired sign-in is renewed in front of the page, which keeps what was entered', async (t) => {
  const cay = await signInPage(gateway, 'Cay', 'broadcaster');
  const created = await cay.request('POST', '/api/livestream/create', {
    title: 'Mine',
    visibility: 'private',
  });
  const { page, context } = await openAs(t, cay);
  await page.goto(`${gateway.http}/dashboard`);
  await press(page, 'Manage');
  await press(page, 'Edit');
  await page.getByLabel('Description').fill('A long text');
  await context.clearCookies();
  const again = page.getByRole('dialog', { name: 'Sign in again' });
  // The list of livestreams has only public ones then: this one stays.
  await page.waitForResponse((answer) => answer.url().includes('/api/livestream/user/'));
  await again.getByLabel('Name').waitFor();
  await page.keyboard.press('Escape');
  await again.waitFor({ state: 'detached' });
  await press(page, 'Save');
  await again.getByLabel('Name').fill('Cay');
  await again.getByLabel('Password').fill(PASSWORD);
  await again.getByRole('button', { name: 'Sign in', exact: true }).click();
  await again.waitFor({ state: 'detached' });
  t.equal(await page.getByLabel('Description').inputValue(), 'A long text');
  await press(page, 'Save');
  await page.getByRole('button', { name: 'Edit', exact: true }).waitFor();

  // Another tab ends the session and begins another one.
  const other = await openPage(t, context);
  await press(page, 'Edit');
  await page.getByLabel('Description').fill('From the first tab');
  await other.goto(`${gateway.http}/settings`);
  await press(other, 'Sign out');
  await again.waitFor();
  // Signing out opens the start page, which would interrupt the next navigation.
  await other.waitForURL(`${gateway.http}/`);
  await other.goto(`${gateway.http}/dashboard`);
  await other.getByLabel('Name').fill('Cay');
  await other.getByLabel('Password').fill(PASSWORD);
  await press(other, 'Sign in');
  await other.getByRole('heading', { name: 'Mine' }).waitFor();
  await again.waitFor({ state: 'detached' });
  await press(page, 'Save');
  await page.getByRole('button', { name: 'Edit', exact: true }).waitFor();
  const read = await page.evaluate(
    `fetch('/api/livestream/${created.body.streamId}').then((answer) => answer.json())`,
  );
  t.match(read, { stream: { description: 'From the first tab' } });

  // A private livestream is missing for who is signed out: its studio goes on.
  await other.close();
  await page.goto(`${gateway.http}/studio/${created.body.streamId}`);
  const heading = page.getByRole('heading', { name: 'Mine' });
  await heading.waitFor();
  await context.clearCookies();
  await again.getByLabel('Name').fill('Cay');
  t.ok(await heading.isVisible());
  await again.getByLabel('Password').fill(PASSWORD);
  await again.getByRole('button', { name: 'Sign in', exact: true }).click();
  await again.waitFor({ state: 'detached' });
  t.ok(await heading.isVisible());
});

t.test('long and right-to-left names and 100,000 viewers fit a phone', async (t) => {
  const dan = await signInPage(gateway, 'W'.repeat(32), 'broadcaster');
  const ids: string[] = [];
  for (const title of [RIGHT_TO_LEFT, LONG]) {
    const { body } = await dan.request('POST', '/api/livestream/create', {
      title,
      description: `${LONG} ${title}`,
    });
    ids.push(String(body.streamId));
  }
  const { page } = await openAs(t, dan);
  await page.setViewportSize({ width: 360, height: 780 });
  // They count as live, with very many viewers.
  const withManyViewers = async (route: Route): Promise<void> => {
    const answer = await route.fetch();
    const text = (await answer.text())
      .replaceAll(/"viewers":\{"total":\d+/g, '"viewers":{"total":100000')
      .replaceAll('"name":"offline"', '"name":"live"');
    await route.fulfill({ response: answer, body: text });
  };
  // The page may have left meanwhile.
  await page.route('**/api/livestream/**', (route) => withManyViewers(route).catch(() => {}));
  const visits = [
    '/',
    '/dashboard',
    `/watch/${ids[0]}`,
    `/watch/${ids[1]}`,
    `/studio/${ids[0]}`,
    `/@${'W'.repeat(32)}`,
  ];
  for (const path of visits) {
    await page.goto(gateway.http + path);
    await page.locator('h1, h2').first().waitFor();
    if (path === '/dashboard')
      await page
        .getByText(/^100,?000 watching$|^100K watching$/)
        .first()
        .waitFor();
    const { isTooWide, wide } = await page.evaluate<{ isTooWide: boolean; wide: string[] }>(TOO_WIDE);
    t.notOk(isTooWide, `${path} ${wide.join(', ')}`);
  }
});
