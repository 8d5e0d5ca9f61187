import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import {
  csrfTokenOf,
  type Principal,
  SESSION_LIFETIME_MS,
  type SignedIn,
  sessionCookie,
  sessionSecretIn,
} from '../../accounts/index.js';
import { PublicError } from '../../platform/index.js';
import {
  ACCOUNT_DELETION_DESCRIPTION,
  DeleteMeRequest,
  LoginRequest,
  MeResponse,
  PasswordRequest,
  RegisterRequest,
  RegisterResponse,
  ref,
  SignedInResponse,
  SuccessResponse,
  type User,
} from '../contract.js';
import { errorSchemas } from '../server/error-response.js';
import {
  ANYONE_CHANGING_SECURITY,
  ANYONE_READING_SECURITY,
  CHANGING_SECURITY,
  credentialsOf,
} from '../server/guards.js';
import { accountRoutes } from './account-routes.js';
import type { AuthRoutesOptions } from './auth-routes-options.js';
import { credentialRoutes } from './credential-routes.js';
import { ownSession } from './own-session.js';
import { userRoutes } from './user-routes.js';

const PREFIX = '/api/auth';

/**
 * `/api/auth`: registration, sign-in and the own account. For pages of this server and for programs: no CORS for
 * other sites.
 */
export const authRoutes: FastifyPluginAsync<AuthRoutesOptions> = async (app, options) => {
  await app.register(
    async (scope) => {
      scope.addHook('onSend', async (_request, reply) => {
        reply.header('cache-control', 'no-store');
      });
      await scope.register(routes, options);
      await scope.register(credentialRoutes, options);
      await scope.register(accountRoutes, options);
      await scope.register(userRoutes, options);
    },
    { prefix: PREFIX },
  );
};

