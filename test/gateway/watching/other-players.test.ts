import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import Fastify from 'fastify';
import type { Page } from 'playwright-core';
import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

const [browser, gateway] = await Promise.all([openChromium(t), startGatewayProcess(t)]);
const livestream = await gateway.createLivestream();
publish(t, await testMedia(120), livestream.rtmp);
await gateway.untilLive(livestream);

const require = createRequire(import.meta.url);

/** Scripts of the players, by the name under which the page loads them. */
const SCRIPTS: Record<string, string> = {
  'hls.js': require.resolve('hls.js/dist/hls.min.js'),
  'video.js': require.resolve('video.js/dist/video.min.js'),
  'shaka.js': require.resolve('shaka-player/dist/shaka-player.compiled.js'),
};

/** Serves pages of another origin: a video element and one of the scripts. @returns the origin */
async function servePages(): Promise<string> {
  const app = Fastify();
  for (const [name, file] of Object.entries(SCRIPTS)) {
    const script = readFileSync(file, 'utf8');
    app.get(`/${name}`, (_request, reply) => reply.type('text/javascript').send(script));
    app.get(`/page/${name}`, (_request, reply) =>
      reply
        .type('text/html')
        .send(`<video id="video" autoplay muted playsinline></video><script src="/${name}"></script>`),
    );
  }
  await app.listen({ port: 0, host: '127.0.0.1' });
  t.teardown(() => app.close());
  return `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
}
const origin = await servePages();

/** Each player as its documentation starts it; the expressions are evaluated in the page and use `url`. */
const PLAYERS = [
  {
    name: 'hls.js',
    script: 'hls.js',
    start:
      'const player = new Hls(); player.on("hlsError", (event, { fatal, details }) => fatal && failed(details)); player.loadSource(url); player.attachMedia(video);',
  },
  {
    name: 'video.js',
    script: 'video.js',
    start:
      'const player = videojs("video", { autoplay: "muted" }); player.on("error", () => failed(player.error().message)); player.src({ src: url, type: "application/vnd.apple.mpegurl" });',
  },
  {
    name: 'video.js with low latency',
    script: 'video.js',
    start:
      'const player = videojs("video", { autoplay: "muted", html5: { vhs: { llhls: true } } }); player.on("error", () => failed(player.error().message)); player.src({ src: url, type: "application/vnd.apple.mpegurl" });',
  },
  {
    name: 'Shaka Player with low latency',
    script: 'shaka.js',
    start:
      'const player = new shaka.Player(); player.addEventListener("error", ({ detail }) => failed("shaka " + detail.code)); player.attach(video).then(() => { player.configure({ streaming: { lowLatencyMode: true } }); return player.load(url); });',
  },
] as const;

type Playback = { position: number; failures: string[] };

async function playback(page: Page): Promise<Playback> {
  return await page.evaluate<Playback>(
    '({ position: document.querySelector("video").currentTime, failures: window.failures })',
  );
}

/** Seconds that must play on from the start: more than two segments. */
const PLAYED_S = 6;
/** Time for it, ms. Players that lose the edge of the livestream need longer. */
const WITHIN_MS = 10_000;

for (const { name, script, start } of PLAYERS)
  t.test(`${name} plays the livestream on a page of another origin`, async (t) => {
    const page = await openPage(t, browser);
    await page.goto(`${origin}/page/${script}`);
    const url = JSON.stringify(livestream.hls);
    await page.evaluate(`{
      window.failures = [];
      const failed = (message) => failures.push(message);
      const url = ${url};
      const video = document.querySelector('video');
      ${start}
    }`);
    await until('it plays', async () => (await playback(page)).position > 0, WITHIN_MS);
    // Players seek while they start.
    await page.waitForTimeout(2_000);
    const { position } = await playback(page);
    await until('it plays on', async () => (await playback(page)).position > position + PLAYED_S, WITHIN_MS);
    t.strictSame((await playback(page)).failures, []);
  });
