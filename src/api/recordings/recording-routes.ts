import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { BoundedCalls, type Clock, PublicError } from '../../platform/index.js';
import { type Recordings, recordingNotFound } from '../../recordings/index.js';
import type { Livestreams, Visibility } from '../../streams/index.js';
import type { Videos } from '../../videos/index.js';
import {
  CursorPageQuery,
  EditRecordingRequest,
  Id,
  OwnRecordingsResponse,
  PageQuery,
  RecordingResponse,
  RecordingsResponse,
  ref,
  StartRecordingRequest,
  StreamParams,
  SuccessResponse,
  UserId,
} from '../contract.js';
import type { LivestreamLookup } from '../livestreams/livestream-lookup.js';
import type { PublicUrls } from '../livestreams/stream-view.js';
import { errorSchemas } from '../server/error-response.js';
import {
  ANYONE_READING_SECURITY,
  CHANGING_SECURITY,
  type Guards,
  READING_SECURITY,
} from '../server/guards.js';
import { BEFORE_LAST, boundOffset, readNumbers } from '../server/number-query.js';
import { PageCache } from '../server/page-cache.js';
import { RecordingFinder } from './recording-finder.js';
import { toRecording, toRecordings } from './recording-view.js';

export type RecordingRoutesOptions = {
  recordings: Pick<
    Recordings,
    | 'startRecording'
    | 'stopRecording'
    | 'find'
    | 'edit'
    | 'listByStream'
    | 'listByUser'
    | 'listPublic'
    | 'usage'
    | 'remove'
    | 'onUpdate'
  >;
  videos: Pick<Videos, 'usage'>;
  livestreams: Pick<Livestreams, 'onUpdate'>;
  lookup: Pick<LivestreamLookup, 'findManageable' | 'findWatchable' | 'mayListAll' | 'rightTo'>;
  guards: Guards;
  /** Bounds the time of database queries for viewers. */
  calls?: BoundedCalls | undefined;
  urls: PublicUrls;
  clock: Clock;
};

const OwnRecordingsQuery = Type.Object(
  {
    ...CursorPageQuery.properties,
    userId: Type.Optional(UserId),
    streamId: Type.Optional(Id),
    state: Type.Optional(Type.Enum(['recording', 'ready', 'failed'])),
  },
  { additionalProperties: false },
);
const RecentQuery = Type.Object(
  {
    ...CursorPageQuery.properties,
    userId: Type.Optional(UserId),
    streamId: Type.Optional(Id),
  },
  { additionalProperties: false },
);
/** From the most open one. */
const VISIBILITIES: readonly Visibility[] = ['public', 'unlisted', 'private'];
const RecordingParams = Type.Object({ recordingId: Id });
const SUCCESS = { success: true as const };
const tags = ['recordings'];

/** Recordings of a livestream, below `/api/livestream`. */
export const livestreamRecordingRoutes: FastifyPluginAsync<RecordingRoutesOptions> = async (
  plain,
  options,
) => {
  const { recordings, lookup, guards, urls } = options;
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.post(
    '/:streamId/recordings',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Start recording the running broadcast',
        description:
          'From the next segment on, until it is stopped or the broadcast ends. 409 `stream_offline`: nothing is broadcast; `recording_under_way`: it is being recorded; `recording_quota_reached`, `recording_disk_low`: there is no room.',
        tags,
        security: CHANGING_SECURITY,
        params: StreamParams,
        body: Type.Union([ref(StartRecordingRequest), Type.Null()]),
        response: {
          201: ref(RecordingResponse),
          ...errorSchemas(400, 401, 403, 404, 409, 413, 415, 429, 500, 503),
        },
      },
    },
    async (request, reply) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      const recording = await recordings.startRecording(id, { renditions: request.body?.renditions });
      return reply.code(201).send({ recording: toRecording({ ...recording, streamId: id }, urls) });
    },
  );

  app.get(
    '/:streamId/recordings',
    {
      onRequest: guards.anyone,
      preValidation: readNumbers,
      schema: {
        summary: 'List the recordings of a livestream',
        description:
          'Newest first. All for the owner and administrators; for others who may watch the livestream those that are not more private than it.',
        tags,
        security: ANYONE_READING_SECURITY,
        params: StreamParams,
        querystring: PageQuery,
        response: { 200: ref(RecordingsResponse), ...errorSchemas(400, 401, 404, 429, 500, 503) },
      },
    },
    async (request) => {
      const livestream = await lookup.findWatchable(request, request.params.streamId);
      const { id } = livestream;
      const isOwn = (await lookup.rightTo(request, livestream)) === 'manage';
      const listed = isOwn
        ? VISIBILITIES
        : VISIBILITIES.slice(0, VISIBILITIES.indexOf(livestream.visibility) + 1);
      const found = await recordings.listByStream(id, request.query, listed);
      return { recordings: found.map((recording) => toRecording({ ...recording, streamId: id }, urls)) };
    },
  );
};

