import {
  ANONYMOUS,
  type Authenticate,
  isAdmin,
  mayManage,
  mayWatch,
  type Principal,
  userIdOf,
} from '../accounts/index.js';
import {
  type BoundedCalls,
  type Clock,
  isDatabaseAway,
  networkBlock,
  newId,
  PublicError,
  RateLimit,
} from '../platform/index.js';
import type { Openness, ViewerRequest } from '../streams/index.js';
import type { KnownLivestreams, WatchedLivestream } from './known-livestreams.js';
import type { Viewer } from './viewer.js';
import type { ViewerGrant, ViewerTokens } from './viewer-token.js';
import type { Viewers } from './viewers.js';

export type DoorkeeperOptions = {
  viewers: Viewers;
  livestreams: KnownLivestreams;
  tokens: ViewerTokens;
  isGuest(streamId: string, userId: string): Promise<boolean>;
  authenticate: Authenticate;
  /** Bounds the time in which it must be known who asks. */
  calls: BoundedCalls;
  /** New viewers that an address may be at once, and after how many ms it may be one more. */
  arrivals: { burst: number; refillMs: number };
  clock: Clock;
};

/** What somebody shows at the door, beside who they are. */
export type Knock = { streamId: string; token?: string | undefined; address: string };
/** A viewer who has a place, and the token that stands for them. */
export type Admitted = { viewer: Viewer; token: string };

type Identity = Pick<ViewerGrant, 'userId' | 'admin'>;

/** How long a token stands for the rights of its user, and when a new one is given to who comes again. */
const RIGHTS_MS = 12 * 3_600_000;
const RENEW_MS = RIGHTS_MS / 2;
const LIMIT_RETRY_AFTER_S = 10;
/** People remembered who have no account any more, at most. */
const DEPARTED = 10_000;

/** Decides who may watch a livestream, and knows those again who were here before. */
export class Doorkeeper {
  readonly #options: DoorkeeperOptions;
  readonly #arrivals: RateLimit;
  readonly #departed = new Set<string | undefined>();

  constructor(options: DoorkeeperOptions) {
    this.#options = options;
    const { burst, refillMs } = options.arrivals;
    this.#arrivals = new RateLimit(options.clock, { capacity: burst, refillMs });
  }

  /** Who makes a request. Credentials that don't hold make nobody worse off than showing none: watching needs no account. */
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

