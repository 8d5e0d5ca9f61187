/**
 * Measures the delay from camera to screen: the barcode camera publishes to a gateway, and a headless Chromium plays on its
 * watch page. Run it after a build:
 *
 *     npm run bench:latency -- [--seconds 120] [--part-duration 0.333]
 *     npm run bench:latency -- --delivery webrtc [--source whip | --b-frames]
 *     npm run bench:latency -- --source whip
 *
 * The source is RTMP (the barcode camera, with or without B-frames) or WHIP (a browser tab), the delivery HLS or WebRTC.
 * Every figure includes the camera's own delay: a frame with B-frames leaves it three frames late. From WHIP to WebRTC
 * the same camera is then measured without a server, from tab to tab, which leaves the browser's own delay. From RTMP to
 * WebRTC, a viewer without audio follows, whose browser need not delay video until its sound arrives, and then another
 * camera through MediaMTX when that is on PATH: it sends no audio, as it does not encode AAC, and refuses B-frames.
 *
 * Encoders and decoder run on the same machine, which needs idle cores. Exit code 1 if the target is missed.
 */
import { parseArgs } from 'node:util';
import type { Browser, Page } from 'playwright-core';
import { launchChromium } from '../../test/support/clients/chromium.js';
import { publishFromPage, stopPublishing } from '../../test/support/clients/whip-page.js';
import { quantile, readLatencyMeter, startLatencyMeter } from '../../test/support/media/glass-to-glass.js';
import { BarcodeCamera } from './barcode-camera.js';
import { BenchGateway } from './bench-gateway.js';
import { connectDirectly, watchVideoAlone } from './direct-connection.js';
import { MediaMtx } from './media-mtx.js';
import { cpuSeconds, processTree } from './process-tree.js';

const WARM_UP_MS = 10_000;
const SAMPLE_MS = 500;
/** Video that the browser publishes. */
const PUBLISHED_VIDEO = { width: 1280, height: 720, bitrate: 2_500_000 };
/** Greatest p95 delay from camera to screen, ms. */
const TARGET_P95_MS = {
  'rtmp to hls': 1_600,
  'whip to hls': 2_000,
  'whip to webrtc': 60,
  'rtmp to webrtc': undefined,
} as const;

/** Fields of `headend.stats()` used here. */
type Stats = {
  phase?: string;
  delivery?: string;
  latencyS?: number;
  stalls: number;
  stalledMs: number;
  levelSwitches: number;
  droppedFrames: number;
  rebuilds: number;
  level?: string;
  errors: string[];
};

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    'part-duration': { type: 'string' },
    source: { type: 'string', default: 'rtmp' },
    delivery: { type: 'string', default: 'hls' },
    'b-frames': { type: 'boolean', default: false },
  },
});
const route = `${values.source} to ${values.delivery}` as keyof typeof TARGET_P95_MS;
if (!(route in TARGET_P95_MS)) throw new Error('--source is rtmp or whip, --delivery is hls or webrtc');
const targetMs = TARGET_P95_MS[route];
const seconds = Number(values.seconds);
if (!(seconds > 0)) throw new Error('--seconds must be a number above 0');
const partDuration = values['part-duration'];

const stats = (page: Page): Promise<Stats> => page.evaluate<Stats>('window.headend.stats()');
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Measures frames of a page for some seconds, after a warm-up. */
async function agesIn(page: Page): Promise<number[]> {
  await startLatencyMeter(page);
  await pause(WARM_UP_MS);
  await readLatencyMeter(page);
  await pause(seconds * 1000);
  return (await readLatencyMeter(page)).ages;
}

async function measureMediaMtx(browser: Browser): Promise<void> {
  const server = await MediaMtx.start();
  if (!server) {
    console.log('MediaMTX         not on PATH');
    return;
  }
  const other = new BarcodeCamera({ url: server.rtmp });
  try {
    other.start();
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    const opened = performance.now();
    await page.goto(server.page);
    while (!(await page.evaluate<boolean>("document.querySelector('video').videoWidth > 0"))) {
      if (performance.now() - opened > 30_000) throw new Error('MediaMTX does not play');
      await pause(50);
    }
    const ages = await agesIn(page);
    console.log(row('MediaMTX', ages, 0, `ms (${ages.length} frames)`));
  } finally {
    await other.stop();
    await server.stop();
  }
}

/** Returns the CPU use of the gateway and each of its processes since `before`, % of a core. */
function cpuSince(before: ReadonlyMap<number, number>, elapsedMs: number): string {
  const uses = processTree(gateway.pid).map(({ pid, name }) => ({
    name,
    percent: ((cpuSeconds(pid) - (before.get(pid) ?? 0)) / elapsedMs) * 100_000,
  }));
  return uses
    .filter(({ name, percent }) => percent >= 0.1 && !name.startsWith('postgres'))
    .map(({ name, percent }) => `${name} ${percent.toFixed(1)}`)
    .join('  ');
}

