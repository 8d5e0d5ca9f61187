import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { freeUdpPorts } from '../../test/support/fixtures/free-udp-ports.js';
import { untilListening } from './listening.js';

const PROGRAM = 'nginx';
const MODULE = 'ngx_rtmp_module.so';

/** nginx with the RTMP module, which records what is published, to compare with. */
export class NginxRtmp {
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #port: number;

  private constructor(child: ChildProcess, folder: string, port: number) {
    this.#child = child;
    this.#folder = folder;
    this.#port = port;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Folder of the recordings. */
  get recordings(): string {
    return path.join(this.#folder, 'recordings');
  }

  /** Starts it. @returns undefined when it is not installed; `NGINX_RTMP_MODULE` names a module that lies elsewhere */
  static async start(): Promise<NginxRtmp | undefined> {
    const module = modulePath();
    if (module === undefined) return undefined;
    const folder = await mkdtemp(path.join(os.tmpdir(), 'nginx-rtmp-'));
    const port = await freeUdpPorts();
    const record = `record all; record_path ${folder}/recordings; record_unique on;`;
    const lines = [
      `load_module ${module};`,
      ...(process.getuid?.() === 0 ? ['user root;'] : []),
      ...['daemon off;', 'worker_processes 1;', 'error_log stderr warn;', `pid ${folder}/pid;`],
      'events { worker_connections 1024; }',
      `rtmp { server { listen 127.0.0.1:${port}; application live { live on; ${record} } } }`,
      '',
    ];
    await mkdir(path.join(folder, 'recordings'));
    const file = path.join(folder, 'nginx.conf');
    await writeFile(file, lines.join('\n'));
    const child = spawn(PROGRAM, ['-c', file, '-p', folder, '-e', 'stderr'], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const server = new NginxRtmp(child, folder, port);
    await untilListening(port, PROGRAM);
    return server;
  }

  /** Returns a URL to publish to. */
  rtmp(name: string): string {
    return `rtmp://127.0.0.1:${this.#port}/live/${name}`;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGTERM');
      await once(this.#child, 'exit');
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function modulePath(): string | undefined {
  const { NGINX_RTMP_MODULE: elsewhere } = process.env;
  if (elsewhere !== undefined) return elsewhere;
  if (spawnSync(PROGRAM, ['-v']).error) return undefined;
  const built = execFileSync('sh', ['-c', `${PROGRAM} -V 2>&1`], { encoding: 'utf8' });
  const file = path.join(/--modules-path=(\S+)/.exec(built)?.[1] ?? '/usr/lib/nginx/modules', MODULE);
  return existsSync(file) ? file : undefined;
}
