/**
 * Measures how soon HLS plays in a page with hls.js as its documentation starts it, without settings, in a headless Chromium.
 * Run it after a build:
 *
 *     npx tsx scripts/bench/hls-start.ts [--starts 5] [--joins 10] [--ladder off]
 *
 * Starts: from the first media message of an RTMP publisher (720p30, a keyframe every 2 s) to the multivariant playlist,
 * and to the first frame in a page that then loads it. Joins: from `loadSource` to the first frame while the livestream
 * runs, and what hls.js reports as its latency 3 s later.
 */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { launchChromium } from '../../test/support/clients/chromium.js';
import { quantile } from '../../test/support/media/glass-to-glass.js';
import { BenchGateway } from './bench-gateway.js';
import { makeClip, now, publishClip } from './clip.js';

const CLIP_S = 90;
const POLL_MS = 5;
const TIMEOUT_MS = 15_000;
const LATENCY_AFTER_MS = 3_000;

const { values } = parseArgs({
  options: {
    starts: { type: 'string', default: '5' },
    joins: { type: 'string', default: '10' },
    ladder: { type: 'string' },
  },
});

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Serves a page of another origin with hls.js. @returns its URL */
async function servePage(): Promise<string> {
  const script = readFileSync(createRequire(import.meta.url).resolve('hls.js/dist/hls.min.js'));
  const server = http.createServer((request, response) => {
    if (request.url === '/hls.js') response.setHeader('content-type', 'text/javascript').end(script);
    else
      response
        .setHeader('content-type', 'text/html')
        .end('<video id="video" autoplay muted playsinline></video><script src="/hls.js"></script>');
  });
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  server.unref();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Starts hls.js without settings in a page that was opened before. */
async function load(page: Page, url: string): Promise<{ loadedAt: number; firstFrameAt: number }> {
  return await page.evaluate<{ loadedAt: number; firstFrameAt: number }>(`new Promise((resolve, reject) => {
    const now = () => performance.timeOrigin + performance.now();
    const video = document.querySelector('video');
    const loadedAt = now();
    window.player = new Hls();
    window.stalls = 0;
    player.on('hlsError', (event, { fatal, details }) => {
      if (fatal) reject(new Error(details));
      if (details === 'bufferStalledError') window.stalls++;
    });
    player.loadSource(${JSON.stringify(url)});
    player.attachMedia(video);
    video.requestVideoFrameCallback(() => resolve({ loadedAt, firstFrameAt: now() }));
    setTimeout(() => reject(new Error('no frame')), ${TIMEOUT_MS});
  })`);
}

function row(name: string, samples: number[], digits = 0): void {
  const figures = [0.05, 0.5, 0.95, 1].map((p) => quantile(samples, p).toFixed(digits).padStart(7));
  console.log(name.padEnd(40), ...figures);
}

const tags = makeClip(CLIP_S);
const gateway = await BenchGateway.start(values.ladder === undefined ? {} : { LADDER: values.ladder });
const browser = await launchChromium();
const page = await servePage();
const open = async (): Promise<Page> => {
  const opened = await browser.newPage();
  await opened.goto(page);
  return opened;
};
const hlsOf = ({ watch }: { watch: string }): string => `${watch.replace('/watch/', '/hls/')}/index.m3u8`;
const latency = async (opened: Page): Promise<{ latency: number; stalls: number; target: number }> =>
  await opened.evaluate('({ latency: player.latency, stalls: window.stalls, target: player.targetLatency })');

try {
  const playlists: number[] = [];
  const frames: number[] = [];
  const startLatencies: number[] = [];
  let startStalls = 0;
  for (let count = 0; count < Number(values.starts); count++) {
    const stream = await gateway.createStream(`Start ${count}`);
    const opened = await open();
    const { startedAt, stop } = await publishClip(stream.rtmp, tags);
    for (const url = hlsOf(stream); ; await pause(POLL_MS)) {
      const response = await fetch(url);
      await response.text();
      if (response.ok) break;
    }
    playlists.push(now() - startedAt);
    const { firstFrameAt } = await load(opened, hlsOf(stream));
    frames.push(firstFrameAt - startedAt);
    await pause(LATENCY_AFTER_MS);
    const after = await latency(opened);
    startLatencies.push(after.latency);
    startStalls += after.stalls;
    await opened.close();
    stop();
  }
  const joins: number[] = [];
  const latencies: number[] = [];
  let joinStalls = 0;
  let target = 0;
  const stream = await gateway.createStream('Joins');
  const { stop } = await publishClip(stream.rtmp, tags);
  await pause(12_000);
  for (let count = 0; count < Number(values.joins); count++) {
    const opened = await open();
    // Spreads the joins over the segment.
    await pause((count * 370) % 2_000);
    const { loadedAt, firstFrameAt } = await load(opened, hlsOf(stream));
    joins.push(firstFrameAt - loadedAt);
    await pause(LATENCY_AFTER_MS);
    const after = await latency(opened);
    latencies.push(after.latency);
    joinStalls += after.stalls;
    target = after.target;
    await opened.close();
  }
  stop();
  console.log(`load ${os.loadavg()[0]!.toFixed(1)}`.padEnd(40), '     p5     p50     p95     max');
  row('first message to playlist, ms', playlists);
  row('first message to first frame, ms', frames);
  row('  latency 3 s later, s', startLatencies, 2);
  row('join to first frame, ms', joins);
  row('  latency 3 s later, s', latencies, 2);
  console.log(
    `stalls: ${startStalls} after a start, ${joinStalls} after a join; target latency ${target.toFixed(2)} s`,
  );
} finally {
  await browser.close();
  await gateway.stop();
}
