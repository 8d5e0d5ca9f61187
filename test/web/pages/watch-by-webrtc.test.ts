import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { chooseDelivery } from '../../support/clients/watch-page.js';
import { WebrtcPeer } from '../../support/clients/webrtc-peer.js';
import { STREAM_ID, untilPageHolds, WatchPageFixture } from '../../support/fixtures/watch-page-fixture.js';

const browser = await openChromium(t, { webrtc: true });
const peer = await WebrtcPeer.open(browser);
const server = await WatchPageFixture.open(t, peer.routes);

/** Opens a page without state of earlier tests; the stream is live. */
async function setUp(t: Test): Promise<Page> {
  await peer.reset();
  await server.goLive();
  return await openPage(t, browser);
}

const watch = `${server.url}/watch/${STREAM_ID}`;
const playsBy = (page: Page, delivery: 'webrtc' | 'hls') =>
  untilPageHolds(
    page,
    `(({ phase, delivery }) => phase === 'playing' && delivery === '${delivery}')(window.headend?.stats() ?? {})`,
  );

t.test('a stream with a WHEP endpoint plays by WebRTC and shows its latency', async (t) => {
  const page = await setUp(t);
  await page.goto(watch);
  await playsBy(page, 'webrtc');
  await untilPageHolds(page, 'window.headend.stats().webrtc.framesDecoded > 30');
  t.equal(await page.locator('.notice p').count(), 0, 'no notice covers the video');
  await page
    .locator('.latency')
    .getByText(/^(≈ )?\d+ ms behind the broadcast$/)
    .waitFor();
  const stats = await page.evaluate<Record<string, unknown>>('window.headend.stats()');
  t.match(stats, { delivery: 'webrtc', upgrades: 1, fallbacks: 0, webrtc: { packetsLost: 0, width: 320 } });
  t.notOk('fallback' in stats);
  t.match(peer.lastSession.offer, /stereo=1/, 'stereo is requested');
  await page.goto(`${server.url}/`);
  await t.resolves(ended(peer));
});

const element = (page: Page) =>
  page.evaluate("(({ muted, volume, mark }) => ({ muted, volume, mark }))(document.querySelector('video'))");
const CHANGED = { muted: true, volume: 0.25, mark: 'the same element' };
const changeElement = (page: Page) =>
  page.evaluate(`void Object.assign(document.querySelector('video'), ${JSON.stringify(CHANGED)})`);
const note = (page: Page, text: RegExp) => page.locator('.delivery-note').getByText(text).waitFor();

t.test(
  'with UDP blocked the page plays HLS, shows why, and returns to WebRTC once it connects',
  async (t) => {
    const page = await setUp(t);
    peer.behaviour = { name: 'unreachable' };
    await page.goto(watch);
    await untilPageHolds(page, "document.querySelector('video') !== null");
    await changeElement(page);
    await playsBy(page, 'hls');
    await note(
      page,
      /^Playing by HLS: no WebRTC connection to the server could be established; UDP may be blocked\.$/,
    );
    t.match(await page.evaluate('window.headend.stats()'), { fallback: 'unreachable', upgrades: 0 });
    t.ok(peer.lastSession.ended, 'the session is deleted');
    t.match(peer.lastSession.candidates[0], /a=candidate:/, 'candidates were sent');
    t.same(await element(page), CHANGED);

    peer.behaviour = { name: 'answers' };
    await playsBy(page, 'webrtc');
    t.same(await element(page), CHANGED);
    await untilPageHolds(page, "document.querySelector('.delivery-note').textContent === ''");
    t.match(await page.evaluate('window.headend.stats()'), {
      fallback: 'unreachable',
      upgrades: 1,
      fallbacks: 1,
    });
  },
);

t.test("a refusal of WebRTC makes HLS play and shows the server's message", async (t) => {
  const page = await setUp(t);
  peer.behaviour = { name: 'refuses', status: 406, code: 'codec', message: 'There is no codec in common.' };
  await page.goto(watch);
  await playsBy(page, 'hls');
  await note(page, /^Playing by HLS: the server refused WebRTC \(There is no codec in common\)\.$/);

  peer.behaviour = { name: 'refuses', status: 503, message: 'Full.' };
  await chooseDelivery(page, 'webrtc');
  await note(page, /^Playing by HLS: WebRTC is not available at the moment\.$/);
  peer.behaviour = { name: 'answers' };
  await playsBy(page, 'webrtc');
  t.pass('a viewer who chose WebRTC gets it once it is available');
});

