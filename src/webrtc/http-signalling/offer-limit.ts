import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Clock, networkBlock, PublicError, RateLimit } from '../../platform/index.js';

/** Offers per client address: burst, and ms until one more is allowed. */
export type OfferRate = { burst: number; refillMs: number };

/** Requests to sessions per address (PATCH with candidates, DELETE). */
const FOLLOW_UPS: OfferRate = { burst: 300, refillMs: 20 };

/** Creates the limit for requests to sessions. */
export function followUpLimit(clock: Clock): OfferLimit {
  return new OfferLimit(clock, FOLLOW_UPS);
}

/** Limits offers per address: each costs a DTLS handshake and a session. */
export class OfferLimit {
  readonly #rate: RateLimit;

  constructor(clock: Clock, { burst, refillMs }: OfferRate) {
    this.#rate = new RateLimit(clock, { capacity: burst, refillMs });
  }

  /** Takes one token of the address. @returns 0, or the ms until the next token. */
  take(address: string): number {
    return this.#rate.take(networkBlock(address));
  }

  /** `onRequest` hook, before the body is read. Answers 429 with `Retry-After`. */
  readonly hook = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const waitMs = this.take(request.ip);
    if (waitMs === 0) return;
    reply.header('retry-after', Math.ceil(waitMs / 1_000));
    throw new PublicError(429, 'rate_limited', 'Too many requests from your address: wait and try again.');
  };
}
