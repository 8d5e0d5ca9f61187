import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Clock, networkBlock, PublicError, RateLimit } from '../../platform/index.js';

/** How many offers an address may make at once, and after how many ms it may make one more. */
export type OfferRate = { burst: number; refillMs: number };

/** Further requests for sessions that an address may make: candidates come in a few, people press buttons. */
const FOLLOW_UPS: OfferRate = { burst: 300, refillMs: 20 };

/** A limit on requests that are not offers. */
export function followUpLimit(clock: Clock): OfferLimit {
  return new OfferLimit(clock, FOLLOW_UPS);
}

/** Keeps one address from keeping everybody busy: an offer costs a keyed handshake and a place. */
export class OfferLimit {
  readonly #rate: RateLimit;

  constructor(clock: Clock, { burst, refillMs }: OfferRate) {
    this.#rate = new RateLimit(clock, { capacity: burst, refillMs });
  }

  /** Takes one from the address's share. @returns 0, or the ms to wait when there is none. */
  take(address: string): number {
    return this.#rate.take(networkBlock(address));
  }

  /** A hook for `onRequest`, before the body is read. Answers 429 with `Retry-After`. */
  readonly hook = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const wait = this.take(request.ip);
    if (wait === 0) return;
    reply.header('retry-after', Math.ceil(wait / 1_000));
    throw new PublicError(429, 'rate_limited', 'Too many requests from your address: wait and try again.');
  };
}
