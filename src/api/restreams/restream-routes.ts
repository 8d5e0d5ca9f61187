import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { type TProperties, Type } from 'typebox';
import type { Restreams, RestreamTarget as StoredTarget, TargetOwner } from '../../restreams/index.js';
import {
  CreateRestreamTargetRequest,
  Id,
  type RestreamTarget,
  RestreamTargetResponse,
  RestreamTargetsResponse,
  ref,
  SuccessResponse,
  UpdateRestreamTargetRequest,
} from '../contract.js';
import type { LivestreamLookup } from '../livestreams/livestream-lookup.js';
import { errorSchemas } from '../server/error-response.js';
import { CHANGING_SECURITY, type Guards, READING_SECURITY } from '../server/guards.js';

export type TargetRoutesOptions = {
  restreams: Pick<Restreams, 'create' | 'find' | 'list' | 'listForStream' | 'remove' | 'update'>;
  /** Returns the owner of the targets. @throws PublicError when the principal may not manage them */
  owner(request: FastifyRequest): Promise<TargetOwner>;
  /** Lists the targets. Default: those of the owner. */
  list?(request: FastifyRequest): Promise<StoredTarget[]>;
  guard: onRequestAsyncHookHandler;
  /** Parameters in the prefix under which these routes are registered. */
  params: TProperties;
};

const tags = ['restreams'];
const CHANGES =
  'Errors: 400 `url_not_allowed`, `restream_key_invalid`, `restream_loop` (the target is this server).';

/** Restream targets of one owner; registered below the path of their livestream or channel. */
export const targetRoutes: FastifyPluginAsync<TargetRoutesOptions> = async (plain, options) => {
  const { restreams, owner, guard } = options;
  const list = options.list ?? (async (request: FastifyRequest) => restreams.list(await owner(request)));
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const params = Type.Object(options.params);
  const targetParams = Type.Object({ ...options.params, targetId: Id });
  const targetIdOf = (request: { params: unknown }) => (request.params as { targetId: string }).targetId;
  const errors = errorSchemas(400, 401, 403, 404, 429, 500, 503);
  const changeErrors = { ...errors, ...errorSchemas(413, 415) };

  app.get(
    '',
    {
      onRequest: guard,
      schema: {
        summary: 'List restream targets with their status',
        description: 'Of a livestream: its own, and those of the account that owns it. Keys are masked.',
        tags,
        security: READING_SECURITY,
        params,
        response: { 200: ref(RestreamTargetsResponse), ...errors },
      },
    },
    async (request) => ({ targets: (await list(request)).map(toTarget) }),
  );

  app.post(
    '',
    {
      onRequest: guard,
      schema: {
        summary: 'Add a restream target',
        description: `A running broadcast is sent to it within seconds. ${CHANGES} 409 \`too_many_restream_targets\`.`,
        tags,
        security: CHANGING_SECURITY,
        params,
        body: ref(CreateRestreamTargetRequest),
        response: { 201: ref(RestreamTargetResponse), ...changeErrors, ...errorSchemas(409) },
      },
    },
    async (request, reply) => {
      const target = await restreams.create(await owner(request), request.body);
      return reply.code(201).send({ target: toTarget(target) });
    },
  );

  app.get(
    '/:targetId',
    {
      onRequest: guard,
      schema: {
        summary: 'Get a restream target',
        tags,
        security: READING_SECURITY,
        params: targetParams,
        response: { 200: ref(RestreamTargetResponse), ...errors },
      },
    },
    async (request) => ({
      target: toTarget(await restreams.find(await owner(request), targetIdOf(request))),
    }),
  );

  app.patch(
    '/:targetId',
    {
      onRequest: guard,
      schema: {
        summary: 'Change, enable or disable a restream target',
        description: `Takes effect on a running broadcast within seconds. A new URL needs its key again. ${CHANGES}`,
        tags,
        security: CHANGING_SECURITY,
        params: targetParams,
        body: ref(UpdateRestreamTargetRequest),
        response: { 200: ref(RestreamTargetResponse), ...changeErrors },
      },
    },
    async (request) => {
      const target = await restreams.update(await owner(request), targetIdOf(request), request.body);
      return { target: toTarget(target) };
    },
  );

  app.delete(
    '/:targetId',
    {
      onRequest: guard,
      schema: {
        summary: 'Delete a restream target and end its output',
        tags,
        security: CHANGING_SECURITY,
        params: targetParams,
        response: { 200: ref(SuccessResponse), ...errors },
      },
    },
    async (request) => {
      await restreams.remove(await owner(request), targetIdOf(request));
      return { success: true as const };
    },
  );
};

export type LivestreamTargetRoutesOptions = {
  restreams: TargetRoutesOptions['restreams'];
  lookup: Pick<LivestreamLookup, 'findManageable'>;
  guards: Guards;
};

/** Restream targets of a livestream, below `/api/livestream`. */
export const livestreamTargetRoutes: FastifyPluginAsync<LivestreamTargetRoutesOptions> = async (
  app,
  { restreams, lookup, guards },
) => {
  const livestreamOf = (request: FastifyRequest) =>
    lookup.findManageable(request, (request.params as { streamId: string }).streamId);
  await app.register(targetRoutes, {
    prefix: '/:streamId/restream-targets',
    restreams,
    owner: async (request) => ({ streamId: (await livestreamOf(request)).id }),
    list: async (request) => {
      const { id, userId } = await livestreamOf(request);
      return await restreams.listForStream(id, userId);
    },
    guard: guards.signedIn,
    params: { streamId: Id },
  });
};

/** Converts a target for responses; secrets are not in it. */
export function toTarget(target: StoredTarget): RestreamTarget {
  const { id, streamId, name, protocol, shownUrl, shownKey, enabled, createdAt, status } = target;
  return {
    ...{ id, name, protocol, enabled },
    scope: streamId === null ? 'account' : 'livestream',
    url: shownUrl,
    key: shownKey,
    createdAt: createdAt.toISOString(),
    status: { ...status, since: status.since.toISOString() },
  };
}
