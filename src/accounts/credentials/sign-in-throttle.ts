import { type Clock, networkBlock, PublicError, RateLimit } from '../../platform/index.js';

/** Wrong passwords for one account from one address: ten, then one every half a minute. */
const PAIR = { capacity: 10, refillMs: 30_000, maximumKeys: 50_000 };
/** Wrong passwords from one address, for whatever accounts: an office may sit behind it. */
const NETWORK = { capacity: 50, refillMs: 6_000 };
/** Wrong passwords for one account from anywhere: a hundred, then a hundred an hour. */
const ACCOUNT = { capacity: 100, refillMs: 36_000, maximumKeys: 50_000 };
/** Right passwords of one account: thirty, then one every two seconds. Who does not know it uses none of them up. */
const RIGHT = { capacity: 30, refillMs: 2_000, maximumKeys: 50_000 };
/** Passwords from one address, right or wrong: a school that signs in at the same moment, then some three a second. */
const ALL = { capacity: 200, refillMs: 300 };

/** A password that may be checked; call one of the two, unless it was wrong. Idempotent. */
export type SignInAttempt = {
  /** It was right: counts as a sign-in, and not as a guess. */
  succeeded(): void;
  /** It could not be checked: counts as nothing. */
  withdrawn(): void;
};

export type SignInThrottleOptions = {
  clock: Clock;
  /** Whether somebody has signed in to this account from this network (`networkBlock`) before. */
  knowsNetwork: (nameKey: string, network: string) => Promise<boolean>;
};

/**
 * Slows down guessing of passwords, and limits sign-ins with the right one: each costs some 30 ms of a core. Guesses for one account from everywhere are limited too, but not from where its owner
 * has signed in before: nobody is shut out of their account by strangers.
 */
export class SignInThrottle {
  readonly #pairs: RateLimit;
  readonly #networks: RateLimit;
  readonly #accounts: RateLimit;
  readonly #right: RateLimit;
  readonly #all: RateLimit;
  readonly #knowsNetwork: SignInThrottleOptions['knowsNetwork'];

  constructor({ clock, knowsNetwork }: SignInThrottleOptions) {
    this.#pairs = new RateLimit(clock, PAIR);
    this.#networks = new RateLimit(clock, NETWORK);
    this.#accounts = new RateLimit(clock, ACCOUNT);
    this.#right = new RateLimit(clock, RIGHT);
    this.#all = new RateLimit(clock, ALL);
    this.#knowsNetwork = knowsNetwork;
  }

  /**
   * Counts an attempt before it is checked, so that many at once count too.
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
    const tooMany = this.#right.wait(nameKey) || count(this.#all, network);
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

  /** Takes back what counts guesses; the address has still made an attempt. */
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
