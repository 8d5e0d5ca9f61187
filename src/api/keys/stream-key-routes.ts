import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync, FastifyRequest, onRequestAsyncHookHandler } from 'fastify';
import { type TProperties, Type } from 'typebox';
import type { MintedStreamKey, StreamKeyOwner, StreamKeys } from '../../accounts/index.js';
import type { Clock } from '../../platform/index.js';
import {
  CreateKeyRequest,
  Id,
  PageQuery,
  PublisherSignInsResponse,
  RotateKeyRequest,
  ref,
  StreamKeyResponse,
  StreamKeysResponse,
  StreamKeyUsesResponse,
  SuccessResponse,
} from '../contract.js';
import type { LivestreamLookup } from '../livestreams/livestream-lookup.js';
import type { PublicUrls } from '../livestreams/stream-view.js';
import { errorSchemas } from '../server/error-response.js';
import { CHANGING_SECURITY, type Guards, READING_SECURITY } from '../server/guards.js';
import { readNumbers } from '../server/number-query.js';
import { readTime } from '../server/request-time.js';
import { toIngestServers, toStreamKey } from './stream-key-view.js';

/** Default time for which a replaced key still admits publishers, in s. */
export const DEFAULT_OVERLAP_S = 3_600;

export type KeyRoutesOptions = {
  keys: Pick<StreamKeys, 'list' | 'create' | 'rotate' | 'revoke' | 'uses'>;
  /** Returns the owner of the keys. @throws PublicError when the principal may not manage them. */
  owner(request: FastifyRequest): Promise<StreamKeyOwner>;
  guard: onRequestAsyncHookHandler;
  /** Parameters in the prefix under which these routes are registered. */
  params: TProperties;
  tag: string;
  urls: PublicUrls;
  clock: Clock;
};

/** Keys of one owner; registered below the path of their livestream or channel. */
export const keyRoutes: FastifyPluginAsync<KeyRoutesOptions> = async (plain, options) => {
  const { keys, owner, guard, urls, clock } = options;
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const tags = [options.tag];
  const params = Type.Object(options.params);
  const keyParams = Type.Object({ ...options.params, keyId: Id });
  const errors = errorSchemas(400, 401, 403, 404, 429, 500, 503);
  const changeErrors = { ...errors, ...errorSchemas(409, 413, 415) };
  const show = (minted: MintedStreamKey) => toMinted(minted, urls, clock);

  app.get(
    '',
    {
      onRequest: guard,
      schema: {
        summary: 'The stream keys, the newest first',
        description: 'Also those that admit nobody any more. The secrets are not shown again.',
        tags,
        security: READING_SECURITY,
        params,
        response: { 200: ref(StreamKeysResponse), ...errors },
      },
    },
    async (request) => {
      const found = await keys.list(await owner(request));
      return { keys: found.map((key) => toStreamKey(key, clock.now())) };
    },
  );

  app.post(
    '',
    {
      onRequest: guard,
      schema: {
        summary: 'Make one more stream key',
        description:
          'It can be limited to protocols and addresses, and expire. `expiry_past`, `address_range_invalid`: 400; more than 50 usable keys: 409 `too_many_keys`.',
        tags,
        security: CHANGING_SECURITY,
        params,
        body: Type.Union([ref(CreateKeyRequest), Type.Null()]),
        response: { 201: ref(StreamKeyResponse), ...changeErrors },
      },
    },
    async (request, reply) => {
      const { label = '', protocols = null, addressRanges = null, expiresAt } = request.body ?? {};
      const minted = await keys.create(await owner(request), {
        label,
        protocols,
        addressRanges,
        expiresAt: expiresAt === undefined ? null : readTime(expiresAt, 'expiresAt'),
      });
      return reply.code(201).send(show(minted));
    },
  );

  app.delete(
    '/:keyId',
    {
      onRequest: guard,
      schema: {
        summary: 'Revoke a stream key, at once',
        description:
          'Whoever publishes with it is dropped and the broadcast ends; the livestream can go live again with another key.',
        tags,
        security: CHANGING_SECURITY,
        params: keyParams,
        response: { 200: ref(SuccessResponse), ...errors },
      },
    },
    async (request) => {
      await keys.revoke(await owner(request), request.params.keyId);
      return { success: true as const };
    },
  );

  app.post(
    '/:keyId/rotate',
    {
      onRequest: guard,
      schema: {
        summary: 'Make a stream key in place of another',
        description:
          'With the same limits. The old one admits publishers until the overlap is over. One that is replaced, revoked or expired already: 409 `key_not_current`.',
        tags,
        security: CHANGING_SECURITY,
        params: keyParams,
        body: Type.Union([ref(RotateKeyRequest), Type.Null()]),
        response: { 201: ref(StreamKeyResponse), ...changeErrors },
      },
    },
    async (request, reply) => {
      const { overlapSeconds = DEFAULT_OVERLAP_S } = request.body ?? {};
      const minted = await keys.rotate(await owner(request), request.params.keyId, overlapSeconds * 1_000);
      return reply.code(201).send(show(minted));
    },
  );

  app.get(
    '/:keyId/uses',
    {
      onRequest: guard,
      preValidation: readNumbers,
      schema: {
        summary: 'Who showed a stream key, the newest first',
        description:
          'Of the last 90 days, unless the gateway is set to keep them longer or shorter; at most 1,000 publishers that were admitted, and as many that were refused.',
        tags,
        security: READING_SECURITY,
        params: keyParams,
        querystring: PageQuery,
        response: { 200: ref(StreamKeyUsesResponse), ...errors },
      },
    },
    async (request) => {
      const found = await keys.uses(await owner(request), request.params.keyId, request.query);
      return {
        uses: found.map(({ id, streamId, usedAt, protocol, address, outcome }) => {
          return { id, streamId, usedAt: usedAt.toISOString(), protocol, address, outcome };
        }),
      };
    },
  );
};