t.test(
  'a lost connection falls back to HLS with the last frame held, in full screen too, and returns to WebRTC',
  async (t) => {
    const page = await setUp(t);
    await page.goto(watch);
    await playsBy(page, 'webrtc');
    await changeElement(page);
    await page.getByRole('button', { name: 'Full screen', exact: true }).click();
    const isFullScreen = "document.fullscreenElement?.classList.contains('player')";
    await untilPageHolds(page, isFullScreen);
    await page.evaluate(`{
    const video = document.querySelector('video');
    window.framesMissing = 0;
    window.framesHeld = 0;
    const check = () => {
      const still = document.querySelector('.still');
      const shows = !still.hidden && document.fullscreenElement?.contains(still);
      if (shows) window.framesHeld += 1;
      else if (video.videoWidth === 0) window.framesMissing += 1;
      requestAnimationFrame(check);
    };
    check();
  }`);
    peer.behaviour = { name: 'refuses', status: 404, message: 'Not live.' };
    await peer.close(peer.lastSession);
    await playsBy(page, 'hls');
    t.match(await page.evaluate('window.headend.stats()'), { fallbacks: 1 });
    t.same(await element(page), CHANGED);

    peer.behaviour = { name: 'answers' };
    // Event of a network change.
    await page.evaluate("void window.dispatchEvent(new Event('online'))");
    await playsBy(page, 'webrtc');
    t.same(await element(page), CHANGED);
    t.equal(await page.evaluate('window.framesMissing'), 0, 'a frame was visible all the time');
    t.ok(await page.evaluate('window.framesHeld > 0'), 'the held frame was visible in between');
    t.ok(await page.evaluate(isFullScreen), 'still in full screen');
    await page.getByRole('button', { name: 'Leave full screen' }).click();
    await untilPageHolds(page, 'document.fullscreenElement === null');
    await page.locator('video').dblclick();
    await untilPageHolds(page, isFullScreen);
  },
);

t.test('a chosen delivery is used until another is chosen', async (t) => {
  const page = await setUp(t);
  await page.goto(watch);
  await playsBy(page, 'webrtc');
  await page.getByRole('button', { name: 'Settings' }).click();
  const delivery = page.getByLabel('Delivery');
  t.equal(await delivery.locator('option:checked').textContent(), 'Automatic (WebRTC)');
  await page.getByText('Playing by WebRTC: the shortest delay.').waitFor();
  await delivery.selectOption('hls');
  await playsBy(page, 'hls');
  await ended(peer);
  t.equal(await page.locator('.delivery-note').textContent(), '', 'no note after a choice');
  await page.getByText('Playing by HLS, as you chose.').waitFor();
  await delivery.selectOption('auto');
  await playsBy(page, 'webrtc');
  t.equal(peer.sessions.length, 2);
});

