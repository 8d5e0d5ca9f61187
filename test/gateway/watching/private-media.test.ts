import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { openChromium } from '../../support/clients/chromium.js';
import { type PageSession, signInPage } from '../../support/clients/page-session.js';
import { openPage } from '../../support/clients/pages.js';
import { openForHls, playback, untilPlaying } from '../../support/clients/watch-page.js';
import { startGatewayProcess } from '../../support/gateway/gateway-process.js';
import { publish, run, testMedia } from '../../support/media/encoder.js';

/** Limit for a revoked permission to take effect everywhere. */
const ENDS_WITHIN_MS = 1_000;
/** Small video, as two browsers decode it; keyframes every 2 s let it be passed through. */
const SMALL = { size: '320x180', rate: '30', bitrate: '150k' };
const [browser, gateway] = await Promise.all([openChromium(t), startGatewayProcess(t, { LADDER: 'off' })]);

async function tokenOf(session: PageSession, streamId: string): Promise<string> {
  const { status, body } = await session.request('POST', `/api/livestream/${streamId}/join`, {});
  if (status !== 200) throw new Error(`join: ${status}`);
  return String(body.viewerToken);
}

async function pageOf(t: Test, session: PageSession, url: string): Promise<Page> {
  const context = await browser.newContext();
  t.teardown(() => context.close());
  const [name = '', value = ''] = session.headers.cookie.split(/=(.*)/s);
  await context.addCookies([{ name, value, url: gateway.http }]);
  const page = await openPage(t, context);
  await openForHls(page, url);
  await untilPlaying(page);
  return page;
}

/** Collects the URLs that players load: media playlist, DASH description, init section, newest segment, newest part and hint. */
async function addresses(hls: string, token: string): Promise<Record<string, URL>> {
  const multivariant = await (await fetch(`${hls}?v=${token}`)).text();
  const playlist = new URL(multivariant.split('\n').find((line) => /^[^#]/.test(line)) ?? '', hls);
  const text = await (await fetch(playlist)).text();
  const last = (pattern: RegExp): URL => new URL([...text.matchAll(pattern)].at(-1)?.[1] ?? 'none', playlist);
  return {
    playlist,
    description: new URL(`${hls.replace('/hls/', '/dash/').replace('.m3u8', '.mpd')}?v=${token}`),
    init: last(/EXT-X-MAP:URI="([^"]+)"/g),
    segment: last(/^(s\d+\.m4s.*)$/gm),
    part: last(/EXT-X-PART:.*URI="([^"]+)"/g),
    hint: last(/PRELOAD-HINT:TYPE=PART,URI="([^"]+)"/g),
  };
}

const statusOf = async (url: URL, init: RequestInit = {}): Promise<number> => {
  const response = await fetch(url, init);
  await response.arrayBuffer();
  return response.status;
};

