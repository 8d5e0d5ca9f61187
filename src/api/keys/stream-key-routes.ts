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
  const toMintedKey = (minted: MintedStreamKey) => toMinted(minted, urls, clock);

  app.get(
    '',
    {
      onRequest: guard,
      schema: {
        summary: 'List stream keys, newest first',
        description: 'Includes expired and revoked keys. Secrets are not included.',
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
        summary: 'Create a further stream key',
        description:
          'May be restricted to protocols and addresses, and may expire. 400: `expiry_past`, `address_range_invalid`. 409 `too_many_keys`: there are 50 usable keys.',
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
      return reply.code(201).send(toMintedKey(minted));
    },
  );

  app.delete(
    '/:keyId',
    {
      onRequest: guard,
      schema: {
        summary: 'Revoke a stream key',
        description:
          'Disconnects a publisher that uses the key and ends the broadcast; the livestream can go live again with another key.',
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
        summary: 'Replace a stream key',
        description:
          'Creates a key with the same restrictions. The replaced key admits publishers until the overlap ends. 409 `key_not_current`: the key is already replaced, revoked or expired.',
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
      return reply.code(201).send(toMintedKey(minted));
    },
  );

  app.get(
    '/:keyId/uses',
    {
      onRequest: guard,
      preValidation: readNumbers,
      schema: {
        summary: 'List the uses of a stream key, newest first',
        description:
          'Uses are kept for `KEEP_KEY_USES_DAYS` (default: 90), at most 1,000 admissions and 1,000 refusals per key.',
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
        summary: 'List attempts to publish without a stream key, newest first',
        description:
          'Signed-in users publish by `stream:offer` over the socket. Records are kept like the uses of stream keys.',
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
