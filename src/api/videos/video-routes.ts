import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { isAdmin, userIdOf } from '../../accounts/index.js';
import { type BoundedCalls, type Clock, PublicError } from '../../platform/index.js';
import { type Video as StoredVideo, type Videos, videoNotFound } from '../../videos/index.js';
import {
  CursorPageQuery,
  EditVideoRequest,
  Id,
  ref,
  SuccessResponse,
  UserId,
  VideoResponse,
  VideosResponse,
} from '../contract.js';
import type { PublicUrls } from '../livestreams/stream-view.js';
import { errorSchemas } from '../server/error-response.js';
import { ANYONE_READING_SECURITY, CHANGING_SECURITY, type Guards } from '../server/guards.js';
import { readNumbers } from '../server/number-query.js';
import { PageCache } from '../server/page-cache.js';
import { readAnnouncement } from './upload-request.js';
import { toVideo } from './video-view.js';

export type VideoRoutesOptions = {
  videos: Pick<
    Videos,
    'announceUpload' | 'handleUpload' | 'find' | 'listByUser' | 'listPublic' | 'edit' | 'cancel' | 'remove'
  >;
  guards: Guards;
  urls: Pick<PublicUrls, 'below'>;
  calls: BoundedCalls;
  clock: Clock;
};

const VideoParams = Type.Object({ videoId: Id });
const VideosQuery = Type.Object(
  {
    limit: CursorPageQuery.properties.limit,
    before: CursorPageQuery.properties.before,
    userId: Type.Optional(UserId),
  },
  { additionalProperties: false },
);
const UPLOAD_TYPE = 'application/offset+octet-stream';
const tags = ['videos'];
const SUCCESS = { success: true as const };

/** Uploaded videos, below `/api/videos`. */
export const videoRoutes: FastifyPluginAsync<VideoRoutesOptions> = async (plain, options) => {
  const { videos, guards, urls, calls, clock } = options;
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const readErrors = errorSchemas(400, 401, 404, 429, 500, 503);
  const changeErrors = errorSchemas(400, 401, 403, 404, 413, 415, 429, 500, 503);
  const pages = new PageCache({ calls, clock });
  await app.register(uploadRoutes, options);

  const isManager = (request: FastifyRequest, { userId }: Pick<StoredVideo, 'userId'>): boolean => {
    const principal = guards.principal(request);
    return isAdmin(principal) || userIdOf(principal) === userId;
  };
  async function find(request: FastifyRequest, id: string, right: 'watch' | 'manage'): Promise<StoredVideo> {
    const video = await videos.find(id);
    if (!video) throw videoNotFound();
    if (isManager(request, video)) return video;
    // Unfinished ones are nobody else's business.
    if (video.visibility === 'private' || video.state !== 'ready') {
      guards.mustBeKnown(request);
      throw videoNotFound();
    }
    if (right === 'watch') return video;
    throw new PublicError(403, 'not_allowed', 'This video belongs to another user.');
  }

  app.get(
    '',
    {
      onRequest: guards.anyone,
      preValidation: readNumbers,
      schema: {
        summary: 'List the videos of an account',
        description:
          'Newest first: all of the own account, or those of `userId`, of which others see the public ones that are ready.',
        tags,
        security: ANYONE_READING_SECURITY,
        querystring: VideosQuery,
        response: { 200: ref(VideosResponse), ...errorSchemas(400, 401, 403, 429, 500, 503) },
      },
    },
    async (request) => {
      const { userId: wanted, ...page } = request.query;
      const userId = wanted ?? guards.userId(request);
      const found = await videos.listByUser(userId, page, isManager(request, { userId }) ? 'all' : 'public');
      return { videos: found.map((video) => toVideo(video, urls)) };
    },
  );

  app.get(
    '/recent',
    {
      preValidation: readNumbers,
      schema: {
        summary: 'List public videos, newest first',
        description: 'Videos that are ready.',
        tags,
        querystring: CursorPageQuery,
        response: { 200: ref(VideosResponse), ...errorSchemas(400, 500, 503) },
      },
    },
    async ({ query: { limit, before } }, reply) =>
      await pages.send(reply, JSON.stringify([limit, before]), async () => ({
        videos: (await videos.listPublic({ limit, before })).map((video) => toVideo(video, urls)),
      })),
  );

  app.get(
    '/:videoId',
    {
      onRequest: guards.anyone,
      schema: {
        summary: 'Get a video',
        tags,
        security: ANYONE_READING_SECURITY,
        params: VideoParams,
        response: { 200: ref(VideoResponse), ...readErrors },
      },
    },
    async (request) => ({ video: toVideo(await find(request, request.params.videoId, 'watch'), urls) }),
  );

  app.patch(
    '/:videoId',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Change title or visibility of a video',
        tags,
        security: CHANGING_SECURITY,
        params: VideoParams,
        body: ref(EditVideoRequest),
        response: { 200: ref(VideoResponse), ...changeErrors },
      },
    },
    async (request) => {
      const { id } = await find(request, request.params.videoId, 'manage');
      const { title, ...rest } = request.body;
      const video = await videos.edit(id, {
        ...rest,
        ...(title === undefined ? {} : { title: title.trim() }),
      });
      if (!video) throw videoNotFound();
      return { video: toVideo(video, urls) };
    },
  );

  app.post(
    '/:videoId/cancel',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Cancel the upload or transcoding of a video',
        description: 'The uploaded file is deleted. 409 `video_not_under_way`: it is ready or has failed.',
        tags,
        security: CHANGING_SECURITY,
        params: VideoParams,
        body: Type.Union([Type.Object({}, { additionalProperties: false }), Type.Null()]),
        response: { 200: ref(SuccessResponse), ...changeErrors, ...errorSchemas(409) },
      },
    },
    async (request) => {
      const video = await find(request, request.params.videoId, 'manage');
      if (!(await videos.cancel(video)))
        throw new PublicError(
          409,
          'video_not_under_way',
          'This video is ready or has failed: delete it instead.',
        );
      return SUCCESS;
    },
  );

  app.delete(
    '/:videoId',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Delete a video with its files, whatever its state',
        tags,
        security: CHANGING_SECURITY,
        params: VideoParams,
        response: { 200: ref(SuccessResponse), ...changeErrors },
      },
    },
    async (request) => {
      const { id } = await find(request, request.params.videoId, 'manage');
      await videos.remove(id);
      return SUCCESS;
    },
  );
};

