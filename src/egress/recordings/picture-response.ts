import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AccessScope } from '../../streams/index.js';
import { CACHE_NONE, CACHE_PLAYLIST, sendBytes } from '../http/index.js';

/** A sheet never changes; a poster may within the first minute. Shared caches revalidate each second. */
const CACHE_PICTURE = {
  sprite: 'public, max-age=3600, s-maxage=1, immutable',
  poster: 'public, max-age=60, s-maxage=1',
} as const;

export function sendPicture(
  request: FastifyRequest,
  reply: FastifyReply,
  scope: AccessScope,
  kind: keyof typeof CACHE_PICTURE,
  jpeg: Buffer,
): FastifyReply {
  return send(request, reply, 'image/jpeg', scope === 'invited' ? CACHE_NONE : CACHE_PICTURE[kind], jpeg);
}

/** Sends WebVTT. */
export function sendCues(
  request: FastifyRequest,
  reply: FastifyReply,
  scope: AccessScope,
  cues: string,
): FastifyReply {
  const cache = scope === 'invited' ? CACHE_NONE : CACHE_PLAYLIST;
  return send(request, reply, 'text/vtt; charset=utf-8', cache, Buffer.from(cues));
}

/** Suffix of URIs in cues: the viewer token where the livestream is private. */
export function cueSuffix(scope: AccessScope, token: string | undefined): string {
  return scope === 'invited' ? `?v=${encodeURIComponent(token ?? '')}` : '';
}

function send(
  request: FastifyRequest,
  reply: FastifyReply,
  type: string,
  cache: string,
  bytes: Buffer,
): FastifyReply {
  reply.headers({ 'content-type': type, 'cache-control': cache });
  return sendBytes(request, reply, bytes);
}
