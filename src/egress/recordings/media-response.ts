import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PublicError, parseRange } from '../../platform/index.js';
import type { FilePart } from '../../recordings/index.js';
import type { AccessScope } from '../../streams/index.js';
import { CACHE_MEDIA, CACHE_NONE, MEDIA_ETAG, MEDIA_TYPE, notFound } from '../http/index.js';

/** Query of a request for playlists and media; `v` is the viewer token. */
export type MediaQuery = Record<string, unknown>;
export type MediaRequest = FastifyRequest<{ Params: { '*': string }; Querystring: MediaQuery }>;

/** Sets the headers for caches. @returns whether the client's copy is current */
export function isUnchanged(
  request: FastifyRequest,
  reply: FastifyReply,
  scope: AccessScope,
  etag = MEDIA_ETAG,
): boolean {
  if (scope === 'invited') {
    reply.header('cache-control', CACHE_NONE);
    return false;
  }
  reply.header('cache-control', CACHE_MEDIA).header('etag', etag);
  return request.headers['if-none-match'] === etag;
}

/** Bytes of a segment or an initialization section. */
export type SentPart = {
  kind: FilePart['kind'];
  byteLength: number;
  /** Reads a range of it. @returns undefined when it was deleted */
  read(first: number, byteLength: number): Promise<Readable | Buffer | undefined>;
};

export async function sendPart(
  request: FastifyRequest,
  reply: FastifyReply,
  scope: AccessScope,
  { kind, byteLength, read }: SentPart,
): Promise<FastifyReply> {
  reply.header('accept-ranges', 'bytes');
  if (isUnchanged(request, reply, scope)) return reply.code(304).send();
  const range = parseRange(request.headers.range, byteLength);
  if (range === 'unsatisfiable') {
    reply.header('content-range', `bytes */${byteLength}`).header('cache-control', 'no-store');
    throw new PublicError(416, 'range_not_satisfiable', 'The range is outside the file.');
  }
  const { first, last } = range ?? { first: 0, last: byteLength - 1 };
  if (range) reply.code(206).header('content-range', `bytes ${first}-${last}/${byteLength}`);
  reply.headers({ 'content-type': MEDIA_TYPE[kind], 'content-length': last - first + 1 });
  if (request.method === 'HEAD') return reply.send();
  const bytes = await read(first, last - first + 1);
  if (!bytes) throw notFound();
  return reply.send(bytes);
}
