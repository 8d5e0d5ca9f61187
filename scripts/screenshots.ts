/**
 * Writes every page and state to a folder, at a desk and on a phone (360 px, also in German), light and dark, with a gateway
 * of its own and a published test picture. Run it by `scripts/screenshots [FOLDER]`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { projectRoot } from '../src/platform/index.js';
import { launchChromium } from '../test/support/clients/chromium.js';
import { freeUdpPorts } from '../test/support/fixtures/free-udp-ports.js';
import { until } from '../test/support/until.js';
import { BenchGateway } from './bench/bench-gateway.js';

type Shot = {
  name: string;
  path: string;
  /** Brings the page into its state. */
  prepare?: (page: Page) => Promise<unknown>;
  /** Without a sign-in. */
  isAnonymous?: boolean;
};
type Session = { cookie: string; csrfToken: string; userId: string };

const PASSWORD = 'correct horse battery';
const LONG = `${'Donaudampfschifffahrtsgesellschaft '.repeat(5)}שלום 🎉 <b>bold</b>`.slice(0, 200);
const MISSING = '019a0000-0000-7000-8000-000000000000';
const VIEWS = [
  { name: 'desk', width: 1280, height: 900, colorScheme: 'light' },
  { name: 'desk-dark', width: 1280, height: 900, colorScheme: 'dark' },
  { name: 'phone', width: 360, height: 780, colorScheme: 'light' },
  { name: 'phone-german', width: 360, height: 780, colorScheme: 'light', locale: 'de-DE' },
] as const;
/** Time for pictures, plots and polls to be drawn, ms. */
const SETTLE_MS = 1_500;

const folder = path.resolve(projectRoot(), process.argv[2] ?? '.build/screenshots');
mkdirSync(folder, { recursive: true });
const [gateway, browser] = await Promise.all([
  BenchGateway.start({
    ...{ LADDER: '240:350k', THUMBNAIL_EVERY: '5', RECORDINGS_MIN_FREE: '0' },
    ...{ WEBRTC_PORT: String(await freeUdpPorts()), WEBRTC_WORKERS: '1' },
  }),
  launchChromium({ fakeDevices: true, webrtc: true }),
]);
const encoders: ChildProcess[] = [];
try {
  await writeAll(browser);
} finally {
  for (const encoder of encoders) encoder.kill('SIGKILL');
  await browser.close();
  await gateway.stop();
}

async function writeAll(browser: Browser): Promise<void> {
  const ada = await register('Ada', 'admin');
  const eve = await register(`Eve ${'x'.repeat(30)}`.slice(0, 32), 'broadcaster');
  const live = await create(ada, {
    title: 'Friday concert',
    description: 'From the city theatre',
    recordingEnabled: true,
  });
  const tested = await create(ada, { title: 'A rehearsal' });
  await request(ada, 'PATCH', `/api/livestream/${tested.streamId}`, { testing: true });
  const long = await create(eve, { title: LONG, description: `${LONG}\n${LONG}`.slice(0, 400) });
  const planned = new Date(Date.now() + 90 * 60_000).toISOString();
  await create(ada, { title: 'Saturday matinee', scheduledAt: planned });
  const ended = await create(ada, { title: 'Last week' });
  await request(ada, 'POST', `/api/livestream/${ended.streamId}/end`, {});
  for (const { rtmp } of [live, tested, long]) publish(rtmp);
  for (const { streamId } of [live, tested, long])
    await until('the broadcast is live', async () => (await stateOf(ada, streamId)) === 'live');
  for (const message of ['Good evening', LONG, 'Which song is next?'])
    await request(eve, 'POST', `/api/livestream/${live.streamId}/chat`, { message });

  const shots: Shot[] = [
    { name: 'home', path: '/', isAnonymous: true },
    { name: 'watch-live', path: `/watch/${live.streamId}`, isAnonymous: true },
    { name: 'watch-long-names', path: `/watch/${long.streamId}`, isAnonymous: true },
    { name: 'watch-private-test', path: `/watch/${tested.streamId}`, isAnonymous: true },
    { name: 'watch-ended', path: `/watch/${ended.streamId}`, isAnonymous: true },
    { name: 'recording-missing', path: `/recordings/${MISSING}`, isAnonymous: true },
    { name: 'clip-missing', path: `/clips/${MISSING}`, isAnonymous: true },
    { name: 'video-missing', path: `/videos/${MISSING}`, isAnonymous: true },
    { name: 'setup-error', path: '/setup', isAnonymous: true },
    { name: 'broadcast', path: '/broadcast', isAnonymous: true },
    { name: 'dashboard-signed-out', path: '/dashboard', isAnonymous: true },
    { name: 'dashboard', path: '/dashboard' },
    {
      name: 'dashboard-new',
      path: '/dashboard',
      prepare: (page) => press(page, /^(New livestream|Neuer Livestream)$/),
    },
    { name: 'dashboard-manage', path: '/dashboard', prepare: openLive },
    { name: 'studio-live', path: `/studio/${live.streamId}` },
    { name: 'studio-test', path: `/studio/${tested.streamId}` },
    {
      name: 'studio-browser',
      path: `/studio/${tested.streamId}`,
      prepare: (page) => page.getByRole('tab', { name: /^(This browser|Dieser Browser)$/ }).click(),
    },
    { name: 'studio-ended', path: `/studio/${ended.streamId}` },
    { name: 'studio-missing', path: `/studio/${MISSING}` },
    { name: 'admin', path: '/admin', prepare: openAll },
    { name: 'settings', path: '/settings' },
  ];
  for (const { name, width, height, ...appearance } of VIEWS) {
    const options = { viewport: { width, height }, ...appearance, reducedMotion: 'reduce' as const };
    const anonymous = await browser.newContext(options);
    const signedIn = await browser.newContext(options);
    const [cookieName = '', value = ''] = ada.cookie.split('=');
    await signedIn.addCookies([{ name: cookieName, value, url: gateway.http }]);
    for (const shot of shots) {
      const page = await (shot.isAnonymous ? anonymous : signedIn).newPage();
      await page.goto(gateway.http + shot.path);
      await page.locator('main').waitFor();
      await page.waitForTimeout(SETTLE_MS);
      await shot.prepare?.(page);
      await page.waitForTimeout(SETTLE_MS);
      const overflow = Number(
        await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'),
      );
      await page.screenshot({ path: path.join(folder, `${shot.name}-${name}.png`), fullPage: true });
      process.stdout.write(`${shot.name}-${name}${overflow > 0 ? `: ${overflow} px too wide` : ''}\n`);
      await page.close();
    }
    await Promise.all([anonymous.close(), signedIn.close()]);
  }
}

