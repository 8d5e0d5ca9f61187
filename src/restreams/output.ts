import { Backoff, type Clock, type Logger, sleep } from '../platform/index.js';
import type { Presence } from './presence.js';
import type { OutputState, OutputStatus } from './restream-target.js';
import type { TargetConnection } from './target-connection.js';
import { TargetError, targetErrorOf } from './target-error.js';

export type OutputOptions = {
  /** Connects and publishes. @throws an error for `targetErrorOf` */
  connect(signal: AbortSignal): Promise<TargetConnection>;
  /** Whether the broadcast has media for the target. */
  presence: Pick<Presence, 'isActive' | 'onChange'>;
  /** Passes the media of the broadcast to a connection. @returns a function that ends that */
  join(connection: TargetConnection): () => void;
  /** Called at each change of the state. Must not throw. */
  onState(): void;
  clock: Clock;
  log: Logger;
  /** Random number from 0 to 1, which spreads the retries of many outputs. */
  random?: () => number;
};

/** Delays between attempts: 1, 2, 4 … 60 s; failures older than the window do not count. */
const RETRY = { initialMs: 1_000, maximumMs: 60_000, windowMs: 300_000, limit: Number.POSITIVE_INFINITY };
/** Greatest random extension of a delay, as a share of it. */
const JITTER_RATIO = 0.2;
/** Time after which a target that takes no data is given up, ms. */
const STALL_MS = 10_000;
/** Maximum of an integer of the database: after a stall of the event loop a tick may be short. */
const MAXIMUM_BITRATE_BPS = 2 ** 31 - 1;

/** Sends one broadcast to one target, and connects again after failures for as long as the broadcast lasts. */
export class Output {
  /** Resolves when no connection is left, after `close`. */
  readonly closed: Promise<void>;
  readonly #options: OutputOptions;
  readonly #over = new AbortController();
  readonly #backoff: Backoff;
  #state: OutputState = 'idle';
  #since: number;
  #error: TargetError | undefined;
  #connection: TargetConnection | undefined;
  #bitrateBps: number | null = null;
  #sampled: { atMs: number; bytes: number } | undefined;
  #progressAtMs = 0;
  #isStalled = false;
  #isRenewed = false;
  #droppedBefore = 0;

  constructor(options: OutputOptions) {
    this.#options = options;
    this.#since = options.clock.now();
    this.#backoff = new Backoff(options.clock, RETRY);
    this.closed = this.#run();
  }

  get status(): Omit<OutputStatus, 'streamId'> {
    return {
      state: this.#state,
      since: new Date(this.#since),
      error: this.#error?.message ?? null,
      errorCode: this.#error?.code ?? null,
      bitrateBps: this.#bitrateBps,
      droppedFrames: this.#droppedBefore + (this.#connection?.traffic.droppedFrames ?? 0),
    };
  }

  close(): void {
    this.#over.abort();
    this.#connection?.close();
  }

  /** Connects anew, because the media has changed. */
  renew(): void {
    this.#isRenewed = this.#connection !== undefined;
    this.#connection?.close();
  }

  /** Measures the bitrate and finds a target that does not read; to be called every few seconds. */
  sample(): void {
    const connection = this.#connection;
    if (!connection) return;
    const { sentBytes: bytes, isBlocked } = connection.traffic;
    const atMs = this.#options.clock.monotonic();
    const before = this.#sampled;
    if (!before || bytes !== before.bytes || !isBlocked) this.#progressAtMs = atMs;
    if (before && atMs > before.atMs)
      this.#bitrateBps = Math.min(
        MAXIMUM_BITRATE_BPS,
        Math.max(0, Math.round(((bytes - before.bytes) * 8_000) / (atMs - before.atMs))),
      );
    this.#sampled = { atMs, bytes };
    if (atMs - this.#progressAtMs < STALL_MS) return;
    this.#isStalled = true;
    connection.destroy();
  }

  async #run(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      await this.#untilMedia();
      if (signal.aborted) break;
      if (this.#state !== 'failing') this.#set('connecting');
      try {
        const error = await this.#send(await this.#options.connect(signal));
        // A target may close a connection without media: it is opened again with the next publisher.
        if (signal.aborted || this.#isRenewed || !this.#options.presence.isActive) continue;
        await this.#failed(error);
      } catch (error) {
        if (!signal.aborted) await this.#failed(targetErrorOf(error));
      }
    }
    this.#set('idle');
  }

  async #send(connection: TargetConnection): Promise<TargetError> {
    if (this.#over.signal.aborted) connection.close();
    this.#connection = connection;
    this.#isStalled = false;
    this.#isRenewed = false;
    this.#progressAtMs = this.#options.clock.monotonic();
    this.#sampled = { atMs: this.#progressAtMs, bytes: connection.traffic.sentBytes };
    const leave = this.#options.join(connection);
    if (await (connection.established ?? true)) {
      this.#error = undefined;
      this.#set('live');
    }
    const error = await connection.closed;
    leave();
    this.#connection = undefined;
    this.#sampled = undefined;
    this.#bitrateBps = null;
    this.#droppedBefore += connection.traffic.droppedFrames;
    return this.#isStalled ? new TargetError('stalled') : error;
  }

  async #failed(error: TargetError): Promise<void> {
    const { clock, log, random = Math.random } = this.#options;
    log.warn({ reason: error.message }, 'restream output failed: retrying');
    this.#error = error;
    this.#set('failing');
    const delayMs = this.#backoff.failed() ?? RETRY.maximumMs;
    await sleep(clock, delayMs * (1 + JITTER_RATIO * random()), this.#over.signal);
  }

  /** Waits until there is media to send. */
  #untilMedia(): Promise<void> {
    const { presence } = this.#options;
    const { signal } = this.#over;
    if (signal.aborted || presence.isActive) return Promise.resolve();
    this.#set('idle');
    return new Promise((resolve) => {
      const check = (): void => {
        if (!signal.aborted && !presence.isActive) return;
        stop();
        signal.removeEventListener('abort', check);
        resolve();
      };
      const stop = presence.onChange(check);
      signal.addEventListener('abort', check);
    });
  }

  #set(state: OutputState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#since = this.#options.clock.now();
    this.#options.log.info(`restream output ${state}`);
    this.#options.onState();
  }
}
