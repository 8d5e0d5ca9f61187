/**
 * Measures how smoothly a chat of 5,000 messages scrolls in the watch page, and takes 20 more a second. Run it after a build:
 *
 *     npx tsx scripts/bench/chat-scroll.ts [--messages 5000]
 *
 * Prints the frames that took longer than 50 ms and the elements in the list. The browser draws without a graphics processor, on
 * the same machine: it needs an idle core. Exit code 1 if the list has more than 3,000 elements, or if more than one frame of a
 * hundred is slow.
 */
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { launchChromium } from '../../test/support/clients/chromium.js';
import { until } from '../../test/support/until.js';
import { BenchGateway } from './bench-gateway.js';

const { values } = parseArgs({ options: { messages: { type: 'string', default: '5000' } } });
const count = Number(values.messages);
if (!(count >= 100 && count <= 5_000)) throw new Error('--messages must be a number from 100 to 5000');

const CONCURRENT_POSTS = 20;
/** So many that none reaches the limit of an account or of an address. */
const VIEWERS = 1_000;
const MEASURED_MS = 15_000;
const ARRIVALS_PER_SECOND = 20;
const MAXIMUM_ELEMENTS = 3_000;
const MAXIMUM_SLOW_SHARE = 0.01;

type Frames = { count: number; slow: number; longestMs: number };

/** Runs in the page: notes the time between frames, and scrolls by some pixels each frame, back and forth. */
const measure = (ms: number, pixels: number): string => `new Promise((resolve) => {
  const list = document.querySelector('.messages');
  const frames = { count: 0, slow: 0, longestMs: 0 };
  const end = performance.now() + ${ms};
  let before = performance.now();
  let direction = -1;
  const frame = (now) => {
    const elapsed = now - before;
    before = now;
    frames.count++;
    if (elapsed > 50) frames.slow++;
    frames.longestMs = Math.max(frames.longestMs, elapsed);
    if (list.scrollTop <= 0) direction = 1;
    else if (list.scrollTop + list.clientHeight >= list.scrollHeight - 1) direction = -1;
    if (${pixels} > 0) list.scrollTop += direction * ${pixels};
    if (now < end) requestAnimationFrame(frame);
    else resolve(frames);
  };
  requestAnimationFrame((now) => { before = now; requestAnimationFrame(frame); });
})`;

const elements = (page: Page): Promise<number> =>
  page.evaluate<number>("document.querySelectorAll('.messages *').length");

const gateway = await BenchGateway.start({
  ...{ LADDER: 'off', THUMBNAIL_EVERY: '0', WEBRTC_WORKERS: '1', TRUST_PROXY: '127.0.0.1,::1' },
});
const browser = await launchChromium();
try {
  const stream = await gateway.createStream('Scrolling of the chat');
  const url = `${stream.watch.replace('/watch/', '/api/livestream/')}/chat`;
  let sent = 0;
  const say = async (): Promise<void> => {
    const number = sent++;
    const viewer = number % VIEWERS;
    const answer = await fetch(url, {
      method: 'POST',
      headers: {
        ...{ ...gateway.operator, 'content-type': 'application/json' },
        'x-forwarded-for': `10.0.${viewer >> 8}.${viewer & 255}`,
      },
      body: JSON.stringify({
        message: `No. ${number}${' some more words'.repeat(number % 7)} 🎉`,
        userId: `viewer-${viewer}`,
        name: `Viewer ${viewer}`,
      }),
    });
    if (!answer.ok) throw new Error(`chat: ${answer.status} ${await answer.text()}`);
    await answer.arrayBuffer();
  };
  await Promise.all(
    Array.from({ length: CONCURRENT_POSTS }, async () => {
      while (sent < count) await say();
    }),
  );
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
  await page.goto(stream.watch);
  await page.locator('.messages bdi').first().waitFor();
  let height = 0;
  let unchanged = 0;
  // Reading back loads the older messages, page by page.
  await until(
    'all messages are loaded',
    async () => {
      const now = await page.evaluate<number>(
        "(() => { const list = document.querySelector('.messages'); list.scrollTop = 0; return list.scrollHeight; })()",
      );
      unchanged = now === height ? unchanged + 1 : 0;
      height = now;
      return unchanged > 20;
    },
    300_000,
    100,
  );
  const report = async (what: string, frames: Frames): Promise<boolean> => {
    const inList = await elements(page);
    console.log(
      `${what.padEnd(26)} ${frames.slow} of ${frames.count} frames over 50 ms, longest ${frames.longestMs.toFixed(0)} ms; ` +
        `${inList} elements in the list, ${height} px high`,
    );
    return inList <= MAXIMUM_ELEMENTS && frames.slow <= frames.count * MAXIMUM_SLOW_SHARE;
  };
  const whole = await report('scrolling', await page.evaluate<Frames>(measure(MEASURED_MS, 120)));
  await page.evaluate(
    "(() => { const list = document.querySelector('.messages'); list.scrollTop = list.scrollHeight; })()",
  );
  const timer = setInterval(() => void say(), 1_000 / ARRIVALS_PER_SECOND);
  const arriving = await report(
    `${ARRIVALS_PER_SECOND} messages a second`,
    await page.evaluate<Frames>(measure(MEASURED_MS, 0)),
  );
  const both = await report('both', await page.evaluate<Frames>(measure(MEASURED_MS, 120)));
  clearInterval(timer);
  process.exitCode = whole && arriving && both ? 0 : 1;
} finally {
  await browser.close();
  await gateway.stop();
}
