import type { FastifyReply, FastifyRequest } from 'fastify';
import { PublicError } from '../../platform/index.js';

export const PLAYLIST_TYPE = 'application/vnd.apple.mpegurl';
export const MPD_TYPE = 'application/dash+xml';
export const MEDIA_TYPE = { video: 'video/mp4', audio: 'audio/mp4' } as const;

/**
 * URLs of media are never reused, so a player may cache them for an hour. A shared cache revalidates each second (RFC
 * 9111, 5.2.2.10), as a livestream may become private and a recording may be deleted.
 */
export const CACHE_MEDIA = 'public, max-age=3600, s-maxage=1, immutable';
/** One validator for all media, as the content of a URL never changes (RFC 9110, 8.8.3). */
export const MEDIA_ETAG = '"1"';
/**
 * Browsers revalidate each time; a shared cache may serve a playlist for a second. So may answers of blocking reloads,
 * although RFC 8216bis, appendix B.1 allows more: video.js repeats the last reload until the next segment has a part,
 * and would read the cached playlist of its browser for ever.
 */
export const CACHE_PLAYLIST = 'public, max-age=0, s-maxage=1';
/** For answers with a viewer token and for media of private livestreams: every request is checked. */
export const CACHE_NONE = 'private, no-store';
/** `Retry-After` for viewers that are refused while the event loop is full. */
const FULL_RETRY_AFTER_S = 5;
const PREFLIGHT_MAX_AGE_S = 86_400;
/** Headers that players of other origins send: credentials of viewers, and those of CMCD (CTA-5004). */
const REQUEST_HEADERS =
  'Authorization, Range, Content-Type, Accept, Cache-Control, CMCD-Request, CMCD-Object, CMCD-Status, CMCD-Session';

/** Headers of every answer. `cache-control` is that of errors; other answers replace it. */
const DEFAULT_HEADERS = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers':
    'Date, Content-Length, Content-Range, Content-Disposition, Accept-Ranges, ETag, Age, Retry-After',
  'cross-origin-resource-policy': 'cross-origin',
  'cache-control': 'no-store',
};

/** Hook that sets the headers of all answers; without a promise, as it runs for every part of every viewer. */
export function setMediaHeaders(_request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  reply.headers(DEFAULT_HEADERS);
  done();
}

/** Answers the CORS preflight of a player on a page of another origin. */
export async function answerPreflight(_request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  return reply
    .code(204)
    .headers({
      'access-control-allow-methods': 'GET, HEAD, OPTIONS',
      'access-control-allow-headers': REQUEST_HEADERS,
      'access-control-max-age': PREFLIGHT_MAX_AGE_S,
    })
    .send();
}

export const notFound = (): PublicError =>
  new PublicError(404, 'not_found', 'This playlist or file does not exist, or not any more.');

/** Turns any 404 into the ordinary one, so that private livestreams cannot be probed. */
export async function asNotFound<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw error instanceof PublicError && error.status === 404 ? notFound() : error;
  }
}

/** Returns the error for a new viewer while the event loop is full. */
export function serverFull(reply: FastifyReply): PublicError {
  reply.header('retry-after', FULL_RETRY_AFTER_S);
  return new PublicError(
    503,
    'hls_busy',
    'The server is busy with other viewers: try again in some seconds.',
  );
}

export function sendBytes(request: FastifyRequest, reply: FastifyReply, bytes: Buffer): FastifyReply {
  if (request.method === 'HEAD') return reply.header('content-length', bytes.length).send();
  return reply.send(bytes);
}

/** Adds a viewer token, which needs no escaping, to the URIs of a multivariant playlist; empty or undefined: none. */
export function withToken(playlist: string, token: string | undefined): string {
  return token ? playlist.replaceAll('/index.m3u8', `/index.m3u8?v=${token}`) : playlist;
}
