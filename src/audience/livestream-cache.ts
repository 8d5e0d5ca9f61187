import { type BoundedCalls, type Clock, parseUuid, RevalidatingCache } from '../platform/index.js';
import type { Livestream } from '../streams/index.js';

/** What the audience has to know of a livestream. */
export type WatchedLivestream = Pick<
  Livestream,
  'id' | 'userId' | 'visibility' | 'viewerLimit' | 'endReason' | 'viewerCountPeak'
>;

export type LivestreamCacheOptions = {
  find(streamId: string): Promise<WatchedLivestream | undefined>;
  /** Whether a broadcast of the livestream is under way; from memory. */
  isBroadcasting(streamId: string): boolean;
  calls: BoundedCalls;
  clock: Clock;
};

const FRESH_MS = 1_000;
/** Every change that is made through this gateway counts at once; this bounds what another process may have changed. */
const MAX_STALE_MS = 12 * 3_600_000;
const MAXIMUM = 10_000;

/**
 * Livestreams as the database had them at most a second ago. While it does not answer, those that were not private and
 * are being broadcast are served as last known, for at most 12 hours; for private ones and all others `find` fails.
 */
export class LivestreamCache {
  readonly #isBroadcasting: (streamId: string) => boolean;
  readonly #cache: RevalidatingCache<WatchedLivestream | undefined>;

  constructor({ find, isBroadcasting, calls, clock }: LivestreamCacheOptions) {
    this.#isBroadcasting = isBroadcasting;
    this.#cache = new RevalidatingCache({
      load: find,
      mayServeStale: (streamId, livestream) =>
        livestream !== undefined && livestream.visibility !== 'private' && isBroadcasting(streamId),
      freshMs: FRESH_MS,
      maxStaleMs: MAX_STALE_MS,
      maxEntries: MAXIMUM,
      calls,
      clock,
    });
  }

  /** Undefined for what is no id of a livestream. @throws PublicError 503 `temporarily_unavailable` */
  async find(streamId: string): Promise<WatchedLivestream | undefined> {
    return parseUuid(streamId) === streamId ? await this.#cache.get(streamId) : undefined;
  }

  /** As last known, from memory, for hot paths; undefined where nothing is known. */
  peek(streamId: string): WatchedLivestream | undefined {
    return this.#cache.peek(streamId);
  }

  /** Nothing that was known before counts any more. */
  invalidate(streamId: string): void {
    this.#cache.forget(streamId);
    if (this.#isBroadcasting(streamId)) this.preload(streamId);
  }

  /** Loads it before anybody asks, so that it is known when the database hangs. */
  preload(streamId: string): void {
    this.#cache.get(streamId).catch(() => {});
  }
}
