import { type Clock, networkBlock, PublicError, RateLimit } from '../../platform/index.js';

export type AddressLimitOptions = {
  /** Requests at once, and time to one more, ms. */
  rate: { capacity: number; refillMs: number };
  /** Sentence of the refusal. */
  message: string;
  clock: Clock;
};

/** Returns a function that counts a request of an address. It throws PublicError 429 `rate_limited`. */
export function addressLimit({ rate, message, clock }: AddressLimitOptions): (ip: string) => void {
  const limit = new RateLimit(clock, rate);
  return (ip) => {
    const waitMs = limit.take(networkBlock(ip));
    if (waitMs > 0)
      throw new PublicError(429, 'rate_limited', message, { retryAfter: Math.ceil(waitMs / 1_000) });
  };
}
