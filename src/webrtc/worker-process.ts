import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { Backoff, type Cancel, type Clock, HeadendError, killChild, type Logger } from '../platform/index.js';
import type { WorkerCommand, WorkerReport, WorkerSettings } from './messages.js';
import type { WorkerStats } from './pool-types.js';

/** Time limits for start, answer and stop, ms. */
const START_MS = 15_000;
const ANSWER_MS = 5000;
const STOP_MS = 3000;
/** Restart backoff: 100 ms to 10 s, without giving up. */
const RESTARTS = { initialMs: 100, maximumMs: 10_000, windowMs: 60_000, limit: Number.POSITIVE_INFINITY };

type Answer = Extract<WorkerReport, { type: 'answered' | 'receiving' | 'sending' }>;
type PendingRequest = { resolve(answer: Answer): void; reject(error: Error): void; cancel: Cancel };

export type WorkerProcessOptions = {
  settings: WorkerSettings;
  clock: Clock;
  log: Logger;
  /** Called with reports that are not answers to a request. */
  reportReceived(report: WorkerReport): void;
  /** Called when the process has died with all its peers; a restart follows. */
  workerDied(): void;
};

/** Worker process, restarted when it dies. */
export class WorkerProcess {
  readonly settings: WorkerSettings;
  /** Current peers, counted by the pool. */
  viewers = 0;
  publishers = 0;
  /** Peers since the start of the process. */
  joins = 0;
  /** Gets no more peers and is restarted when it has none. */
  draining = false;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #reportReceived: (report: WorkerReport) => void;
  readonly #workerDied: () => void;
  readonly #backoff: Backoff;
  readonly #life = new AbortController();
  readonly #pending = new Map<string, PendingRequest>();
  readonly #pendingStats = new Map<number, (stats: WorkerStats | undefined) => void>();
  #child: ChildProcess | undefined;
  #exitPromise: Promise<void> = Promise.resolve();
  #ready = false;
  #stopping = false;
  #requests = 0;

  constructor(options: WorkerProcessOptions) {
    this.settings = options.settings;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#reportReceived = options.reportReceived;
    this.#workerDied = options.workerDied;
    this.#backoff = new Backoff(options.clock, RESTARTS);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get ready(): boolean {
    return this.#ready && !this.#stopping;
  }

  /**
   * @throws HeadendError `webrtc_unavailable` when the process does not start, for instance because its port is
   * taken.
   */
  async start(): Promise<void> {
    const failure = await this.#launch();
    if (failure === undefined) return;
    await this.close();
    throw new HeadendError(
      'webrtc_unavailable',
      `the WebRTC worker on port ${this.settings.port}: ${failure}`,
    );
  }

  /** Stops the process; resolves when it has exited. Idempotent. */
  async close(): Promise<void> {
    this.#life.abort();
    await this.#stop();
  }

  /** Stops the process and starts another in its place. */
  async renew(): Promise<void> {
    this.#log.info({ port: this.settings.port }, 'WebRTC worker restarts to release memory');
    await this.#stop();
    await this.#restart();
  }

