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
  guards: Guards;
  urls: PublicUrls;
  clock: Clock;
};

type Who = { userId: string; name?: string };

/** `/api/channel`: the own channel; `/api/users/:userId/channel`: any channel, for admins and the operator. */
export const channelRoutes: FastifyPluginAsync<ChannelRoutesOptions> = async (app, options) => {
  const { guards, clock } = options;
  const changes = new RateLimit(clock, { capacity: CHANGES, refillMs: CHANGE_REFILL_MS });
  app.addHook('onRequest', guards.broadcaster);
  app.addHook('onRequest', async (request, reply) => {
    const principal = guards.principal(request);
    if (request.method === 'GET' || principal.kind !== 'account') return;
    const wait = changes.take(principal.userId);
    if (wait === 0) return;
    reply.header('retry-after', Math.ceil(wait / 1_000));
    throw new PublicError(429, 'rate_limited', 'Too many requests: wait and try again.');
  });
  app.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });

  await app.register(routes, {
    ...options,
    prefix: '/api/channel',
    params: {},
    who: (request) => {
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
    who: (request) => {
      const { userId } = request.params as { userId: string };
      const principal = guards.principal(request);
      if (isAdmin(principal) || userIdOf(principal) === userId) return { userId };
      throw new PublicError(403, 'not_allowed', 'This channel belongs to somebody else.');
    },
  });
};

type RoutesOptions = ChannelRoutesOptions & { params: TProperties; who(request: FastifyRequest): Who };

const routes: FastifyPluginAsync<RoutesOptions> = async (plain, options) => {
  const { keys, channels, guards, urls, clock, who } = options;
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const tags = ['channels'];
  const params = Type.Object(options.params);
  const errors = errorSchemas(400, 401, 403, 429, 500, 503);
  const changeErrors = { ...errors, ...errorSchemas(409, 413, 415) };

  const show = async ({ userId, name }: Who) => {
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
        summary: 'A channel: what an encoder that is set up once begins',
        description: 'Made on the first ask. Its key is made by `POST …/key`.',
        tags,
        security: READING_SECURITY,
        params,
        response: { 200: ref(ChannelResponse), ...errors },
      },
    },
    async (request) => await show(who(request)),
  );

  app.patch(
    '',
    {
      schema: {
        summary: 'Change what livestreams are like that begin without having been made before',
        tags,
        security: CHANGING_SECURITY,
        params,
        body: ref(ChannelRequest),
        response: { 200: ref(ChannelResponse), ...changeErrors },
      },
    },
    async (request) => {
      const { userId, name } = who(request);
      await channels.of(userId, name);
      await channels.change(userId, request.body);
      return await show({ userId });
    },
  );

  app.post(
    '/key',
    {
      schema: {
        summary: "Make the channel's key, or one in its place",
        description:
          'Publishing with it resumes the livestream that is under way, else begins the one scheduled within 30 minutes, else makes one. The old key admits publishers until the overlap is over.',
        tags,
        security: CHANGING_SECURITY,
        params,
        body: Type.Union([ref(RotateKeyRequest), Type.Null()]),
        response: { 201: ref(StreamKeyResponse), ...changeErrors },
      },
    },
    async (request, reply) => {
      const { overlapSeconds = DEFAULT_OVERLAP_S } = request.body ?? {};
      const { userId, name } = who(request);
      await channels.of(userId, name);
      const minted = await keys.rotateMain(userId, overlapSeconds * 1_000);
      return reply.code(201).send(toMinted(minted, urls, clock));
    },
  );

  await app.register(keyRoutes, {
    prefix: '/keys',
    keys,
    owner: async (request) => {
      const { userId, name } = who(request);
      await channels.of(userId, name);
      return { userId };
    },
    guard: guards.broadcaster,
    params: options.params,
    tag: 'channels',
    urls,
    clock,
  });
};