/** Single recordings, below `/api/recordings`. */
export const recordingRoutes: FastifyPluginAsync<RecordingRoutesOptions> = async (plain, options) => {
  const { recordings, videos, lookup, guards, urls, clock, calls = new BoundedCalls({ clock }) } = options;
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const changeErrors = errorSchemas(400, 401, 403, 404, 429, 500, 503);

  const pages = new PageCache({ calls, clock });
  const forgets = [recordings, options.livestreams].map((changing) => changing.onUpdate(() => pages.clear()));
  app.addHook('onClose', async () => {
    for (const forget of forgets) forget();
  });
  const finder = new RecordingFinder(recordings, lookup);

  app.get(
    '',
    {
      onRequest: guards.signedIn,
      preValidation: [readNumbers, boundOffset(BEFORE_LAST)],
      schema: {
        summary: 'List the recordings of an account, and the storage that it takes',
        description:
          'Newest first, over all livestreams. Those of another account (`userId`) are for administrators.',
        tags,
        security: READING_SECURITY,
        querystring: OwnRecordingsQuery,
        response: { 200: ref(OwnRecordingsResponse), ...errorSchemas(400, 401, 403, 429, 500, 503) },
      },
    },
    async (request) => {
      const { userId: wanted, ...filter } = request.query;
      const userId = wanted ?? guards.userId(request);
      if (!lookup.mayListAll(request, userId))
        throw new PublicError(403, 'not_allowed', 'The recordings of others are for administrators.');
      const [found, storage, ofVideos] = await Promise.all([
        recordings.listByUser(userId, filter),
        recordings.usage(userId),
        videos.usage(userId),
      ]);
      const sizeBytes = storage.sizeBytes + ofVideos.sizeBytes;
      return {
        recordings: toRecordings(found, urls),
        storage: { ...storage, videos: ofVideos.videos, sizeBytes },
      };
    },
  );

  app.get(
    '/recent',
    {
      preValidation: [readNumbers, boundOffset(BEFORE_LAST)],
      schema: {
        summary: 'List public recordings, newest first',
        description: 'Recordings that are ready; `userId`, `streamId`: those of an account or a livestream.',
        tags,
        querystring: RecentQuery,
        response: { 200: ref(RecordingsResponse), ...errorSchemas(400, 500, 503) },
      },
    },
    async ({ query }, reply) => {
      const { limit, offset, before, userId, streamId } = query;
      const key = JSON.stringify([limit, offset, before, userId, streamId]);
      return await pages.send(reply, key, async () => ({
        recordings: toRecordings(await recordings.listPublic(query), urls),
      }));
    },
  );

  app.get(
    '/:recordingId',
    {
      onRequest: guards.anyone,
      schema: {
        summary: 'Get a recording',
        tags,
        security: ANYONE_READING_SECURITY,
        params: RecordingParams,
        response: { 200: ref(RecordingResponse), ...errorSchemas(400, 401, 404, 429, 500, 503) },
      },
    },
    async (request) => ({
      recording: toRecording(await finder.findWatchable(request, request.params.recordingId), urls),
    }),
  );

  app.post(
    '/:recordingId/stop',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Stop a recording',
        description: 'The broadcast goes on. Idempotent: a recording that has ended stays as it is.',
        tags,
        security: CHANGING_SECURITY,
        params: RecordingParams,
        body: Type.Union([Type.Object({}, { additionalProperties: false }), Type.Null()]),
        response: { 200: ref(RecordingResponse), ...changeErrors, ...errorSchemas(413, 415) },
      },
    },
    async (request) => {
      const { id, streamId } = await finder.findManageable(request, request.params.recordingId);
      const recording = await recordings.stopRecording(id);
      return { recording: toRecording({ ...recording, streamId }, urls) };
    },
  );

  app.patch(
    '/:recordingId',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Change the title of a recording, or who may watch it',
        tags,
        security: CHANGING_SECURITY,
        params: RecordingParams,
        body: ref(EditRecordingRequest),
        response: { 200: ref(RecordingResponse), ...changeErrors, ...errorSchemas(413, 415) },
      },
    },
    async (request) => {
      const { id, streamId } = await finder.findManageable(request, request.params.recordingId);
      const recording = await recordings.edit(id, request.body);
      if (!recording) throw recordingNotFound();
      return { recording: toRecording({ ...recording, streamId }, urls) };
    },
  );

  app.delete(
    '/:recordingId',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Delete a recording with its files',
        description: '409 `recording_under_way` while it records: stop it first.',
        tags,
        security: CHANGING_SECURITY,
        params: RecordingParams,
        response: { 200: ref(SuccessResponse), ...changeErrors, ...errorSchemas(409) },
      },
    },
    async (request) => {
      const recording = await finder.findManageable(request, request.params.recordingId);
      if (!(await recordings.remove(recording)))
        throw new PublicError(409, 'recording_under_way', 'This recording is running: stop it first.');
      return SUCCESS;
    },
  );
};
