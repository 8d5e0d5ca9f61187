import type { Clock, Logger } from '../../platform/index.js';
import type { LiveBroadcast } from '../broadcast/live-broadcast.js';
import type { LivestreamTable } from '../livestream/livestream-table.js';

/** Whether a broadcast may go on. Implemented by the accounts module, passed in by the composition root. */
export type MayPublish = (broadcast: {
  /** The broadcaster whose livestream it is. */
  ownerId: string | null;
  /** Who publishes without a key, by being signed in. */
  signedInAs?: string | undefined;
}) => Promise<boolean>;

export type PublisherReviewOptions = {
  livestreams: LivestreamTable;
  /** The broadcasts under way, of everybody. */
  running: () => Iterable<LiveBroadcast>;
  mayPublish: MayPublish;
  clock: Clock;
  log: Logger;
};

/** Everything is reviewed so often in case a change was not reported, in ms. */
const EVERY_MS = 30_000;
/** Delay after a failure, in ms. */
const RETRY_MS = 1_000;

/** Asks again whether broadcasts under way may go on, and ends those that may not. */
export class PublisherReview {
  readonly #options: PublisherReviewOptions;
  /** Broadcasts and user ids whose next attempt is scheduled. */
  readonly #retries = new Set<LiveBroadcast | string>();
  #reviewingAll = false;
  #epoch = 0;

  constructor(options: PublisherReviewOptions) {
    this.#options = options;
  }

  /** Changes with every change of an account: what was admitted in an earlier epoch must be reviewed. */
  get epoch(): number {
    return this.#epoch;
  }

  start(signal: AbortSignal): void {
    this.#options.clock.every(EVERY_MS, () => void this.#all(signal), signal);
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
      log.warn({ err: error, userId }, 'broadcasts of a user could not be checked: trying again');
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
      if (!(await mayPublish({ ownerId: livestream.userId }))) void broadcast.end('account-barred');
      else if (signedInAs !== undefined && !(await mayPublish({ ownerId: livestream.userId, signedInAs })))
        broadcast.dropSignIn(signedInAs);
    } catch (error) {
      log.warn({ err: error, streamId }, 'permission to publish could not be checked: trying again');
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
