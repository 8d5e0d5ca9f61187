import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { hashStreamKey, isAdmin, mintStreamKey, userIdOf } from '../../accounts/index.js';
import { PublicError, streamNotFound } from '../../platform/index.js';
import type { ThumbnailStore } from '../../thumbnails/index.js';
import {
  CreateRequest,
  CreateResponse,
  EditRequest,
  EndRequest,
  ref,
  StreamParams,
  StreamResponse,
  SuccessResponse,
} from '../contract.js';
import { errorSchemas } from '../server/error-response.js';
import { CHANGING_SECURITY, type Guards } from '../server/guards.js';
import { readTime } from '../server/request-time.js';
import type { ApiLivestreams, ApiStreams, LivestreamLookup } from './livestream-lookup.js';
import { type PublicUrls, toPlayback } from './stream-view.js';

export type LivestreamOwnerRoutesOptions = {
  livestreams: Pick<ApiLivestreams, 'create' | 'edit' | 'markStarted'>;
  streams: Pick<ApiStreams, 'end' | 'kick' | 'remove'>;
  lookup: LivestreamLookup;
  guards: Guards;
  thumbnails: Pick<ThumbnailStore, 'remove'>;
  urls: PublicUrls;
};

const SUCCESS = { success: true as const };

/** Creating, editing, starting, ending and deleting livestreams, by their broadcaster and administrators. */
export const livestreamOwnerRoutes: FastifyPluginAsync<LivestreamOwnerRoutesOptions> = async (
  plain,
  { livestreams, streams, lookup, guards, thumbnails, urls },
) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const tags = ['livestreams'];
  const security = CHANGING_SECURITY;
  const ownersErrors = errorSchemas(400, 401, 403, 404, 413, 415, 429, 500, 503);
  const errorsAndConflict = { ...ownersErrors, ...errorSchemas(409) };

  /** Returns the owner of a new livestream. */
  function ownerOf(request: FastifyRequest, wanted: string | undefined): string | null {
    const principal = guards.principal(request);
    const own = userIdOf(principal) ?? null;
    if (wanted === undefined || wanted === own) return own;
    if (isAdmin(principal)) return wanted;
    throw new PublicError(403, 'not_allowed', 'You can make livestreams in your own name alone.');
  }

  app.post(
    '/create',
    {
      onRequest: guards.broadcaster,
      schema: {
        summary: 'Make a livestream',
        description:
          'For accounts that may broadcast, in their own name; administrators and the operator may name another user. The stream key is shown this once.',
        tags,
        security,
        body: ref(CreateRequest),
        response: { 201: ref(CreateResponse), ...errorSchemas(400, 401, 403, 413, 415, 429, 500, 503) },
      },
    },
    async (request, reply) => {
      const {
        title,
        description = '',
        recordingEnabled = false,
        scheduledAt,
        userId,
        ...rest
      } = request.body;
      const streamKey = mintStreamKey();
      const { id } = await livestreams.create({
        ...rest,
        userId: ownerOf(request, userId),
        title: title.trim(),
        description,
        recordingEnabled,
        scheduledAt: timeOf(scheduledAt) ?? null,
        streamKeyHash: hashStreamKey(streamKey),
      });
      const rtmps = urls.rtmpsServer();
      const whip = urls.whip?.();
      return reply.code(201).send({
        streamId: id,
        streamKey,
        ingest: {
          rtmp: { server: urls.rtmpServer(), key: streamKey },
          ...(rtmps ? { rtmps: { server: rtmps, key: streamKey } } : {}),
          ...(whip ? { whip: { server: whip, key: streamKey } } : {}),
        },
        playback: toPlayback(id, urls),
      });
    },
  );

  app.patch(
    '/:streamId',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Change a livestream',
        description: 'Also while it is live. A smaller viewer limit sends nobody away.',
        tags,
        security,
        params: StreamParams,
        body: ref(EditRequest),
        response: { 200: ref(StreamResponse), ...ownersErrors },
      },
    },
    async (request) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      const { title, scheduledAt, ...rest } = request.body;
      const date = timeOf(scheduledAt);
      const livestream = await livestreams.edit(id, {
        ...rest,
        ...(title === undefined ? {} : { title: title.trim() }),
        ...(date === undefined ? {} : { scheduledAt: date }),
      });
      if (!livestream) throw streamNotFound();
      return { stream: lookup.show(livestream) };
    },
  );

  app.delete(
    '/:streamId',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Remove a livestream',
        description:
          'With its chat, its keys, its guests and all that was counted. One that is under way, or waits for its publisher, must be ended first (409 `stream_under_way`).',
        tags,
        security,
        params: StreamParams,
        response: { 200: ref(SuccessResponse), ...errorsAndConflict },
      },
    },
    async (request) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      const outcome = await streams.remove(id);
      if (outcome === 'unknown') throw streamNotFound();
      if (outcome === 'under-way')
        throw new PublicError(409, 'stream_under_way', 'This livestream is under way: end it first.');
      await thumbnails.remove(id);
      return SUCCESS;
    },
  );

  app.post(
    '/:streamId/start',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Say that a livestream begins',
        description:
          'It is no longer listed as one to come, and one whose broadcast ended by itself waits for the next. It is `live` as soon as its media can be watched and never before: start the encoder. Starting again, or one that is live, changes nothing; one that was ended for good answers 409 `livestream_ended`.',
        tags,
        security,
        params: StreamParams,
        body: Type.Union([Type.Object({}, { additionalProperties: false }), Type.Null()]),
        response: { 200: ref(SuccessResponse), ...errorsAndConflict },
      },
    },
    async (request) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      const outcome = await livestreams.markStarted(id);
      if (outcome === 'unknown') throw streamNotFound();
      if (outcome === 'over')
        throw new PublicError(409, 'livestream_ended', 'This livestream has ended: create a new one.');
      return SUCCESS;
    },
  );

  app.post(
    '/:streamId/end',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'End a livestream for good',
        description: 'Its key admits nobody any more. Ending it again changes nothing.',
        tags,
        security,
        params: StreamParams,
        body: Type.Union([ref(EndRequest), Type.Null()]),
        response: { 200: ref(SuccessResponse), ...ownersErrors },
      },
    },
    async (request) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      if (!(await streams.end(id, 'ended-by-owner'))) throw streamNotFound();
      const recordingUrl = request.body?.recordingUrl;
      if (recordingUrl !== undefined) await livestreams.edit(id, { recordingUrl });
      return SUCCESS;
    },
  );

  app.post(
    '/:streamId/kick',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Close the connection of whoever publishes',
        description:
          'Their key stays good: the broadcast waits for them, or another encoder, as after a lost connection. Where nobody publishes: 409 `nobody_publishes`.',
        tags,
        security,
        params: StreamParams,
        body: Type.Union([Type.Object({}, { additionalProperties: false }), Type.Null()]),
        response: { 200: ref(SuccessResponse), ...errorsAndConflict },
      },
    },
    async (request) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      if (!streams.kick(id))
        throw new PublicError(409, 'nobody_publishes', 'Nobody publishes to this livestream now.');
      return SUCCESS;
    },
  );
};

function timeOf(text: string | null | undefined): Date | null | undefined {
  return text === null || text === undefined ? text : readTime(text, 'scheduledAt');
}
