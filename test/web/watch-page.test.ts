import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type FastifyInstance, fastify } from 'fastify';
import type { Page } from 'playwright-core';
import t, { type Test } from 'tap';
import type { Stream } from '../../src/api/contract.js';
import { pageRoutes } from '../../src/api/page-routes.js';
import { projectRoot } from '../../src/platform/index.js';
import { type ChromiumOptions, openChromium } from '../support/chromium.js';

const PAGES = path.join(projectRoot(), '.build', 'web');
const STREAM_ID = '0198c0de-0000-7000-8000-000000000001';

/** A server that answers as the gateway does, whose stream's state a test sets; media is made by ffmpeg. */
class Stage {
  readonly #folder: string;
  #app: FastifyInstance | undefined;
  #encoder: ChildProcess | undefined;
  #port = 0;
  #broadcast = 0;
  stream: Pick<Stream, 'status' | 'state' | 'startedAt'> = {
    status: 'scheduled',
    state: { name: 'offline' },
    startedAt: null,
  };

  constructor(folder: string) {
    this.#folder = folder;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const app = fastify({ forceCloseConnections: true });
    this.#app = app;
    await app.register(pageRoutes, { root: PAGES });
    const whole = () => ({
      ...{
        id: STREAM_ID,
        userId: null,
        title: 'Test <b>picture</b>',
        description: 'First line\nsecond',
        source: null,
      },
      ...{
        endedAt: null,
        viewerCountPeak: 0,
        recordingEnabled: false,
        recordingUrl: null,
        thumbnailUrl: null,
      },
      ...{ createdAt: new Date(0).toISOString(), notices: [], ...this.stream },
      // A name that this machine does not know: the page must ask the server it came from.
      playback: {
        hls: `https://public.invalid/hls/${STREAM_ID}/index.m3u8`,
        watch: 'https://public.invalid/watch',
      },
    });
    app.get('/api/livestream/active', async () => ({
      streams: this.stream.status === 'live' ? [whole()] : [],
    }));
    app.get<{ Params: { id: string } }>('/api/livestream/:id', async (request, reply) => {
      if (request.params.id === STREAM_ID) return { stream: whole() };
      return reply
        .code(404)
        .send({ error: { code: 'stream_not_found', message: 'There is no such stream.' } });
    });
    app.get<{ Params: { '*': string } }>(`/hls/${STREAM_ID}/*`, async (request, reply) => {
      const file = path.join(
        this.#folder,
        String(this.#broadcast),
        request.params['*'].replace('index', 'all'),
      );
      if (!existsSync(file)) return reply.code(404).send();
      return reply
        .type(file.endsWith('.m3u8') ? 'application/vnd.apple.mpegurl' : 'video/mp4')
        .send(readFileSync(file));
    });
    await app.listen({ host: '127.0.0.1', port: this.#port });
    this.#port = (app.server.address() as AddressInfo).port;
  }

  /** The whole server goes away; `start` brings it back on the same port. */
  async stop(): Promise<void> {
    await this.#app?.close();
  }

  /** Goes live with a new broadcast: two renditions with sound. Resolves when it can be played. */
  async broadcast(): Promise<void> {
    this.#broadcast += 1;
    const folder = path.join(this.#folder, String(this.#broadcast));
    const encoder = spawn(
      'ffmpeg',
      [
        ...['-v', 'error', '-re', '-f', 'lavfi', '-i', 'testsrc2=size=320x180:rate=25'],
        ...['-re', '-f', 'lavfi', '-i', 'sine=frequency=440:sample_rate=48000'],
        ...['-filter_complex', '[0:v]split[a][b];[b]scale=192:108[c]'],
        ...['-map', '[a]', '-map', '1:a', '-map', '[c]', '-map', '1:a'],
        ...[
          '-c:v',
          'libx264',
          '-preset',
          'ultrafast',
          '-g',
          '25',
          '-b:v:0',
          '300k',
          '-b:v:1',
          '100k',
          '-c:a',
          'aac',
        ],
        ...['-f', 'hls', '-hls_time', '1', '-hls_list_size', '10', '-hls_segment_type', 'fmp4'],
        ...['-var_stream_map', 'v:0,a:0 v:1,a:1', '-master_pl_name', 'all.m3u8'],
        ...['-hls_segment_filename', `${folder}/v%v-%d.m4s`, '-hls_fmp4_init_filename', 'init-%v.mp4'],
        `${folder}/v%v.m3u8`,
      ],
      { stdio: ['pipe', 'ignore', 'pipe'] },
    );
    let errors = '';
    encoder.stderr?.on('data', (bytes: Buffer) => {
      errors += bytes;
    });
    this.#encoder = encoder;
    while (!(existsSync(`${folder}/all.m3u8`) && existsSync(`${folder}/v1-2.m4s`))) {
      if (encoder.exitCode !== null) throw new Error(`ffmpeg: ${errors}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    this.stream = {
      status: 'live',
      state: { name: 'live' },
      startedAt: new Date(this.#broadcast).toISOString(),
    };
  }

  /** Ends the broadcast in order: the playlists get their EXT-X-ENDLIST. */
  async endBroadcast(): Promise<void> {
    await this.killEncoder('SIGINT');
    this.stream = { ...this.stream, status: 'ended', state: { name: 'offline' } };
  }

  async killEncoder(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const encoder = this.#encoder;
    if (!encoder || encoder.exitCode !== null || encoder.signalCode !== null) return;
    const closed = once(encoder, 'close');
    encoder.kill(signal);
    await closed;
  }
}

async function setUp(t: Test, options?: ChromiumOptions): Promise<{ stage: Stage; page: Page }> {
  const stage = new Stage(t.testdir({ 1: {}, 2: {} }));
  t.teardown(async () => {
    await stage.killEncoder();
    await stage.stop();
  });
  await stage.start();
  const browser = await openChromium(t, options);
  const page = await browser.newPage();
  page.setDefaultTimeout(30_000);
  page.on('pageerror', (error) => t.fail(`the page threw: ${error.message}`));
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) t.fail(message.text());
  });
  return { stage, page };
}

const watch = (stage: Stage): string => `${stage.url}/watch/${STREAM_ID}`;
const notice = (page: Page, text: RegExp) => page.locator('.notice').getByText(text).waitFor();

/** Waits until an expression holds in the page. (Playwright's own `waitForFunction` is forbidden by the pages' policy.) */
async function holds(page: Page, expression: string): Promise<void> {
  for (const end = performance.now() + 30_000; !(await page.evaluate(expression)); ) {
    if (performance.now() > end) {
      const stats = await page.evaluate('JSON.stringify(window.headend?.stats())');
      throw new Error(`waited in vain for ${expression}: ${stats}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const playing = (page: Page) =>
  holds(
    page,
    "window.headend?.stats().phase === 'playing' && document.querySelector('video').currentTime > 0",
  );

async function advances(page: Page): Promise<void> {
  const from = await page.evaluate<number>("document.querySelector('video').currentTime");
  await holds(page, `document.querySelector('video').currentTime > ${from} + 1`);
}

t.test('an unknown stream is said to be unknown', async (t) => {
  const { stage, page } = await setUp(t);
  await page.goto(`${stage.url}/watch/0198c0de-0000-7000-8000-00000000dead`);
  await notice(page, /no stream at this address/);
  t.pass('said');
});

t.test(
  'a stream that is offline starts by itself when it goes live, shows its levels, and ends in words',
  async (t) => {
    const { stage, page } = await setUp(t);
    await page.goto(watch(stage));
    await notice(page, /offline\. It starts here by itself/);
    t.equal(await page.locator('h1').textContent(), 'Test <b>picture</b>', 'titles are text');

    await stage.broadcast();
    await playing(page);
    t.equal(await page.locator('.notice p').count(), 0, 'nothing covers the picture');
    t.equal(await page.locator('.badge').textContent(), 'Live');
    t.match(await page.locator('.latency').textContent(), /^\d+\.\d s behind live$/);

    const quality = page.getByLabel('Quality');
    t.same(await page.evaluate("[...document.querySelectorAll('option')].map((option) => option.value)"), [
      'auto',
      '180p',
      '108p',
    ]);
    for (const level of ['108p', '180p']) {
      await quality.selectOption(level);
      await holds(page, `window.headend.stats().level === '${level}'`);
    }
    await advances(page);

    await stage.endBroadcast();
    await notice(page, /broadcast is over/);
    await stage.broadcast();
    await playing(page);
    await advances(page);
    t.pass('a new broadcast of the same stream plays in the same page');
  },
);

t.test('a server that goes away and comes back is waited for, with the last picture in view', async (t) => {
  const { stage, page } = await setUp(t);
  await stage.broadcast();
  await page.goto(watch(stage));
  await playing(page);
  await page.evaluate("window.mark = 'never reloaded'");
  await stage.stop();
  await notice(page, /server does not answer/);
  t.ok(
    await page.evaluate(
      "document.querySelector('video').readyState >= 2 || !document.querySelector('.still').hidden",
    ),
    'there is a picture behind the words',
  );
  await stage.start();
  await playing(page);
  await advances(page);
  t.equal(await page.evaluate('window.mark'), 'never reloaded');
});

t.test('a publisher that is lost is waited for, and said to be lost', async (t) => {
  const { stage, page } = await setUp(t);
  await stage.broadcast();
  await page.goto(watch(stage));
  await playing(page);
  await stage.killEncoder();
  stage.stream = { ...stage.stream, state: { name: 'reconnecting' } };
  await notice(page, /broadcaster lost the connection/);
  t.equal(await page.evaluate('window.headend.stats().state'), 'reconnecting');
  t.ok(await page.evaluate("document.querySelector('video').readyState >= 2"), 'the last picture stays');
});

t.test('a browser that refuses sound plays without, and a click turns it on', async (t) => {
  const { stage, page } = await setUp(t, { autoplay: false });
  await stage.broadcast();
  await page.goto(watch(stage));
  // To ask the page anything counts as a click of its user: until it has decided, only its requests are watched.
  for (let segments = 0; segments < 3; segments += 1) await page.waitForResponse(/\.m4s$/);
  await playing(page);
  t.ok(await page.evaluate("document.querySelector('video').muted"));
  await page.getByRole('button', { name: 'Turn sound on' }).click();
  t.notOk(await page.evaluate("document.querySelector('video').muted"));
  await advances(page);
  t.equal(await page.getByRole('button', { name: 'Turn sound on' }).count(), 0);
});

t.test('a viewer who paused stays where they are, and comes back to live by a button', async (t) => {
  const { stage, page } = await setUp(t);
  await stage.broadcast();
  await page.goto(watch(stage));
  await playing(page);
  await page.evaluate("document.querySelector('video').pause()");
  await page.getByRole('button', { name: 'Go live' }).waitFor();
  await page.getByRole('button', { name: 'Go live' }).click();
  await advances(page);
  await page.getByRole('button', { name: 'Go live' }).waitFor({ state: 'detached' });
  t.pass('live again');
});

t.test('the front page lists what is live and leads there', async (t) => {
  const { stage, page } = await setUp(t);
  await page.goto(stage.url);
  await page.getByText('Nothing is live').waitFor();
  await stage.broadcast();
  await page.reload();
  await page.getByRole('link', { name: /Test/ }).click();
  await page.waitForURL(watch(stage));
  await playing(page);
  t.pass('plays');
});
