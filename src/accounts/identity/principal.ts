/** What an account may do everywhere; moderators are appointed for a stream each. */
export type Role = 'viewer' | 'broadcaster' | 'admin';

/** Who asks. */
export type Principal =
  | { kind: 'anonymous' }
  /** A program that has the operator token: may do everything, in anybody's name. */
  | { kind: 'operator' }
  | {
      kind: 'account';
      /** An account's id, or what a host platform calls its user. */
      userId: string;
      /** How others see them. */
      name: string;
      role: Role;
      /** How they showed who they are: by the cookie of a page, a personal access token, or a host platform's token. */
      via: 'session' | 'token' | 'jwt';
      /** UUID of the session or the personal access token. */
      credentialId?: string | undefined;
      /**
       * From when on that does not hold any more, Unix ms; none: until it is revoked. A session is prolonged by its use:
       * ask again then.
       */
      expiresAt?: number;
    };

export const ANONYMOUS: Principal = { kind: 'anonymous' };

/** What a request shows of who makes it. */
export type Credentials = {
  /** Upper case. */
  method: string;
  authorization?: string | undefined;
  cookie?: string | undefined;
  origin?: string | undefined;
  /** The header `x-csrf-token`. */
  csrfToken?: string | undefined;
  /** The network address, without a port. */
  address: string;
  /** What the request calls the server: `Host`, or `X-Forwarded-Host` of a trusted proxy. A page from there is our own. */
  host?: string | undefined;
};

/**
 * Finds out who asks; nobody in particular where nothing is shown, where the session of a cookie is over (a page goes on
 * without it), or where the page of another origin reads by our cookie.
 *
 * @throws PublicError 401 for a token that does not hold, 403 `csrf_failed`, 429 `rate_limited` after many failures (with
 * `details.retryAfter`, seconds), 503 `identity_unavailable`
 */
export type Authenticate = (credentials: Credentials) => Promise<Principal>;

export function userIdOf(principal: Principal): string | undefined {
  return principal.kind === 'account' ? principal.userId : undefined;
}

/** By what name somebody's deeds are noted. */
export function nameOf(principal: Principal): string {
  return userIdOf(principal) ?? principal.kind;
}

export function isAdmin(principal: Principal): boolean {
  return principal.kind === 'operator' || (principal.kind === 'account' && principal.role === 'admin');
}

export function mayBroadcast(principal: Principal): boolean {
  return isAdmin(principal) || (principal.kind === 'account' && principal.role === 'broadcaster');
}

/** Whether they may start, edit and end a livestream: its broadcaster, and admins. */
export function mayManage(principal: Principal, livestream: { userId: string | null }): boolean {
  if (isAdmin(principal)) return true;
  const userId = userIdOf(principal);
  return userId !== undefined && userId === livestream.userId;
}

/**
 * Whether they may watch a livestream and read what is said in it; who may not is told that there is no such livestream.
 *
 * @param isInvitee whether they are invited to it.
 */
export function mayWatch(
  principal: Principal,
  livestream: { userId: string | null; visibility: 'public' | 'unlisted' | 'private' },
  isInvitee: boolean,
): boolean {
  return livestream.visibility !== 'private' || isInvitee || mayManage(principal, livestream);
}
