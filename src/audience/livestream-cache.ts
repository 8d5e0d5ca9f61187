import { mayEverybodyWatch, type Watchable } from '../accounts/index.js';
import { type BoundedCalls, type Clock, parseUuid, RevalidatingCache } from '../platform/index.js';
import type { Livestream } from '../streams/index.js';

/** The part of a livestream that decides on admission. */
export type WatchedLivestream = Pick<
  Livestream,
  'id' | 'userId' | 'visibility' | 'viewerLimit' | 'endReason' | 'viewerCountPeak'
> &
  Pick<Watchable, 'maker'>;

export type LivestreamCacheOptions = {
  find(streamId: string): Promise<WatchedLivestream | undefined>;
  /** Whether a broadcast is in progress; from memory. */
  isBroadcasting(streamId: string): boolean;
  calls: BoundedCalls;
  clock: Clock;
};

const FRESH_MS = 1_000;
/** Bounds the delay of changes made by other processes; changes made by this one invalidate at once. */
const MAX_STALE_MS = 12 * 3_600_000;
export const MAXIMUM_CACHED_LIVESTREAMS = 10_000;

/**
 * Caches livestreams for a second. While the database is unavailable, a livestream that was not private and is being
 * broadcast is served stale, for at most 12 hours; for all others `find` fails.
 */
export class LivestreamCache {
  readonly #isBroadcasting: (streamId: string) => boolean;
  readonly #cache: RevalidatingCache<WatchedLivestream | undefined>;

  constructor({ find, isBroadcasting, calls, clock }: LivestreamCacheOptions) {
    this.#isBroadcasting = isBroadcasting;
    this.#cache = new RevalidatingCache({
      load: find,
      mayServeStale: (streamId, livestream) =>
        livestream !== undefined && mayEverybodyWatch(livestream) && isBroadcasting(streamId),
      freshMs: FRESH_MS,
      maxStaleMs: MAX_STALE_MS,
      maxEntries: MAXIMUM_CACHED_LIVESTREAMS,
      calls,
      clock,
    });
  }

  /** Returns undefined if there is no such livestream. @throws PublicError 503 `temporarily_unavailable` */
  async find(streamId: string): Promise<WatchedLivestream | undefined> {
    return parseUuid(streamId) === streamId ? await this.#cache.get(streamId) : undefined;
  }

  /** Returns the cached livestream without a query, for hot paths. */
  peek(streamId: string): WatchedLivestream | undefined {
    return this.#cache.peek(streamId);
  }

  /** Discards the entry, and reloads it during a broadcast. */
  invalidate(streamId: string): void {
    this.#cache.forget(streamId);
    if (this.#isBroadcasting(streamId)) this.preload(streamId);
  }

  /** Loads the entry ahead of requests, so that it is cached when the database becomes unavailable. */
  preload(streamId: string): void {
    this.#cache.get(streamId).catch(() => {});
  }
}
