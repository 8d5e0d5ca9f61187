import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyPluginAsync } from 'fastify';
import { Type } from 'typebox';
import { type BoundedCalls, type Clock, searchQuery } from '../../platform/index.js';
import type { Recordings } from '../../recordings/index.js';
import type { Livestreams } from '../../streams/index.js';
import type { Videos } from '../../videos/index.js';
import type { PublicChannels } from '../channels/public-channels.js';
import { toClips } from '../clips/clip-view.js';
import { ref, SearchResponse } from '../contract.js';
import type { LivestreamLookup } from '../livestreams/livestream-lookup.js';
import type { PublicUrls } from '../livestreams/stream-view.js';
import { toRecordings } from '../recordings/recording-view.js';
import { addressLimit } from '../server/address-limit.js';
import { errorSchemas } from '../server/error-response.js';
import { PageCache } from '../server/page-cache.js';
import { toVideo } from '../videos/video-view.js';

export type SearchRoutesOptions = {
  channels: Pick<PublicChannels, 'search'>;
  livestreams: Pick<Livestreams, 'search'>;
  recordings: Pick<Recordings, 'listPublic'>;
  clips: Pick<Recordings['clips'], 'listPublic'>;
  videos: Pick<Videos, 'listPublic'>;
  lookup: Pick<LivestreamLookup, 'show'>;
  urls: PublicUrls;
  calls: BoundedCalls;
  clock: Clock;
};

const NOTHING: SearchResponse = { channels: [], streams: [], recordings: [], clips: [], videos: [] };
/** Searches per address: burst, and time to one more, ms. */
const RATE = { capacity: 60, refillMs: 500 };

const SearchQuery = Type.Object(
  {
    q: Type.String({ minLength: 1, maxLength: 200, description: 'Words; the first eight count' }),
    limit: Type.Integer({ minimum: 1, maximum: 50, default: 12 }),
  },
  { additionalProperties: false },
);

/** Search over everything that is public, below `/api/search`. */
export const searchRoutes: FastifyPluginAsync<SearchRoutesOptions> = async (plain, options) => {
  const { channels, livestreams, recordings, clips, videos, lookup, urls, calls, clock } = options;
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const pages = new PageCache({ calls, clock });
  const countSearch = addressLimit({
    ...{ rate: RATE, clock },
    message: 'Too many searches from your address: wait and try again.',
  });

  app.get(
    '',
    {
      // Words may be numbers: the limit alone is converted.
      preValidation: async (request) => {
        const query = request.query as Record<string, unknown>;
        if (typeof query.limit === 'string' && /^\d{1,3}$/.test(query.limit))
          query.limit = Number(query.limit);
      },
      schema: {
        summary: 'Search channels, livestreams, recordings, clips and videos that are public',
        description:
          'Finds all words, by their beginning and without case and accents: in names of channels, and in titles, tags and names of broadcasters of livestreams that are live or upcoming and of recordings, and in titles and names of makers of clips and videos. `limit`: entries of each list.',
        tags: ['livestreams'],
        querystring: SearchQuery,
        response: { 200: ref(SearchResponse), ...errorSchemas(400, 429, 500, 503) },
      },
    },
    async (request, reply) => {
      countSearch(request.ip);
      const { q, limit } = request.query;
      const query = searchQuery(q);
      return await pages.send(reply, `${limit} ${query}`, () => search(query, limit));
    },
  );

  async function search(query: string | undefined, limit: number): Promise<SearchResponse> {
    if (query === undefined) return NOTHING;
    const found = await channels.search(query, limit);
    const userIds = found.map(({ userId }) => userId);
    const words = { query, userIds };
    const [streams, recorded, clipped, uploaded] = await Promise.all([
      livestreams.search(query, userIds, limit),
      recordings.listPublic({ search: words, limit, offset: 0 }),
      clips.listPublic({ search: words }, { limit, offset: 0 }),
      videos.listPublic({ search: words, limit }),
    ]);
    return {
      channels: found,
      streams: await Promise.all(streams.map((livestream) => lookup.show(livestream))),
      recordings: toRecordings(recorded, urls),
      clips: toClips(clipped, urls),
      videos: uploaded.map((video) => toVideo(video, urls)),
    };
  }
};
