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

/** RFC 6750 section 3: how to show who one is, and that what was shown does not hold. */
const CHALLENGE = 'Bearer realm="headend"';
const CHALLENGE_FAILED = `${CHALLENGE}, error="invalid_token"`;

/** For a route's schema: how it may be told who asks. Requests by cookie that change something show the CSRF token too. */
export const READING_SECURITY = [{ bearer: [] }, { session: [] }];
export const CHANGING_SECURITY = [{ bearer: [] }, { session: [], csrf: [] }];
/** The same where nobody in particular may ask as well. */
export const ANYONE_READING_SECURITY = [{}, ...READING_SECURITY];
export const ANYONE_CHANGING_SECURITY = [{}, ...CHANGING_SECURITY];

/** What those names mean, for the OpenAPI document. */
export const SECURITY_SCHEMES = {
  bearer: {
    type: 'http',
    scheme: 'bearer',
    description:
      "The operator token, a personal access token (`hp_…`), or a JSON Web Token of the host platform's making",
  },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'headend_session',
    description: 'The cookie of a signed-in page',
  },
  csrf: {
    type: 'apiKey',
    in: 'header',
    name: 'x-csrf-token',
    description:
      'What `/api/auth/login` and `/api/auth/me` say: needed with the cookie for what changes something',
  },
} as const;

/** Hooks for `onRequest` (before any body is read) that find out who asks, and let those pass who may. */
export type Guards = {
  /**
   * Everybody; 401 alone for a token that does not hold. A GET passes as nobody's while the database does not say whose it
   * is: see `mustBeKnown`.
   */
  anyone: onRequestAsyncHookHandler;
  /** Who has an account, here or on the host platform, and the operator; else 401 `not_signed_in`. */
  signedIn: onRequestAsyncHookHandler;
  /** Who may broadcast at all; else 401 `not_signed_in` or 403 `not_allowed`. */
  broadcaster: onRequestAsyncHookHandler;
  /** Admins and the operator; else 401 `not_signed_in` or 403 `not_allowed`. */
  admin: onRequestAsyncHookHandler;
  /** Who asks, behind any of the guards. */
  principal(request: FastifyRequest): Principal;
  /** @throws PublicError 503 `temporarily_unavailable` where the database did not say who asks, behind `anyone` */
  mustBeKnown(request: FastifyRequest): void;
  /** The user id of who asks. @throws PublicError 403 `account_needed` for the operator, 401 `not_signed_in` for nobody. */
  userId(request: FastifyRequest): string;
};

/** @param options `calls` bounds the time in which a reader must be known. */
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
    admin: guard(isAdmin, 'This is for administrators.'),
    principal: principalOf,
    mustBeKnown(request) {
      if (unknown.has(request)) throw databaseLate();
    },
    userId(request) {
      const principal = principalOf(request);
      const userId = userIdOf(principal);
      if (userId !== undefined) return userId;
      if (principal.kind === 'anonymous') throw notSignedIn();
      throw new PublicError(403, 'account_needed', 'The operator has no account: ask in the name of one.');
    },
  };
}

/** What a request shows of who makes it. */
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
    'Sign in first, or show a token: Authorization: Bearer TOKEN.',
  );
}
