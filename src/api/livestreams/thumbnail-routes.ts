import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { mayEverybodyWatch } from '../../accounts/index.js';
import { PublicError, streamNotFound } from '../../platform/index.js';
import { MAX_THUMBNAIL_BYTES, type ThumbnailStore } from '../../thumbnails/index.js';
import { ref, StreamParams, SuccessResponse, ThumbnailResponse } from '../contract.js';
import { errorSchemas } from '../server/error-response.js';
import { ANYONE_READING_SECURITY, CHANGING_SECURITY, type Guards } from '../server/guards.js';
import type { ApiLivestreams, LivestreamLookup } from './livestream-lookup.js';
import { type PublicUrls, thumbnailPath, toThumbnailUrl } from './stream-view.js';

const TYPES = ['image/jpeg', 'image/png', 'image/webp'];
/** URLs with a version are immutable. Shared caches revalidate each second, as the livestream may become private. */
const VERSIONED_CACHE_CONTROL = 'public, max-age=31536000, s-maxage=1, immutable';
const CACHE_NEWEST = 'public, max-age=60, s-maxage=1';
const CACHE_PRIVATE = 'private, no-store';

export type ThumbnailRoutesOptions = {
  livestreams: Pick<ApiLivestreams, 'edit'>;
  lookup: LivestreamLookup;
  guards: Guards;
  thumbnails: Pick<ThumbnailStore, 'keep' | 'findUpload' | 'captured' | 'remove'>;
  urls: PublicUrls;
};

/** Thumbnail of a livestream. */
export const thumbnailRoutes: FastifyPluginAsync<ThumbnailRoutesOptions> = async (
  plain,
  { livestreams, lookup, guards, thumbnails, urls },
) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const tags = ['livestreams'];
  const url = '/:streamId/thumbnail';
  const imageContent = Object.fromEntries(
    TYPES.map((type) => [type, { schema: Type.Unsafe<Buffer>({ contentMediaType: type }) }]),
  );

  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    TYPES,
    { parseAs: 'buffer', bodyLimit: MAX_THUMBNAIL_BYTES },
    async (_request: unknown, body: Buffer) => body,
  );
  app.addContentTypeParser('*', async () => {
    throw wrongType();
  });

  app.put(
    url,
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Upload the thumbnail of a livestream',
        description: `A JPEG, PNG or WebP of at most ${MAX_THUMBNAIL_BYTES / 1_024} KB. Replaces the earlier upload, and takes precedence over thumbnails captured from broadcasts.`,
        tags,
        security: CHANGING_SECURITY,
        params: StreamParams,
        body: { content: imageContent },
        response: {
          200: ref(ThumbnailResponse),
          ...errorSchemas(400, 401, 403, 404, 413, 415, 429, 500, 503),
        },
      },
    },
    async (request: FastifyRequest<{ Params: { streamId: string } }>) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      if (!Buffer.isBuffer(request.body)) throw wrongType();
      const kept = await thumbnails.keep(id, request.body);
      if (!kept) throw new PublicError(400, 'not_a_picture', 'The body must be a JPEG, PNG or WebP image.');
      const livestream = await livestreams.edit(id, { thumbnailUrl: thumbnailPath(kept) });
      if (!livestream) {
        await thumbnails.remove(id); // deleted meanwhile
        throw streamNotFound();
      }
      return {
        success: true as const,
        thumbnailUrl: toThumbnailUrl(id, livestream.thumbnailUrl, urls) ?? '',
      };
    },
  );

  app.delete(
    url,
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Delete the uploaded thumbnail of a livestream',
        description: 'While it is live, thumbnails are captured from its broadcast again.',
        tags,
        security: CHANGING_SECURITY,
        params: StreamParams,
        response: { 200: ref(SuccessResponse), ...errorSchemas(400, 401, 403, 404, 429, 500, 503) },
      },
    },
    async (request) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      await livestreams.edit(id, { thumbnailUrl: null });
      await thumbnails.remove(id);
      return { success: true as const };
    },
  );

  app.get(
    url,
    {
      onRequest: guards.anyone,
      schema: {
        summary: 'Get the thumbnail of a livestream',
        description:
          'The uploaded one, else the newest capture of its broadcast (`stream.thumbnailUrl` is its URL). 404 `thumbnail_not_found`: there is none.',
        tags,
        security: ANYONE_READING_SECURITY,
        params: StreamParams,
        querystring: Type.Object({ v: Type.Optional(Type.String({ maxLength: 64 })) }),
        response: {
          200: { description: 'The image', content: imageContent },
          304: Type.Null({ description: 'Unchanged since the ETag in If-None-Match' }),
          ...errorSchemas(400, 401, 404, 429, 500, 503),
        },
      },
    },
    async (request, reply) => {
      const livestream = await lookup.findWatchable(request, request.params.streamId);
      const { id, thumbnailUrl, visibility } = livestream;
      let found = thumbnailUrl === null ? thumbnails.captured(id, visibility) : undefined;
      if (thumbnailUrl !== null && !/^https?:/.test(thumbnailUrl)) found = await thumbnails.findUpload(id);
      if (!found)
        throw new PublicError(404, 'thumbnail_not_found', 'This livestream has no thumbnail on this server.');
      const etag = `"${found.version}"`;
      const cachePublic = request.query.v === found.version ? VERSIONED_CACHE_CONTROL : CACHE_NEWEST;
      const caching = mayEverybodyWatch(livestream) ? cachePublic : CACHE_PRIVATE;
      reply.headers({ etag, 'cache-control': caching });
      if (request.headers['if-none-match']?.includes(etag)) return reply.code(304).send(undefined as never);
      return reply.type(found.type).send(found.bytes as never);
    },
  );
};

function wrongType(): PublicError {
  return new PublicError(415, 'unsupported_media_type', `The body must be one of ${TYPES.join(', ')}.`);
}
