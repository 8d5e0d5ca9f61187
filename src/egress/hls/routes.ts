import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import type { Answer, Packager, RenditionFeed } from '../../packager/index.js';
import { type Clock, PublicError } from '../../platform/index.js';
import type { ViewerGate, ViewerRequest } from '../../streams/index.js';
import { parseRange } from './byte-range.js';
import { parseDirectives } from './delivery-directives.js';
import { type HlsPath, parseHlsPath } from './hls-path.js';

export type HlsRoutesOptions = {
  packager: Packager;
  /** Decides who gets playlists; segments and parts are for whoever knows their names. */
  gate: ViewerGate;
  clock: Clock;
};

const PLAYLIST_TYPE = 'application/vnd.apple.mpegurl';
const MEDIA_TYPE = { video: 'video/mp4', audio: 'audio/mp4' } as const;
/** Names are never used twice, so these may be kept; an hour is longer than anybody looks back. */
const CACHE_MEDIA = 'public, max-age=3600, immutable';
/** Browsers ask each time; a shared cache in front may answer a crowd for a second. */
const CACHE_PLAYLIST = 'public, max-age=0, s-maxage=1';
/** A blocked playlist's address names its state: so many target durations (RFC 8216bis, appendix B.1). */
const CACHE_BLOCKED_TARGETS = 6;
/** What names a viewer, or what only some may have. */
const CACHE_NOBODY = 'private, no-store';
const RETRY_AFTER_S = 1;
const PREFLIGHT_MAX_AGE_S = 86_400;

const notFound = (): PublicError => new PublicError(404, 'not_found', 'There is nothing here (any more)');

type HlsRequest = FastifyRequest<{ Params: { '*': string }; Querystring: Record<string, unknown> }>;

/**
 * Serves what the packager holds under `/hls/`.
 *
 * Every viewer has a token, `v` in the query of their playlists: whoever asks for the multivariant playlist without one
 * gets it in the addresses of the media playlists. A media playlist that is asked for without a token is served where
 * everybody may watch, but counts for nobody.
 */
export const hlsRoutes: FastifyPluginAsync<HlsRoutesOptions> = async (app, { packager, gate, clock }) => {
  // Errors leave with these headers; what succeeds says otherwise.
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
        'access-control-allow-headers': 'Range, Content-Type, Accept, Cache-Control',
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
        const playlist = packager.find(path.streamId)?.multivariantPlaylist();
        if (!playlist) throw notFound();
        const { token } = await hiding(gate.admit(viewerRequest(request, path.streamId)));
        if (token === '') return sendPlaylist(request, reply, playlist, CACHE_PLAYLIST);
        return sendPlaylist(request, reply, withToken(playlist, token), CACHE_NOBODY);
      }
      const feed = packager.find(path.streamId, path.broadcastId)?.rendition(path.rendition);
      if (!feed) throw notFound();
      if (path.name === 'media') return media(feed, path.streamId, request, reply);
      const bytes = await find(feed, path, reply);
      if (!bytes) return reply;
      return sendMedia(request, reply, feed.kind, bytes);
    },
  });

  async function media(
    feed: RenditionFeed,
    streamId: string,
    request: HlsRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { block, delta } = parseDirectives(request.query);
    const protocol = block || delta ? 'll-hls' : 'hls';
    const token = tokenOf(request);
    const admitted = async () =>
      (token === undefined ? undefined : gate.seen(streamId, token, protocol)) ??
      (await hiding(gate.pass(viewerRequest(request, streamId), protocol)));
    let openness = await admitted();
    if (block) {
      const answer = feed.reload(block.msn, block.part);
      if (!(await settled(answer, reply))) return reply;
      // The permission may have ended while the request was blocked.
      if (isWait(answer)) openness = await admitted();
    }
    const playlist = feed.playlist(delta);
    if (!playlist) throw notFound();
    if (openness === 'invited') return sendPlaylist(request, reply, playlist, CACHE_NOBODY);
    const cache = block ? `public, max-age=${feed.targetDuration * CACHE_BLOCKED_TARGETS}` : CACHE_PLAYLIST;
    return sendPlaylist(request, reply, playlist, cache);
  }

  async function find(
    feed: RenditionFeed,
    path: Exclude<HlsPath, { name: 'multivariant' | 'media' }>,
    reply: FastifyReply,
  ): Promise<Buffer | undefined> {
    let bytes: Buffer | undefined;
    switch (path.name) {
      case 'init':
        bytes = feed.init(path.run);
        break;
      case 'segment':
        bytes = feed.segment(path.msn);
        break;
      case 'part': {
        let answer = feed.part(path.msn, path.part);
        if (!Buffer.isBuffer(answer)) {
          if (!(await settled(answer, reply))) return undefined;
          answer = feed.part(path.msn, path.part);
        }
        if (Buffer.isBuffer(answer)) bytes = answer;
      }
    }
    if (!bytes) throw notFound();
    return bytes;
  }

  /**
   * Waits for what the packager promised.
   *
   * @returns false when the one who asked has gone: there is nobody to answer.
   */
  async function settled(answer: Answer<unknown>, reply: FastifyReply): Promise<boolean> {
    if (answer === 'gone') throw notFound();
    if (answer === 'full') throw unavailable(reply, 'hls_busy', 'Too many requests are waiting');
    if (answer === 'out-of-range') {
      throw new PublicError(400, 'hls_msn_out_of_range', 'This is too far ahead of the playlist');
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
        throw unavailable(reply, 'shutting_down', 'The server is restarting');
      case 'late': {
        const waitedMs = Math.round(clock.monotonic() - started);
        throw unavailable(reply, 'hls_late', 'Nothing new has come yet', { waitedMs });
      }
      case 'cancelled':
        reply.hijack();
        return false;
    }
  }
};

function tokenOf(request: HlsRequest): string | undefined {
  const { v } = request.query;
  return typeof v === 'string' && v !== '' ? v : undefined;
}

function viewerRequest(request: HlsRequest, streamId: string): ViewerRequest {
  const { authorization, cookie, origin } = request.headers;
  const { ip: address, host } = request;
  return { streamId, token: tokenOf(request), authorization, cookie, origin, host, address };
}

/** What must not be known is missing as everything else is. */
async function hiding<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw error instanceof PublicError && error.status === 404 ? notFound() : error;
  }
}

/** Puts a viewer's token into the addresses of a multivariant playlist. It needs no escaping. */
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

function unavailable(reply: FastifyReply, code: string, message: string, details?: unknown): PublicError {
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
  kind: RenditionFeed['kind'],
  bytes: Buffer,
): FastifyReply {
  const range = parseRange(request.headers.range, bytes.length);
  if (range === 'unsatisfiable') {
    reply.header('content-range', `bytes */${bytes.length}`);
    throw new PublicError(416, 'range_not_satisfiable', 'The range lies outside the file');
  }
  reply.headers({
    'content-type': MEDIA_TYPE[kind],
    'cache-control': CACHE_MEDIA,
    'accept-ranges': 'bytes',
  });
  if (!range) return sendBytes(request, reply, bytes);
  reply.code(206).header('content-range', `bytes ${range.first}-${range.last}/${bytes.length}`);
  return sendBytes(request, reply, bytes.subarray(range.first, range.last + 1));
}
