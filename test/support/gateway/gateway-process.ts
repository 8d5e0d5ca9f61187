import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Test } from 'tap';
import { projectRoot } from '../../../src/platform/index.js';
import { testDatabaseUrl } from '../fixtures/database.js';
import { freeUdpPorts } from '../fixtures/free-udp-ports.js';
import { until } from '../until.js';

/** Operator token of every gateway that tests start. */
export const OPERATOR_TOKEN = 'test-operator-token-0123456789';

export type Livestream = { streamId: string; streamKey: string; rtmp: string; hls: string; watch: string };

/** Program to run; `busy-gateway` serves HLS by delivery processes. */
export type GatewayProgram = 'src/main' | 'src/supervisor' | 'test/support/gateway/busy-gateway';

type LogLine = { msg: string; [field: string]: unknown };

/** Gateway in a process of its own, with its own data folder and free ports. */
export class GatewayProcess {
  readonly #environment: Record<string, string>;
  readonly #program: GatewayProgram;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  readonly log: LogLine[] = [];
  /** Output of the process, for tests that search it for secrets. */
  output = '';
  http = '';
  rtmpPort = 0;

  constructor(environment: Record<string, string>, program: GatewayProgram = 'src/main') {
    this.#environment = environment;
    this.#program = program;
  }

  /** Undefined while it runs and after a signal ended it. */
  get exitCode(): number | undefined {
    return this.#child?.exitCode ?? undefined;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** UDP port of its WebRTC worker. */
  get webrtcPort(): number {
    return Number(this.#environment.WEBRTC_PORT);
  }

  /** Starts the process; resolves when it logs `ready`. A second start keeps the ports of the first. */
  async start(): Promise<void> {
    const compiled = import.meta.filename.endsWith('.js');
    const file = compiled ? `.build/${this.#program}.js` : `${this.#program}.ts`;
    const main = path.join(projectRoot(), file);
    const child = spawn(process.execPath, [...(compiled ? [] : ['--import', 'tsx']), main], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...this.#environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => child.once('close', () => resolve()));
    let errors = '';
    child.stderr?.on('data', (bytes: Buffer) => {
      errors += bytes;
      this.output += bytes;
    });
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the gateway ended with ${code}: ${errors}`)));
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        this.output += `${line}\n`;
        const entry = JSON.parse(line) as LogLine;
        this.log.push(entry);
        if (entry.msg !== 'ready') return;
        const { http, rtmp } = entry as unknown as { http: { port: number }; rtmp: { port: number } };
        this.http = `http://127.0.0.1:${http.port}`;
        this.rtmpPort = rtmp.port;
        this.#environment.HTTP_PORT = String(http.port);
        this.#environment.RTMP_PORT = String(rtmp.port);
        resolve();
      });
    });
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    this.#child?.kill(signal);
    await this.#exited;
  }

  /** Sends an API request with the operator token. @throws when the status is not 2xx. */
  async api<T>(method: 'GET' | 'POST' | 'PATCH', url: string, body?: object): Promise<T> {
    const response = await fetch(`${this.http}/api/livestream${url}`, {
      method,
      headers: {
        authorization: `Bearer ${OPERATOR_TOKEN}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }

  async createLivestream(title = 'A test'): Promise<Livestream> {
    const { streamId, streamKey } = await this.api<{ streamId: string; streamKey: string }>(
      'POST',
      '/create',
      { title },
    );
    return {
      streamId,
      streamKey,
      rtmp: `rtmp://127.0.0.1:${this.rtmpPort}/live/${streamKey}`,
      hls: `${this.http}/hls/${streamId}/index.m3u8`,
      watch: `${this.http}/watch/${streamId}`,
    };
  }

  /** Reads the name of the stream's state from the API. */
  async state(streamId: string): Promise<string> {
    const { stream } = await this.api<{ stream: { state: { name: string } } }>('GET', `/${streamId}`);
    return stream.state.name;
  }

  /** Waits until the stream is playable and stored as live, which lists are read from. */
  async untilLive({ streamId }: Pick<Livestream, 'streamId'>): Promise<void> {
    type StreamResponse = { stream: { status: string; state: { name: string } } };
    await until('the stream is live', async () => {
      const { stream } = await this.api<StreamResponse>('GET', `/${streamId}`);
      return stream.state.name === 'live' && stream.status === 'live';
    });
  }

  /** Lists process ids of the ffmpegs that this gateway runs. */
  async encoderPids(): Promise<number[]> {
    const { execFileSync } = await import('node:child_process');
    const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,comm='], { encoding: 'utf8' });
    return table
      .trim()
      .split('\n')
      .map((line) => line.trim().split(/\s+/))
      .filter(([, parent, command]) => Number(parent) === this.pid && command?.startsWith('ffmpeg'))
      .map(([pid]) => Number(pid));
  }
}

/** Starts a gateway process on its own database and folder; stopped with the test. */
export async function startGatewayProcess(
  t: Test,
  environment: Record<string, string> = {},
  program: GatewayProgram = 'src/main',
): Promise<GatewayProcess> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headend-test-'));
  const settings = {
    HTTP_HOST: '127.0.0.1',
    HTTP_PORT: '0',
    RTMP_HOST: '127.0.0.1',
    RTMP_PORT: '0',
    DATA_DIR: folder,
    DATABASE_URL: await testDatabaseUrl(t),
    OPERATOR_TOKEN,
    WEBRTC_HOST: '127.0.0.1',
    WEBRTC_PORT: String(await freeUdpPorts()),
    WEBRTC_WORKERS: '1',
    STUN_URLS: 'off',
    LADDER: '240:350k',
    VIDEO_PRESET: 'ultrafast',
    // Renditions of a ladder exist from the start, unless a test is about that.
    LADDER_IDLE: 'off',
    // Thumbnails would add ffmpeg processes to those that tests count.
    THUMBNAIL_EVERY: '0',
    // Nothing is written to the disk, unless a test is about that.
    DVR_WINDOW: 'off',
    ...environment,
  };
  const gateway = new GatewayProcess(settings, program);
  t.teardown(async () => {
    await gateway.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  });
  await gateway.start();
  return gateway;
}
