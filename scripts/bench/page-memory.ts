/**
 * Measures whether the watch page grows: it is watched by WebRTC and by HLS in two browser contexts, with chat, and heap, DOM
 * nodes and listeners are read each minute after a forced garbage collection. Run it after a build:
 *
 *     npx tsx scripts/bench/page-memory.ts [--minutes 30] [--messages-per-second 4]
 *
 * Pages keep 5,000 chat messages: with four a second this is reached after 21 minutes. From then on, or from the tenth minute
 * on without messages, nothing may grow. Prints one line a minute and page. Exit code 1 if a heap grew by more than 2 MB, or
 * the nodes or listeners by more than a tenth, between the last third and the end.
 */
import { parseArgs } from 'node:util';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { launchChromium } from '../../test/support/clients/chromium.js';
import { chooseDelivery, untilPlaying } from '../../test/support/clients/watch-page.js';
import { BenchGateway } from './bench-gateway.js';
import { LoopedVideo } from './looped-video.js';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '30' },
    'messages-per-second': { type: 'string', default: '4' },
  },
});
const minutes = Number(values.minutes);
const messagesPerSecond = Number(values['messages-per-second']);
if (!(minutes >= 3)) throw new Error('--minutes must be at least 3');
if (!(messagesPerSecond >= 0 && messagesPerSecond <= 20))
  throw new Error('--messages-per-second must be a number from 0 to 20');

const MINUTE_MS = 60_000;
/** Growth above which a page counts as growing. */
const MAXIMUM_HEAP_GROWTH_MB = 2;
const MAXIMUM_COUNT_GROWTH = 0.1;

type Reading = { heapMb: number; nodes: number; listeners: number };
type Watched = { name: string; page: Page; devtools: CDPSession; readings: Reading[] };

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function watch(browser: Browser, url: string, delivery: 'webrtc' | 'hls'): Promise<Watched> {
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
  const page = await context.newPage();
  await page.goto(url);
  await chooseDelivery(page, delivery);
  await untilPlaying(page);
  const devtools = await context.newCDPSession(page);
  await devtools.send('Performance.enable');
  return { name: delivery, page, devtools, readings: [] };
}

async function read({ devtools }: Watched): Promise<Reading> {
  await devtools.send('HeapProfiler.collectGarbage');
  const { metrics } = await devtools.send('Performance.getMetrics');
  const value = (name: string): number => metrics.find((metric) => metric.name === name)?.value ?? Number.NaN;
  return {
    heapMb: value('JSHeapUsedSize') / 1e6,
    nodes: value('Nodes'),
    listeners: value('JSEventListeners'),
  };
}

async function say(url: string, number: number): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { ...gateway.operator, 'content-type': 'application/json' },
    body: JSON.stringify({
      message: `Message ${number} of the benchmark 🎉`,
      userId: `viewer-${number % 200}`,
      name: `Viewer ${number % 200}`,
    }),
  });
  if (!answer.ok) throw new Error(`chat: ${answer.status} ${await answer.text()}`);
  await answer.arrayBuffer();
}

function grew({ name, readings }: Watched): boolean {
  const [before, after] = [readings.at(-Math.ceil(readings.length / 3)), readings.at(-1)];
  if (!before || !after) return true;
  const heapMb = after.heapMb - before.heapMb;
  const nodes = after.nodes / before.nodes - 1;
  const listeners = after.listeners / before.listeners - 1;
  console.log(
    `${name.padEnd(8)} last third: heap ${heapMb.toFixed(2)} MB, nodes ${(nodes * 100).toFixed(1)} %, ` +
      `listeners ${(listeners * 100).toFixed(1)} % more`,
  );
  return heapMb > MAXIMUM_HEAP_GROWTH_MB || Math.max(nodes, listeners) > MAXIMUM_COUNT_GROWTH;
}

const video = new LoopedVideo();
const gateway = await BenchGateway.start({ LADDER: 'off', THUMBNAIL_EVERY: '0', WEBRTC_WORKERS: '1' });
const browser = await launchChromium({ webrtc: true });
let isOver = false;
try {
  const stream = await gateway.createStream('Memory of the page');
  video.start(stream.rtmp);
  const watched = [await watch(browser, stream.watch, 'webrtc'), await watch(browser, stream.watch, 'hls')];
  const chat = `${stream.watch.replace('/watch/', '/api/livestream/')}/chat`;
  const talk = (async () => {
    for (let number = 0; !isOver && messagesPerSecond > 0; number++) {
      await say(chat, number);
      await pause(1_000 / messagesPerSecond);
    }
  })();
  for (let minute = 1; minute <= minutes; minute++) {
    await Promise.race([pause(MINUTE_MS), talk.then(() => pause(MINUTE_MS))]);
    for (const one of watched) {
      const reading = await read(one);
      one.readings.push(reading);
      const { phase, delivery } = await one.page.evaluate<{ phase: string; delivery: string }>(
        'window.headend.stats()',
      );
      console.log(
        `${one.name.padEnd(8)} ${String(minute).padStart(3)} min  heap ${reading.heapMb.toFixed(2)} MB  nodes ${reading.nodes}  ` +
          `listeners ${reading.listeners}  ${phase} by ${delivery}`,
      );
    }
  }
  isOver = true;
  await talk;
  process.exitCode = watched.filter(grew).length > 0 ? 1 : 0;
} finally {
  isOver = true;
  await browser.close();
  video.stop();
  await gateway.stop();
}