  send(command: WorkerCommand): void {
    if (this.#child?.connected) this.#child.send(command, () => {});
  }

  /** @throws HeadendError `webrtc_unavailable` */
  request(command: Extract<WorkerCommand, { id: string }>): Promise<Answer> {
    if (!this.ready) return Promise.reject(unavailable('the WebRTC worker is not running'));
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(ANSWER_MS, () => {
        this.#pending.delete(command.id);
        this.send({ type: 'close', id: command.id });
        reject(unavailable('the WebRTC worker does not answer'));
      });
      this.#pending.set(command.id, { resolve, reject, cancel });
      this.send(command);
    });
  }

  /** Resolves with undefined when the worker does not answer in time. */
  stats(): Promise<WorkerStats | undefined> {
    if (!this.ready) return Promise.resolve(undefined);
    const request = ++this.#requests;
    return new Promise((resolve) => {
      const finish = (stats: WorkerStats | undefined): void => {
        cancel();
        this.#pendingStats.delete(request);
        resolve(stats);
      };
      const cancel = this.#clock.after(ANSWER_MS, () => finish(undefined));
      this.#pendingStats.set(request, finish);
      this.send({ type: 'stats', request });
    });
  }

  /** Starts a process. @returns the failure, or undefined when the worker is ready. */
  #launch(): Promise<string | undefined> {
    const file = path.join(import.meta.dirname, 'worker', `main${path.extname(import.meta.filename)}`);
    // Detached, so that Ctrl-C reaches the gateway alone, which stops its workers in order.
    const child = fork(file, [], {
      serialization: 'advanced',
      detached: true,
      execArgv: process.execArgv.filter((argument) => !argument.startsWith('--inspect')),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child = child;
    return new Promise((resolve) => {
      const slow = this.#clock.after(START_MS, () => resolve('it did not start in time'));
      const finish = (failure: string | undefined): void => {
        slow();
        resolve(failure);
      };
      this.#exitPromise = new Promise((gone) => {
        const ended = (): void => {
          gone();
          finish('it exited during start');
          this.#exited(child);
        };
        child.once('exit', ended);
        child.once('error', (error) => {
          this.#log.error({ err: error }, 'WebRTC worker IPC failed');
          if (child.pid === undefined) ended();
        });
      });
      child.on('message', (report: WorkerReport) => {
        if (report.type === 'ready') {
          this.#ready = true;
          finish(undefined);
        } else if (report.type === 'not-ready') finish(report.message);
        else this.#handleReport(report);
      });
      this.send({ type: 'start', settings: this.settings });
    });
  }

  #handleReport(report: WorkerReport): void {
    if (report.type === 'stats') {
      this.#pendingStats.get(report.request)?.(report.stats);
      return;
    }
    if (report.type === 'refused') {
      this.#takePending(report.id)?.reject(unavailable(report.message));
    } else if (report.type === 'answered' || report.type === 'receiving' || report.type === 'sending') {
      this.#takePending(report.id)?.resolve(report);
    } else this.#reportReceived(report);
  }

  #takePending(id: string): PendingRequest | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.cancel();
    return pending;
  }

  #exited(child: ChildProcess): void {
    if (child !== this.#child) return;
    const wasReady = this.#ready;
    this.#ready = false;
    for (const id of [...this.#pending.keys()])
      this.#takePending(id)?.reject(unavailable('the WebRTC worker has died'));
    for (const finish of [...this.#pendingStats.values()]) finish(undefined);
    if (wasReady) this.#workerDied();
    const { exitCode: code, signalCode: signal } = child;
    const { port } = this.settings;
    if (this.#stopping && code !== 0)
      this.#log.warn({ port, code, signal }, 'WebRTC worker exited with an error');
    if (this.#stopping || !wasReady) return;
    this.#log.error({ port, code, signal }, 'WebRTC worker died and restarts');
    void this.#restart();
  }

  async #restart(): Promise<void> {
    while (!this.#life.signal.aborted) {
      const waitMs = this.#backoff.failed() ?? RESTARTS.maximumMs;
      await new Promise<void>((resolve) => {
        this.#life.signal.addEventListener('abort', () => resolve(), { once: true });
        this.#clock.after(waitMs, resolve, this.#life.signal);
      });
      if (this.#life.signal.aborted) return;
      this.joins = 0;
      this.draining = false;
      this.#stopping = false;
      const failure = await this.#launch();
      if (failure === undefined) return;
      this.#log.error({ port: this.settings.port }, `WebRTC worker restart failed: ${failure}`);
      if (this.#child) killChild(this.#child);
      await this.#exitPromise;
    }
  }

  async #stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (!child) return;
    this.send({ type: 'stop' });
    const cancel = this.#clock.after(STOP_MS, () => child.kill('SIGKILL'));
    await this.#exitPromise;
    cancel();
  }
}

function unavailable(message: string): HeadendError {
  return new HeadendError('webrtc_unavailable', message);
}
