import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import type { Account, Invitation } from '../../accounts/index.js';
import { PublicError } from '../../platform/index.js';
import {
  ACCOUNT_DELETION_DESCRIPTION,
  AccountDeletionRequest,
  AccountRequest,
  AccountResponse,
  AccountsResponse,
  type AccountView,
  CursorPageQuery,
  Id,
  InvitationRequest,
  InvitationResponse,
  InvitationsResponse,
  type InvitationView,
  PageQuery,
  ref,
  SuccessResponse,
} from '../contract.js';
import { createChangeLimit } from '../server/change-limit.js';
import { errorSchemas } from '../server/error-response.js';
import { CHANGING_SECURITY, READING_SECURITY } from '../server/guards.js';
import { BEFORE_LAST, boundOffset, readNumbers } from '../server/number-query.js';
import type { AuthRoutesOptions } from './auth-routes-options.js';

const DAY_MS = 86_400_000;
const INVITATION_DAYS = 7;
const IdParams = Type.Object({ id: Id });

/** Administration of accounts and invitations. */
export const accountRoutes: FastifyPluginAsync<AuthRoutesOptions> = async (
  plain,
  { authentication, guards, clock },
) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const { accounts, accountDeletion, invitations } = authentication;
  const tags = ['administration'];
  app.addHook('onRequest', guards.admin);
  app.addHook('onRequest', createChangeLimit(guards, clock));

  app.get(
    '/accounts',
    {
      preValidation: [readNumbers, boundOffset(BEFORE_LAST)],
      schema: {
        summary: 'List accounts, newest first',
        tags,
        security: READING_SECURITY,
        querystring: CursorPageQuery,
        response: { 200: ref(AccountsResponse), ...errorSchemas(400, 401, 403, 429, 500, 503) },
      },
    },
    async (request) => ({ accounts: (await accounts.list(request.query)).map(toAccountView) }),
  );

  app.get(
    '/accounts/:id',
    {
      schema: {
        summary: 'One account',
        tags,
        security: READING_SECURITY,
        params: IdParams,
        response: { 200: ref(AccountResponse), ...errorSchemas(400, 401, 403, 404, 429, 500, 503) },
      },
    },
    async (request) => {
      const account = await accounts.findAccount(request.params.id);
      if (!account) throw accountNotFound();
      return { account: toAccountView(account) };
    },
  );

  app.patch(
    '/accounts/:id',
    {
      schema: {
        summary: 'Change the role or password of an account, or disable it',
        description:
          'Disabling ends all sessions of the account; its access tokens are refused while it is disabled.',
        tags,
        security: CHANGING_SECURITY,
        params: IdParams,
        body: ref(AccountRequest),
        response: {
          200: ref(AccountResponse),
          ...errorSchemas(400, 401, 403, 404, 413, 415, 429, 500, 503),
        },
      },
    },
    async (request) => {
      const account = await accounts.change(request.params.id, request.body);
      if (!account) throw accountNotFound();
      return { account: toAccountView(account) };
    },
  );

  app.delete(
    '/accounts/:id',
    {
      schema: {
        summary: 'Delete an account permanently',
        description: ACCOUNT_DELETION_DESCRIPTION,
        tags,
        security: CHANGING_SECURITY,
        params: IdParams,
        body: Type.Union([ref(AccountDeletionRequest), Type.Null()]),
        response: {
          200: ref(SuccessResponse),
          ...errorSchemas(400, 401, 403, 404, 409, 413, 415, 429, 500, 503),
        },
      },
    },
    async (request) => {
      const { purgeMessages } = request.body ?? {};
      if (!(await accountDeletion.delete(request.params.id, { purge: purgeMessages })))
        throw accountNotFound();
      return { success: true as const };
    },
  );

  app.get(
    '/invitations',
    {
      preValidation: readNumbers,
      schema: {
        summary: 'List invitations, newest first',
        description: 'Expired invitations are listed for 30 days.',
        tags,
        security: READING_SECURITY,
        querystring: PageQuery,
        response: { 200: ref(InvitationsResponse), ...errorSchemas(400, 401, 403, 429, 500, 503) },
      },
    },
    async (request) => ({ invitations: (await invitations.list(request.query)).map(toInvitationView) }),
  );

  app.post(
    '/invitations',
    {
      schema: {
        summary: 'Create an invitation to register',
        description: 'The code is shown only in this response and registers one account.',
        tags,
        security: CHANGING_SECURITY,
        body: Type.Union([ref(InvitationRequest), Type.Null()]),
        response: { 201: ref(InvitationResponse), ...errorSchemas(400, 401, 403, 413, 415, 429, 500, 503) },
      },
    },
    async (request, reply) => {
      const { role = 'broadcaster', days = INVITATION_DAYS } = request.body ?? {};
      const { code, ...invitation } = await invitations.create(role, days * DAY_MS);
      return reply.code(201).send({ invitation: toInvitationView(invitation), code });
    },
  );

  app.delete(
    '/invitations/:id',
    {
      schema: {
        summary: 'Revoke an invitation',
        description: 'An account that was registered with it stays.',
        tags,
        security: CHANGING_SECURITY,
        params: IdParams,
        response: { 200: ref(SuccessResponse), ...errorSchemas(400, 401, 403, 404, 429, 500, 503) },
      },
    },
    async (request) => {
      if (!(await invitations.delete(request.params.id)))
        throw new PublicError(404, 'invitation_not_found', 'There is no such invitation.');
      return { success: true as const };
    },
  );
};

function accountNotFound(): PublicError {
  return new PublicError(404, 'account_not_found', 'There is no such account.');
}

function toAccountView({ id, name, role, createdAt, disabledAt }: Account): AccountView {
  return {
    id,
    name,
    role,
    createdAt: createdAt.toISOString(),
    disabledAt: disabledAt?.toISOString() ?? null,
  };
}

function toInvitationView({ id, role, createdAt, expiresAt, usedAt, usedBy }: Invitation): InvitationView {
  return {
    id,
    role,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt.toISOString(),
    usedAt: usedAt?.toISOString() ?? null,
    usedBy,
  };
}
