import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import { PublicError } from '../../platform/index.js';
import {
  InviteeParams,
  InviteesResponse,
  PageQuery,
  ref,
  StreamParams,
  SuccessResponse,
} from '../contract.js';
import { errorSchemas } from '../server/error-response.js';
import { CHANGING_SECURITY, type Guards, READING_SECURITY } from '../server/guards.js';
import { readNumbers } from '../server/number-query.js';
import type { ApiLivestreams, LivestreamLookup } from './livestream-lookup.js';

export type LivestreamInviteeRoutesOptions = {
  livestreams: Pick<ApiLivestreams, 'invitees'>;
  lookup: LivestreamLookup;
  guards: Guards;
};

/** Invitees of a private livestream; they remain while it is public. */
export const livestreamInviteeRoutes: FastifyPluginAsync<LivestreamInviteeRoutesOptions> = async (
  plain,
  { livestreams: { invitees }, lookup, guards },
) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const tags = ['livestreams'];
  const errors = errorSchemas(400, 401, 403, 404, 429, 500, 503);

  app.get(
    '/:streamId/guests',
    {
      onRequest: guards.signedIn,
      preValidation: readNumbers,
      schema: {
        summary: 'List invited users, in the order of invitation',
        tags,
        security: READING_SECURITY,
        params: StreamParams,
        querystring: PageQuery,
        response: { 200: ref(InviteesResponse), ...errors },
      },
    },
    async (request) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      const found = await invitees.list(id, request.query);
      return {
        guests: found.map(({ userId, invitedAt }) => ({ userId, invitedAt: invitedAt.toISOString() })),
      };
    },
  );

  app.put(
    '/:streamId/guests/:userId',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Invite a user',
        description: 'Idempotent. 409 `too_many_guests`: 1,000 users are invited.',
        tags,
        security: CHANGING_SECURITY,
        params: InviteeParams,
        response: { 200: ref(SuccessResponse), ...errors, ...errorSchemas(409) },
      },
    },
    async (request) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      if (!(await invitees.add(id, request.params.userId)))
        throw new PublicError(
          409,
          'too_many_guests',
          'This livestream has the maximum of 1,000 invited users: remove one first.',
        );
      return { success: true as const };
    },
  );

  app.delete(
    '/:streamId/guests/:userId',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Remove an invited user',
        description: '404 `guest_not_found`: the user is not invited.',
        tags,
        security: CHANGING_SECURITY,
        params: InviteeParams,
        response: { 200: ref(SuccessResponse), ...errors },
      },
    },
    async (request) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      if (!(await invitees.remove(id, request.params.userId)))
        throw new PublicError(404, 'guest_not_found', 'This user is not invited to this livestream.');
      return { success: true as const };
    },
  );
};
