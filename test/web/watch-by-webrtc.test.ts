import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { openChromium } from '../support/chromium.js';
import { holds, STREAM_ID, WatchStage } from '../support/watch-stage.js';
import { WebrtcPeer } from '../support/webrtc-peer.js';

async function setUp(t: Test): Promise<{ stage: WatchStage; peer: WebrtcPeer; page: Page }> {
  const browser = await openChromium(t, { webrtc: true });
  const peer = await WebrtcPeer.open(browser);
  const stage = new WatchStage(t.testdir({ 1: {}, 2: {} }), peer.routes);
  t.teardown(async () => {
    await stage.killEncoder();
    await stage.stop();
  });
  await stage.start();
  const page = await browser.newPage();
  page.setDefaultTimeout(30_000);
  page.on('pageerror', (error) => t.fail(`the page threw: ${error.message}`));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) t.fail(message.text());
  });
  return { stage, peer, page };
}

const watch = (stage: WatchStage): string => `${stage.url}/watch/${STREAM_ID}`;
const playsBy = (page: Page, delivery: 'webrtc' | 'hls') =>
  holds(
    page,
    `(({ phase, delivery }) => phase === 'playing' && delivery === '${delivery}')(window.headend?.stats() ?? {})`,
  );

t.test('a stream that is offered by WebRTC plays by it, and says how far it is behind', async (t) => {
  const { stage, peer, page } = await setUp(t);
  stage.stream = { status: 'live', state: { name: 'live' }, startedAt: new Date(1).toISOString() };
  await page.goto(watch(stage));
  await playsBy(page, 'webrtc');
  await holds(page, 'window.headend.stats().webrtc.framesDecoded > 30');
  t.equal(await page.locator('.notice p').count(), 0, 'nothing covers the picture');
  await page.getByText(/^about \d+ ms behind live \(estimate\)$/).waitFor();
  const stats = await page.evaluate<Record<string, unknown>>('window.headend.stats()');
  t.match(stats, { delivery: 'webrtc', climbs: 1, falls: 0, webrtc: { packetsLost: 0, width: 320 } });
  t.notOk('fallback' in stats);
  t.match(peer.last.offer, /stereo=1/, 'both channels are asked for');
  await page.goto(`${stage.url}/`);
  await t.resolves(ended(peer));
});

async function ended(peer: WebrtcPeer): Promise<void> {
  while (!peer.last.ended) await new Promise((resolve) => setTimeout(resolve, 20));
}
