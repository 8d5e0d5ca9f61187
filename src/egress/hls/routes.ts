import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Answer, HlsRendition, Packager } from '../../packager/index.js';
import { type Clock, type ErrorCode, PublicError } from '../../platform/index.js';
import type { AccessScope, ViewerAdmission, ViewerProtocol, ViewerRequest } from '../../streams/index.js';
import { parseRange } from './byte-range.js';
import { parseDirectives } from './delivery-directives.js';
import { type HlsPath, parseHlsPath } from './hls-path.js';

export type HlsRoutesOptions = {
  packager: Packager;
  /** Admits viewers to playlists and media. */
  admission: ViewerAdmission;
  clock: Clock;
};

const PLAYLIST_TYPE = 'application/vnd.apple.mpegurl';
const MEDIA_TYPE = { video: 'video/mp4', audio: 'audio/mp4' } as const;
/**
 * URLs are never reused, so a player may cache media for an hour. A shared cache revalidates each second (RFC 9111,
 * 5.2.2.10), as a livestream may become private.
 */
const CACHE_MEDIA = 'public, max-age=3600, s-maxage=1, immutable';
/** One validator for all, as the content of a URL never changes (RFC 9110, 8.8.3). */
const MEDIA_ETAG = '"1"';
/**
 * Browsers revalidate each time; a shared cache may serve a playlist for a second. So may answers of blocking reloads,
 * although RFC 8216bis, appendix B.1 allows more: video.js repeats the last reload until the next segment has a part,
 * and would read the cached playlist of its browser for ever.
 */
const CACHE_PLAYLIST = 'public, max-age=0, s-maxage=1';
/** For playlists with a viewer token and for media of private livestreams. */
const CACHE_NONE = 'private, no-store';
const RETRY_AFTER_S = 1;
const PREFLIGHT_MAX_AGE_S = 86_400;
/** Headers that players of other origins send: credentials of viewers, and those of CMCD (CTA-5004). */
const REQUEST_HEADERS =
  'Authorization, Range, Content-Type, Accept, Cache-Control, CMCD-Request, CMCD-Object, CMCD-Status, CMCD-Session';