async function press(page: Page, name: RegExp): Promise<void> {
  await page.getByRole('button', { name }).first().click();
}

async function openLive(page: Page): Promise<void> {
  const card = page
    .locator('.livestreams > li')
    .filter({ has: page.getByRole('heading', { name: 'Friday concert' }) });
  await card.getByRole('button', { name: /^(Manage|Verwalten)$/ }).click();
  await openAll(page);
}

async function openAll(page: Page): Promise<void> {
  for (const summary of await page.locator('summary').all()) await summary.click();
}

function publish(rtmp: string): void {
  const input =
    '-re -f lavfi -i testsrc2=size=640x360:rate=30 -f lavfi -i sine=frequency=440:sample_rate=48000';
  const codecs =
    '-c:v libx264 -preset ultrafast -tune zerolatency -g 60 -b:v 800k -pix_fmt yuv420p -c:a aac -f flv';
  encoders.push(
    spawn('ffmpeg', [...`-v error ${input} ${codecs}`.split(' '), rtmp], {
      stdio: ['ignore', 'ignore', 'inherit'],
    }),
  );
}

async function register(name: string, role: string): Promise<Session> {
  await request(gateway.operator, 'POST', '/api/auth/register', { name, password: PASSWORD, role });
  const answer = await fetch(`${gateway.http}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, password: PASSWORD }),
  });
  const { user, csrfToken } = (await answer.json()) as { user: { id: string }; csrfToken: string };
  return { cookie: answer.headers.getSetCookie()[0]?.split(';')[0] ?? '', csrfToken, userId: user.id };
}

async function create(session: Session, body: object): Promise<{ streamId: string; rtmp: string }> {
  type Created = { streamId: string; ingest: { rtmp: { server: string; key: string } } };
  const { streamId, ingest } = await request<Created>(session, 'POST', '/api/livestream/create', body);
  return { streamId, rtmp: `${ingest.rtmp.server}/${ingest.rtmp.key}` };
}

async function stateOf(session: Session, streamId: string): Promise<string> {
  type Answer = { stream: { state: { name: string } } };
  return (await request<Answer>(session, 'GET', `/api/livestream/${streamId}`)).stream.state.name;
}

async function request<T>(
  client: Session | { authorization: string },
  method: string,
  url: string,
  body?: object,
): Promise<T> {
  const headers: Record<string, string> =
    'cookie' in client
      ? { cookie: client.cookie, 'x-csrf-token': client.csrfToken, origin: gateway.http }
      : { ...client };
  const answer = await fetch(gateway.http + url, {
    method,
    headers: { ...headers, ...(body ? { 'content-type': 'application/json' } : {}) },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as T;
}