/** Key with its secret, which only this response contains. */
export function toMinted(minted: MintedStreamKey, urls: PublicUrls, clock: Clock): StreamKeyResponse {
  const { key, secret } = minted;
  return { key: toStreamKey(key, clock.now()), streamKey: secret, ingest: toIngestServers(urls) };
}

export type StreamKeyRoutesOptions = Pick<KeyRoutesOptions, 'urls' | 'clock'> & {
  keys: KeyRoutesOptions['keys'] & Pick<StreamKeys, 'signIns'>;
  lookup: Pick<LivestreamLookup, 'findManageable'>;
  guards: Guards;
};

/** `/:streamId/keys` and `/:streamId/sign-ins`, below `/api/livestream`: for the broadcaster and admins. */
export const streamKeyRoutes: FastifyPluginAsync<StreamKeyRoutesOptions> = async (plain, options) => {
  const { lookup, guards, keys, urls, clock } = options;
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  app.get(
    '/:streamId/sign-ins',
    {
      onRequest: guards.signedIn,
      preValidation: readNumbers,
      schema: {
        summary: 'Who asked to publish signed in, without a stream key, the newest first',
        description:
          'By `stream:offer` over the socket. Kept as the uses of stream keys are, in numbers and in time.',
        tags: ['stream keys'],
        security: READING_SECURITY,
        params: Type.Object({ streamId: Id }),
        querystring: PageQuery,
        response: {
          200: ref(PublisherSignInsResponse),
          ...errorSchemas(400, 401, 403, 404, 429, 500, 503),
        },
      },
    },
    async (request) => {
      const { id: streamId } = await lookup.findManageable(request, request.params.streamId);
      const found = await keys.signIns(streamId, request.query);
      return {
        signIns: found.map(({ id, userId, usedAt, protocol, address, outcome }) => {
          return { id, userId, usedAt: usedAt.toISOString(), protocol, address, outcome };
        }),
      };
    },
  );
  await app.register(keyRoutes, {
    prefix: '/:streamId/keys',
    keys,
    owner: async (request) => {
      const { streamId } = request.params as { streamId: string };
      return { streamId: (await lookup.findManageable(request, streamId)).id };
    },
    guard: guards.signedIn,
    params: { streamId: Id },
    tag: 'stream keys',
    urls,
    clock,
  });
};
