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
  streams: Pick<ApiStreams, 'endLivestream' | 'kick' | 'remove' | 'status'>;
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
    throw new PublicError(
      403,
      'not_allowed',
      'You can create livestreams only as yourself: leave out userId.',
    );
  }

  app.post(
    '/create',
    {
      onRequest: guards.broadcaster,
      schema: {
        summary: 'Create a livestream',
        description:
          'For accounts that may broadcast. 400 `ladder_invalid`: the renditions of `ladder` do not descend. Administrators and the operator may name another user as owner. The stream key is shown only in this response.',
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
        guests,
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
        ...(guests ? { invitees: guests } : {}),
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
        summary: 'Edit a livestream',
        description:
          'Possible while live. A smaller viewer limit does not disconnect viewers. A `ladder` applies from the next broadcast on; 400 `ladder_invalid`: its renditions do not descend. A private test (`testing`) begins while nothing is broadcast, else 409 `stream_under_way`; it may end at any time, and the running broadcast goes on for everybody who may watch it.',
        tags,
        security,
        params: StreamParams,
        body: ref(EditRequest),
        response: { 200: ref(StreamResponse), ...errorsAndConflict },
      },
    },
    async (request) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      const { title, scheduledAt, testing, ...rest } = request.body;
      if (testing && streams.status(id).state.name !== 'offline')
        throw new PublicError(
          409,
          'stream_under_way',
          'This livestream is being broadcast: begin a test while nothing is broadcast.',
        );
      const date = timeOf(scheduledAt);
      const livestream = await livestreams.edit(id, {
        ...rest,
        ...(title === undefined ? {} : { title: title.trim() }),
        ...(date === undefined ? {} : { scheduledAt: date }),
        ...(testing === undefined ? {} : { isTesting: testing }),
      });
      if (!livestream) throw streamNotFound();
      return { stream: await lookup.show(livestream) };
    },
  );

  app.delete(
    '/:streamId',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Delete a livestream',
        description:
          'Also deletes its chat, keys, invitations and view history. 409 `stream_under_way` while it is being broadcast or waits for its publisher: end it first.',
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
        throw new PublicError(409, 'stream_under_way', 'This livestream is being broadcast: end it first.');
      await thumbnails.remove(id);
      return SUCCESS;
    },
  );

  app.post(
    '/:streamId/start',
    {
      onRequest: guards.signedIn,
      schema: {
        summary: 'Announce the start of a livestream',
        description:
          'Takes the livestream off the upcoming list; one whose broadcast has ended by itself becomes scheduled again. It becomes `live` only when its media are playable: start the encoder. Idempotent, also while live. 409 `livestream_ended`: it was ended permanently.',
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
        summary: 'End a livestream permanently',
        description: 'Its stream keys admit no further publishers. Idempotent.',
        tags,
        security,
        params: StreamParams,
        body: Type.Union([ref(EndRequest), Type.Null()]),
        response: { 200: ref(SuccessResponse), ...ownersErrors },
      },
    },
    async (request) => {
      const { id } = await lookup.findManageable(request, request.params.streamId);
      if (!(await streams.endLivestream(id, 'ended-by-owner'))) throw streamNotFound();
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
        summary: 'Disconnect the publisher',
        description:
          'The stream key stays valid: the broadcast waits for a publisher as after a lost connection. 409 `nobody_publishes`: no publisher is connected.',
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
        throw new PublicError(409, 'nobody_publishes', 'No publisher is connected to this livestream.');
      return SUCCESS;
    },
  );
};

function timeOf(text: string | null | undefined): Date | null | undefined {
  return text === null || text === undefined ? text : readTime(text, 'scheduledAt');
}
