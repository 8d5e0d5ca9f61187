import type { Clock } from '../../../platform/index.js';
import type { ViewerProtocol } from '../../../streams/index.js';
import type { SeenViewer } from './messages.js';

export type KnownViewersOptions = {
  clock: Clock;
  /** The one seen longest ago is forgotten first. */
  maximumViewers: number;
};

type KnownViewer = { streamId: string; seenAtMs: number; protocol: ViewerProtocol | undefined };

/** Time after the last request in which a viewer is forgotten. */
const FORGOTTEN_AFTER_MS = 60_000;

/**
 * Viewers of public livestreams whose token the gateway has accepted in this process. Their playlist requests are answered
 * without the gateway and reported to it.
 */
export class KnownViewers {
  readonly #options: KnownViewersOptions;
  /** By token, in the order of their last requests. */
  readonly #viewers = new Map<string, KnownViewer>();
  #seen = new Set<string>();

  constructor(options: KnownViewersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#viewers.size;
  }

  /** The gateway has answered the token's playlist request with a public playlist. */
  add(streamId: string, token: string): void {
    const { clock, maximumViewers } = this.#options;
    this.#viewers.delete(token);
    this.#viewers.set(token, { streamId, seenAtMs: clock.monotonic(), protocol: undefined });
    const [oldest] = this.#viewers.keys();
    if (oldest !== undefined && this.#viewers.size > maximumViewers) this.forget(oldest);
  }

  forget(token: string): void {
    this.#viewers.delete(token);
    this.#seen.delete(token);
  }

  /** Records a playlist request. @returns false if the gateway must answer it */
  see(streamId: string, token: string, protocol: ViewerProtocol): boolean {
    const viewer = this.#viewers.get(token);
    if (viewer?.streamId !== streamId) return false;
    viewer.seenAtMs = this.#options.clock.monotonic();
    if (!this.#seen.has(token) || protocol === 'll-hls') viewer.protocol = protocol;
    this.#seen.add(token);
    this.#viewers.delete(token);
    this.#viewers.set(token, viewer);
    return true;
  }

  /** Returns the viewers seen since the last call, and forgets those that were not seen for long. */
  takeSeen(): SeenViewer[] {
    const seen: SeenViewer[] = [];
    for (const token of this.#seen) {
      const viewer = this.#viewers.get(token);
      if (viewer?.protocol) seen.push([viewer.streamId, token, viewer.protocol]);
    }
    this.#seen = new Set();
    const now = this.#options.clock.monotonic();
    for (const [token, { seenAtMs }] of this.#viewers) {
      if (now - seenAtMs < FORGOTTEN_AFTER_MS) break;
      this.#viewers.delete(token);
    }
    return seen;
  }
}
