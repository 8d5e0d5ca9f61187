import type { FastifyRequest } from 'fastify';
import { AddressQuota, type Clock, networkBlock, PublicError, RateLimit } from '../../platform/index.js';

/** Offers per client address: burst, and ms until one more is allowed. */
export type OfferRate = { burst: number; refillMs: number };

export type OfferLimits = OfferRate & {
  /** Connections per address that may be in the making at the same time. */
  connecting: number;
};

/** Limits for viewers. A school may share one address, and its viewers may arrive together. */
export const VIEWER_OFFER_LIMITS: OfferLimits = { burst: 600, refillMs: 100, connecting: 200 };

/**
 * Share of an offer that counts by its outcome. An established connection costs the workers a few ms; one that fails
 * occupies memory until it times out.
 */
const SHARES = { established: 0.1, failed: 1, 'not-made': 0 } as const;
/** Time after which a connection no longer counts as being made, ms: offers and connections expire earlier. */
const CONNECTING_MS = 25_000;
/** Wait for other connections that are being made, ms. */
const CONNECTING_WAIT_MS = 2_000;

/** Ends the count of a connection that is being made. Idempotent; the first outcome counts. */
export type ConnectingEnd = (outcome: keyof typeof SHARES) => void;

/** Limits offers per address. Those that lead to no connection count; established connections hardly do. */
export class OfferLimit {
  readonly #clock: Clock;
  readonly #rate: RateLimit;
  readonly #connecting: AddressQuota;

  constructor(clock: Clock, { burst, refillMs, connecting }: OfferLimits) {
    this.#clock = clock;
    this.#rate = new RateLimit(clock, { capacity: burst, refillMs });
    this.#connecting = new AddressQuota(connecting);
  }

  /** Counts an offer of the address. @returns 0, or the ms after which the address may try again */
  take(address: string): number {
    if (this.#connecting.isUsed(address)) return CONNECTING_WAIT_MS;
    return this.#rate.take(networkBlock(address));
  }

  /**
   * Counts the connection of an offer while it is being made.
   *
   * @throws PublicError 429 `rate_limited` when the address makes too many at the same time
   */
  connecting(address: string): ConnectingEnd {
    const block = networkBlock(address);
    const release = this.#connecting.take(address);
    if (!release) {
      this.#rate.giveBack(block);
      throw tooMany(CONNECTING_WAIT_MS);
    }
    let ended = false;
    const end = (outcome: keyof typeof SHARES): void => {
      if (ended) return;
      ended = true;
      cancel();
      release();
      this.#rate.giveBack(block, 1 - SHARES[outcome]);
    };
    const cancel = this.#clock.after(CONNECTING_MS, () => end('failed'));
    return end;
  }

  /** `onRequest` hook, before the body is read. @throws PublicError 429 `rate_limited` */
  readonly hook = async (request: FastifyRequest): Promise<void> => {
    const waitMs = this.take(request.ip);
    if (waitMs > 0) throw tooMany(waitMs);
  };
}

/** Requests to one session: candidates, layers, event streams. */
const OF_SESSION: OfferRate = { burst: 100, refillMs: 100 };
/** Requests of one address to sessions that do not exist. */
const OF_UNKNOWN: OfferRate = { burst: 300, refillMs: 20 };

/**
 * Limits requests to sessions, each session for itself, as its URL is known to one client. Those to sessions that do not
 * exist are limited per address.
 */
export class SessionRequestLimit {
  readonly #ofSession: RateLimit;
  readonly #ofUnknown: RateLimit;
  readonly #isOpen: (sessionId: string) => boolean;

  constructor(clock: Clock, maximumSessions: number, isOpen: (sessionId: string) => boolean) {
    const { burst, refillMs } = OF_SESSION;
    this.#ofSession = new RateLimit(clock, { capacity: burst, refillMs, maximumKeys: maximumSessions });
    this.#ofUnknown = new RateLimit(clock, { capacity: OF_UNKNOWN.burst, refillMs: OF_UNKNOWN.refillMs });
    this.#isOpen = isOpen;
  }

  /** `onRequest` hook of routes with the parameter `sessionId`. @throws PublicError 429 `rate_limited` */
  readonly hook = async (request: FastifyRequest): Promise<void> => {
    const { sessionId = '' } = request.params as { sessionId?: string };
    const waitMs = this.#isOpen(sessionId)
      ? this.#ofSession.take(sessionId)
      : this.#ofUnknown.take(networkBlock(request.ip));
    if (waitMs > 0) throw tooMany(waitMs);
  };
}

function tooMany(waitMs: number): PublicError {
  const message = 'Too many requests from your address: wait and try again.';
  return new PublicError(429, 'rate_limited', message, { retryAfter: Math.ceil(waitMs / 1_000) });
}
