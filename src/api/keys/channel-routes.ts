import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { type TProperties, Type } from 'typebox';
import { type Channels, isAdmin, type StreamKeys, userIdOf } from '../../accounts/index.js';
import { type Clock, PublicError, RateLimit } from '../../platform/index.js';
import {
  ChannelRequest,
  ChannelResponse,
  RotateKeyRequest,
  ref,
  StreamKeyResponse,
  UserId,
} from '../contract.js';
import type { PublicUrls } from '../livestreams/stream-view.js';
import { type TargetRoutesOptions, targetRoutes } from '../restreams/restream-routes.js';
import { errorSchemas } from '../server/error-response.js';
import { CHANGING_SECURITY, type Guards, READING_SECURITY } from '../server/guards.js';
import { DEFAULT_OVERLAP_S, type KeyRoutesOptions, keyRoutes, toMinted } from './stream-key-routes.js';
import { toIngestServers, toStreamKey } from './stream-key-view.js';

/** Limit of channel changes: burst, then one per refill interval in ms. */
const CHANGES = 30;
const CHANGE_REFILL_MS = 1_000;

export type ChannelRoutesOptions = {
  keys: KeyRoutesOptions['keys'] & Pick<StreamKeys, 'findMain' | 'rotateMain'>;
  channels: Pick<Channels, 'of' | 'change'>;
  /** Restream targets of the account; without it there are none. */
  restreams?: TargetRoutesOptions['restreams'];
  guards: Guards;
  urls: PublicUrls;
  clock: Clock;
};

type ChannelUser = { userId: string; name?: string };

/** `/api/channel`: the own channel; `/api/users/:userId/channel`: any channel, for admins and the operator. */
export const channelRoutes: FastifyPluginAsync<ChannelRoutesOptions> = async (app, options) => {
  const { guards, clock } = options;
  const changes = new RateLimit(clock, { capacity: CHANGES, refillMs: CHANGE_REFILL_MS });
  app.addHook('onRequest', guards.broadcaster);
  app.addHook('onRequest', async (request, reply) => {
    const principal = guards.principal(request);
    if (request.method === 'GET' || principal.kind !== 'account') return;
    const waitMs = changes.take(principal.userId);
    if (waitMs === 0) return;
    reply.header('retry-after', Math.ceil(waitMs / 1_000));
    throw new PublicError(429, 'rate_limited', 'Too many requests: wait and try again.');
  });
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });

  await app.register(routes, {
    ...options,
    prefix: '/api/channel',
    params: {},
    userOf: (request) => {
      const principal = guards.principal(request);
      return principal.kind === 'account'
        ? { userId: principal.userId, name: principal.name }
        : { userId: guards.userId(request) };
    },
  });
  await app.register(routes, {
    ...options,
    prefix: '/api/users/:userId/channel',
    params: { userId: UserId },
    userOf: (request) => {
      const { userId } = request.params as { userId: string };
      const principal = guards.principal(request);
      if (isAdmin(principal) || userIdOf(principal) === userId) return { userId };
      throw new PublicError(403, 'not_allowed', 'This channel belongs to another user.');
    },
  });
};

type RoutesOptions = ChannelRoutesOptions & {
  params: TProperties;
  userOf(request: FastifyRequest): ChannelUser;
};

const routes: FastifyPluginAsync<RoutesOptions> = async (plain, options) => {
  const { keys, channels, restreams, guards, urls, clock, userOf } = options;
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const tags = ['channels'];
  const params = Type.Object(options.params);
  const errors = errorSchemas(400, 401, 403, 429, 500, 503);
  const changeErrors = { ...errors, ...errorSchemas(409, 413, 415) };

  const toChannel = async ({ userId, name }: ChannelUser) => {
    const channel = await channels.of(userId, name);
    const key = await keys.findMain(userId);
    return {
      channel: {
        ...channel,
        key: key ? toStreamKey(key, clock.now()) : null,
        ingest: toIngestServers(urls),
      },
    };
  };

  app.get(
    '',
    {
      schema: {
        summary: 'Get a channel: its key and the defaults of new livestreams',
        description: 'Created at the first request, without a key; `POST …/key` creates the key.',
        tags,
        security: READING_SECURITY,
        params,
        response: { 200: ref(ChannelResponse), ...errors },
      },
    },
    async (request) => await toChannel(userOf(request)),
  );

  app.patch(
    '',
    {
      schema: {
        summary: 'Change the defaults of livestreams created by publishing with the channel key',
        tags,
        security: CHANGING_SECURITY,
        params,
        body: ref(ChannelRequest),
        response: { 200: ref(ChannelResponse), ...changeErrors },
      },
    },
    async (request) => {
      const { userId, name } = userOf(request);
      await channels.of(userId, name);
      await channels.change(userId, request.body);
      return await toChannel({ userId });
    },
  );

  app.post(
    '/key',
    {
      schema: {
        summary: 'Create or replace the channel key',
        description:
          'Publishing with the key continues the livestream that is being broadcast, else starts the one scheduled within 30 minutes, else creates one. The replaced key admits publishers until the overlap ends.',
        tags,
        security: CHANGING_SECURITY,
        params,
        body: Type.Union([ref(RotateKeyRequest), Type.Null()]),
        response: { 201: ref(StreamKeyResponse), ...changeErrors },
      },
    },
    async (request, reply) => {
      const { overlapSeconds = DEFAULT_OVERLAP_S } = request.body ?? {};
      const { userId, name } = userOf(request);
      await channels.of(userId, name);
      const minted = await keys.rotateMain(userId, overlapSeconds * 1_000);
      return reply.code(201).send(toMinted(minted, urls, clock));
    },
  );

  await app.register(keyRoutes, {
    prefix: '/keys',
    keys,
    owner: async (request) => {
      const { userId, name } = userOf(request);
      await channels.of(userId, name);
      return { userId };
    },
    guard: guards.broadcaster,
    params: options.params,
    tag: 'channels',
    urls,
    clock,
  });
  if (!restreams) return;
  await app.register(targetRoutes, {
    prefix: '/restream-targets',
    restreams,
    owner: async (request) => ({ userId: userOf(request).userId }),
    guard: guards.broadcaster,
    params: options.params,
  });
};
