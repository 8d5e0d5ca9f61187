import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { type FastifyInstance, type FastifyPluginAsync, fastify } from 'fastify';
import type { Page } from 'playwright-core';
import type { Test } from 'tap';
import type { Stream } from '../../src/api/contract.js';
import { pageRoutes } from '../../src/api/page-routes.js';
import { projectRoot } from '../../src/platform/index.js';

const PAGES = path.join(projectRoot(), '.build', 'web');
export const STREAM_ID = '0198c0de-0000-7000-8000-000000000001';

/** A server that answers as the gateway does, whose stream's state a test sets; media is made by ffmpeg. */
export class WatchStage {
  readonly #folder: string;
  readonly #whep: FastifyPluginAsync | undefined;
  #app: FastifyInstance | undefined;
  #encoder: ChildProcess | undefined;
  #port = 0;
  #broadcast = 0;
  stream: Pick<Stream, 'status' | 'state' | 'startedAt'> = {
    status: 'scheduled',
    state: { name: 'offline' },
    startedAt: null,
  };

  /** `whep`: its routes are added, and streams offer WebRTC. */
  constructor(folder: string, whep?: FastifyPluginAsync) {
    this.#folder = folder;
    this.#whep = whep;
  }

  /** A stage for a test, or for all tests of a file; gone with it. */
  static async open(t: Test, whep?: FastifyPluginAsync): Promise<WatchStage> {
    const stage = new WatchStage(t.testdir(), whep);
    t.teardown(async () => {
      await stage.killEncoder();
      await stage.stop();
    });
    await stage.start();
    return stage;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async start(): Promise<void> {
    const app = fastify({ forceCloseConnections: true });
    this.#app = app;
    await app.register(pageRoutes, { root: PAGES });
    if (this.#whep) await app.register(this.#whep);
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
        ...(this.#whep ? { whep: `https://public.invalid/whep/${STREAM_ID}` } : {}),
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

  /** Is live with two renditions and sound: by the broadcast that runs, or by a new one. */
  async live(): Promise<void> {
    if (this.#encoder?.exitCode !== null || this.#encoder.signalCode !== null) await this.broadcast();
    this.stream = { ...this.stream, status: 'live', state: { name: 'live' } };
  }

  /** Goes live with a new broadcast: two renditions with sound. Resolves when it can be played. */
  async broadcast(): Promise<void> {
    this.#broadcast += 1;
    const folder = path.join(this.#folder, String(this.#broadcast));
    mkdirSync(folder);
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

/** Waits until an expression holds in the page. (Playwright's own `waitForFunction` is forbidden by the pages' policy.) */
export async function holds(page: Page, expression: string): Promise<void> {
  for (const end = performance.now() + 30_000; !(await page.evaluate(expression)); ) {
    if (performance.now() > end) {
      const stats = await page.evaluate('JSON.stringify(window.headend?.stats())');
      throw new Error(`waited in vain for ${expression}: ${stats}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
