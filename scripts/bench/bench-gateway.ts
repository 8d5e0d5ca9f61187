import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { projectRoot } from '../../src/platform/index.js';

const OPERATOR_TOKEN = 'operator-token-of-the-benchmark';

/** URLs and key of a livestream. */
export type BenchStream = { rtmp: string; watch: string; key: string };

/** Runs the built gateway in a process of its own, with an embedded database in a temporary folder and free ports. */
export class BenchGateway {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #exited: Promise<unknown>;
  /** Base URL: `http://127.0.0.1:PORT`. */
  readonly http: string;
  readonly #rtmpPort: number;

  private constructor(
    child: ChildProcess,
    folder: string,
    exited: Promise<unknown>,
    http: number,
    rtmp: number,
  ) {
    this.#child = child;
    this.#folder = folder;
    this.#exited = exited;
    this.http = `http://127.0.0.1:${http}`;
    this.#rtmpPort = rtmp;
  }

  /** @throws if the gateway exits before it is ready */
  static async start(
    environment: Record<string, string> = {},
    program = path.join(projectRoot(), '.build/src/main.js'),
  ): Promise<BenchGateway> {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'headend-bench-'));
    const child = spawn(process.execPath, [program], {
      env: {
        ...process.env,
        HTTP_HOST: '127.0.0.1',
        MAX_HTTP_CONNECTIONS_PER_ADDRESS: '20000',
        HTTP_PORT: '0',
        RTMP_HOST: '127.0.0.1',
        RTMP_PORT: '0',
        DATA_DIR: folder,
        OPERATOR_TOKEN,
        WEBRTC_HOST: '127.0.0.1',
        STUN_URLS: 'off',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'close').then(() => rm(folder, { recursive: true, force: true }));
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    const ports = new Promise<[http: number, rtmp: number]>((resolve) => {
      lines.on('line', (line) => {
        const entry = JSON.parse(line) as {
          msg: string;
          level: number;
          http: { port: number };
          rtmp: { port: number };
        };
        if (entry.msg === 'ready') resolve([entry.http.port, entry.rtmp.port]);
        else if (entry.level >= 40) process.stderr.write(`${line}\n`);
      });
    });
    const [http, rtmp] = await Promise.race([
      ports,
      exited.then(() => {
        throw new Error('the gateway exited before it was ready');
      }),
    ]);
    return new BenchGateway(child, folder, exited, http, rtmp);
  }

  /** Headers of the operator. */
  get operator(): { authorization: string } {
    return { authorization: `Bearer ${OPERATOR_TOKEN}` };
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get folder(): string {
    return this.#folder;
  }

  async createStream(title: string, { recordingEnabled = false } = {}): Promise<BenchStream> {
    const response = await fetch(`${this.http}/api/livestream/create`, {
      method: 'POST',
      headers: { ...this.operator, 'content-type': 'application/json' },
      body: JSON.stringify({ title, recordingEnabled }),
    });
    if (!response.ok) throw new Error(`create: ${response.status} ${await response.text()}`);
    const { streamId, streamKey } = (await response.json()) as { streamId: string; streamKey: string };
    return {
      rtmp: `rtmp://127.0.0.1:${this.#rtmpPort}/live/${streamKey}`,
      watch: `${this.http}/watch/${streamId}`,
      key: streamKey,
    };
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const killTimer = setTimeout(() => this.#child.kill('SIGKILL'), 20_000);
    await this.#exited;
    clearTimeout(killTimer);
  }
}
