import {
  ANONYMOUS,
  type Authenticate,
  type Identities,
  type Identity,
  type IsInvitee,
  mayEverybodyWatch,
  mayManage,
  mayWatch,
  NO_IDENTITY,
  type Principal,
  requireWatchable,
} from '../accounts/index.js';
import {
  type BoundedCalls,
  type Clock,
  isDatabaseAway,
  networkBlock,
  newId,
  PublicError,
  RateLimit,
  streamNotFound,
} from '../platform/index.js';
import type { AccessScope, ViewerRequest } from '../streams/index.js';
import type { LivestreamCache, WatchedLivestream } from './livestream-cache.js';
import type { Viewer } from './viewer.js';
import type { ViewerGrant, ViewerTokens } from './viewer-token.js';
import type { Viewers } from './viewers.js';

export type AdmissionControlOptions = {
  viewers: Viewers;
  livestreams: LivestreamCache;
  tokens: Pick<ViewerTokens, 'issue' | 'read'>;
  isInvitee: IsInvitee;
  authenticate: Authenticate;
  /** Bounds the time of look-ups of identities. */
  calls: BoundedCalls;
  identities: Pick<Identities, 'of' | 'current'>;
  /** Rate limit of new viewers of an address. */
  newViewers: { burst: number; refillMs: number };
  clock: Clock;
};

/** A request for admission, without the identity of its sender. */
export type AdmissionRequest = { streamId: string; token?: string | undefined; address: string };
/** A viewer with a reserved place, its token, and the epoch of the decision. */
export type Admitted = { viewer: Viewer; token: string; epoch: number };

/** The outcome of the asynchronous look-ups. */
type Decision = {
  livestream: WatchedLivestream;
  principal: Principal;
  identity: Identity;
  /** The identity of the request or of its token, valid or not. */
  claimed: Identity;
  grant: ViewerGrant | undefined;
};

/** Lifetime of the identity in a token, and the age from which a token is renewed. */
const IDENTITY_TTL_MS = 12 * 3_600_000;
const RENEWAL_AGE_MS = IDENTITY_TTL_MS / 2;
/** Attempts of an admission while permissions change. */
const MAXIMUM_ATTEMPTS = 5;
const LIMIT_RETRY_AFTER_S = 10;

/** Decides on admission to livestreams, and resumes viewers by their token. */
export class AdmissionControl {
  readonly #options: AdmissionControlOptions;
  readonly #newViewerRate: RateLimit;
  #epoch = 0;

  constructor(options: AdmissionControlOptions) {
    this.#options = options;
    const { burst, refillMs } = options.newViewers;
    this.#newViewerRate = new RateLimit(options.clock, { capacity: burst, refillMs });
  }

  /** Rises when permissions may have changed: decisions of an earlier epoch must be repeated. */
  get epoch(): number {
    return this.#epoch;
  }

  accessChanged(): void {
    this.#epoch++;
  }

  /** Authenticates a request. Invalid credentials count as none, because watching needs no account. */
  async identify({ authorization, cookie, origin, host, address }: ViewerRequest): Promise<Principal> {
    if (authorization === undefined && cookie === undefined) return ANONYMOUS;
    try {
      const shown = { method: 'GET', authorization, cookie, origin, host, address };
      return await this.#options.authenticate(shown);
    } catch (error) {
      if (error instanceof PublicError && !isDatabaseAway(error)) return ANONYMOUS;
      throw error;
    }
  }

  /**
   * Admits a viewer and reserves a place.
   *
   * @param who a principal that may have changed since, or a function that authenticates; not called for unknown livestreams
   * @param limited whether a new viewer counts for the rate limit of its address
   * @throws PublicError 404 `stream_not_found`, 429 `rate_limited`, 503 `viewer_limit_reached`, `capacity_reached` or
   * `temporarily_unavailable`
   */
  async admit(
    request: AdmissionRequest,
    who: Principal | (() => Promise<Principal>),
    limited: boolean,
  ): Promise<Admitted> {
    for (let attempt = 0; attempt < MAXIMUM_ATTEMPTS; attempt++) {
      const epoch = this.#epoch;
      const decision = await this.#decide(request, who);
      if (epoch === this.#epoch) return this.#reservePlace(request, decision, limited);
    }
    throw new PublicError(503, 'temporarily_unavailable', 'Permissions are changing: try again.');
  }

  async #decide(
    { streamId, token }: AdmissionRequest,
    who: Principal | (() => Promise<Principal>),
  ): Promise<Decision> {
    const { livestreams, tokens, identities, isInvitee } = this.#options;
    const livestream = await livestreams.find(streamId);
    if (!livestream) throw streamNotFound();
    const shown = await this.#principalOf(who, livestream);
    const grant = token === undefined ? undefined : tokens.read(streamId, token);
    const claimed =
      shown === undefined || shown.kind === 'anonymous' ? this.#identityIn(grant) : identities.of(shown);
    const isNew = typeof who === 'function' && shown?.kind !== 'anonymous';
    const known = isNew ? shown : await this.#current(claimed, livestream);
    const principal = known ?? ANONYMOUS;
    await requireWatchable(principal, livestream, isInvitee);
    const identity = known?.kind === 'anonymous' ? NO_IDENTITY : claimed;
    return { livestream, principal, identity, claimed, grant };
  }

