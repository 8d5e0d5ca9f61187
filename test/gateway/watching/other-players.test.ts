import t from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { playerPlayback, servePlayerPages, startPlayer } from '../../support/clients/player-pages.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, testMedia } from '../../support/media/encoder.js';
import { until } from '../../support/until.js';

const [browser, gateway] = await Promise.all([openChromium(t), startGatewayProcess(t)]);
const livestream = await gateway.createLivestream();
publish(t, await testMedia(120), livestream.rtmp);
await gateway.untilLive(livestream);

const origin = await servePlayerPages(t);

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

/** Seconds that must play on from the start: more than two segments. */
const PLAYED_S = 6;
/** Time for it, ms. Players that lose the edge of the livestream need longer. */
const WITHIN_MS = 10_000;

for (const { name, script, start } of PLAYERS)
  t.test(`${name} plays the livestream on a page of another origin`, async (t) => {
    const page = await openPage(t, browser);
    await page.goto(`${origin}/page/${script}`);
    await startPlayer(page, livestream.hls, start);
    await until('it plays', async () => (await playerPlayback(page)).position > 0, WITHIN_MS);
    // Players seek while they start.
    await page.waitForTimeout(2_000);
    const { position } = await playerPlayback(page);
    await until(
      'it plays on',
      async () => (await playerPlayback(page)).position > position + PLAYED_S,
      WITHIN_MS,
    );
    t.strictSame((await playerPlayback(page)).failures, []);
  });
