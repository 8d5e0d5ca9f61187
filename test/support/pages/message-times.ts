import type { Page } from 'playwright-core';
import { until } from '../until.js';

/** Records when each message appears in a page, Unix ms by this machine's clock. */
export const RECORD_MESSAGES = `(() => {
  window.appeared = {};
  new MutationObserver(() => {
    for (const { textContent } of document.querySelectorAll('.messages bdi'))
      window.appeared[textContent] ??= performance.timeOrigin + performance.now();
  }).observe(document.querySelector('.chat'), { childList: true, subtree: true });
})()`;

/** Waits until a message appears. @returns when it did, as recorded */
export const appearedMs = (page: Page, message: string): Promise<number> =>
  until(`“${message}” appears`, () => page.evaluate<number>(`window.appeared[${JSON.stringify(message)}]`));
