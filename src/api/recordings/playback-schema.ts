import { Type } from 'typebox';
import { nullable } from '../server/common-schema.js';

const uri = (description: string) => Type.String({ format: 'uri', description });

/** Addresses of recorded media. @param what `recording` or `video` @param mp4 description of the download */
export const recordedPlayback = (what: string, mp4: string) =>
  nullable(
    Type.Object(
      {
        hls: uri('Multivariant playlist'),
        dash: uri('DASH presentation description'),
        mp4: uri(mp4),
        sprites: uri('WebVTT with the addresses of preview tiles, for scrubbing'),
        poster: uri('JPEG; 404 if there is no picture'),
        watch: uri(`Page that plays the ${what}`),
      },
      { description: 'Null until it is ready' },
    ),
  );
