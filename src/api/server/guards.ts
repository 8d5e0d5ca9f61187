import type { FastifyReply, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import {
  ANONYMOUS,
  type Authenticate,
  type Credentials,
  isAdmin,
  mayBroadcast,
  type Principal,
  userIdOf,
} from '../../accounts/index.js';
import { type BoundedCalls, databaseLate, isDatabaseAway, PublicError } from '../../platform/index.js';

/** RFC 6750 section 3: challenge for missing and invalid tokens. */
const CHALLENGE = 'Bearer realm="headend"';
const CHALLENGE_FAILED = `${CHALLENGE}, error="invalid_token"`;

/** Security of a route's schema: bearer token or session cookie. Changes by cookie also require the CSRF token. */
export const READING_SECURITY = [{ bearer: [] }, { session: [] }];
export const CHANGING_SECURITY = [{ bearer: [] }, { session: [], csrf: [] }];
/** The same for routes that accept anonymous requests. */
export const ANYONE_READING_SECURITY = [{}, ...READING_SECURITY];
export const ANYONE_CHANGING_SECURITY = [{}, ...CHANGING_SECURITY];

/** Security schemes of the OpenAPI document. */
export const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description: 'Operator token, personal access token (`hp_…`), or JSON Web Token of the host platform',
  },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'headend_session',
    description: 'Session cookie of a signed-in page',
  },
  csrf: {
    type: 'apiKey',
    in: 'header',
    name: 'x-csrf-token',
    description: '`csrfToken` of `/api/auth/login` and `/api/auth/me`: required with the cookie for changes',
  },
} as const;

/** `onRequest` hooks, run before the body is read, that authenticate a request and authorize it. */
export type Guards = {
  /**
   * Accepts everyone; 401 only for an invalid token. A GET continues as anonymous while the database cannot identify
   * the principal: see `mustBeKnown`.
   */
  anyone: onRequestAsyncHookHandler;
  /** Accepts accounts, users of the host platform and the operator; else 401 `not_signed_in`. */
  signedIn: onRequestAsyncHookHandler;
  /** Accepts principals who may broadcast; else 401 `not_signed_in` or 403 `not_allowed`. */
  broadcaster: onRequestAsyncHookHandler;
  /** Accepts admins and the operator; else 401 `not_signed_in` or 403 `not_allowed`. */
  admin: onRequestAsyncHookHandler;
  /** Returns the principal of a guarded request. */
  principal(request: FastifyRequest): Principal;
  /**
   * @throws PublicError 503 `temporarily_unavailable` when the database could not identify the principal, after
   * `anyone`
   */
  mustBeKnown(request: FastifyRequest): void;
  /**
   * Returns the principal's user id. @throws PublicError 403 `account_needed` for the operator, 401 `not_signed_in`
   * for anonymous requests
   */
  userId(request: FastifyRequest): string;
};

/** @param options `calls` bounds the time in which the principal of a GET must be identified. */
export function createGuards(options: { authenticate: Authenticate; calls?: BoundedCalls }): Guards {
  const { authenticate, calls } = options;
  const principals = new WeakMap<FastifyRequest, Principal>();
  const unknown = new WeakSet<FastifyRequest>();

  const identify = async (request: FastifyRequest, reply: FastifyReply): Promise<Principal> => {
    const known = principals.get(request);
    if (known) return known;
    try {
      const principal = await authenticate(credentialsOf(request));
      principals.set(request, principal);
      return principal;
    } catch (error) {
      if (error instanceof PublicError && error.status === 401)
        reply.header('www-authenticate', CHALLENGE_FAILED);
      throw error;
    }
  };
  const guard = (may: (principal: Principal) => boolean, message: string): onRequestAsyncHookHandler => {
    return async (request, reply) => {
      const principal = await identify(request, reply);
      if (may(principal)) return;
      if (principal.kind !== 'anonymous') throw new PublicError(403, 'not_allowed', message);
      reply.header('www-authenticate', CHALLENGE);
      throw notSignedIn();
    };
  };
  const principalOf = (request: FastifyRequest): Principal => {
    const principal = principals.get(request);
    if (!principal) throw new Error(`no guard stands before ${request.routeOptions.url}`);
    return principal;
  };

  return {
    anyone: async (request, reply) => {
      const { authorization, cookie } = request.headers;
      if (!calls || request.method !== 'GET' || (authorization === undefined && cookie === undefined)) {
        await identify(request, reply);
        return;
      }
      try {
        await calls.run(() => identify(request, reply));
      } catch (error) {
        if (!isDatabaseAway(error)) throw error;
        principals.set(request, ANONYMOUS);
        unknown.add(request);
      }
    },
    signedIn: guard((principal) => principal.kind !== 'anonymous', ''),
    broadcaster: guard(mayBroadcast, 'Your account may not broadcast: ask an administrator.'),
    admin: guard(isAdmin, 'Only administrators may do this: sign in as one.'),
    principal: principalOf,
    mustBeKnown(request) {
      if (unknown.has(request)) throw databaseLate();
    },
    userId(request) {
      const principal = principalOf(request);
      const userId = userIdOf(principal);
      if (userId !== undefined) return userId;
      if (principal.kind === 'anonymous') throw notSignedIn();
      throw new PublicError(
        403,
        'account_needed',
        'The operator has no account: use the credentials of an account.',
      );
    },
  };
}

/** Returns the credentials and origin of a request. */
export function credentialsOf(request: FastifyRequest): Credentials {
  const { authorization, cookie, origin, 'x-csrf-token': csrfToken } = request.headers;
  return {
    method: request.method,
    authorization,
    cookie,
    origin,
    csrfToken: typeof csrfToken === 'string' ? csrfToken : undefined,
    address: request.ip,
    host: request.host,
  };
}

function notSignedIn(): PublicError {
  return new PublicError(
    401,
    'not_signed_in',
    'Sign in first, or send a token: Authorization: Bearer TOKEN.',
  );
}