t.test('layers, interruptions and the end announced by the server appear in the page', async (t) => {
  const page = await setUp(t);
  await page.goto(watch);
  await playsBy(page, 'webrtc');
  const session = peer.lastSession;
  while (!peer.hasEventListener(session)) await new Promise((resolve) => setTimeout(resolve, 20));
  const layer = (rid: string, height: number) => ({ rid, active: true, width: (height * 16) / 9, height });
  const layers = { 1: [layer('h', 720), layer('m', 360), layer('l', 180)], current: 'h' };
  peer.sendEvent(session, 'layers', layers);
  const quality = page.getByLabel('Quality');
  t.same(await quality.locator('option').allTextContents(), ['Auto (720p)', '720p', '360p', '180p']);
  await quality.selectOption({ label: '180p' });
  while (session.layers.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  peer.sendEvent(session, 'layers', { ...layers, current: 'l' });
  await untilPageHolds(
    page,
    "window.headend.stats().level === '180p' && window.headend.stats().levelSwitches === 1",
  );
  await quality.selectOption('auto');
  while (session.layers.length === 1) await new Promise((resolve) => setTimeout(resolve, 20));
  t.same(session.layers, [{ mediaId: '1', rid: 'l' }, { mediaId: '1' }]);

  server.stream = { ...server.stream, state: { name: 'reconnecting' } };
  peer.sendEvent(session, 'inactive');
  await peer.pause(session, true);
  await page
    .locator('.notice')
    .getByText(/broadcaster lost the connection/)
    .waitFor();
  t.ok(await page.evaluate("document.querySelector('video').videoWidth > 0"), 'the last frame stays');
  server.stream = { ...server.stream, state: { name: 'live' } };
  await peer.pause(session, false);
  peer.sendEvent(session, 'active');
  await playsBy(page, 'webrtc');
  t.equal(peer.sessions.length, 1, 'by the same connection');

  server.stream = { ...server.stream, status: 'ended', state: { name: 'offline' } };
  peer.sendEvent(session, 'end', { reason: 'ended' });
  await page
    .locator('.notice')
    .getByText(/broadcast is over/)
    .waitFor();
  t.equal(peer.sessions.length, 1, 'no reconnect');
});

t.test('a paused viewer stays paused when the connection is lost, and resumes by HLS', async (t) => {
  const page = await setUp(t);
  await page.goto(watch);
  await playsBy(page, 'webrtc');
  await page.evaluate("document.querySelector('video').pause()");
  peer.behaviour = { name: 'refuses', status: 503, message: 'Full.', retryAfter: 60 };
  await peer.close(peer.lastSession);
  await untilPageHolds(
    page,
    "window.headend.stats().fallback === 'unavailable' || window.headend.stats().fallback === 'lost'",
  );
  t.match(await page.evaluate('window.headend.stats()'), { phase: 'paused', delivery: 'webrtc' });
  // The change to HLS may end the promise.
  await page.evaluate("void document.querySelector('video').play().catch(() => {})");
  await playsBy(page, 'hls');
});

t.test('packet loss of 50 % makes HLS play', async (t) => {
  const page = await setUp(t);
  const network = await page.context().newCDPSession(page);
  await network.send('Network.enable');
  await network.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 1,
    downloadThroughput: 10_000_000,
    uploadThroughput: 10_000_000,
    packetLoss: 0,
  });
  await page.goto(watch);
  await playsBy(page, 'webrtc');
  await network.send('Network.emulateNetworkConditions', {
    ...{ offline: false, latency: 1, downloadThroughput: 10_000_000, uploadThroughput: 10_000_000 },
    packetLoss: 50,
  });
  await playsBy(page, 'hls');
  t.match(await page.evaluate<string>('window.headend.stats().fallback'), /^(loss|freezes)$/);
  await note(page, /^Playing by HLS: (the network loses too much|the video kept freezing)/);
});

t.test(
  'playback starts muted where autoplay requires it, and unmuting outlasts changes of delivery',
  async (t) => {
    const browser = await openChromium(t, { webrtc: true, autoplay: false });
    const peer = await WebrtcPeer.open(browser);
    const server = await WatchPageFixture.open(t, peer.routes);
    await server.goLive();
    const page = await openPage(t, browser);
    await page.goto(`${server.url}/watch/${STREAM_ID}`);
    // `evaluate` counts as a user gesture: until autoplay is decided, only the peer is observed.
    while (peer.sessions.length === 0 || (await peer.sent(peer.lastSession)) < 60)
      await new Promise((resolve) => setTimeout(resolve, 50));
    await playsBy(page, 'webrtc');
    t.ok(await page.evaluate("document.querySelector('video').muted"));
    const button = page.getByRole('button', { name: 'Unmute' });
    await chooseDelivery(page, 'hls');
    await playsBy(page, 'hls');
    await button.click();
    t.notOk(await page.evaluate("document.querySelector('video').muted"));
    await chooseDelivery(page, 'auto');
    await playsBy(page, 'webrtc');
    t.notOk(await page.evaluate("document.querySelector('video').muted"));
    t.equal(await button.count(), 0);
  },
);

async function ended(peer: WebrtcPeer): Promise<void> {
  while (!peer.lastSession.ended) await new Promise((resolve) => setTimeout(resolve, 20));
}
