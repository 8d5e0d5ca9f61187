import type { Pace } from '../pages/playback-state.js';
import type { Answer } from './api-client.js';
import { pollDelay } from './poll-delay.js';

export type PollOptions<T> = {
  ask: (signal: AbortSignal) => Promise<Answer<T>>;
  /** Called with each answer; gives the pace from here on. */
  answered: (answer: Answer<T>) => Pace;
};

/**
 * Asks the API again and again: one request at a time, aborted when the page goes away, at once when it comes
 * back to the front.
 */
export class Poll<T> {
  readonly #options: PollOptions<T>;
  readonly #listening = new AbortController();
  #request: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #unchanged = 0;
  #last = '';
  #over = false;

  constructor(options: PollOptions<T>) {
    this.#options = options;
  }

  start(): void {
    const { signal } = this.#listening;
    window.addEventListener('pagehide', () => this.#pause(), { signal });
    window.addEventListener('pageshow', (event) => event.persisted && this.now(), { signal });
    window.addEventListener('online', () => this.now(), { signal });
    document.addEventListener(
      'visibilitychange',
      () => document.visibilityState === 'visible' && this.now(),
      {
        signal,
      },
    );
    this.now();
  }

  /** Asks at once, unless an answer is under way already. */
  now(): void {
    if (this.#request || this.#over) return;
    clearTimeout(this.#timer);
    void this.#ask();
  }

  close(): void {
    this.#over = true;
    this.#listening.abort();
    this.#pause();
  }

  #pause(): void {
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#request = undefined;
  }

  async #ask(): Promise<void> {
    const request = new AbortController();
    this.#request = request;
    const answer = await this.#options.ask(request.signal);
    if (request.signal.aborted) return;
    this.#request = undefined;
    this.#failures = answer.kind === 'failed' ? this.#failures + 1 : 0;
    const text = JSON.stringify(answer);
    this.#unchanged = text === this.#last ? this.#unchanged + 1 : 0;
    this.#last = text;
    const pace = this.#options.answered(answer);
    if (pace === 'never') {
      this.#over = true;
      return;
    }
    const delay = pollDelay({
      pace,
      failures: this.#failures,
      unchanged: this.#unchanged,
      ...(answer.kind === 'failed' && answer.retryAfter ? { retryAfter: answer.retryAfter } : {}),
    });
    this.#timer = setTimeout(() => this.now(), delay);
  }
}
