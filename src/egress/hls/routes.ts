import type { Readable } from 'node:stream';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Answer, HlsRendition, Packager, Presentation } from '../../packager/index.js';
import {
  type Clock,
  type ErrorCode,
  type EventLoopLoad,
  type Logger,
  PublicError,
  parseRange,
} from '../../platform/index.js';
import type { AccessScope, JoinFailed, ViewerAdmission, ViewerProtocol } from '../../streams/index.js';
import { noteRefusal, viewerRequestOf, viewerTokenOf } from '../../streams/index.js';
import {
  answerPreflight,
  asNotFound,
  CACHE_MEDIA,
  CACHE_NONE,
  CACHE_PLAYLIST,
  MEDIA_ETAG,
  MEDIA_TYPE,
  notFound,
  PLAYLIST_TYPE,
  sendBytes,
  serverFull,
  setMediaHeaders,
  withToken,
} from '../http/index.js';
import { CmcdReader, type CmcdSample } from './cmcd.js';
import { parseDirectives } from './delivery-directives.js';
import { type HlsPath, parseHlsPath } from './hls-path.js';
import { openSegment } from './open-segment.js';

export type HlsRoutesOptions = {
  packager: Packager;
  /** Admits viewers to playlists and media. */
  admission: ViewerAdmission;
  /** Load of the event loop, which serves every viewer: new ones are refused while it is full. */
  load: Pick<EventLoopLoad, 'isFull' | 'share'>;
  /** Takes what requests of admitted viewers say about their playback (CTA-5004). */
  recordCmcd?: (sample: CmcdSample) => void;
  joinFailed?: JoinFailed | undefined;
  clock: Clock;
  log: Logger;
};

const RETRY_AFTER_S = 1;
const LOG_EVERY_MS = 60_000;
type HlsRequest = FastifyRequest<{ Params: { '*': string }; Querystring: Record<string, unknown> }>;

/**
 * Serves the packager's playlists and media below `/hls/`.
 *
 * Each viewer has a token, the query parameter `v` of playlists. A multivariant playlist requested without one puts a new
 * token into the URIs of its media playlists. A media playlist of a public livestream is also served without a token, and
 * is then not counted as a view.
 *
 * In a private livestream every URI of a media playlist carries the viewer's token, and every media request is checked, a
 * blocked one again when it is answered. In a public one all viewers share the media URIs.
 */
