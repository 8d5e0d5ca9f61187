import { type Clock, networkBlock, PublicError, RateLimit } from '../../platform/index.js';

/** Wrong passwords per account and network: 10, then one every 30 s. */
const ACCOUNT_AND_NETWORK_LIMIT = { capacity: 10, refillMs: 30_000, maximumKeys: 50_000 };
/** Wrong passwords per network, for any account; many users may share it. */
const NETWORK_LIMIT = { capacity: 50, refillMs: 6_000 };
/** Wrong passwords per account from all networks: 100, then 100 an hour. */
const ACCOUNT_LIMIT = { capacity: 100, refillMs: 36_000, maximumKeys: 50_000 };
/** Correct passwords per account: 30, then one every 2 s. Wrong passwords do not count. */
const SIGN_IN_LIMIT = { capacity: 30, refillMs: 2_000, maximumKeys: 50_000 };
/** Attempts per network, correct or wrong: bursts of users who share an address, then about three a second. */
const ATTEMPT_LIMIT = { capacity: 200, refillMs: 300 };

/** Counted attempt. Call one method unless the password was wrong; both are idempotent. */
export type SignInAttempt = {
  /** Counts as a sign-in instead of a guess. */
  succeeded(): void;
  /** Uncounts an attempt that could not be checked. */
  withdrawn(): void;
};

export type SignInThrottleOptions = {
  clock: Clock;
  /** Whether the account has signed in from this network (`networkBlock`) before. */
  knowsNetwork: (nameKey: string, network: string) => Promise<boolean>;
};

/**
 * Limits password guesses and sign-ins, as each check costs about 30 ms of a core. Guesses per account are limited
 * across all networks, except from networks where the account has signed in before: others cannot lock an owner out.
 */
export class SignInThrottle {
  readonly #pairs: RateLimit;
  readonly #networks: RateLimit;
  readonly #accounts: RateLimit;
  readonly #right: RateLimit;
  readonly #all: RateLimit;
  readonly #knowsNetwork: SignInThrottleOptions['knowsNetwork'];

  constructor({ clock, knowsNetwork }: SignInThrottleOptions) {
    this.#pairs = new RateLimit(clock, ACCOUNT_AND_NETWORK_LIMIT);
    this.#networks = new RateLimit(clock, NETWORK_LIMIT);
    this.#accounts = new RateLimit(clock, ACCOUNT_LIMIT);
    this.#right = new RateLimit(clock, SIGN_IN_LIMIT);
    this.#all = new RateLimit(clock, ATTEMPT_LIMIT);
    this.#knowsNetwork = knowsNetwork;
  }

  /**
   * Counts an attempt before the password is checked, so that concurrent attempts count.
   *
   * @throws PublicError 429 `rate_limited`
   */
  async attempt(nameKey: string, address: string): Promise<SignInAttempt> {
    const network = networkBlock(address);
    const counted: [RateLimit, string][] = [];
    const withdrawn = (): void => {
      for (const [limit, key] of counted.splice(0)) limit.giveBack(key);
    };
    const count = (limit: RateLimit, key: string): number => {
      const waitMs = limit.take(key);
      if (waitMs === 0) counted.push([limit, key]);
      return waitMs;
    };
    const tooMany = this.#right.waitMs(nameKey) || count(this.#all, network);
    if (tooMany > 0) throw rateLimited('Too many sign-ins: wait and try again.', tooMany);
    const here = count(this.#pairs, `${network} ${nameKey}`) || count(this.#networks, network);
    const everywhere = here || count(this.#accounts, nameKey);
    try {
      if (here === 0 && (everywhere === 0 || (await this.#knowsNetwork(nameKey, network))))
        return { withdrawn, succeeded: () => this.#succeeded(nameKey, network, counted) };
    } catch (error) {
      withdrawn();
      throw error;
    }
    withdrawn();
    throw rateLimited('Too many wrong passwords: wait and try again.', everywhere);
  }

  /** Uncounts the guess; the attempt of the network remains counted. */
  #succeeded(nameKey: string, network: string, counted: [RateLimit, string][]): void {
    if (counted.length === 0) return;
    for (const [limit, key] of counted.splice(0)) limit.giveBack(key);
    this.#all.take(network);
    this.#right.take(nameKey);
  }
}

function rateLimited(message: string, waitMs: number): PublicError {
  return new PublicError(429, 'rate_limited', message, { retryAfter: Math.ceil(waitMs / 1_000) });
}
