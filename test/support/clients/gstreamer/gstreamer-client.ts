import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Test } from 'tap';
import { projectRoot } from '../../../../src/platform/index.js';
import { until } from '../../until.js';

const PROGRAM = path.join(projectRoot(), 'test/support/clients/gstreamer/webrtc-client.py');
/** The system's own first: the packages of GStreamer belong to it. */
const PYTHONS = ['/usr/bin/python3', 'python3'];
const PACKAGES =
  'python3-gi gir1.2-gst-plugins-bad-1.0 gstreamer1.0-nice gstreamer1.0-libav gstreamer1.0-plugins-{base,good,bad,ugly}';
/** The libraries' own messages are logged at this level: errors. */
const GST_DEBUG = '1';

const checks = PYTHONS.map((python) => ({
  python,
  check: spawnSync(python, [PROGRAM, 'check'], { encoding: 'utf8' }),
}));
const python = checks.find(({ check }) => check.status === 0)?.python;

function reason(): string {
  const lines = checks.map(({ check }) => check.stderr?.trim().split('\n').at(-1) ?? '');
  return `needs GStreamer's webrtcbin with Python (${lines.find(Boolean) ?? 'no Python'}); on Debian: apt-get install ${PACKAGES}`;
}

/** Why tests with GStreamer cannot run on this machine, and what to install; false where they can. */
export const withoutGstreamer: string | false = python ? false : reason();

/** Media that a viewer received so far. */
export type Watched = {
  /** Decoded video frames and audio buffers. */
  pictures: number;
  sounds: number;
  /** Size of the first frame, as `320x180`. */
  size?: string;
  /** Times of flashes and tone starts, in seconds of one clock. */
  flashes: number[];
  beeps: number[];
};

type Line = { event: string; [field: string]: unknown };

/** GStreamer as a publisher by WHIP or a viewer by WHEP, in a process of its own. */
export class GstreamerClient {
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;
  readonly #lines: Line[] = [];
  #errors = '';

  constructor(args: string[]) {
    this.#child = spawn(python ?? '', [PROGRAM, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, GST_DEBUG },
    });
    this.#child.stderr?.on('data', (bytes) => {
      this.#errors += bytes;
    });
    const output = createInterface({ input: this.#child.stdout as NodeJS.ReadableStream });
    output.on('line', (line) => this.#lines.push(JSON.parse(line) as Line));
    this.#closed = once(this.#child, 'close');
  }

  /** Waits for a line. @throws when the client fails, is refused or ends before. */
  async untilEvent(event: string): Promise<Line> {
    return await until(`GStreamer says ${event}`, () => {
      this.#check();
      return this.#lines.find((line) => line.event === event);
    });
  }

  /** Waits until a viewer has received enough. */
  async watched(event: string, condition: (watched: Watched) => boolean): Promise<Watched> {
    let last: Watched | undefined;
    try {
      return await until(event, () => {
        this.#check();
        last = this.#lines.findLast((line) => line.event === 'watched') as Watched | undefined;
        return last && condition(last) && last;
      });
    } catch (error) {
      throw new Error(`${error}; so far: ${JSON.stringify(last)}`);
    }
  }

  #check(): void {
    const bad = this.#lines.find(({ event }) => ['error', 'refused', 'failed'].includes(event));
    if (bad || this.#child.exitCode !== null)
      throw new Error(`GStreamer: ${bad ? JSON.stringify(bad) : 'ended'} ${this.#errors.slice(-2000)}`);
  }

  /** Ends its session by DELETE. @returns the status of the response. */
  async leave(): Promise<unknown> {
    this.#child.kill('SIGTERM');
    await this.#closed;
    return this.#lines.find(({ event }) => event === 'ended')?.status;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#closed;
  }
}

function start(t: Test, args: string[]): GstreamerClient {
  const client = new GstreamerClient(args);
  t.teardown(() => client.kill());
  return client;
}

/**
 * Publishes a ball that is inverted, and a tone that sounds, at every full second; ended with the test.
 *
 * @param reports right, or at a wrong rate.
 */
export function publishByGstreamer(
  t: Test,
  endpoint: string,
  streamKey: string,
  codec: 'h264' | 'vp8',
  reports: 'honest' | 'lying' = 'honest',
): GstreamerClient {
  return start(t, ['publish', endpoint, streamKey, codec, ...(reports === 'lying' ? [reports] : [])]);
}

/** Watches by WHEP; ended with the test. */
export function watchByGstreamer(t: Test, endpoint: string): GstreamerClient {
  return start(t, ['watch', endpoint]);
}
