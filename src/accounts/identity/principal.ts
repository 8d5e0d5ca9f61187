/** Role of an account on the whole server; moderators are appointed per livestream. */
export type Role = 'viewer' | 'broadcaster' | 'admin';

/** Identity behind a request. */
export type Principal =
  | { kind: 'anonymous' }
  /** Holds the operator token: unrestricted, in the name of any user. */
  | { kind: 'operator' }
  | {
      kind: 'account';
      /** Account id, or user id of the host platform. */
      userId: string;
      /** Display name. */
      name: string;
      role: Role;
      /** Credential used: session cookie, personal access token, or a host platform's token. */
      via: 'session' | 'token' | 'jwt';
      /** UUID of the session or the personal access token. */
      credentialId?: string | undefined;
      /**
       * Expiry in Unix ms; undefined: valid until revoked. Sessions are extended by use, so authenticate again then.
       */
      expiresAt?: number;
    };

export const ANONYMOUS: Principal = { kind: 'anonymous' };

/** Credentials and origin of a request. */
export type Credentials = {
  /** Upper case. */
  method: string;
  authorization?: string | undefined;
  cookie?: string | undefined;
  origin?: string | undefined;
  /** The header `x-csrf-token`. */
  csrfToken?: string | undefined;
  /** Network address without port. */
  address: string;
  /** Requested host: `Host`, or `X-Forwarded-Host` of a trusted proxy. Pages from this host are accepted as own. */
  host?: string | undefined;
};

/**
 * Authenticates a request. Returns `ANONYMOUS` without credentials, when the session of a cookie has ended (the page
 * continues signed out), or when a page of another origin sends the cookie.
 *
 * @throws PublicError 401 for an invalid token, 403 `csrf_failed`, 429 `rate_limited` after many failures (with
 * `details.retryAfter`, seconds), 503 `identity_unavailable`
 */
export type Authenticate = (credentials: Credentials) => Promise<Principal>;

export function userIdOf(principal: Principal): string | undefined {
  return principal.kind === 'account' ? principal.userId : undefined;
}

/** Returns the name for logs and records. */
export function nameOf(principal: Principal): string {
  return userIdOf(principal) ?? principal.kind;
}

export function isAdmin(principal: Principal): boolean {
  return principal.kind === 'operator' || (principal.kind === 'account' && principal.role === 'admin');
}

export function mayBroadcast(principal: Principal): boolean {
  return isAdmin(principal) || (principal.kind === 'account' && principal.role === 'broadcaster');
}

/** Whether a principal may start, edit and end a livestream: its broadcaster and admins. */
export function mayManage(principal: Principal, livestream: { userId: string | null }): boolean {
  if (isAdmin(principal)) return true;
  const userId = userIdOf(principal);
  return userId !== undefined && userId === livestream.userId;
}
