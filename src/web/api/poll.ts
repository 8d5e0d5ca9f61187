import type { FetchResult } from './api-client.js';
import type { Pace } from './poll-delay.js';
import { pollDelayMs } from './poll-delay.js';

export type PollOptions<T> = {
  fetch: (signal: AbortSignal) => Promise<FetchResult<T>>;
  /** Called with each result; returns the pace of the following requests. */
  onResult: (result: FetchResult<T>) => Pace;
  /** Makes no requests while the page is hidden. */
  pausesHidden?: boolean;
};

/**
 * Polls the API: one request at a time, aborted when the page is hidden, repeated at once when it becomes visible
 * again.
 */
export class Poll<T> {
  readonly #options: PollOptions<T>;
  readonly #listeners = new AbortController();
  #request: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #unchanged = 0;
  #lastResult = '';
  #stopped = false;

  constructor(options: PollOptions<T>) {
    this.#options = options;
  }

  start(): void {
    const { signal } = this.#listeners;
    window.addEventListener('pagehide', () => this.#abortRequest(), { signal });
    window.addEventListener('pageshow', (event) => event.persisted && this.fetchNow(), { signal });
    window.addEventListener('online', () => this.fetchNow(), { signal });
    document.addEventListener(
      'visibilitychange',
      () => document.visibilityState === 'visible' && this.fetchNow(),
      {
        signal,
      },
    );
    this.fetchNow();
  }

  /** Requests at once, unless a request is under way. */
  fetchNow(): void {
    if (this.#request || this.#stopped) return;
    clearTimeout(this.#timer);
    void this.#fetchOnce();
  }

  close(): void {
    this.#stopped = true;
    this.#listeners.abort();
    this.#abortRequest();
  }

  #abortRequest(): void {
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#request = undefined;
  }

  async #fetchOnce(): Promise<void> {
    const request = new AbortController();
    this.#request = request;
    const result = await this.#options.fetch(request.signal);
    if (request.signal.aborted) return;
    this.#request = undefined;
    this.#failures = result.kind === 'failed' ? this.#failures + 1 : 0;
    const text = JSON.stringify(result);
    this.#unchanged = text === this.#lastResult ? this.#unchanged + 1 : 0;
    this.#lastResult = text;
    const pace = this.#options.onResult(result);
    if (pace === 'never') {
      this.#stopped = true;
      return;
    }
    const delayMs = pollDelayMs({
      pace,
      failures: this.#failures,
      unchanged: this.#unchanged,
      ...(result.kind === 'failed' && result.retryAfterS ? { retryAfterS: result.retryAfterS } : {}),
    });
    this.#timer = setTimeout(() => {
      if (!this.#options.pausesHidden || document.visibilityState === 'visible') this.fetchNow();
    }, delayMs);
  }
}
