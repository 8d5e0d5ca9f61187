import { type ChildProcess, fork } from 'node:child_process';
import type { Socket } from 'node:net';
import path from 'node:path';
import { Backoff, type Clock, killChild, type Logger, sleep } from '../../../platform/index.js';
import type { CmcdSample } from '../cmcd.js';
import { LoadWatch } from './load-watch.js';
import type { DeliveryCommand, DeliveryReport, DeliverySettings, SeenViewer } from './messages.js';

/** Restart backoff: 100 ms to 10 s, without giving up. */
const RESTARTS = { initialMs: 100, maximumMs: 10_000, windowMs: 60_000, limit: Number.POSITIVE_INFINITY };
/** Connections that wait to be sent: one is sent at a time, when the process has taken the one before. */
const MAXIMUM_QUEUED = 256;
/** Time after the grace of its connections in which a process must have ended, ms. */
const EXIT_MS = 1_000;

export type DeliveryProcessOptions = {
  settings: DeliverySettings;
  clock: Clock;
  log: Logger;
  /** @returns the tokens of those that the gateway does not know (any more) */
  viewersSeen(viewers: readonly SeenViewer[]): string[];
  recordCmcd?: ((sample: CmcdSample) => void) | undefined;
};

type HandedOver = { id: number; socket: Socket; head: Buffer };
/** Node's side of a connection; `server` has the socket counted by two processes when it is sent. */
type SocketInternals = { _handle?: { readStop(): void } | null; server?: unknown };

/** Delivery process, started again when it dies, with the connections that it has. */
export class DeliveryProcess {
  readonly load = new LoadWatch();
  readonly #options: DeliveryProcessOptions;
  readonly #backoff: Backoff;
  readonly #lifetime = new AbortController();
  /** Frees the places of the connections that the process has. */
  readonly #connections = new Map<number, () => void>();
  #queue: HandedOver[] = [];
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #ready = false;
  #nextId = 0;

  constructor(options: DeliveryProcessOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.clock, RESTARTS);
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Whether it can take a connection. */
  get isReady(): boolean {
    return this.#ready && this.#queue.length < MAXIMUM_QUEUED;
  }

  get connections(): number {
    return this.#connections.size;
  }

  start(): void {
    const file = path.join(import.meta.dirname, `main${path.extname(import.meta.filename)}`);
    // Detached, so that Ctrl-C reaches the gateway alone, which stops its processes in order.
    const child = fork(file, [], {
      serialization: 'advanced',
      detached: true,
      execArgv: process.execArgv.filter((argument) => !argument.startsWith('--inspect')),
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      const ended = (): void => {
        resolve();
        this.#ended(child);
      };
      child.once('exit', ended);
      child.on('error', (error) => {
        this.#options.log.error({ err: error }, 'delivery process IPC failed');
        if (child.pid === undefined) ended();
      });
    });
    child.on('message', (report: DeliveryReport) => this.#handleReport(report));
    this.#send({ type: 'start', settings: this.#options.settings });
  }

  /**
   * Hands a connection over.
   *
   * @param head bytes that were read from it
   * @param closed called when the process has closed the connection, or has died with it
   */
  take(socket: Socket, head: Buffer, closed: () => void): void {
    const id = this.#nextId++;
    this.#connections.set(id, closed);
    const internals = socket as unknown as SocketInternals;
    // Nothing may be read here any more: it would be lost to the process.
    internals._handle?.readStop();
    internals.server = undefined;
    this.#queue.push({ id, socket, head });
    if (this.#queue.length === 1) this.#sendNext();
  }

  /** Stops the process when its requests are finished, at the latest after their grace. Idempotent. */
  async close(): Promise<void> {
    if (this.#lifetime.signal.aborted) return await this.#exited;
    this.#lifetime.abort();
    const { clock, settings } = this.#options;
    this.#send({ type: 'stop' });
    const child = this.#child;
    const cancel = clock.after(settings.timeouts.closeWithinMs + EXIT_MS, () => child && killChild(child));
    await this.#exited;
    cancel();
  }

  #send(command: DeliveryCommand): void {
    if (this.#child?.connected) this.#child.send(command, () => {});
  }

  #sendNext(): void {
    const [next] = this.#queue;
    if (!next) return;
    const { id, socket, head } = next;
    const sent = (): void => {
      // The process has its own copy of the connection, or has died.
      socket.destroy();
      if (this.#queue[0] !== next) return;
      this.#queue.shift();
      this.#sendNext();
    };
    if (socket.destroyed || !this.#child?.connected) {
      this.#closed(id);
      setImmediate(sent);
    } else this.#child.send({ type: 'connection', id, head } satisfies DeliveryCommand, socket, sent);
  }

  #handleReport(report: DeliveryReport): void {
    const { log, settings } = this.#options;
    switch (report.type) {
      case 'ready':
        this.#ready = true;
        log.info({ pid: this.pid, socket: settings.socketPath }, 'delivery process started');
        break;
      case 'closed':
        for (const id of report.ids) this.#closed(id);
        break;
      case 'seen-viewers': {
        const tokens = this.#options.viewersSeen(report.viewers);
        if (tokens.length > 0) this.#send({ type: 'unknown-viewers', tokens });
        break;
      }
      case 'cmcd':
        for (const sample of report.samples) this.#options.recordCmcd?.(sample);
        break;
      case 'load':
        this.load.sample(report.utilization);
        break;
      case 'failure':
        log.error({ detail: report.message }, 'uncaught exception in a delivery process');
    }
  }

  #closed(id: number): void {
    const closed = this.#connections.get(id);
    this.#connections.delete(id);
    closed?.();
  }

  #ended(child: ChildProcess): void {
    if (child !== this.#child) return;
    this.#ready = false;
    for (const { socket } of this.#queue.splice(0)) socket.destroy();
    for (const id of [...this.#connections.keys()]) this.#closed(id);
    this.load.sample(0);
    const { exitCode: code, signalCode: signal } = child;
    const { log } = this.#options;
    if (this.#lifetime.signal.aborted) {
      if (code !== 0) log.warn({ code, signal }, 'delivery process exited with an error');
      return;
    }
    log.error({ code, signal }, 'delivery process died and restarts');
    void this.#restart();
  }

  async #restart(): Promise<void> {
    const { signal } = this.#lifetime;
    await sleep(this.#options.clock, this.#backoff.failed() ?? RESTARTS.maximumMs, signal);
    if (!signal.aborted) this.start();
  }
}
