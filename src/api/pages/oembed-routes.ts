import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { PublicError } from '../../platform/index.js';
import { OembedResponse, ref } from '../contract.js';
import type { PublicUrls } from '../livestreams/stream-view.js';
import { errorSchemas } from '../server/error-response.js';
import { readNumbers } from '../server/number-query.js';
import {
  type DescribePage,
  escapeHtml,
  type PageAddress,
  type PageHead,
  PLAYER_SIZE,
  SITE,
} from './page-head.js';

export type OembedRoutesOptions = {
  describe: DescribePage;
  urls: Pick<PublicUrls, 'below'>;
};

const CACHE_S = 300;
const Size = Type.Integer({ minimum: 1, maximum: 8_192 });
const OembedQuery = Type.Object({
  url: Type.String({ minLength: 1, maxLength: 2_000, description: 'Address of a page with a player' }),
  maxwidth: Type.Optional(Size),
  maxheight: Type.Optional(Size),
  format: Type.Optional(Type.String({ maxLength: 20, description: '`json`' })),
});
/** Pages with a player, by the first part of their path. */
const ROUTES: Record<string, string> = {
  watch: '/watch/:streamId',
  embed: '/embed/:streamId',
  recordings: '/recordings/:recordingId',
  clips: '/clips/:clipId',
  videos: '/videos/:videoId',
};

/** oEmbed: how other sites show a page of this one, below `/api/oembed`. */
export const oembedRoutes: FastifyPluginAsync<OembedRoutesOptions> = async (plain, { describe, urls }) => {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.get(
    '',
    {
      preValidation: readNumbers,
      schema: {
        summary: 'Describe the player of a page (oEmbed)',
        description:
          'For pages of livestreams, recordings, clips and videos that everybody may watch; others do not exist here. 501 `format_unsupported`: the only format is JSON.',
        tags: ['livestreams'],
        querystring: OembedQuery,
        response: { 200: ref(OembedResponse), ...errorSchemas(400, 404, 500, 501, 503) },
      },
    },
    async (request, reply) => {
      const { url, maxwidth, maxheight, format = 'json' } = request.query;
      if (format !== 'json')
        throw new PublicError(501, 'format_unsupported', 'The only format is JSON: ask for format=json.');
      const page = pageOf(url, [urls.below(''), `${request.protocol}://${request.host}/`]);
      const head = page && (await describe(page));
      if (head === undefined || head === 'missing' || !head.player)
        throw new PublicError(404, 'not_found', 'There is no player at this address.');
      reply.header('cache-control', `public, max-age=${CACHE_S}`);
      return toOembed({ ...head, player: head.player }, sizeWithin(maxwidth, maxheight), urls.below(''));
    },
  );
};

/** Returns the page that an address below one of the bases names. */
function pageOf(address: string, bases: string[]): PageAddress | undefined {
  if (!URL.canParse(address)) return undefined;
  const { origin, pathname } = new URL(address);
  // The host of a request may be no host.
  const base = bases
    .filter((each) => URL.canParse(each))
    .map((each) => new URL(each).href)
    .find((each) => `${origin}${pathname}`.startsWith(each));
  if (base === undefined) return undefined;
  const [, kind = '', id = ''] =
    /^([a-z]+)\/([^/]+)\/?$/.exec(`${origin}${pathname}`.slice(base.length)) ?? [];
  const path = Object.hasOwn(ROUTES, kind) ? ROUTES[kind] : undefined;
  return path === undefined ? undefined : { path, params: { id } };
}

/** Returns the largest size of the player's shape within the bounds. */
function sizeWithin(maxWidth: number = PLAYER_SIZE.width, maxHeight: number = PLAYER_SIZE.height) {
  const { width, height } = PLAYER_SIZE;
  const scale = Math.min(1, maxWidth / width, maxHeight / height);
  return { width: Math.max(1, Math.floor(width * scale)), height: Math.max(1, Math.floor(height * scale)) };
}

function toOembed(
  { title, author, player }: PageHead & { player: { url: string } },
  { width, height }: { width: number; height: number },
  site: string,
): OembedResponse {
  const attributes = Object.entries({
    ...{ src: player.url, width, height, title },
    ...{ allow: 'autoplay; fullscreen; picture-in-picture', style: 'border: 0' },
  }).map(([name, value]) => `${name}="${escapeHtml(String(value))}"`);
  return {
    version: '1.0',
    type: 'video',
    provider_name: SITE,
    provider_url: site,
    title,
    ...(author ? { author_name: author.name, author_url: author.url } : {}),
    width,
    height,
    html: `<iframe ${attributes.join(' ')} allowfullscreen></iframe>`,
    cache_age: CACHE_S,
  };
}
