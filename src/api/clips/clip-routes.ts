import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { userIdOf } from '../../accounts/index.js';
import type { Chat } from '../../chat/index.js';
import { type Clock, PublicError, RateLimit } from '../../platform/index.js';
import {
  type ClipRange,
  type ClipRequest,
  type Recordings,
  recordingNotFound,
} from '../../recordings/index.js';
import {
  ClipResponse,
  ClipsQuery,
  ClipsResponse,
  CreateClipRequest,
  CreateRecordingClipRequest,
  CursorPageQuery,
  Id,
  ref,
  StreamClipsResponse,
  StreamParams,
  SuccessResponse,
  UpdateClipRequest,
} from '../contract.js';
import type { LivestreamLookup } from '../livestreams/livestream-lookup.js';
import type { PublicUrls } from '../livestreams/stream-view.js';
import { RecordingFinder } from '../recordings/recording-finder.js';
import { errorSchemas } from '../server/error-response.js';
import { ANYONE_READING_SECURITY, CHANGING_SECURITY, type Guards } from '../server/guards.js';
import { BEFORE_LAST, boundOffset, readNumbers } from '../server/number-query.js';
import { readTime } from '../server/request-time.js';
import { ClipPermission } from './clip-permission.js';
import { toClip, toClips } from './clip-view.js';

export type ClipRoutesOptions = {
  clips: Pick<
    Recordings['clips'],
    | 'createFromBroadcast'
    | 'createFromRecording'
    | 'find'
    | 'listByStream'
    | 'listByUser'
    | 'listPublic'
    | 'update'
    | 'remove'
  >;
  permission: ClipPermission;
  lookup: Pick<LivestreamLookup, 'findWatchable' | 'mayListAll'>;
  recordings: RecordingFinder;
  limit: ClipLimit;
  guards: Guards;
  urls: PublicUrls;
};

const ClipParams = Type.Object({ clipId: Id });
const RecordingParams = Type.Object({ recordingId: Id });
const tags = ['clips'];
const createErrors = errorSchemas(400, 401, 403, 404, 409, 413, 415, 429, 500, 503);
const createDescription =
  'For owner, administrators and moderators, and for signed-in viewers with `clipsBy` `viewers`. The clip is cut after the response; it keeps its files when the recording is deleted. 400 `clip_range_invalid`; 409 `recording_quota_reached`, `recording_disk_low`; 429 `rate_limited`, `too_many_clips`';

/** New clips per account: burst, and time to one more, ms. */
const RATE = { capacity: 6, refillMs: 10_000 };

/** Limits the clips that an account makes. The operator acts for many users and is not limited. */
class ClipLimit {
  readonly #limit: RateLimit;
  readonly #guards: Pick<Guards, 'principal'>;

  constructor(guards: Pick<Guards, 'principal'>, clock: Clock) {
    this.#limit = new RateLimit(clock, RATE);
    this.#guards = guards;
  }

  /** @throws PublicError 429 `rate_limited` */
  take(request: FastifyRequest): void {
    const userId = userIdOf(this.#guards.principal(request));
    const waitMs = userId === undefined ? 0 : this.#limit.take(userId);
    if (waitMs === 0) return;
    throw new PublicError(429, 'rate_limited', 'You make clips too fast: wait and try again.', {
      retryAfter: Math.ceil(waitMs / 1_000),
    });
  }
}

/** Options that all routes of clips share. */
export function clipRouteOptions({
  recordings,
  chat,
  lookup,
  guards,
  urls,
  clock,
}: {
  recordings: Pick<Recordings, 'clips' | 'find'>;
  chat: Pick<Chat, 'moderation'>;
  lookup: LivestreamLookup;
  guards: Guards;
  urls: PublicUrls;
  clock: Clock;
}): ClipRoutesOptions {
  return {
    ...{ clips: recordings.clips, lookup, guards, urls, limit: new ClipLimit(guards, clock) },
    permission: new ClipPermission({ lookup, moderation: chat.moderation, guards }),
    recordings: new RecordingFinder(recordings, lookup),
  };
}

/** Clips of a livestream, below `/api/livestream`. */
export const livestreamClipRoutes: FastifyPluginAsync<ClipRoutesOptions> = async (plain, options) => {
  const { clips, permission, lookup, limit, guards, urls } = options;
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.post(
    '/:streamId/clips',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Make a clip of the newest broadcast, also while it runs',
        description: `${createDescription}, 409 \`stream_offline\`: nothing is stored.`,
        tags,
        security: CHANGING_SECURITY,
        params: StreamParams,
        body: ref(CreateClipRequest),
        response: { 201: ref(ClipResponse), ...createErrors },
      },
    },
    async (request, reply) => {
      const livestream = await lookup.findWatchable(request, request.params.streamId);
      await permission.requireClip(request, livestream);
      limit.take(request);
      const range = { start: readTime(request.body.start, 'start'), end: readTime(request.body.end, 'end') };
      const clip = await clips.createFromBroadcast(
        livestream,
        range,
        clipRequest(request.body, request, guards),
      );
      return reply.code(201).send({ clip: toClip({ ...clip, streamId: livestream.id }, urls) });
    },
  );

  app.get(
    '/:streamId/clips',
    {
      onRequest: guards.anyone,
      preValidation: [readNumbers, boundOffset(BEFORE_LAST)],
      schema: {
        summary: 'List the clips of a livestream, and whether the client may make some',
        description:
          'Newest first, for everybody who may watch the livestream: public ones and those of the client; for moderators also unlisted ones, for the owner all.',
        tags,
        security: ANYONE_READING_SECURITY,
        params: StreamParams,
        querystring: CursorPageQuery,
        response: { 200: ref(StreamClipsResponse), ...errorSchemas(400, 401, 404, 429, 500, 503) },
      },
    },
    async (request) => {
      const livestream = await lookup.findWatchable(request, request.params.streamId);
      const listing = await permission.listing(request, livestream);
      const mayClip = listing === 'all' || (await permission.mayClip(request, livestream));
      const found = await clips.listByStream(livestream.id, listing, request.query);
      return { clips: toClips(found, urls), mayClip };
    },
  );
};