  /** While the database does not answer, nobody needs to be known to watch what everybody may. */
  async #principalFor(
    who: Principal | (() => Promise<Principal>),
    livestream: WatchedLivestream,
  ): Promise<Principal> {
    if (typeof who !== 'function') return who;
    try {
      return await this.#options.calls.run(who);
    } catch (error) {
      if (isDatabaseAway(error) && opennessOf(livestream) === 'everybody') return ANONYMOUS;
      throw error;
    }
  }

  /**
   * Gives a viewer a place.
   *
   * @param who asked only where there is such a livestream.
   * @param limited whether somebody new counts for the limit of their address.
   * @throws PublicError 404 `stream_not_found`, 429 `rate_limited`, 503 `viewer_limit_reached`, `capacity_reached` or
   * `temporarily_unavailable`
   */
  async admit(
    { streamId, token, address }: Knock,
    who: Principal | (() => Promise<Principal>),
    limited: boolean,
  ): Promise<Admitted> {
    const { viewers, livestreams, tokens } = this.#options;
    const livestream = await livestreams.find(streamId);
    if (!livestream) throw notFound();
    const principal = await this.#principalFor(who, livestream);
    const grant = token === undefined ? undefined : tokens.read(streamId, token);
    const identity = this.#identityOf(principal, grant);
    if (!(await this.mayWatch(identity, livestream))) throw notFound();

    // From here on at one go: the last place must not be given twice.
    const same = grant && isSamePerson(grant, identity) ? grant : undefined;
    const viewer = same
      ? (viewers.find(streamId, same.viewerId) ?? this.#add(same.viewerId, streamId, identity))
      : this.#arrive(streamId, identity, limited ? address : undefined);
    if (identity.userId !== undefined && viewer.userId !== identity.userId)
      viewers.userChanged(viewer, identity.userId);
    viewer.admin = identity.admin;
    viewer.openness = opennessOf(livestream);
    if (viewer.presence === 'away') viewer.shareKey = shareKeyOf(identity, address);
    viewers.setExempt(viewer, mayManage(principalOf(identity), livestream));
    if (!viewers.expect(viewer, livestream.viewerLimit ?? Number.POSITIVE_INFINITY)) {
      const message = 'As many people watch this livestream as may: try again later.';
      throw new PublicError(503, 'viewer_limit_reached', message, { retryAfter: LIMIT_RETRY_AFTER_S });
    }
    viewers.stream(streamId)?.knowPeak(livestream.viewerCountPeak);
    return { viewer, token: this.#tokenFor(viewer, identity, same, token) };
  }

  /** Tokens of somebody who is nobody any more stand for nobody. */
  depart(userId: string): void {
    this.#departed.add(userId);
    const [oldest] = this.#departed;
    if (oldest !== undefined && this.#departed.size > DEPARTED) this.#departed.delete(oldest);
  }

  async mayWatch(identity: Identity, livestream: WatchedLivestream): Promise<boolean> {
    const principal = principalOf(identity);
    if (mayWatch(principal, livestream, false)) return true;
    const { userId } = identity;
    const isGuest = userId !== undefined && (await this.#options.isGuest(livestream.id, userId));
    return mayWatch(principal, livestream, isGuest);
  }

  async mayWatchAs(principal: Principal, livestream: WatchedLivestream): Promise<boolean> {
    return await this.mayWatch(this.#identityOf(principal, undefined), livestream);
  }

  #identityOf(principal: Principal, grant: ViewerGrant | undefined): Identity {
    if (principal.kind !== 'anonymous') return { userId: userIdOf(principal), admin: isAdmin(principal) };
    if (grant && !this.#departed.has(grant.userId) && this.#options.clock.now() - grant.issuedAt < RIGHTS_MS)
      return { userId: grant.userId, admin: grant.admin };
    return { userId: undefined, admin: false };
  }

  #arrive(streamId: string, identity: Identity, address: string | undefined): Viewer {
    const wait = address === undefined ? 0 : this.#arrivals.take(networkBlock(address));
    if (wait > 0) {
      const message = 'Too many viewers come from your address: wait and try again.';
      throw new PublicError(429, 'rate_limited', message, { retryAfter: Math.ceil(wait / 1_000) });
    }
    return this.#add(newId(), streamId, identity);
  }

  #add(id: string, streamId: string, { userId, admin }: Identity): Viewer {
    const viewer = this.#options.viewers.add({ id, streamId, userId, admin });
    if (viewer) return viewer;
    throw new PublicError(503, 'capacity_reached', 'The server is full: no more viewers can come.');
  }

  /** The token that was shown, where it says who they are and does so for long enough; else a new one. */
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
      viewers.know(viewer, shown);
      const right = grant.userId === identity.userId && grant.admin === identity.admin;
      const hasRights = grant.userId !== undefined || grant.admin;
      if (right && (!hasRights || now - grant.issuedAt < RENEW_MS)) return shown;
    }
    const token = tokens.issue(streamId, { viewerId, ...identity, issuedAt: now });
    viewers.know(viewer, token);
    return token;
  }
}

export function opennessOf({ visibility }: WatchedLivestream): Openness {
  return visibility === 'private' ? 'invited' : 'everybody';
}

/** The answer also where there is a livestream that must not be known. */
export function notFound(): PublicError {
  return new PublicError(404, 'stream_not_found', 'There is no such livestream.');
}

/** Signed-in viewers count by their account, anonymous ones by their network address. */
function shareKeyOf({ userId }: Identity, address: string): string {
  return userId === undefined ? networkBlock(address) : `user ${userId}`;
}

/** Whether a token may go on as the viewer that it names: not under the name of another user. */
function isSamePerson(grant: ViewerGrant, { userId }: Identity): boolean {
  return grant.userId === undefined || userId === undefined || grant.userId === userId;
}

function principalOf({ userId, admin }: Identity): Principal {
  if (admin) return { kind: 'operator' };
  if (userId === undefined) return ANONYMOUS;
  return { kind: 'account', userId, name: userId, role: 'viewer', via: 'token' };
}