export const hlsRoutes: FastifyPluginAsync<HlsRoutesOptions> = async (
  app,
  { packager, admission, load, recordCmcd, joinFailed, clock, log },
) => {
  const cmcd = recordCmcd && new CmcdReader({ clock, record: recordCmcd });
  let loggedAtMs = Number.NEGATIVE_INFINITY;

  app.addHook('onRequest', setMediaHeaders);

  app.options('/hls/*', answerPreflight);

  app.route<{ Params: HlsRequest['params']; Querystring: HlsRequest['query'] }>({
    method: ['GET', 'HEAD'],
    url: '/hls/*',
    schema: { hide: true },
    handler: async (request, reply) => {
      const path = parseHlsPath(request.params['*']);
      if (!path) throw notFound();
      if (path.name === 'multivariant') {
        const presentation = packager.findPresentation(path.streamId);
        const playlist = presentation?.multivariantPlaylist();
        if (!presentation || !playlist) throw notFound();
        if (load.isFull) throw full(path.streamId, reply);
        const admitted = admission.admit(viewerRequestOf(request, path.streamId));
        const { token } = await asNotFound(noteRefusal(joinFailed, path.streamId, admitted));
        presentation.recordRequest(undefined);
        if (token === '') return sendPlaylist(request, reply, playlist, CACHE_PLAYLIST);
        const own = withToken(playlist.toString('latin1'), token);
        return sendPlaylist(request, reply, Buffer.from(own, 'latin1'), CACHE_NONE);
      }
      const presentation = packager.findPresentation(path.streamId, path.broadcastId);
      if (!presentation) throw notFound();
      if (path.name === 'media') return media(presentation, path.rendition, request, reply);
      const rendition = presentation.rendition(path.rendition);
      if (!rendition) throw notFound();
      let scope = mediaAccess(request, path.streamId) ?? (await admitted(request, path.streamId));
      presentation.recordRequest(path.rendition);
      cmcd?.read(path, request.headers, request.query.CMCD);
      if (path.name === 'part') {
        const answer = rendition.part(path.msn, path.part);
        if (!Buffer.isBuffer(answer)) {
          if (!(await waitForAnswer(answer, presentation, reply, clock))) return reply;
          // The permission may have ended while the request was blocked.
          scope = mediaAccess(request, path.streamId) ?? (await admitted(request, path.streamId));
        }
      }
      if (path.name === 'segment' && rendition.isOpen(path.msn)) {
        const parts = openSegment(rendition, path.msn, {
          mayContinue: () => mediaAccess(request, path.streamId) === scope,
          recordWait: () => presentation.recordWait(),
        });
        return sendOpenSegment(request, reply, rendition.kind, parts, scope);
      }
      const bytes = findMedia(rendition, path);
      if (!bytes) throw notFound();
      return sendMedia(request, reply, rendition.kind, bytes, scope);
    },
  });

  /** Refuses a new viewer: it would delay the parts of all others, and its own. */
  function full(streamId: string, reply: FastifyReply): PublicError {
    const nowMs = clock.monotonic();
    if (nowMs - loggedAtMs >= LOG_EVERY_MS) {
      loggedAtMs = nowMs;
      log.warn({ busyShare: load.share }, 'new HLS viewers are refused: the event loop is full');
    }
    joinFailed?.(streamId, 'hls_busy');
    return serverFull(reply);
  }

  async function media(
    presentation: Presentation,
    renditionId: string,
    request: HlsRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { streamId } = presentation;
    const rendition = presentation.rendition(renditionId);
    if (!rendition) throw notFound();
    const { block, delta } = parseDirectives(request.query);
    const protocol = block || delta ? 'll-hls' : 'hls';
    const token = viewerTokenOf(request);
    const access = (): AccessScope | undefined =>
      token === undefined ? undefined : admission.recordActivity(streamId, token, protocol);
    let scope = access() ?? (await admitted(request, streamId, protocol));
    presentation.recordRequest(renditionId);
    cmcd?.read(presentation, request.headers, request.query.CMCD);
    const answer = block ? rendition.reload(block.msn, block.part) : rendition.ready();
    const answered = waitForAnswer(answer, presentation, reply, clock);
    // Players begin with a plain request; a blocking one that is late is no failure to join.
    if (!(await (block ? answered : noteRefusal(joinFailed, streamId, answered)))) return reply;
    // The permission may have ended while the request was blocked.
    if (isWait(answer)) scope = access() ?? (await admitted(request, streamId, protocol));
    const isPrivate = scope === 'invited';
    const playlist = isPrivate ? rendition.playlistFor(token ?? '', delta) : rendition.playlist(delta);
    if (!playlist) throw notFound();
    if (isPrivate) return sendPlaylist(request, reply, playlist, CACHE_NONE);
    return sendPlaylist(request, reply, playlist, CACHE_PLAYLIST);
  }

  /** Looks the permission up in memory, without the database. */
  function mediaAccess(request: HlsRequest, streamId: string): AccessScope | undefined {
    return admission.mediaAccess(streamId, viewerTokenOf(request));
  }

  function admitted(request: HlsRequest, streamId: string, protocol?: ViewerProtocol): Promise<AccessScope> {
    return asNotFound(admission.admitPlaylistRequest(viewerRequestOf(request, streamId), protocol));
  }
};

/**
 * Waits for a blocked request's part or playlist.
 *
 * @returns false when the client has disconnected.
 * @throws PublicError 400, 404 or 503 when there is nothing to serve
 */
