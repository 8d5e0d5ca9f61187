import type { Browser, Page } from 'playwright-core';
import type { Test } from 'tap';
import type { Livestream } from '../gateway/gateway-process.js';
import { until } from '../until.js';
import { openPage } from './pages.js';

/** Statistics of the watch page (`window.headend.stats()`) and of its video element. */
export type Playback = {
  phase: string;
  level?: string;
  levels: string[];
  levelSwitches: number;
  stalls: number;
  latencyS?: number;
  rebuilds: number;
  errors: string[];
  delivery?: 'webrtc' | 'hls';
  /** Number of fallbacks from WebRTC to HLS. */
  fallbacks?: number;
  webrtc?: { codec?: string; framesDecoded: number; freezes: number; packetsLost: number };
  /** Position in the media element's timeline, s. */
  position: number;
  bufferedRanges: number;
  /** Stream state that the page's badge shows. */
  state: string;
};

/** Runs in the page; as text, because browser types are not declared here. */
const PLAYBACK = `(() => {
  const video = document.querySelector('video');
  return {
    phase: 'none', levels: [], levelSwitches: 0, stalls: 0, rebuilds: 0, errors: [], state: '',
    ...window.headend?.stats(),
    position: video?.currentTime ?? 0,
    bufferedRanges: video?.buffered.length ?? 0,
  };
})()`;

export async function playback(page: Page): Promise<Playback> {
  return await page.evaluate<Playback>(PLAYBACK);
}

/** Waits for a condition on a page's playback. @throws with the last playback state */
async function untilPlayback(
  description: string,
  page: Page,
  condition: (now: Playback) => boolean | undefined,
): Promise<void> {
  let last: Playback | undefined;
  try {
    await until(description, async () => {
      last = await playback(page);
      return condition(last);
    });
  } catch (error) {
    throw new Error(`${description}: ${JSON.stringify(last)}`, { cause: error });
  }
}

/** Waits until playback has advanced by a second. */
export async function untilPlaying(page: Page): Promise<void> {
  let first: number | undefined;
  await untilPlayback('the page plays', page, ({ phase, position }) => {
    if (phase !== 'playing') return false;
    first ??= position;
    return position > first + 1;
  });
}

/** Waits until playback advances for two seconds without a stall. */
export async function untilPlaysOn(page: Page): Promise<void> {
  let since: { position: number; stalls: number } | undefined;
  await untilPlayback('the page continues', page, ({ phase, position, stalls }) => {
    if (phase !== 'playing' || (since && stalls > since.stalls)) since = undefined;
    else since ??= { position, stalls };
    return since && position > since.position + 2;
  });
}

/** Selects a delivery in the settings of the player. */
export async function chooseDelivery(page: Page, delivery: 'auto' | 'webrtc' | 'hls'): Promise<void> {
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByLabel('Delivery').selectOption(delivery);
  await page.keyboard.press('Escape');
}

/** Opens the watch page and selects HLS. */
export async function openForHls(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await chooseDelivery(page, 'hls');
  await until('the page plays by HLS', async () => (await playback(page)).delivery === 'hls');
}

/** Opens the watch page, waits until it plays by WebRTC, and marks the document to detect a reload. */
export async function watchByWebrtc(t: Test, browser: Browser, { watch }: Livestream): Promise<Page> {
  const page = await openPage(t, browser);
  await page.goto(watch);
  await untilPlaying(page);
  t.equal((await playback(page)).delivery, 'webrtc');
  await page.evaluate("window.mark = 'never reloaded'");
  return page;
}
