import { type Static, Type } from 'typebox';
import { Clip } from '../clips/clip-schema.js';
import { Stream } from '../livestreams/livestream-schema.js';
import { Recording } from '../recordings/recording-schema.js';
import { ref, UserId } from '../server/common-schema.js';
import { Video } from '../videos/video-schema.js';

export const SearchResponse = Type.Object(
  {
    channels: Type.Array(
      Type.Object({
        userId: UserId,
        name: Type.String(),
        page: Type.String({ format: 'uri', description: 'Page of the channel' }),
      }),
    ),
    streams: Type.Array(ref(Stream), { description: 'Live ones, then upcoming ones' }),
    recordings: Type.Array(ref(Recording)),
    clips: Type.Array(ref(Clip)),
    videos: Type.Array(ref(Video)),
  },
  { $id: 'SearchResponse' },
);
export type SearchResponse = Static<typeof SearchResponse>;

export const SEARCH_SCHEMAS = [SearchResponse];