  /** Synchronous, so that the last place is given once, and nothing changes between the decision and its effect. */
  #reservePlace(
    { streamId, token, address }: AdmissionRequest,
    { livestream, principal, identity, claimed, grant }: Decision,
    limited: boolean,
  ): Admitted {
    const { viewers } = this.#options;
    const same = grant && isSamePerson(grant, identity) ? grant : undefined;
    const viewer = same
      ? (viewers.find(streamId, same.viewerId) ?? this.#add(same.viewerId, streamId, identity))
      : this.#addNew(streamId, identity, limited ? address : undefined);
    if (identity.userId !== undefined && viewer.userId !== identity.userId)
      viewers.userChanged(viewer, identity.userId);
    // An expired credential does not replace the one by which the viewer was admitted.
    if (identity.via !== 'none' || isSameIdentity(viewer.identity, claimed)) viewer.identity = identity;
    viewer.isVerified = true;
    viewer.accessScope = accessScopeOf(livestream);
    if (viewer.presence === 'away') viewer.shareKey = shareKeyOf(identity, address);
    viewers.setExempt(viewer, mayManage(principal, livestream));
    if (!viewers.reservePlace(viewer, livestream.viewerLimit ?? Number.POSITIVE_INFINITY)) {
      const message = 'This livestream has reached its viewer limit: try again later.';
      throw new PublicError(503, 'viewer_limit_reached', message, { retryAfter: LIMIT_RETRY_AFTER_S });
    }
    viewers.stream(streamId)?.restorePeak(livestream.viewerCountPeak);
    return { viewer, token: this.#tokenFor(viewer, identity, same, token), epoch: this.#epoch };
  }

  /** Finds a livestream that the principal may watch. @throws PublicError 404 `stream_not_found` */
  async findWatchable(principal: Principal, streamId: string): Promise<WatchedLivestream> {
    const { livestreams, isInvitee } = this.#options;
    return await requireWatchable(principal, await livestreams.find(streamId), isInvitee);
  }

  /**
   * Whether an admitted viewer may continue to watch.
   *
   * @throws PublicError 503 `temporarily_unavailable` if the answer depends on a database that does not respond
   */
  async mayStillWatch(identity: Identity, livestream: WatchedLivestream): Promise<boolean> {
    if (mayEverybodyWatch(livestream)) return true;
    return await mayWatch(await this.#identified(identity), livestream, this.#options.isInvitee);
  }

  /** Returns the principal of a request; undefined for a livestream that is not private while the database is unavailable. */
  async #principalOf(
    who: Principal | (() => Promise<Principal>),
    livestream: WatchedLivestream,
  ): Promise<Principal | undefined> {
    if (typeof who !== 'function') return who;
    return await unlessAway(this.#options.calls.run(who), livestream);
  }

  /** Returns the current rights of an identity; undefined as above. */
  async #current(identity: Identity, livestream: WatchedLivestream): Promise<Principal | undefined> {
    return await unlessAway(this.#identified(identity), livestream);
  }

  async #identified(identity: Identity): Promise<Principal> {
    const { identities, calls } = this.#options;
    return identity.via === 'none' ? ANONYMOUS : await calls.run(() => identities.current(identity));
  }

  #identityIn(grant: ViewerGrant | undefined): Identity {
    const holds = grant !== undefined && this.#options.clock.now() - grant.issuedAt < IDENTITY_TTL_MS;
    return holds ? grant.identity : NO_IDENTITY;
  }

  #addNew(streamId: string, identity: Identity, address: string | undefined): Viewer {
    const waitMs = address === undefined ? 0 : this.#newViewerRate.take(networkBlock(address));
    if (waitMs > 0) {
      const message = 'Too many new viewers from your address: wait and try again.';
      throw new PublicError(429, 'rate_limited', message, { retryAfter: Math.ceil(waitMs / 1_000) });
    }
    return this.#add(newId(), streamId, identity);
  }

  #add(id: string, streamId: string, identity: Identity): Viewer {
    const viewer = this.#options.viewers.add({ id, streamId, userId: identity.userId, identity });
    if (viewer) return viewer;
    throw new PublicError(
      503,
      'capacity_reached',
      'The server has no capacity for more viewers: try again later.',
    );
  }

  /** Returns the token of the request if its identity is current and recent, otherwise a new one. */
  #tokenFor(
    viewer: Viewer,
    identity: Identity,
    grant: ViewerGrant | undefined,
    shown: string | undefined,
  ): string {
    const { viewers, tokens, clock } = this.#options;
    const { id: viewerId, streamId } = viewer;
    const now = clock.now();
    if (grant && shown !== undefined) {
      viewers.addToken(viewer, shown);
      const isRight = isSameIdentity(grant.identity, identity);
      if (isRight && (identity.via === 'none' || now - grant.issuedAt < RENEWAL_AGE_MS)) return shown;
    }
    const token = tokens.issue(streamId, { viewerId, identity, issuedAt: now });
    viewers.addToken(viewer, token);
    return token;
  }
}

export function accessScopeOf(livestream: WatchedLivestream): AccessScope {
  return mayEverybodyWatch(livestream) ? 'everybody' : 'invited';
}

/** Resolves to undefined while the database is unavailable, unless the livestream is private. */
async function unlessAway(
  principal: Promise<Principal>,
  livestream: WatchedLivestream,
): Promise<Principal | undefined> {
  try {
    return await principal;
  } catch (error) {
    if (isDatabaseAway(error) && mayEverybodyWatch(livestream)) return undefined;
    throw error;
  }
}

/** Returns the key of the share of places: the account, or the network address of an anonymous viewer. */
function shareKeyOf({ userId }: Identity, address: string): string {
  return userId === undefined ? networkBlock(address) : `user ${userId}`;
}

/** Whether a token resumes its viewer: never as another user. */
function isSamePerson({ identity }: ViewerGrant, { userId }: Identity): boolean {
  return identity.userId === undefined || userId === undefined || identity.userId === userId;
}

function isSameIdentity(one: Identity, other: Identity): boolean {
  if (one.via !== other.via || one.userId !== other.userId) return false;
  return one.credentialId === other.credentialId && one.admin === other.admin;
}
