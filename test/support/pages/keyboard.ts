import type { Page } from 'playwright-core';
import { until } from '../until.js';

/** Element that has the focus. */
export type Focused = {
  /** Accessible name, roughly. */
  name: string;
  role: string;
  /** It has an outline, or its `::after` has one, and is within the window. */
  isVisible: boolean;
  /** It follows the element that had the focus before in the document. */
  isBehind: boolean;
};

/** Elements between which Tab may go before what is looked for counts as out of reach. */
const MAXIMUM_STEPS = 150;

/** Runs in the page; as text, because browser types are not declared here. */
const FOCUSED = `(() => {
  const element = document.activeElement;
  if (!element || element === document.body) return undefined;
  const before = window.focusedBefore;
  window.focusedBefore = element;
  const hasOutline = (style) => style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
  const { top, bottom, left, right, width } = element.getBoundingClientRect();
  const opacity = (one) => (one ? Number(getComputedStyle(one).opacity) * opacity(one.parentElement) : 1);
  return {
    name: (element.getAttribute('aria-label') ?? element.labels?.[0]?.textContent ?? element.textContent ?? '').trim(),
    role: element.getAttribute('role') ?? element.tagName.toLowerCase(),
    isVisible:
      (hasOutline(getComputedStyle(element)) || hasOutline(getComputedStyle(element, '::after'))) &&
      opacity(element) > 0.5 && width > 0 && bottom > 0 && top < innerHeight && right > 0 && left < innerWidth,
    isBehind: !before || !before.isConnected ||
      Boolean(before.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING),
  };
})()`;

export async function focused(page: Page): Promise<Focused | undefined> {
  return await page.evaluate<Focused | undefined>(FOCUSED);
}

/** Waits until an element with this name has the focus. */
export async function untilFocused(page: Page, name: string | RegExp): Promise<void> {
  let last: string | undefined;
  try {
    await until(`the focus is on ${name}`, async () => {
      last = (await focused(page))?.name;
      return last !== undefined && matches(last, name);
    });
  } catch (error) {
    throw new Error(`the focus is on “${last}”, not on ${name}`, { cause: error });
  }
}

/**
 * Presses Tab until an element with this name has the focus, at most once around the page.
 *
 * @param keys `Shift+Tab` goes back
 * @throws Error when it is out of reach, or when an element on the way shows no focus or comes before the one before it
 */
export async function tabTo(
  page: Page,
  name: string | RegExp,
  keys: 'Tab' | 'Shift+Tab' = 'Tab',
): Promise<void> {
  const passed: string[] = [];
  for (let step = 0; step < MAXIMUM_STEPS; step++) {
    await page.keyboard.press(keys);
    const now = await focused(page);
    if (!now) continue; // The page itself, at its end.
    passed.push(now.name);
    // Styles of the focus may be animated.
    if (!now.isVisible)
      await until(
        `“${now.name}” (${now.role}) shows that it has the focus`,
        async () => (await focused(page))?.isVisible,
      );
    if (matches(now.name, name)) return;
    if (keys === 'Tab' && !now.isBehind && step > 0 && passed.filter((one) => one === now.name).length > 1)
      break;
  }
  throw new Error(`no ${name} within reach of ${keys}: ${passed.join(' | ')}`);
}

function matches(text: string, name: string | RegExp): boolean {
  return typeof name === 'string' ? text === name : name.test(text);
}
