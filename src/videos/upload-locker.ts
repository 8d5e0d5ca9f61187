import { ERRORS, type Lock, type Locker, type RequestRelease } from '@tus/server';
import { type Clock, isDatabaseAway, type Logger, newId } from '../platform/index.js';
import type { VideoTable } from './video-table.js';

export type UploadLockerOptions = {
  table: Pick<VideoTable, 'lockUpload' | 'renewUploadLock' | 'unlockUpload'>;
  clock: Clock;
  log: Logger;
};

/** Time for which a request waits for the one before it, ms: longer than the lock of a gateway that was killed. */
const TIMEOUT_MS = 30_000;
const RETRY_MS = 250;
const RENEWAL_MS = 1_000;
/** Time without a renewal after which another gateway may soon have the lock, ms. */
const MAXIMUM_AGE_MS = 8_000;

/**
 * Locks of uploads, so that one request at a time writes to a file, whichever gateway it reaches. The lock is the claim of the row of
 * the video, which expires when its gateway is gone. A request that waits asks the holder to end, as tus advises: its
 * connection is often a dead one.
 */
export class UploadLocker implements Locker {
  readonly #options: UploadLockerOptions;
  /** Requests of this process that hold a lock, by video. */
  readonly #holders = new Map<string, RequestRelease>();

  constructor(options: UploadLockerOptions) {
    this.#options = options;
  }

  newLock(videoId: string): Lock {
    return new UploadLock(videoId, this.#options, this.#holders);
  }
}

class UploadLock implements Lock {
  readonly #videoId: string;
  readonly #options: UploadLockerOptions;
  readonly #holders: Map<string, RequestRelease>;
  readonly #id = newId();
  readonly #lifetime = new AbortController();

  constructor(videoId: string, options: UploadLockerOptions, holders: Map<string, RequestRelease>) {
    this.#videoId = videoId;
    this.#options = options;
    this.#holders = holders;
  }

  /** @throws ERRORS.ERR_LOCK_TIMEOUT, ERRORS.ABORTED */
  async lock(signal: AbortSignal, requestRelease: RequestRelease): Promise<void> {
    const { table, clock } = this.#options;
    const until = clock.monotonic() + TIMEOUT_MS;
    for (;;) {
      const state = await table.lockUpload(this.#videoId, this.#id);
      if (state === 'complete') return;
      if (state === 'mine') break;
      await this.#holders.get(this.#videoId)?.();
      if (clock.monotonic() > until) throw ERRORS.ERR_LOCK_TIMEOUT;
      await this.#pause(signal);
    }
    this.#holders.set(this.#videoId, requestRelease);
    let renewedAtMs = clock.monotonic();
    clock.every(
      RENEWAL_MS,
      () =>
        void this.#isWanted().then((isWanted) => {
          if (isWanted !== undefined) renewedAtMs = clock.monotonic();
          if (isWanted || clock.monotonic() - renewedAtMs > MAXIMUM_AGE_MS) void requestRelease();
        }),
      this.#lifetime.signal,
    );
    if (!signal.aborted) return;
    await this.unlock();
    throw ERRORS.ABORTED;
  }

  async unlock(): Promise<void> {
    if (this.#lifetime.signal.aborted) return;
    this.#lifetime.abort();
    this.#holders.delete(this.#videoId);
    const { table, log } = this.#options;
    // After a failure the lock expires.
    await table
      .unlockUpload(this.#videoId, this.#id)
      .catch((error: unknown) => log.debug({ err: error }, 'the lock of an upload could not be released'));
  }

  /** Renews the lock. @returns whether it must be released; undefined while the database is away */
  async #isWanted(): Promise<boolean | undefined> {
    const { table, log } = this.#options;
    try {
      return (await table.renewUploadLock(this.#videoId, this.#id)) !== 'mine';
    } catch (error) {
      const level = isDatabaseAway(error) ? 'debug' : 'warn';
      log[level]({ err: error, videoId: this.#videoId }, 'the lock of an upload could not be renewed');
      return undefined;
    }
  }

  /** @throws ERRORS.ABORTED */
  async #pause(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const abort = (): void => {
        cancel();
        reject(ERRORS.ABORTED);
      };
      const cancel = this.#options.clock.after(RETRY_MS, () => {
        signal.removeEventListener('abort', abort);
        resolve();
      });
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
    });
  }
}