async function measure(page: Page): Promise<{ ages: number[]; unreadable: number; latencies: number[] }> {
  await readLatencyMeter(page);
  const latencies: number[] = [];
  const ages: number[] = [];
  let unreadable = 0;
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    await pause(SAMPLE_MS);
    const [meter, now] = [await readLatencyMeter(page), await stats(page)];
    ages.push(...meter.ages);
    unreadable += meter.unreadable;
    if (now.latencyS !== undefined) latencies.push(now.latencyS);
  }
  return { ages, unreadable, latencies };
}

function row(name: string, samples: number[], digits: number, unit: string): string {
  const figures = [
    ['p5', 0.05],
    ['p50', 0.5],
    ['p95', 0.95],
    ['max', 1],
  ] as const;
  return `${name.padEnd(16)} ${figures.map(([label, p]) => `${label} ${quantile(samples, p).toFixed(digits)}`).join('  ')} ${unit}`;
}

const gateway = await BenchGateway.start({
  LOG_LEVEL: 'info',
  ...(partDuration === undefined ? {} : { PART_DURATION: partDuration }),
});
const browser = await launchChromium({ webrtc: true });
const stream = await gateway.createStream('Latency benchmark');
const camera = new BarcodeCamera({ url: stream.rtmp, bFrames: values['b-frames'] });
try {
  const tab = values.source === 'rtmp' ? undefined : await (await browser.newContext()).newPage();
  if (tab) await publishFromPage(tab, gateway, stream.key, PUBLISHED_VIDEO);
  else camera.start();
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(stream.watch);
  await page.getByRole('button', { name: 'Settings' }).click();
  await page.getByLabel('Delivery').selectOption(values.delivery);
  await page.keyboard.press('Escape');
  const opened = performance.now();
  const plays = ({ phase, delivery }: Stats): boolean => phase === 'playing' && delivery === values.delivery;
  while (!plays(await stats(page))) {
    if (performance.now() - opened > 30_000)
      throw new Error(`playback did not start: ${JSON.stringify(await stats(page))}`);
    await pause(50);
  }
  console.log(`first frame      ${Math.round(performance.now() - opened)} ms after the page was opened`);
  await startLatencyMeter(page);
  await pause(WARM_UP_MS);
  const before = await stats(page);
  const cpuBefore = new Map(processTree(gateway.pid).map(({ pid }) => [pid, cpuSeconds(pid)]));
  const measuredFrom = performance.now();
  const { ages, unreadable, latencies } = await measure(page);
  const cpu = cpuSince(cpuBefore, performance.now() - measuredFrom);
  const after = await stats(page);

  const stalls = after.stalls - before.stalls;
  const p95 = quantile(ages, 0.95);
  console.log(row('glass to glass', ages, 0, `ms (${ages.length} frames, ${unreadable} unreadable)`));
  console.log(row('player latency', latencies, 2, 's behind'));
  console.log(
    `stalls           ${stalls} (${after.stalledMs - before.stalledMs} ms), ${after.rebuilds - before.rebuilds} rebuilds, ` +
      `${after.droppedFrames - before.droppedFrames} frames dropped`,
  );
  console.log(`CPU              ${cpu} % of a core`);
  console.log(`levels           ${after.levelSwitches - before.levelSwitches} switches, now ${after.level}`);
  for (const error of after.errors.slice(before.errors.length)) console.log(`player           ${error}`);
  if (tab && values.delivery === 'webrtc') {
    await stopPublishing(tab);
    await page.close();
    const viewer = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    await connectDirectly(tab, viewer, PUBLISHED_VIDEO.bitrate);
    const ages = await agesIn(viewer);
    console.log(row('without a server', ages, 0, `ms (${ages.length} frames)`));
  }
  if (route === 'rtmp to webrtc') {
    await page.close();
    const viewer = await browser.newPage({ viewport: { width: 1280, height: 900 }, bypassCSP: true });
    await watchVideoAlone(viewer, gateway.http, stream.watch);
    const alone = await agesIn(viewer);
    console.log(row('without audio', alone, 0, `ms (${alone.length} frames)`));
    await viewer.close();
    await camera.stop();
    if (!values['b-frames']) await measureMediaMtx(browser);
  }
  const met = targetMs === undefined || (p95 <= targetMs && stalls === 0);
  const wanted =
    targetMs === undefined ? 'none for this route' : `p95 <= ${targetMs} ms and no stall in ${seconds} s`;
  console.log(`target           ${route}: ${wanted}${met ? '' : ': missed'}`);
  process.exitCode = met ? 0 : 1;
} finally {
  await browser.close();
  await camera.stop();
  await gateway.stop();
}
