import { networkBlock, PublicError } from '../../platform/index.js';

/** Keys of a request: comparison key of the account's name, and network address of the client. */
export type PasswordRequest = { account: string; address: string };

export type PasswordQueueLimits = {
  /** Concurrent hashings; each takes about 30 ms of a core. */
  running: number;
  /** Waiting requests in total. */
  waiting: number;
  /** Waiting requests per account. */
  waitingPerAccount: number;
};

const LIMITS: PasswordQueueLimits = { running: 2, waiting: 32, waitingPerAccount: 4 };
const RETRY_AFTER_S = 2;

type Job = { account: string; start: () => void; refuse: (error: PublicError) => void };

/**
 * Bounded queue for password hashing. Networks (IPv6: /64) are served round-robin; an account has one hashing at a
 * time. When the queue is full, a request of a network with fewer waiting requests replaces the last request of the
 * network with most.
 */
export class PasswordQueue {
  readonly #limits: PasswordQueueLimits;
  /** By network; next in rotation first. */
  readonly #waiting = new Map<string, Job[]>();
  readonly #runningAccounts = new Set<string>();
  #waitingCount = 0;

  constructor(limits: Partial<PasswordQueueLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits };
  }

  /**
   * Runs `work` in turn.
   *
   * @throws PublicError 429 `rate_limited` when too many wait for the account already, 503 `temporarily_unavailable`
   * when too many wait in all
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

  /** Starts the first request in rotation whose account has no hashing in progress. */
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
    'Too many sign-ins at the moment: try again in a moment.',
    { retryAfter: RETRY_AFTER_S },
  );
}
