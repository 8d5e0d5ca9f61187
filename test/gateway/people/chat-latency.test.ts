import type { Page } from 'playwright-core';
import t from 'tap';
import { BarcodeCamera } from '../../../scripts/bench/barcode-camera.js';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { openForHls, playback, untilPlaying } from '../../support/clients/watch-page.js';
import { OPERATOR_TOKEN, startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { quantile, readLatencyMeter, startLatencyMeter } from '../../support/media/glass-to-glass.js';
import { appearedMs, RECORD_MESSAGES } from '../../support/pages/message-times.js';
import { until } from '../../support/until.js';

/** Difference of the badge and the truth, ms. */
const TOLERANCE_MS = 100;
const FRAMES = 60;
/** The clock of the page is wrong by an hour. */
const WRONG_CLOCK = `{
  const RealDate = Date;
  const now = () => RealDate.now() + 3_600_000;
  window.Date = class extends RealDate {
    constructor(...values) { super(...(values.length === 0 ? [now()] : values)); }
    static now() { return now(); }
  };
}`;

const [browser, gateway] = await Promise.all([openChromium(t, { webrtc: true }), startGatewayProcess(t)]);
const livestream = await gateway.createLivestream();
const camera = new BarcodeCamera({ url: livestream.rtmp, width: 640, height: 360, bitrate: 800_000 });
camera.start();
t.teardown(() => camera.stop());
await gateway.untilLive(livestream);

/** Reads the latency that the page claims and that of the frames, medians, ms. */
async function latencies(page: Page): Promise<{ claimedMs: number; trueMs: number }> {
  const claimed: number[] = [];
  const ages: number[] = [];
  await readLatencyMeter(page);
  await until('frames are read', async () => {
    const { latencyS } = await playback(page);
    if (latencyS !== undefined) claimed.push(latencyS * 1_000);
    return ages.push(...(await readLatencyMeter(page)).ages) > FRAMES && claimed.length > 5;
  });
  return { claimedMs: quantile(claimed, 0.5), trueMs: quantile(ages, 0.5) };
}

async function say(message: string, mediaTime?: number): Promise<void> {
  const answer = await fetch(`${gateway.http}/api/livestream/${livestream.streamId}/chat`, {
    method: 'POST',
    headers: { authorization: `Bearer ${OPERATOR_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ message, ...(mediaTime === undefined ? {} : { mediaTime }) }),
  });
  t.equal(answer.status, 201, message);
}

const watcher = await openPage(t, browser);
await watcher.goto(livestream.watch);
await untilPlaying(watcher);
const late = await openPage(t, browser);
await late.addInitScript(WRONG_CLOCK);
await openForHls(late, livestream.watch);
await untilPlaying(late);
for (const page of [watcher, late]) {
  await startLatencyMeter(page);
  await page.getByText('Nothing was said yet.').waitFor();
  await page.evaluate(RECORD_MESSAGES);
}

t.test(
  'the latency by WebRTC and by HLS is that of the frames on screen, whatever the viewer’s clock',
  async (t) => {
    t.equal((await playback(watcher)).delivery, 'webrtc');
    for (const [name, page] of [
      ['WebRTC', watcher],
      ['HLS with a clock wrong by an hour', late],
    ] as const) {
      const { claimedMs, trueMs } = await latencies(page);
      t.ok(
        Math.abs(claimedMs - trueMs) <= TOLERANCE_MS,
        `${name}: ${Math.round(claimedMs)} ms claimed, ${Math.round(trueMs)} ms true`,
      );
      await page.locator('.latency').waitFor();
    }
  },
);

t.test('a message appears in each player when it shows what the author was watching', async (t) => {
  const saidAtMs = Date.now();
  await say('goal');
  const soonMs = await appearedMs(watcher, 'goal');
  t.equal(await late.getByText('goal').count(), 0, 'no spoiler beside the later player');
  const lateMs = await appearedMs(late, 'goal');
  const { trueMs } = await latencies(late);
  t.ok(soonMs - saidAtMs < trueMs - 300, `${Math.round(soonMs - saidAtMs)} ms by WebRTC`);
  t.ok(
    Math.abs(lateMs - saidAtMs - trueMs) < 500,
    `${Math.round(lateMs - saidAtMs)} ms by HLS, which is ${Math.round(trueMs)} ms late`,
  );

  await say('from a later player', Date.now() - 10_000);
  const fromBehindMs = await Promise.all(
    [watcher, late].map((page) => appearedMs(page, 'from a later player')),
  );
  t.ok(Math.abs((fromBehindMs[0] ?? 0) - (fromBehindMs[1] ?? 0)) < 500, 'at once in both');
});
