import type { Clock, Logger } from '../../platform/index.js';
import type { LiveBroadcast } from '../broadcast/live-broadcast.js';
import type { Livestreams } from '../livestream/livestreams.js';

/** Decides whether a broadcast may continue. Implemented by accounts, injected by the composition root. */
export type MayPublish = (broadcast: {
  /** Owner of the livestream. */
  ownerId: string | null;
  /** Account that publishes by sign-in instead of a stream key. */
  signedInAs?: string | undefined;
}) => Promise<boolean>;

export type PublisherReviewOptions = {
  livestreams: Pick<Livestreams, 'find' | 'ownedAmong'>;
  /** Returns all broadcasts that have not ended. */
  running: () => Iterable<LiveBroadcast>;
  mayPublish: MayPublish;
  clock: Clock;
  log: Logger;
};

/** Interval between reviews of all broadcasts, which catch changes that were not reported, ms. */
const REVIEW_INTERVAL_MS = 30_000;
/** Delay before a failed review is repeated, ms. */
const RETRY_MS = 1_000;

/** Repeats the authorization of running broadcasts, and ends those that may not continue. */
export class PublisherReview {
  readonly #options: PublisherReviewOptions;
  /** Broadcasts and user ids whose next attempt is scheduled. */
  readonly #retries = new Set<LiveBroadcast | string>();
  #reviewingAll = false;
  #epoch = 0;

  constructor(options: PublisherReviewOptions) {
    this.#options = options;
  }

  /** Incremented by every change of an account: a publisher admitted in an earlier epoch must be reviewed. */
  get epoch(): number {
    return this.#epoch;
  }

  start(signal: AbortSignal): void {
    this.#options.clock.every(REVIEW_INTERVAL_MS, () => void this.#all(signal), signal);
  }

  /** Reviews the broadcasts of a user's livestreams, and those that they publish signed in. Never rejects. */
  async userChanged(userId: string, signal: AbortSignal): Promise<void> {
    this.#epoch++;
    const { livestreams, running, log } = this.#options;
    const open = new Map([...running()].map((broadcast) => [broadcast.streamId, broadcast]));
    if (open.size === 0) return;
    try {
      const owned = new Set(await livestreams.ownedAmong(userId, [...open.keys()]));
      for (const [streamId, broadcast] of open)
        if (owned.has(streamId) || broadcast.signedInAs === userId) void this.review(broadcast, signal);
    } catch (error) {
      log.warn({ err: error, userId }, 'review of the broadcasts of a user failed: retrying');
      this.#retry(userId, () => this.userChanged(userId, signal), signal);
    }
  }

  /** Ends a broadcast that may not go on. Never rejects; after a failure it is tried again. */
  async review(broadcast: LiveBroadcast, signal: AbortSignal): Promise<void> {
    const { livestreams, mayPublish, log } = this.#options;
    const { streamId, signedInAs } = broadcast;
    if (!isUnderWay(broadcast)) return;
    try {
      const livestream = await livestreams.find(streamId);
      if (!livestream) return;
      if (!(await mayPublish({ ownerId: livestream.userId }))) void broadcast.endBroadcast('account-barred');
      else if (signedInAs !== undefined && !(await mayPublish({ ownerId: livestream.userId, signedInAs })))
        broadcast.dropSignIn(signedInAs);
    } catch (error) {
      log.warn({ err: error, streamId }, 'review of a broadcast failed: retrying');
      this.#retry(broadcast, () => this.review(broadcast, signal), signal);
    }
  }

  async #all(signal: AbortSignal): Promise<void> {
    if (this.#reviewingAll) return;
    this.#reviewingAll = true;
    for (const broadcast of [...this.#options.running()]) await this.review(broadcast, signal);
    this.#reviewingAll = false;
  }

  #retry(key: LiveBroadcast | string, task: () => Promise<void>, signal: AbortSignal): void {
    if (signal.aborted || this.#retries.has(key)) return;
    this.#retries.add(key);
    const again = (): void => {
      this.#retries.delete(key);
      void task();
    };
    this.#options.clock.after(RETRY_MS, again, signal);
  }
}

function isUnderWay({ state }: LiveBroadcast): boolean {
  return state.name !== 'ending' && state.name !== 'offline';
}
