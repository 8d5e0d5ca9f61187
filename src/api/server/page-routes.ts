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
  /** Output folder of `vite build`: `index.html`, `embed.html`, `player.js` and `assets/`. */
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
 * @param ancestors sites that may show the page in a frame
 */
function contentSecurityPolicy(mediaOrigin: string | undefined, ancestors: "'none'" | '*'): string {
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
    `frame-ancestors ${ancestors}`,
  ].join('; ');
}

const PAGES = [
  ...['/', '/admin', '/broadcast', '/dashboard', '/player', '/settings', '/setup'],
  ...[
    '/watch/:streamId',
    '/studio/:streamId',
    '/recordings/:recordingId',
    '/clips/:clipId',
    '/videos/:videoId',
    '/@:name',
  ],
];
/** The player alone, which other sites may show in a frame. */
const EMBEDS = [
  '/embed/:streamId',
  '/embed/recordings/:recordingId',
  '/embed/clips/:clipId',
  '/embed/videos/:videoId',
];
const SCRIPT = '/player.js';

/**
 * Serves the browser pages. All paths return the same document, or that of the player alone, which reads the API and reports
 * missing livestreams; its head describes the page. 404 with that document where the description says that there is no such
 * page. Assets have a hash in their name and are cached for ever; documents and `/player.js` are revalidated. Other sites may
 * load the script with its assets.
 *
 * Answers 503 `pages_not_built` when `root` has no pages.
 */
export const pageRoutes: FastifyPluginAsync<PageRoutesOptions> = async (app, options) => {
  const { root, mediaOrigin, describe } = options;
  const hidden = { schema: { hide: true } };
  if (!existsSync(path.join(root, 'index.html'))) {
    app.log.warn({ root }, 'the browser pages are not built');
    const refuse = async (): Promise<never> => {
      throw new PublicError(503, 'pages_not_built', 'The pages are not built: run `npm run build`.');
    };
    for (const url of [...PAGES, ...EMBEDS, SCRIPT]) app.get(url, hidden, refuse);
    return;
  }

  const assets = path.join(root, 'assets');
  await app.register(fastifyStatic, {
    root: assets,
    prefix: '/assets/',
    index: false,
    immutable: true,
    maxAge: '365d',
    // Called for the documents too.
    setHeaders: (reply, file) => {
      if (file.startsWith(assets)) reply.setHeader('access-control-allow-origin', '*');
    },
  });

  const send = (file: string, policy: string) => async (request: FastifyRequest, reply: FastifyReply) => {
    reply.header('content-security-policy', policy).header('cache-control', 'no-cache');
    const { url = '' } = request.routeOptions;
    const head = await describe?.({ path: url, params: request.params as Record<string, string> });
    if (head === undefined) return reply.sendFile(file, root, { cacheControl: false });
    if (head === 'missing') reply.code(404);
    const document = await readFile(path.join(root, file), 'utf8');
    return sendDocument(request, reply, head === 'missing' ? document : withHead(document, head));
  };
  const page = send('index.html', contentSecurityPolicy(mediaOrigin, "'none'"));
  for (const url of PAGES) app.get(url, hidden, page);

  const embed = send('embed.html', contentSecurityPolicy(mediaOrigin, '*'));
  for (const url of EMBEDS)
    app.get(url, hidden, async (request, reply) => {
      // Set for all answers; older browsers obey it in place of the policy.
      reply.removeHeader('x-frame-options').raw.removeHeader('x-frame-options');
      return await embed(request, reply);
    });

  app.get(SCRIPT, hidden, (_request, reply) =>
    reply
      .header('access-control-allow-origin', '*')
      .header('cache-control', 'no-cache')
      .sendFile('player.js', root, { cacheControl: false }),
  );
};

/** Sends a document, or 304 to a client that has it. */
function sendDocument(request: FastifyRequest, reply: FastifyReply, document: string): FastifyReply {
  const etag = `W/"${createHash('sha256').update(document).digest('base64url')}"`;
  reply.header('etag', etag).type('text/html; charset=utf-8');
  if (reply.statusCode === 200 && request.headers['if-none-match'] === etag) return reply.code(304).send();
  return reply.send(document);
}
