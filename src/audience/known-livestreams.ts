import { type Clock, parseUuid } from '../platform/index.js';
import type { Livestream } from '../streams/index.js';

/** What the audience has to know of a livestream. */
export type WatchedLivestream = Pick<
  Livestream,
  'id' | 'userId' | 'visibility' | 'viewerLimit' | 'endReason' | 'viewerCountPeak'
>;

/** An answer of the database stands for so long. */
const FRESH_MS = 1_000;
const MAXIMUM = 10_000;

type Entry = { askedAt: number; livestream: Promise<WatchedLivestream | undefined> };

/** Livestreams as they were a moment ago: a crowd at the door asks the database once a second. */
export class KnownLivestreams {
  readonly #find: (streamId: string) => Promise<WatchedLivestream | undefined>;
  readonly #clock: Clock;
  /** The oldest first. */
  readonly #entries = new Map<string, Entry>();

  constructor(find: (streamId: string) => Promise<WatchedLivestream | undefined>, clock: Clock) {
    this.#find = find;
    this.#clock = clock;
  }

  /** Undefined for what is no id of a livestream. */
  async find(streamId: string): Promise<WatchedLivestream | undefined> {
    if (parseUuid(streamId) !== streamId) return undefined;
    const now = this.#clock.monotonic();
    const known = this.#entries.get(streamId);
    if (known && now - known.askedAt < FRESH_MS) return await known.livestream;
    const livestream = this.#find(streamId);
    this.#entries.delete(streamId);
    this.#entries.set(streamId, { askedAt: now, livestream });
    livestream.catch(() => this.forget(streamId));
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= MAXIMUM) break;
      this.#entries.delete(oldest);
    }
    return await livestream;
  }

  /** It was changed. */
  forget(streamId: string): void {
    this.#entries.delete(streamId);
  }
}
