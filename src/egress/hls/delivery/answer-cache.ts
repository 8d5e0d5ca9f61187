import type { Clock } from '../../../platform/index.js';

/** Complete answer of the gateway. */
export type Answer = {
  status: number;
  /** Names and values in turn, without those of the connection and without `Date`. */
  headers: string[];
  body: Buffer;
  etag: string | undefined;
  /** Time for which a shared cache may use it, ms; 0: for those who wait for it only. */
  freshMs: number;
};

export type AnswerCacheOptions = {
  clock: Clock;
  maximumBytes: number;
  /** Concurrent requests to the gateway. */
  maximumFlights: number;
  /** Asks the gateway. @returns 'not-modified' when the answer with this ETag is still right */
  fetch(target: string, peerAddress: string, etag: string | undefined): Promise<Answer | 'not-modified'>;
};

type KeptAnswer = { answer: Answer; freshUntilMs: number };

/**
 * Time for which a playlist is used, ms: less than a shared cache may (RFC 9111), as it is outdated by the next part. Those
 * who wait for the same part share one request in any case.
 */
const PLAYLIST_FRESH_MS = 200;
/** Share of the cache that one answer may take. */
const ANSWER_SHARE = 1 / 4;
/** Bytes that an answer takes besides its body. */
const OVERHEAD_BYTES = 1_024;

/** Error of a cache that asks the gateway for too much at once. */
export class TooManyFlights extends Error {
  constructor() {
    super('too many requests to the gateway');
  }
}

/**
 * Shared cache of the gateway's public answers (RFC 9111), bounded in bytes; the one used longest ago is dropped first. All
 * who ask for the same wait for one request to the gateway, which goes on when they leave. Failures are not kept.
 */
export class AnswerCache {
  readonly #options: AnswerCacheOptions;
  readonly #kept = new Map<string, KeptAnswer>();
  readonly #flights = new Map<string, Promise<Answer>>();
  #bytes = 0;

  constructor(options: AnswerCacheOptions) {
    this.#options = options;
  }

  /** Bytes of the kept answers. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Returns the answer to a target: at once if it is kept and fresh.
   *
   * @param peerAddress address of the client that asks
   * @throws TooManyFlights, or rejects when the gateway does not answer
   */
  get(target: string, peerAddress: string): Answer | Promise<Answer> {
    const kept = this.#kept.get(target);
    if (kept && kept.freshUntilMs > this.#options.clock.monotonic()) {
      this.#kept.delete(target);
      this.#kept.set(target, kept);
      return kept.answer;
    }
    const running = this.#flights.get(target);
    if (running) return running;
    if (this.#flights.size >= this.#options.maximumFlights) throw new TooManyFlights();
    const flight = this.#fetch(target, peerAddress, kept?.answer).finally(() => this.#flights.delete(target));
    this.#flights.set(target, flight);
    return flight;
  }

  /** Drops answers that are not fresh and cannot be revalidated; call it once a second. */
  sweep(): void {
    const now = this.#options.clock.monotonic();
    for (const [target, { answer, freshUntilMs }] of this.#kept)
      if (answer.etag === undefined && freshUntilMs <= now) this.#drop(target);
  }

  async #fetch(target: string, peerAddress: string, stale: Answer | undefined): Promise<Answer> {
    const { fetch } = this.#options;
    let fetched = await fetch(target, peerAddress, stale?.etag);
    if (fetched === 'not-modified') {
      if (stale) {
        this.#keep(target, stale);
        return stale;
      }
      fetched = await fetch(target, peerAddress, undefined);
      if (fetched === 'not-modified') throw new Error('304 without a condition');
    }
    this.#keep(target, fetched);
    return fetched;
  }

  #keep(target: string, answer: Answer): void {
    this.#drop(target);
    const { clock, maximumBytes } = this.#options;
    if (answer.freshMs <= 0 || sizeOf(answer) > maximumBytes * ANSWER_SHARE) return;
    const freshMs = answer.etag === undefined ? Math.min(answer.freshMs, PLAYLIST_FRESH_MS) : answer.freshMs;
    this.#kept.set(target, { answer, freshUntilMs: clock.monotonic() + freshMs });
    this.#bytes += sizeOf(answer);
    for (const oldest of this.#kept.keys()) {
      if (this.#bytes <= maximumBytes) break;
      this.#drop(oldest);
    }
  }

  #drop(target: string): void {
    const kept = this.#kept.get(target);
    if (!kept) return;
    this.#kept.delete(target);
    this.#bytes -= sizeOf(kept.answer);
  }
}

function sizeOf({ body }: Answer): number {
  return body.length + OVERHEAD_BYTES;
}