const routes: FastifyPluginAsync<AuthRoutesOptions> = async (
  plain,
  { authentication, guards, onSignIn, publicOrigin },
) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const { accounts, accountDeletion, registration, signIn, sessions, registrationPolicy } = authentication;
  const tags = ['accounts'];

  const setCookie = (
    request: FastifyRequest,
    reply: FastifyReply,
    secret: string,
    lifetimeMs: number,
  ): void => {
    const secure = request.protocol === 'https' || publicOrigin().startsWith('https:');
    reply.header('set-cookie', sessionCookie(secret, lifetimeMs / 1_000, secure));
  };
  /** Ends the session of the previous cookie and sets the new one. */
  const startSession = async (request: FastifyRequest, reply: FastifyReply, session: SignedIn['session']) => {
    const former = sessionSecretIn(request.headers.cookie);
    if (former !== undefined) await sessions.close(former);
    setCookie(request, reply, session.secret, SESSION_LIFETIME_MS);
    return session.csrfToken;
  };
  // Login CSRF: other sites must not sign a visitor in to an account of theirs.
  const fromOwnPage = async (request: FastifyRequest): Promise<void> => {
    if (!authentication.isOwnOrigin(credentialsOf(request)))
      throw new PublicError(
        403,
        'csrf_failed',
        'Pages of other sites may not sign in: use a page of this server.',
      );
  };

  app.post(
    '/register',
    {
      onRequest: [fromOwnPage, guards.anyone],
      schema: {
        summary: 'Register an account',
        description:
          'Requires an invitation when the registration policy is `invitation`. Admins and the operator register accounts for others, with any role. The first admin registers with the setup link that the gateway prints, whatever the policy, or is registered by the operator.',
        tags,
        security: ANYONE_CHANGING_SECURITY,
        body: ref(RegisterRequest),
        response: {
          201: ref(RegisterResponse),
          ...errorSchemas(400, 401, 403, 409, 413, 415, 429, 500, 503),
        },
      },
    },
    async (request, reply) => {
      const principal = guards.principal(request);
      const account = await registration.register(request.body, principal, request.ip);
      reply.code(201);
      const { id, name, role } = account;
      if (principal.kind !== 'anonymous') return { user: { id, name, role } };
      const session = await sessions.open(id, browserOf(request));
      return { user: { id, name, role }, csrfToken: await startSession(request, reply, session) };
    },
  );

  app.post(
    '/login',
    {
      onRequest: fromOwnPage,
      schema: {
        summary: 'Sign in',
        description: 'Sets the cookie `headend_session`, which expires 30 days after its last use.',
        tags,
        body: ref(LoginRequest),
        response: { 200: ref(SignedInResponse), ...errorSchemas(400, 401, 403, 413, 415, 429, 500, 503) },
      },
    },
    async (request, reply) => {
      const { account, session } = await signIn.open(request.body, browserOf(request));
      const { id, name, role } = account;
      onSignIn?.({ id, name, role }, request.ip);
      return { user: { id, name, role }, csrfToken: await startSession(request, reply, session) };
    },
  );

  app.post(
    '/logout',
    {
      onRequest: guards.anyone,
      schema: {
        summary: 'Sign out',
        description: 'Ends the session of the cookie. Idempotent.',
        tags,
        security: ANYONE_CHANGING_SECURITY,
        response: { 200: ref(SuccessResponse), ...errorSchemas(401, 403, 429, 500, 503) },
      },
    },
    async (request, reply) => {
      const secret = sessionSecretIn(request.headers.cookie);
      const principal = guards.principal(request);
      if (secret !== undefined && principal.kind === 'account' && principal.via === 'session')
        await sessions.close(secret);
      setCookie(request, reply, '', 0);
      return { success: true as const };
    },
  );

  app.get(
    '/me',
    {
      onRequest: guards.anyone,
      schema: {
        summary: 'Get the user of the request, the CSRF token and the registration policy',
        tags,
        security: ANYONE_READING_SECURITY,
        response: { 200: ref(MeResponse), ...errorSchemas(401, 429, 500, 503) },
      },
    },
    async (request, reply) => {
      const principal = guards.principal(request);
      const secret = viaOf(principal) === 'session' ? sessionSecretIn(request.headers.cookie) : undefined;
      // This request extended the session, so the cookie is extended too.
      if (secret !== undefined) setCookie(request, reply, secret, SESSION_LIFETIME_MS);
      return {
        user: userOf(principal),
        via: viaOf(principal),
        csrfToken: secret === undefined ? null : csrfTokenOf(secret),
        registration: registrationPolicy,
      };
    },
  );

  app.delete(
    '/me',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Delete the own account permanently',
        description: `${ACCOUNT_DELETION_DESCRIPTION} Requires a session cookie.`,
        tags,
        security: CHANGING_SECURITY,
        body: ref(DeleteMeRequest),
        response: {
          200: ref(SuccessResponse),
          ...errorSchemas(400, 401, 403, 409, 413, 415, 429, 500, 503),
        },
      },
    },
    async (request, reply) => {
      const { accountId, name } = await ownSession(request, guards, sessions);
      const { password, purgeMessages } = request.body;
      await signIn.confirm({ id: accountId, name }, password, request.ip);
      await accountDeletion.delete(accountId, { purge: purgeMessages });
      setCookie(request, reply, '', 0);
      return { success: true as const };
    },
  );

  app.post(
    '/password',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Change the password',
        description:
          'Ends all other sessions of the account, and deletes its access tokens unless `keepTokens` is true. Requires a session cookie.',
        tags,
        security: CHANGING_SECURITY,
        body: ref(PasswordRequest),
        response: { 200: ref(SuccessResponse), ...errorSchemas(400, 401, 403, 413, 415, 429, 500, 503) },
      },
    },
    async (request) => {
      const session = await ownSession(request, guards, sessions);
      const account = { id: session.accountId, name: session.name };
      await accounts.changePassword(account, request.body, { id: session.sessionId, address: request.ip });
      return { success: true as const };
    },
  );
};

function browserOf(request: FastifyRequest): { address: string; userAgent: string | undefined } {
  return { address: request.ip, userAgent: request.headers['user-agent'] };
}

function userOf(principal: Principal): User | null {
  if (principal.kind !== 'account') return null;
  return { id: principal.userId, name: principal.name, role: principal.role };
}

function viaOf(principal: Principal): MeResponse['via'] {
  if (principal.kind === 'anonymous') return null;
  return principal.kind === 'operator' ? 'operator' : principal.via;
}
