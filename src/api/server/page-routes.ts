import { existsSync } from 'node:fs';
import path from 'node:path';
import fastifyStatic from '@fastify/static';
// Type of `schema.hide`.
import type {} from '@fastify/swagger';
import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import { PublicError } from '../../platform/index.js';

export type PageRoutesOptions = {
  /** Output folder of `vite build`: `index.html` and `assets/`. */
  root: string;
  /** Origin to which the player is sent for recordings; undefined: none. */
  mediaOrigin?: string | undefined;
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
  ],
];

/**
 * Serves the browser pages. All paths return the same document, which reads the API and reports missing livestreams.
 * Assets have a hash in their name and are cached for ever; the document is revalidated.
 *
 * Answers 503 `pages_not_built` when `root` has no pages.
 */
export const pageRoutes: FastifyPluginAsync<PageRoutesOptions> = async (app, { root, mediaOrigin }) => {
  if (!existsSync(path.join(root, 'index.html'))) {
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
  const page = (_request: unknown, reply: FastifyReply): FastifyReply =>
    reply
      .header('content-security-policy', policy)
      .header('cache-control', 'no-cache')
      .sendFile('index.html', root, { cacheControl: false });
  for (const url of PAGES) app.get(url, { schema: { hide: true } }, page);
};
