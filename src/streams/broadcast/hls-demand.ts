import type { Clock } from '../../platform/index.js';

/**
 * Requests of HLS viewers for the renditions of a broadcast: the packager records them, and transcode encodes only what
 * is watched.
 */
export class HlsDemand {
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  /** Monotonic ms of the newest request of anything, and of each rendition. */
  #requestedAtMs = Number.NEGATIVE_INFINITY;
  readonly #renditions = new Map<string, number>();
  /** Blocked requests. */
  #waiting = 0;
  #holds = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records a request of a rendition's playlist or media; undefined: of the multivariant playlist. */
  record(renditionId: string | undefined): void {
    this.#requestedAtMs = this.#clock.monotonic();
    if (renditionId !== undefined) this.#renditions.set(renditionId, this.#requestedAtMs);
    for (const listener of this.#listeners) listener();
  }

  /** Records that a request is blocked. @returns a function to be called when it is answered */
  wait(): () => void {
    this.#waiting++;
    return () => {
      this.#waiting--;
      this.#requestedAtMs = this.#clock.monotonic();
    };
  }

  /**
   * Demands all renditions without a viewer.
   *
   * @returns a function that ends the demand at once; idempotent
   */
  hold(): () => void {
    let isHeld = true;
    this.#holds++;
    for (const listener of this.#listeners) listener();
    return () => {
      if (isHeld) this.#holds--;
      isHeld = false;
    };
  }

  /** Whether anything was requested within the last `ms`, is waited for or held. */
  isWithin(ms: number): boolean {
    return this.#waiting > 0 || this.#holds > 0 || this.#clock.monotonic() - this.#requestedAtMs < ms;
  }

  /** Whether this rendition was requested within the last `ms`. */
  isRenditionWithin(renditionId: string, ms: number): boolean {
    const requestedAtMs = this.#renditions.get(renditionId);
    return requestedAtMs !== undefined && this.#clock.monotonic() - requestedAtMs < ms;
  }

  /** Calls the listener at each request and hold, until the signal aborts. It must not throw. */
  onRequest(listener: () => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener('abort', () => this.#listeners.delete(listener), { once: true });
  }
}
