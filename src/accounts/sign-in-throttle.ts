import { type Clock, networkBlock, PublicError, RateLimit } from '../platform/index.js';

/** Wrong passwords for one account from one address: ten, then one every half a minute. */
const PAIR = { capacity: 10, refillMs: 30_000, maximumKeys: 50_000 };
/** Wrong passwords from one address, for whatever accounts: an office may sit behind it. */
const NETWORK = { capacity: 50, refillMs: 6_000 };
/** Wrong passwords for one account from anywhere: a hundred, then a hundred an hour. */
const ACCOUNT = { capacity: 100, refillMs: 36_000, maximumKeys: 50_000 };

export type SignInThrottleOptions = {
  clock: Clock;
  /** Whether somebody has signed in to this account from this network (`networkBlock`) before. */
  knowsNetwork: (nameKey: string, network: string) => Promise<boolean>;
};

/**
 * Slows down who guesses passwords. Guesses for one account from everywhere are limited too, but not from where its owner
 * has signed in before: nobody is shut out of their account by strangers.
 */
export class SignInThrottle {
  readonly #pairs: RateLimit;
  readonly #networks: RateLimit;
  readonly #accounts: RateLimit;
  readonly #knowsNetwork: SignInThrottleOptions['knowsNetwork'];

  constructor({ clock, knowsNetwork }: SignInThrottleOptions) {
    this.#pairs = new RateLimit(clock, PAIR);
    this.#networks = new RateLimit(clock, NETWORK);
    this.#accounts = new RateLimit(clock, ACCOUNT);
    this.#knowsNetwork = knowsNetwork;
  }

  /**
   * Counts an attempt before it is looked at, so that many at once count too.
   *
   * @returns takes the count back: for when the password was right, or could not be looked at.
   * @throws PublicError 429 `rate_limited`
   */
  async attempt(nameKey: string, address: string): Promise<() => void> {
    const network = networkBlock(address);
    const counted: [RateLimit, string][] = [];
    const forgive = (): void => {
      for (const [limit, key] of counted.splice(0)) limit.giveBack(key);
    };
    const count = (limit: RateLimit, key: string): number => {
      const wait = limit.take(key);
      if (wait === 0) counted.push([limit, key]);
      return wait;
    };
    const here = count(this.#pairs, `${network} ${nameKey}`) || count(this.#networks, network);
    const everywhere = here || count(this.#accounts, nameKey);
    try {
      if (here === 0 && (everywhere === 0 || (await this.#knowsNetwork(nameKey, network)))) return forgive;
    } catch (error) {
      forgive();
      throw error;
    }
    forgive();
    throw new PublicError(429, 'rate_limited', 'Too many wrong passwords: wait and try again.', {
      retryAfter: Math.ceil(everywhere / 1_000),
    });
  }
}