/** The tus protocol: `POST` creates an upload, `HEAD`, `PATCH` and `DELETE` at its address continue it. */
const uploadRoutes: FastifyPluginAsync<VideoRoutesOptions> = async (plain, { videos, guards }) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  app.addContentTypeParser(UPLOAD_TYPE, (_request, _payload, done) => done(null));
  const errors = errorSchemas(400, 401, 403, 404, 413, 415, 429, 500, 503, 507);

  app.post(
    '',
    {
      onRequest: guards.broadcaster,
      schema: {
        summary: 'Upload a video (tus)',
        description:
          'Creates a resumable upload as https://tus.io/protocols/resumable-upload says; `Location` is its address. `Upload-Length` is required. `Upload-Metadata`: `title` or `filename`, `visibility` (default: private), and for administrators `userId`. The file is recognised by its content, and transcoded when the upload is complete. 400 `upload_empty`, 413 `upload_too_large` or `storage_quota_reached`, 429 `too_many_uploads`; 507 `storage_disk_low`: the announced lengths of all uploads in progress count as used.',
        tags,
        security: CHANGING_SECURITY,
        response: { 201: Type.Null({ description: 'Created' }), ...errors },
      },
    },
    async (request, reply) => {
      const { userId: wanted, ...upload } = readAnnouncement(request);
      const isOther = wanted !== undefined && wanted !== userIdOf(guards.principal(request));
      if (isOther && !isAdmin(guards.principal(request)))
        throw new PublicError(403, 'not_allowed', 'You can upload only as yourself: leave out userId.');
      const userId = wanted ?? guards.userId(request);
      return await answer(request, reply, await videos.announceUpload({ ...upload, userId }));
    },
  );

  app.route<{ Params: { videoId: string } }>({
    method: ['HEAD', 'PATCH', 'DELETE'],
    url: '/:videoId/upload',
    onRequest: guards.signedIn,
    // A client may send many small pieces.
    config: { ownLimit: true },
    schema: { hide: true },
    handler: async (request, reply) => {
      const video = await videos.find(request.params.videoId);
      const principal = guards.principal(request);
      const isOwn = video && (isAdmin(principal) || userIdOf(principal) === video.userId);
      if (!isOwn || (video.state !== 'uploading' && request.method !== 'HEAD')) throw videoNotFound();
      return await answer(request, reply, video.id);
    },
  });

  async function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    videoId: string,
  ): Promise<FastifyReply> {
    reply.hijack();
    reply.raw.setHeader('cache-control', 'no-store');
    await videos.handleUpload(request.raw, reply.raw, videoId);
    return reply;
  }
};