export async function waitForAnswer(
  answer: Answer<unknown>,
  presentation: Presentation,
  reply: FastifyReply,
  clock: Clock,
): Promise<boolean> {
  if (answer === 'gone') throw notFound();
  if (answer === 'full') throw unavailable(reply, 'hls_busy', 'Too many blocked requests: try again later.');
  if (answer === 'out-of-range') {
    throw new PublicError(
      400,
      'hls_msn_out_of_range',
      'The request is too far ahead of the playlist: reload the playlist.',
    );
  }
  if (!isWait(answer)) return true;
  const started = clock.monotonic();
  reply.raw.once('close', answer.cancel);
  const answered = presentation.recordWait();
  const outcome = await answer.outcome;
  answered();
  reply.raw.removeListener('close', answer.cancel);
  switch (outcome) {
    case 'ready':
      return true;
    case 'never':
      throw notFound();
    case 'closed':
      throw unavailable(reply, 'shutting_down', 'The server is restarting: try again.');
    case 'late': {
      const waitedMs = Math.round(clock.monotonic() - started);
      throw unavailable(reply, 'hls_late', 'No new media arrived in time: try again.', { waitedMs });
    }
    case 'cancelled':
      reply.hijack();
      return false;
  }
}

function findMedia(
  rendition: HlsRendition,
  path: Exclude<HlsPath, { name: 'multivariant' | 'media' }>,
): Buffer | undefined {
  switch (path.name) {
    case 'init':
      return rendition.init(path.run);
    case 'segment':
      return rendition.segment(path.msn);
    case 'part': {
      const answer = rendition.part(path.msn, path.part);
      if (Buffer.isBuffer(answer)) return answer;
      if (isWait(answer)) answer.cancel();
      return undefined;
    }
  }
}

type Waiting = Extract<Answer<never>, object>;

function isWait(answer: unknown): answer is Waiting {
  return typeof answer === 'object' && answer !== null && 'outcome' in answer;
}

function unavailable(reply: FastifyReply, code: ErrorCode, message: string, details?: unknown): PublicError {
  reply.header('retry-after', RETRY_AFTER_S);
  return new PublicError(503, code, message, details);
}

function sendPlaylist(
  request: FastifyRequest,
  reply: FastifyReply,
  playlist: Buffer,
  cache: string,
): FastifyReply {
  reply.headers({ 'content-type': PLAYLIST_TYPE, 'cache-control': cache });
  return sendBytes(request, reply, playlist);
}

/** Sends a segment while it is written; a range is ignored (RFC 9110, 14.2). */
function sendOpenSegment(
  request: FastifyRequest,
  reply: FastifyReply,
  kind: HlsRendition['kind'],
  parts: Readable,
  scope: AccessScope,
): FastifyReply {
  reply.headers({
    'content-type': MEDIA_TYPE[kind],
    'cache-control': scope === 'invited' ? CACHE_NONE : CACHE_MEDIA,
  });
  return reply.send(request.method === 'HEAD' ? undefined : parts);
}

function sendMedia(
  request: FastifyRequest,
  reply: FastifyReply,
  kind: HlsRendition['kind'],
  bytes: Buffer,
  scope: AccessScope,
): FastifyReply {
  reply.header('accept-ranges', 'bytes');
  if (scope === 'invited') reply.header('cache-control', CACHE_NONE);
  else {
    reply.header('cache-control', CACHE_MEDIA).header('etag', MEDIA_ETAG);
    if (request.headers['if-none-match'] === MEDIA_ETAG) return reply.code(304).send();
  }
  const range = parseRange(request.headers.range, bytes.length);
  if (range === 'unsatisfiable') {
    reply.header('content-range', `bytes */${bytes.length}`).header('cache-control', 'no-store');
    throw new PublicError(416, 'range_not_satisfiable', 'The range is outside the file.');
  }
  reply.header('content-type', MEDIA_TYPE[kind]);
  if (!range) return sendBytes(request, reply, bytes);
  reply.code(206).header('content-range', `bytes ${range.first}-${range.last}/${bytes.length}`);
  return sendBytes(request, reply, bytes.subarray(range.first, range.last + 1));
}
