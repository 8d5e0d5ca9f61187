import { networkBlock, PublicError } from '../../platform/index.js';

/** On whose behalf a password is hashed: the key of the account's name, and the network address of the request. */
export type PasswordRequest = { account: string; address: string };

export type PasswordQueueLimits = {
  /** Hashings at once; each takes a core for some 30 ms, and a gateway has media to encode. */
  running: number;
  /** Requests that wait, in all. */
  waiting: number;
  /** Requests for one account that wait. */
  waitingPerAccount: number;
};

const LIMITS: PasswordQueueLimits = { running: 2, waiting: 32, waitingPerAccount: 4 };
const RETRY_AFTER_S = 2;

type Job = { account: string; start: () => void; refuse: (error: PublicError) => void };

/**
 * A bounded queue for hashing passwords that is fair to addresses: each (IPv6: /64 network) has its turn in rotation, and
 * one account never has more than one hashing under way. Where it is full, an address that waits for less takes the place
 * of the last request of the one that waits for most.
 */
export class PasswordQueue {
  readonly #limits: PasswordQueueLimits;
  /** By address; the next in rotation first. */
  readonly #waiting = new Map<string, Job[]>();
  readonly #runningAccounts = new Set<string>();
  #waitingCount = 0;

  constructor(limits: Partial<PasswordQueueLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
  }

  /**
   * Runs `work` in its turn.
   *
   * @throws PublicError 429 `rate_limited` when too many wait for the account already, 503 `temporarily_unavailable` when
   * too many wait in all
   */
  async run<T>({ account, address }: PasswordRequest, work: () => Promise<T>): Promise<T> {
    await this.#turn(account, networkBlock(address));
    try {
      return await work();
    } finally {
      this.#runningAccounts.delete(account);
      this.#startNext();
    }
  }

  #turn(account: string, network: string): Promise<void> {
    const { running } = this.#limits;
    if (this.#runningAccounts.size < running && !this.#runningAccounts.has(account)) {
      this.#runningAccounts.add(account);
      return Promise.resolve();
    }
    this.#makeRoom(account, network);
    return new Promise((start, refuse) => {
      const jobs = this.#waiting.get(network) ?? [];
      jobs.push({ account, start, refuse });
      this.#waiting.set(network, jobs);
      this.#waitingCount++;
    });
  }

  #makeRoom(account: string, network: string): void {
    const { waiting, waitingPerAccount } = this.#limits;
    let forAccount = 0;
    let longest: [string, Job[]] | undefined;
    for (const entry of this.#waiting) {
      forAccount += entry[1].filter((job) => job.account === account).length;
      if (entry[1].length > (longest?.[1].length ?? 0)) longest = entry;
    }
    if (forAccount >= waitingPerAccount)
      throw new PublicError(429, 'rate_limited', 'Too many sign-ins of this account at once: try again.', {
        retryAfter: RETRY_AFTER_S,
      });
    if (this.#waitingCount < waiting) return;
    const here = this.#waiting.get(network)?.length ?? 0;
    if (!longest || longest[1].length <= here + 1) throw busy();
    longest[1].pop()?.refuse(busy());
    this.#waitingCount--;
  }

  /** The first request in rotation whose account has no hashing under way. */
  #startNext(): void {
    for (const [network, jobs] of this.#waiting) {
      const index = jobs.findIndex(({ account }) => !this.#runningAccounts.has(account));
      const [job] = index < 0 ? [] : jobs.splice(index, 1);
      if (!job) continue;
      this.#waiting.delete(network);
      if (jobs.length > 0) this.#waiting.set(network, jobs);
      this.#waitingCount--;
      this.#runningAccounts.add(job.account);
      job.start();
      return;
    }
  }
}

function busy(): PublicError {
  return new PublicError(
    503,
    'temporarily_unavailable',
    'Too many people sign in right now: try again in a moment.',
    { retryAfter: RETRY_AFTER_S },
  );
}