const notFound = (): PublicError =>
  new PublicError(404, 'not_found', 'This playlist or file does not exist, or not any more.');

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
  { packager, admission, clock },
) => {
  // Defaults for errors; successful responses override `cache-control`.
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({
      'access-control-allow-origin': '*',
      'access-control-expose-headers': 'Date, Content-Length, Content-Range, Accept-Ranges, Age, Retry-After',
      'cross-origin-resource-policy': 'cross-origin',
      'cache-control': 'no-store',
    });
  });

  app.options('/hls/*', async (_request, reply) => {
    return reply
      .code(204)
      .headers({
        'access-control-allow-methods': 'GET, HEAD, OPTIONS',
        'access-control-allow-headers': REQUEST_HEADERS,
        'access-control-max-age': PREFLIGHT_MAX_AGE_S,
      })
      .send();
  });

  app.route<{ Params: HlsRequest['params']; Querystring: HlsRequest['query'] }>({
    method: ['GET', 'HEAD'],
    url: '/hls/*',
    schema: { hide: true },
    handler: async (request, reply) => {
      const path = parseHlsPath(request.params['*']);
      if (!path) throw notFound();
      if (path.name === 'multivariant') {
        const playlist = packager.findPresentation(path.streamId)?.multivariantPlaylist();
        if (!playlist) throw notFound();
        const { token } = await asNotFound(admission.admit(viewerRequest(request, path.streamId)));
        if (token === '') return sendPlaylist(request, reply, playlist, CACHE_PLAYLIST);
        return sendPlaylist(request, reply, withToken(playlist, token), CACHE_NONE);
      }
      const rendition = packager.findPresentation(path.streamId, path.broadcastId)?.rendition(path.rendition);
      if (!rendition) throw notFound();
      if (path.name === 'media') return media(rendition, path.streamId, request, reply);
      let scope = mediaAccess(request, path.streamId) ?? (await admitted(request, path.streamId));
      if (path.name === 'part') {
        const answer = rendition.part(path.msn, path.part);
        if (!Buffer.isBuffer(answer)) {
          if (!(await waitForAnswer(answer, reply))) return reply;
          // The permission may have ended while the request was blocked.
          scope = mediaAccess(request, path.streamId) ?? (await admitted(request, path.streamId));
        }
      }
      const bytes = findMedia(rendition, path);
      if (!bytes) throw notFound();
      return sendMedia(request, reply, rendition.kind, bytes, scope);
    },
  });

  async function media(
    rendition: HlsRendition,
    streamId: string,
    request: HlsRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { block, delta } = parseDirectives(request.query);
    const protocol = block || delta ? 'll-hls' : 'hls';
    const token = tokenOf(request);
    const access = (): AccessScope | undefined =>
      token === undefined ? undefined : admission.recordActivity(streamId, token, protocol);
    let scope = access() ?? (await admitted(request, streamId, protocol));
    if (block) {
      const answer = rendition.reload(block.msn, block.part);
      if (!(await waitForAnswer(answer, reply))) return reply;
      // The permission may have ended while the request was blocked.
      if (isWait(answer)) scope = access() ?? (await admitted(request, streamId, protocol));
    }
    const isPrivate = scope === 'invited';
    const playlist = isPrivate ? rendition.playlistFor(token ?? '', delta) : rendition.playlist(delta);
    if (!playlist) throw notFound();
    if (isPrivate) return sendPlaylist(request, reply, playlist, CACHE_NONE);
    return sendPlaylist(request, reply, playlist, CACHE_PLAYLIST);
  }

  /** Looks the permission up in memory, without the database. */
  function mediaAccess(request: HlsRequest, streamId: string): AccessScope | undefined {
    return admission.mediaAccess(streamId, tokenOf(request));
  }

  function admitted(request: HlsRequest, streamId: string, protocol?: ViewerProtocol): Promise<AccessScope> {
    return asNotFound(admission.admitPlaylistRequest(viewerRequest(request, streamId), protocol));
  }

  /**
   * Waits for a blocked request's part or playlist.
   *
   * @returns false when the client has disconnected.
   * @throws PublicError 400, 404 or 503 when there is nothing to serve
   */
  async function waitForAnswer(answer: Answer<unknown>, reply: FastifyReply): Promise<boolean> {
    if (answer === 'gone') throw notFound();
    if (answer === 'full')
      throw unavailable(reply, 'hls_busy', 'Too many blocked requests: try again later.');
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
    const outcome = await answer.outcome;
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
};

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

function tokenOf(request: HlsRequest): string | undefined {
  const { v } = request.query;
  return typeof v === 'string' && v !== '' ? v : undefined;
}

function viewerRequest(request: HlsRequest, streamId: string): ViewerRequest {
  const { authorization, cookie, origin } = request.headers;
  const { ip: address, host } = request;
  return { streamId, token: tokenOf(request), authorization, cookie, origin, host, address };
}

/** Turns any 404 into the ordinary one, so that private livestreams cannot be probed. */
async function asNotFound<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw error instanceof PublicError && error.status === 404 ? notFound() : error;
  }
}

/** Adds a viewer token, which needs no escaping, to the URIs of a multivariant playlist. */
function withToken(playlist: Buffer, token: string): Buffer {
  return Buffer.from(
    playlist.toString('latin1').replaceAll('/index.m3u8', `/index.m3u8?v=${token}`),
    'latin1',
  );
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

function sendBytes(request: FastifyRequest, reply: FastifyReply, bytes: Buffer): FastifyReply {
  if (request.method === 'HEAD') return reply.header('content-length', bytes.length).send();
  return reply.send(bytes);
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
