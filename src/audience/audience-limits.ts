export type AudienceLimits = {
  /** Viewers kept in memory. */
  viewers: number;
  /** Rate limit of new viewers (without a token) of an address. */
  newViewers: { burst: number; refillMs: number };
};

/** A school or an office may share one address, and its viewers may arrive together. */
export const AUDIENCE_LIMITS: AudienceLimits = {
  viewers: 200_000,
  newViewers: { burst: 2_000, refillMs: 30 },
};
