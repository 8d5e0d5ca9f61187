import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { freeUdpPorts } from '../../test/support/fixtures/free-udp-ports.js';
import { untilListening } from './listening.js';

const PROGRAM = 'mediamtx';
const NAME = 'bench';

/** MediaMTX with RTMP in, and WHEP or recordings out, to compare with. */
export class MediaMtx {
  readonly #child: ChildProcess;
  readonly #folder: string;
  /** URL to publish to, and page that plays. */
  readonly rtmp: string;
  readonly page: string;

  private constructor(child: ChildProcess, folder: string, rtmp: number, http: number) {
    this.#child = child;
    this.#folder = folder;
    this.rtmp = `rtmp://127.0.0.1:${rtmp}/${NAME}`;
    this.page = `http://127.0.0.1:${http}/${NAME}/`;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Folder of the recordings. */
  get recordings(): string {
    return path.join(this.#folder, 'recordings');
  }

  /**
   * Starts it.
   *
   * @param options `records`: record everything that is published
   * @returns undefined when it is not installed
   */
  static async start({ records = false } = {}): Promise<MediaMtx | undefined> {
    if (spawnSync(PROGRAM, ['--version']).error) return undefined;
    const folder = await mkdtemp(path.join(os.tmpdir(), 'mediamtx-'));
    const rtmp = await freeUdpPorts(3);
    const lines = [
      ...['logLevel: warn', 'rtsp: no', 'hls: no', 'srt: no', 'moq: no'],
      ...[`rtmpAddress: 127.0.0.1:${rtmp}`, `webrtcAddress: 127.0.0.1:${rtmp + 1}`],
      ...[`webrtcLocalUDPAddress: 127.0.0.1:${rtmp + 2}`, 'webrtcIPsFromInterfaces: no'],
      ...['webrtcAdditionalHosts: [127.0.0.1]'],
      ...(records
        ? ['pathDefaults:', '  record: yes', `  recordPath: ${folder}/recordings/%path/%s-%f`]
        : []),
      ...['paths: { all_others: }', ''],
    ];
    const file = path.join(folder, 'mediamtx.yml');
    await writeFile(file, lines.join('\n'));
    const child = spawn(PROGRAM, [file], { stdio: ['ignore', 'inherit', 'inherit'] });
    const server = new MediaMtx(child, folder, rtmp, rtmp + 1);
    await untilListening(rtmp, PROGRAM);
    return server;
  }

  /** Returns a URL to publish to. */
  rtmpOf(name: string): string {
    return new URL(`/${name}`, this.rtmp).href;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGTERM');
      await once(this.#child, 'exit');
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}
