import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { fastify } from 'fastify';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { pageRoutes } from '../../../src/api/server/page-routes.js';
import { projectRoot } from '../../../src/platform/index.js';
import { openChromium } from '../../support/clients/chromium.js';
import { openPage } from '../../support/clients/pages.js';
import { WebrtcPeer } from '../../support/clients/webrtc-peer.js';
import { untilPageHolds } from '../../support/fixtures/watch-page-fixture.js';

const PAGES = path.join(projectRoot(), '.build', 'web');
const KEY = 'sk_test_0123456789abcdef';

const browser = await openChromium(t, { webrtc: true, fakeDevices: true });
const peer = await WebrtcPeer.open(browser);
const app = fastify({ forceCloseConnections: true });
t.teardown(() => app.close());
await app.register(pageRoutes, { root: PAGES });
await app.register(peer.routes);
await app.listen({ host: '127.0.0.1', port: 0 });
const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/broadcast`;

/** Opens the page without stored state. */
async function setUp(t: Test): Promise<Page> {
  await peer.reset();
  const page = await openPage(t, browser);
  await page.goto(url);
  return page;
}

const goLive = async (page: Page, key = KEY): Promise<void> => {
  await page.getByLabel('Stream key').fill(key);
  await page.getByRole('button', { name: 'Go live' }).click();
};
const is = (page: Page, state: string) =>
  untilPageHolds(page, `window.headend?.stats().state === '${state}'`);

t.test('camera and microphone are published in three layers, H.264 preferred, with statistics', async (t) => {
  const page = await setUp(t);
  await goLive(page);
  await is(page, 'live');
  const { offer, authorization } = peer.lastSession;
  t.equal(authorization, `Bearer ${KEY}`);
  t.match(offer, /a=simulcast:send l;m;h/);
  const [first] = /^m=video \d+ \S+ (\d+)/m.exec(offer)?.slice(1) ?? [];
  t.match(offer, new RegExp(`a=rtpmap:${first} H264/90000`), 'H.264 is preferred');
  t.notMatch(page.url(), KEY);
  await untilPageHolds(page, 'window.headend.stats().outbound?.bitrate > 0');
  await untilPageHolds(page, 'window.headend.stats().outbound?.layers.some(({ width }) => width > 0)');
  t.match(
    await page.locator('.outbound').textContent(),
    /On air for.*Bit rate.*Packets lost.*Video limited by/,
  );
  await untilPageHolds(page, "document.querySelector('video').videoWidth > 0");
  t.ok((await peer.received(peer.lastSession)).bytes > 0, 'media arrive');

  await page.getByRole('button', { name: 'Turn audio off' }).click();
  await page.getByRole('button', { name: 'Turn video off' }).click();
  const enabled = "document.querySelector('video').srcObject.getTracks().map(({ enabled }) => enabled)";
  t.same(await page.evaluate(enabled), [false, false]);
  await page.getByRole('button', { name: 'Turn audio on' }).click();
  await page.getByRole('button', { name: 'Turn video on' }).click();
  t.same(await page.evaluate(enabled), [true, true]);

  await page.getByRole('button', { name: 'End the broadcast' }).click();
  await page.getByText('You ended the broadcast.').waitFor();
  while (!peer.lastSession.ended) await new Promise((resolve) => setTimeout(resolve, 20));
  t.pass('the session is deleted');
});

t.test('a lost connection is re-established with the same devices and settings', async (t) => {
  const page = await setUp(t);
  await page.getByLabel('Codec').selectOption('vp8');
  await page.getByLabel(/simulcast/).uncheck();
  await goLive(page);
  await is(page, 'live');
  const first = peer.lastSession;
  const [payloadType] = /^m=video \d+ \S+ (\d+)/m.exec(first.offer)?.slice(1) ?? [];
  t.match(first.offer, new RegExp(`a=rtpmap:${payloadType} VP8/90000`));
  t.notMatch(first.offer, /a=simulcast/);
  await untilPageHolds(page, 'window.headend.stats().outbound?.layers[0]?.framesEncoded > 10');
  t.ok((await peer.received(first)).frames > 0, 'the video arrives and can be decoded');

  peer.behaviour = { name: 'refuses', status: 503, message: 'The server is starting.' };
  await peer.close(first);
  await page.getByText('The server is starting. Trying again…').waitFor();
  t.equal(await page.locator('.badge').textContent(), 'Reconnecting');
  peer.behaviour = { name: 'answers' };
  await is(page, 'live');
  t.match(await page.evaluate('window.headend.stats()'), { reconnects: 1 });
  t.not(peer.lastSession, first);
  t.ok(first.ended, 'the old session was deleted first');
});

t.test(
  'devices can be changed while live, and only a kind that was not sent before needs a new session',
  async (t) => {
    const page = await setUp(t);
    const audioSelect = page.getByLabel('Audio');
    await audioSelect.selectOption('none');
    await goLive(page);
    await is(page, 'live');
    t.notMatch(peer.lastSession.offer, /^m=audio/m);
    await audioSelect.selectOption({ index: 2 });
    while (peer.sessions.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    await is(page, 'live');
    t.match(peer.lastSession.offer, /^m=audio/m);
    t.ok(peer.sessions[0]?.ended, 'the old session was deleted');

    const captured = "document.querySelector('video').srcObject.getAudioTracks()[0].getSettings().deviceId";
    const before = await page.evaluate<string>(captured);
    await audioSelect.selectOption({ index: 3 });
    await untilPageHolds(page, `${captured} !== '${before}'`);
    const { bytes } = await peer.received(peer.lastSession);
    while ((await peer.received(peer.lastSession)).bytes < bytes + 10_000)
      await new Promise((done) => setTimeout(done, 20));
    await page.getByLabel('Video').selectOption('none');
    await page.getByText('Audio only.').waitFor();
    t.equal(peer.sessions.length, 2, 'by the same session');
    t.equal(await page.evaluate('window.headend.stats().state'), 'live');
  },
);

t.test("a refused stream key ends the attempt with the server's message", async (t) => {
  const page = await setUp(t);
  peer.behaviour = {
    name: 'refuses',
    status: 401,
    code: 'stream_key_unknown',
    message: 'The stream key is not known.',
  };
  await goLive(page, 'wrong');
  await page.getByText('You are not live: The stream key is not known.').waitFor();
  t.equal(await page.evaluate('window.headend.stats().state'), 'refused');
  await page.getByRole('button', { name: 'Go live' }).waitFor();
  peer.behaviour = { name: 'answers' };
  await goLive(page);
  await is(page, 'live');
  t.equal(peer.sessions.length, 1);
});

t.test(
  'leaving while live asks for confirmation and ends the session, and the key is stored only on request',
  async (t) => {
    const page = await setUp(t);
    await goLive(page);
    await is(page, 'live');
    const asked: string[] = [];
    page.on('dialog', (dialog) => {
      asked.push(dialog.type());
      void dialog.accept();
    });
    await page.goto(`${new URL(url).origin}/`);
    t.same(asked, ['beforeunload']);
    while (!peer.lastSession.ended) await new Promise((resolve) => setTimeout(resolve, 20));

    await page.goto(url);
    t.equal(await page.getByLabel('Stream key').inputValue(), '', 'not stored by default');
    await page.getByLabel(/Remember the key/).check();
    await goLive(page);
    await is(page, 'live');
    await page.getByRole('button', { name: 'End the broadcast' }).click();
    await page.getByText('You ended the broadcast.').waitFor();
    await page.reload();
    t.equal(await page.getByLabel('Stream key').inputValue(), KEY, 'stored for this tab');
    t.same(asked, ['beforeunload'], 'no confirmation when not live');
    await page.getByLabel(/Remember the key/).uncheck();
    await page.reload();
    t.equal(await page.getByLabel('Stream key').inputValue(), '', 'and deleted');
  },
);

const PREVIEW = "document.querySelector('video')";
const VIDEO_TRACK = `${PREVIEW}.srcObject.getVideoTracks()[0]`;

t.test('screen and camera are composed and sent, and the level of the sound is shown', async (t) => {
  const page = await setUp(t);
  await page.getByLabel('Video').selectOption('both');
  await goLive(page);
  await is(page, 'live');
  t.equal(await page.evaluate(`${VIDEO_TRACK}.canvas?.tagName`), 'CANVAS', 'drawn on a canvas');
  await untilPageHolds(page, `${PREVIEW}.videoHeight === 720`);
  await untilPageHolds(page, "document.querySelector('meter').value > -40");
  while ((await peer.received(peer.lastSession)).frames < 5)
    await new Promise((done) => setTimeout(done, 20));
  await page.getByLabel('Video').selectOption('camera');
  await untilPageHolds(page, `${VIDEO_TRACK}.canvas === undefined`);
  t.equal(peer.sessions.length, 1, 'by the same session');
});

t.test('a camera that is unplugged is reported, and used again when it is back', async (t) => {
  const page = await setUp(t);
  await goLive(page);
  await is(page, 'live');
  const before = await page.evaluate(`${VIDEO_TRACK}.id`);
  await page.evaluate(`${VIDEO_TRACK}.stop(); ${VIDEO_TRACK}.dispatchEvent(new Event('ended'))`);
  await page.getByText('a camera is used again when it is back').waitFor();
  await page.evaluate("navigator.mediaDevices.dispatchEvent(new Event('devicechange'))");
  await untilPageHolds(page, `${VIDEO_TRACK}.id !== '${before}' && ${VIDEO_TRACK}.readyState === 'live'`);
  await page.getByText('a camera is used again when it is back').waitFor({ state: 'detached' });
  t.equal(peer.sessions.length, 1, 'by the same session');
});
