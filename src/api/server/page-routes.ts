import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import fastifyStatic from '@fastify/static';
// Type of `schema.hide`.
import type {} from '@fastify/swagger';
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';
import { PublicError } from '../../platform/index.js';
import { type DescribePage, withHead } from '../pages/page-head.js';

export type PageRoutesOptions = {
  /** Output folder of `vite build`: `index.html` and `assets/`. */
  root: string;
  /** Origin to which the player is sent for recordings; undefined: none. */
  mediaOrigin?: string | undefined;
  /** Describes pages for search engines and other sites; without it none is described. */
  describe?: DescribePage;
};

/**
 * Pages load their own files, and media by Media Source Extensions (`blob:`). No upgrade to HTTPS, as gateways in
 * home networks are often used without it.
 *
 * @param mediaOrigin further origin from which the player may load media
 */
function contentSecurityPolicy(mediaOrigin: string | undefined): string {
  const further = mediaOrigin === undefined ? '' : ` ${mediaOrigin}`;
  return [
    "default-src 'self'",
    `connect-src 'self'${further}`,
    "img-src 'self' data: blob:",
    `media-src 'self' blob:${further}`,
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'self'",
  ].join('; ');
}

const PAGES = [
  ...['/', '/admin', '/broadcast', '/dashboard', '/settings', '/setup'],
  ...[
    '/watch/:streamId',
    '/studio/:streamId',
    '/recordings/:recordingId',
    '/clips/:clipId',
    '/videos/:videoId',
    '/@:name',
  ],
];

/**
 * Serves the browser pages. All paths return the same document, which reads the API and reports missing livestreams; its
 * head describes the page. 404 with that document where the description says that there is no such page. Assets have a hash in their name and are cached for ever; the document is revalidated.
 *
 * Answers 503 `pages_not_built` when `root` has no pages.
 */
export const pageRoutes: FastifyPluginAsync<PageRoutesOptions> = async (app, options) => {
  const { root, mediaOrigin, describe } = options;
  const index = path.join(root, 'index.html');
  if (!existsSync(index)) {
    app.log.warn({ root }, 'the browser pages are not built');
    const refuse = async (): Promise<never> => {
      throw new PublicError(503, 'pages_not_built', 'The pages are not built: run `npm run build`.');
    };
    for (const url of PAGES) app.get(url, { schema: { hide: true } }, refuse);
    return;
  }

  await app.register(fastifyStatic, {
    root: path.join(root, 'assets'),
    prefix: '/assets/',
    index: false,
    immutable: true,
    maxAge: '365d',
  });

  const policy = contentSecurityPolicy(mediaOrigin);
  const page = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    reply.header('content-security-policy', policy).header('cache-control', 'no-cache');
    const path = request.routeOptions.url ?? '';
    const head = await describe?.({ path, params: request.params as Record<string, string> });
    if (head === undefined) return reply.sendFile('index.html', root, { cacheControl: false });
    if (head === 'missing') reply.code(404);
    const document = await readFile(index, 'utf8');
    return sendDocument(request, reply, head === 'missing' ? document : withHead(document, head));
  };
  for (const url of PAGES) app.get(url, { schema: { hide: true } }, page);
};

/** Sends a document, or 304 to a client that has it. */
function sendDocument(request: FastifyRequest, reply: FastifyReply, document: string): FastifyReply {
  const etag = `W/"${createHash('sha256').update(document).digest('base64url')}"`;
  reply.header('etag', etag).type('text/html; charset=utf-8');
  if (reply.statusCode === 200 && request.headers['if-none-match'] === etag) return reply.code(304).send();
  return reply.send(document);
}
