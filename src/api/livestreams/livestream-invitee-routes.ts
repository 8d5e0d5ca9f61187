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
        summary: 'Who is invited, in the order of their invitations',
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
        summary: 'Invite somebody',
        description:
          'Inviting them again changes nothing. At most 1,000 are invited (409 `too_many_guests`).',
        tags,
        security: CHANGING_SECURITY,
        params: InviteeParams,
        response: { 200: ref(SuccessResponse), ...errors, ...errorSchemas(409) },
      },
    },
    async (request) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      if (!(await invitees.add(id, request.params.userId)))
        throw new PublicError(409, 'too_many_guests', 'No more people can be invited to this livestream.');
      return { success: true as const };
    },
  );

  app.delete(
    '/:streamId/guests/:userId',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Take an invitation back',
        description: 'Who was not invited: 404 `guest_not_found`.',
        tags,
        security: CHANGING_SECURITY,
        params: InviteeParams,
        response: { 200: ref(SuccessResponse), ...errors },
      },
    },
    async (request) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      if (!(await invitees.remove(id, request.params.userId)))
        throw new PublicError(404, 'guest_not_found', 'They are not invited to this livestream.');
      return { success: true as const };
    },
  );
};