t.test('an invitee who is removed gets no media after a second, and another one plays on', async (t) => {
  const livestream = await gateway.createLivestream();
  const { streamId, hls, watch } = livestream;
  const at = `/api/livestream/${streamId}`;
  await gateway.api('PATCH', `/${streamId}`, { visibility: 'private' });
  publish(t, await testMedia(120, SMALL), livestream.rtmp);
  await gateway.untilLive(livestream);
  const [removed, other] = await Promise.all(['Rea', 'Otto'].map((name) => signInPage(gateway, name)));
  if (!removed || !other) throw new Error('two people are needed');
  const operator = { authorization: 'Bearer test-operator-token-0123456789' };
  const changeInvitee = (method: string, { userId }: PageSession): Promise<Response> =>
    fetch(`${gateway.http}${at}/guests/${userId}`, { method, headers: operator });
  for (const session of [removed, other]) t.equal((await changeInvitee('PUT', session)).status, 200);

  const [token, otherToken] = [await tokenOf(removed, streamId), await tokenOf(other, streamId)];
  const recording = path.join(t.testdir(), 'recording.mp4');
  const ffmpeg = ['-v', 'error', '-i', `${hls}?v=${otherToken}`, '-t', '6', '-c', 'copy', recording];
  t.equal((await run('ffmpeg', ffmpeg)).stderr, '', 'ffmpeg plays a private livestream without a warning');

  const own = await addresses(hls, token);
  for (const [name, url] of Object.entries(own)) {
    t.equal(url.searchParams.get('v'), token, `the URL of the ${name} has the token`);
    t.equal(await statusOf(url), 200, name);
  }
  const elsewhere = await gateway.createLivestream('Another one');
  const foreign = await tokenOf(removed, elsewhere.streamId);
  for (const [name, url] of Object.entries(await addresses(hls, token)))
    for (const v of [undefined, '', 'forged', foreign, `${token.slice(0, -2)}AA`])
      for (const init of [{}, { method: 'HEAD' }, { headers: { range: 'bytes=0-9' } }]) {
        const withWrongToken = new URL(url);
        if (v === undefined) withWrongToken.searchParams.delete('v');
        else withWrongToken.searchParams.set('v', v);
        t.equal(
          await statusOf(withWrongToken, init),
          404,
          `${name} with ${v === undefined ? 'no token' : 'a wrong token'}`,
        );
      }

  const [page, othersPage] = [await pageOf(t, removed, watch), await pageOf(t, other, watch)];
  const player = spawn('ffmpeg', ['-v', 'error', '-i', `${hls}?v=${token}`, '-f', 'null', '-'], {
    stdio: 'ignore',
  });
  t.teardown(() => player.kill('SIGKILL'));
  const playerEnded = once(player, 'close');
  const refused: string[] = [];
  othersPage.on('response', (response) => {
    if (response.url().includes('/hls/') && response.status() >= 400) refused.push(response.url());
  });
  let endedAt = Number.POSITIVE_INFINITY;
  const late: string[] = [];
  page.on('response', (response) => {
    const isMedia = response.url().includes('/hls/') && response.status() < 400;
    if (isMedia && performance.now() > endedAt + ENDS_WITHIN_MS) late.push(response.url());
  });
  // Baseline of what this machine can play.
  const first = await playback(othersPage);
  await page.waitForTimeout(3_000);
  const before = await playback(othersPage);

  const { playlist, segment } = await addresses(hls, token);
  const blocking = new URL(playlist ?? hls);
  blocking.searchParams.set('_HLS_msn', String(Number(/s(\d+)\.m4s/.exec(segment?.pathname ?? '')?.[1]) + 2));
  const blocked = statusOf(blocking);
  t.equal((await changeInvitee('DELETE', removed)).status, 200);
  endedAt = performance.now();
  await page.waitForTimeout(ENDS_WITHIN_MS);
  t.equal(await blocked, 404, 'a blocked request is refused when it is answered');
  const current = await addresses(hls, otherToken);
  for (const [name, url] of Object.entries({ ...own, ...current })) {
    const mine = new URL(url);
    mine.searchParams.set('v', token);
    t.equal(await statusOf(mine), 404, `the ${name} is refused to the removed invitee`);
    if (name in current && name !== 'hint')
      t.equal(await statusOf(current[name]!), 200, 'it is served to the other invitee');
  }
  await page.waitForTimeout(6_000);
  t.strictSame(late, [], 'the page of the removed invitee loaded no media');
  t.strictSame(refused, [], 'no request of the other invitee is refused');
  const after = await playback(othersPage);
  t.equal(after.stalls - first.stalls, 0, 'the other invitee plays without a stall');
  t.ok(after.position - before.position > 6, `${after.position - before.position} s`);
  await playerEnded;
});

t.test(
  'a livestream that is made private while live serves its media to invitees alone at once',
  async (t) => {
    const livestream = await gateway.createLivestream();
    const { streamId, hls, watch } = livestream;
    publish(t, await testMedia(120, SMALL), livestream.rtmp);
    await gateway.untilLive(livestream);
    const invitee = await signInPage(gateway, 'Ines');
    const token = await tokenOf(invitee, streamId);
    const headers = { authorization: 'Bearer test-operator-token-0123456789' };
    const invited = await fetch(`${gateway.http}/api/livestream/${streamId}/guests/${invitee.userId}`, {
      method: 'PUT',
      headers,
    });
    t.equal(invited.status, 200);
    const page = await pageOf(t, invitee, watch);
    const shared = await addresses(hls, token);
    for (const name of ['init', 'segment', 'part'])
      t.equal(shared[name]?.search, '', 'public media have the same URLs for all viewers');
    const before = await playback(page);
    await gateway.api('PATCH', `/${streamId}`, { visibility: 'private' });
    for (const name of ['init', 'segment', 'part']) t.equal(await statusOf(shared[name]!), 404, name);
    for (const [name, url] of Object.entries(await addresses(hls, token)))
      t.equal(await statusOf(url), 200, `${name} for the invitee`);
    await page.waitForTimeout(6_000);
    const after = await playback(page);
    t.equal(after.stalls - before.stalls, 0, 'an invitee continues');
    t.ok(after.position - before.position > 5, `${after.position - before.position} s`);
  },
);