/** Clips of a recording, below `/api/recordings`. */
export const recordingClipRoutes: FastifyPluginAsync<ClipRoutesOptions> = async (plain, options) => {
  const { clips, permission, lookup, recordings, limit, guards, urls } = options;
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.post(
    '/:recordingId/clips',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Make a clip of a recording that is ready',
        description: `${createDescription}, 409 \`recording_not_ready\`.`,
        tags,
        security: CHANGING_SECURITY,
        params: RecordingParams,
        body: ref(CreateRecordingClipRequest),
        response: { 201: ref(ClipResponse), ...createErrors },
      },
    },
    async (request, reply) => {
      const recording = await recordings.findWatchable(request, request.params.recordingId);
      const livestream = await lookup.findWatchable(request, recording.streamId).catch((error: unknown) => {
        throw error instanceof PublicError && error.status === 404 ? recordingNotFound() : error;
      });
      await permission.requireClip(request, livestream);
      limit.take(request);
      const wanted = clipRequest(request.body, request, guards);
      const clip = await clips.createFromRecording(recording, rangeOf(request.body), wanted);
      return reply.code(201).send({ clip: toClip({ ...clip, streamId: livestream.id }, urls) });
    },
  );
};

/** Single clips and lists, below `/api/clips`. */
export const clipRoutes: FastifyPluginAsync<ClipRoutesOptions> = async (plain, options) => {
  const { clips, permission, lookup, guards, urls } = options;
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const changeErrors = errorSchemas(400, 401, 403, 404, 413, 415, 429, 500, 503);

  app.get(
    '',
    {
      onRequest: guards.anyone,
      preValidation: [readNumbers, boundOffset(BEFORE_LAST)],
      schema: {
        summary: 'List public clips, or those of an account',
        description:
          'Newest first: public clips of public livestreams. With `userId` those that the user made; for the account itself and administrators all of them, and those of its livestreams. With `ownerId` the public ones of the livestreams of that user.',
        tags,
        security: ANYONE_READING_SECURITY,
        querystring: ClipsQuery,
        response: { 200: ref(ClipsResponse), ...errorSchemas(400, 401, 429, 500, 503) },
      },
    },
    async (request) => {
      const { userId, ownerId, ...page } = request.query;
      const isAll = userId !== undefined && ownerId === undefined && lookup.mayListAll(request, userId);
      const found = isAll
        ? await clips.listByUser(userId, page)
        : await clips.listPublic({ userId, ownerId }, page);
      return { clips: toClips(found, urls) };
    },
  );

  app.get(
    '/:clipId',
    {
      onRequest: guards.anyone,
      schema: {
        summary: 'Get a clip',
        description: 'For everybody who may watch the livestream, unless the clip is private.',
        tags,
        security: ANYONE_READING_SECURITY,
        params: ClipParams,
        response: { 200: ref(ClipResponse), ...errorSchemas(400, 401, 404, 429, 500, 503) },
      },
    },
    async (request) => {
      const { clip } = await permission.require(request, await clips.find(request.params.clipId), 'watch');
      return { clip: toClip(clip, urls) };
    },
  );

  app.patch(
    '/:clipId',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Change title or visibility of a clip',
        description: 'For the account that made it, owner, administrators and moderators of the livestream.',
        tags,
        security: CHANGING_SECURITY,
        params: ClipParams,
        body: ref(UpdateClipRequest),
        response: { 200: ref(ClipResponse), ...changeErrors },
      },
    },
    async (request) => {
      const { clip } = await permission.require(request, await clips.find(request.params.clipId), 'change');
      const { title, visibility } = request.body;
      const changed = await clips.update(clip, { title: title?.trim(), visibility });
      return { clip: toClip({ ...changed, streamId: clip.streamId }, urls) };
    },
  );

  app.delete(
    '/:clipId',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Delete a clip with its files',
        description: 'For those who may change it, also while it is being cut.',
        tags,
        security: CHANGING_SECURITY,
        params: ClipParams,
        response: { 200: ref(SuccessResponse), ...errorSchemas(400, 401, 403, 404, 429, 500, 503) },
      },
    },
    async (request) => {
      const { clip } = await permission.require(request, await clips.find(request.params.clipId), 'change');
      await clips.remove(clip);
      return { success: true as const };
    },
  );
};

function clipRequest(
  { title, visibility = 'public', exact = false }: CreateRecordingClipRequest,
  request: FastifyRequest,
  guards: Guards,
): ClipRequest {
  return { title: title.trim(), visibility, exact, createdBy: userIdOf(guards.principal(request)) ?? null };
}

/** @throws PublicError 400 `validation_failed` */
function rangeOf({ start, end, startS, endS }: CreateRecordingClipRequest): ClipRange {
  if (start !== undefined && end !== undefined && startS === undefined && endS === undefined)
    return { start: readTime(start, 'start'), end: readTime(end, 'end') };
  if (startS !== undefined && endS !== undefined && start === undefined && end === undefined)
    return { startS, endS };
  throw new PublicError(400, 'validation_failed', 'Give start and end, or startS and endS.');
}
