import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { Test } from 'tap';

/** Opens a page, closed with the test. Fails the test when the page throws or violates its CSP. */
export async function openPage(t: Test, browser: Browser | BrowserContext): Promise<Page> {
  const page = await browser.newPage();
  t.teardown(() => page.close());
  page.setDefaultTimeout(30_000);
  page.on('pageerror', (error) => t.fail(`the page threw: ${error.message}`));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) t.fail(message.text());
  });
  return page;
}

/** Opens a page in a context with its own cookies. */
export async function openIsolatedPage(t: Test, browser: Browser, url: string): Promise<Page> {
  const context = await browser.newContext();
  t.teardown(() => context.close());
  const page = await openPage(t, context);
  await page.goto(url);
  return page;
}
