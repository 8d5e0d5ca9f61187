/**
 * Writes every page and state to a folder, at a desk and on a phone (360 px, also in German), light and dark, with a gateway
 * of its own and a published test picture. Run it by `scripts/screenshots [FOLDER]`; with `--readme` it writes the four
 * pictures of the README to `.github/images` instead.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
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
/** Time in which plots fill, ms. */
const PLOTTED_MS = 30_000;

const { values, positionals } = parseArgs({
  options: { readme: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const folder = path.resolve(
  projectRoot(),
  positionals[0] ?? (values.readme ? '.github/images' : '.build/screenshots'),
);
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
  await (values.readme ? writeForReadme(browser) : writeAll(browser));
} finally {
  for (const encoder of encoders) encoder.kill('SIGKILL');
  await browser.close();
  await gateway.stop();
}

/** Writes what a visitor sees who decides whether to use it: no odd states, and nothing below the first screen. */
async function writeForReadme(browser: Browser): Promise<void> {
  const ada = await register('Ada', 'admin');
  const names = ['Mia', 'Leo', 'Noor', 'Sam'];
  const others = await Promise.all(names.map((name) => register(name, 'broadcaster')));
  const [mia = ada, leo = ada] = others;
  const concert = await create(ada, {
    title: 'Friday concert',
    description: 'From the city theatre: strings, a choir, and questions from the chat between the pieces.',
    tags: ['music', 'live'],
    recordingEnabled: true,
  });
  const streams = [
    concert,
    await create(mia, { title: 'Speedrun practice', tags: ['games'] }),
    await create(leo, { title: 'Bread from start to finish', tags: ['cooking'] }),
  ];
  for (const [hours, title] of [
    [2, 'Saturday matinee'],
    [26, 'Questions and answers'],
  ] as const)
    await create(ada, { title, scheduledAt: new Date(Date.now() + hours * 3_600_000).toISOString() });
  for (const [index, { rtmp }] of streams.entries()) publish(rtmp, index);
  for (const { streamId } of streams)
    await until('the broadcast is live', async () => (await stateOf(ada, streamId)) === 'live');
  const said = [
    'Good evening from Lisbon 👋',
    'The sound is great tonight',
    'Which piece is next?',
    '@Mia the second movement, I think',
    'That solo 🔥',
    'First time here, hello everybody',
    'Will there be a recording?',
    'Yes, it stays on the channel',
  ];
  for (const [index, message] of said.entries())
    await request(others[index % others.length] ?? ada, 'POST', `/api/livestream/${concert.streamId}/chat`, {
      message,
    });

  const [cookieName = '', value = ''] = ada.cookie.split('=');
  const write = async (
    { name, path: at, prepare, isAnonymous }: Shot,
    colorScheme: 'light' | 'dark',
  ): Promise<void> => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, colorScheme });
    if (!isAnonymous) await context.addCookies([{ name: cookieName, value, url: gateway.http }]);
    const page = await context.newPage();
    await page.goto(gateway.http + at);
    await page.locator('main').waitFor();
    await prepare?.(page);
    await page.waitForTimeout(SETTLE_MS);
    await page.screenshot({ path: path.join(folder, `${name}.jpg`), type: 'jpeg', quality: 75 });
    await context.close();
  };
  /** Plots show two minutes; some of it is enough. */
  const watched = (page: Page): Promise<void> => page.waitForTimeout(PLOTTED_MS);
  const live = concert.streamId;
  const playing = async (page: Page): Promise<void> => {
    await watched(page);
    await page.locator('.player video').hover();
  };
  await write({ name: 'watch', path: `/watch/${live}`, isAnonymous: true, prepare: playing }, 'dark');
  await write({ name: 'studio', path: `/studio/${live}`, prepare: watched }, 'light');
  await write({ name: 'home', path: '/', isAnonymous: true }, 'light');
  await write({ name: 'admin', path: '/admin' }, 'dark');
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
  for (const [index, { rtmp }] of [live, tested, long].entries()) publish(rtmp, index);
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

/** @param seed gives the places of the colours in the picture */
function publish(rtmp: string, seed: number): void {
  const colours = 'c0=0x14213d:c1=0xd1495b:c2=0xedae49:c3=0x2a6f97';
  const picture = `gradients=size=640x360:rate=30:seed=${seed + 8}:n=4:type=radial:${colours}:speed=0.02`;
  const input = `-re -f lavfi -i ${picture} -f lavfi -i sine=frequency=440:sample_rate=48000`;
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
