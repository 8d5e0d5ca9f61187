import { existsSync } from 'node:fs';
import path from 'node:path';
import fastifyStatic from '@fastify/static';
// For the type of `schema.hide`.
import type {} from '@fastify/swagger';
import type { FastifyPluginAsync, FastifyReply } from 'fastify';
import { PublicError } from '../../platform/index.js';

export type PageRoutesOptions = {
  /** The folder that `vite build` wrote: `index.html` and `assets/`. */
  root: string;
};

/**
 * What the pages may load: themselves, and media through Media Source Extensions (`blob:`). Nothing here upgrades
 * to HTTPS by itself, as a gateway in a home network is often opened without it.
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'self'",
  "img-src 'self' data: blob:",
  "media-src 'self' blob:",
  "worker-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'self'",
  "form-action 'self'",
  "frame-ancestors 'self'",
].join('; ');

/**
 * Serves the browser pages. Every page is the same document, whatever the id in its address: it asks the API and
 * says when there is no such stream. Assets carry a hash in their name and may be kept for ever; the document is
 * asked for anew each time.
 *
 * Answers 503 `pages_not_built` where `root` holds no pages.
 */
export const pageRoutes: FastifyPluginAsync<PageRoutesOptions> = async (app, { root }) => {
  if (!existsSync(path.join(root, 'index.html'))) {
    app.log.warn({ root }, 'the browser pages are not built');
    const refuse = async (): Promise<never> => {
      throw new PublicError(503, 'pages_not_built', 'The pages are not built: run `npm run build`.');
    };
    app.get('/', refuse);
    app.get('/watch/:streamId', refuse);
    app.get('/broadcast', refuse);
    return;
  }

  await app.register(fastifyStatic, {
    root: path.join(root, 'assets'),
    prefix: '/assets/',
    index: false,
    immutable: true,
    maxAge: '365d',
  });

  const page = (_request: unknown, reply: FastifyReply): FastifyReply =>
    reply
      .header('content-security-policy', CONTENT_SECURITY_POLICY)
      .header('cache-control', 'no-cache')
      .sendFile('index.html', root, { cacheControl: false });
  app.get('/', { schema: { hide: true } }, page);
  app.get('/watch/:streamId', { schema: { hide: true } }, page);
  app.get('/broadcast', { schema: { hide: true } }, page);
};
