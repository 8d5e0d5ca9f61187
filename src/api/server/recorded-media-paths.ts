import { errors, inPath, type Paths, playlist, tags, text, uuid } from './media-path-parts.js';

/** Describes the media of recordings and clips, or of uploaded videos. @param idName name of the parameter in the path */
export function recordedMediaPaths(folder: string, idName: string, noun: string): Paths {
  const base = `${folder}/{${idName}}`;
  const id = inPath(idName, uuid);
  return {
    [`${base}/index.m3u8`]: {
      get: {
        summary: `Watch a ${noun} by HLS: the multivariant playlist`,
        description: `On demand, of a ${noun} that is ready. Of a private one the URIs contain a viewer token: players must request them unchanged.`,
        tags,
        parameters: [
          id,
          { name: 'v', in: 'query', description: 'Viewer token of an earlier request, if any', schema: text },
        ],
        responses: { ...playlist, ...errors(401, 403, 404, 500, 503) },
      },
    },
    [`${base}/index.mpd`]: {
      get: {
        summary: `Watch a ${noun} by DASH: the static presentation description`,
        description: 'MPEG-DASH with the media of the HLS playlists; a period for each encoder run.',
        tags,
        parameters: [
          id,
          { name: 'v', in: 'query', description: 'Viewer token of an earlier request, if any', schema: text },
        ],
        responses: {
          200: { description: 'Description', content: { 'application/dash+xml': { schema: text } } },
          ...errors(401, 403, 404, 500, 503),
        },
      },
    },
    [`${base}/download.mp4`]: {
      get: {
        summary: `Download a ${noun} as one MP4 file`,
        description:
          'The stored frames on one continuous timeline, not encoded again. Can be resumed: the bytes of a range never change (`Range`, `ETag`, `If-Range`). 409 `recording_format_changed`: the sound changes its sample rate or channels within it; `details.parts` is the number of files to download with `part`. 503 `too_many_downloads`: try again later.',
        tags,
        parameters: [
          id,
          {
            name: 'height',
            in: 'query',
            description: 'Height of a rendition, pixels; default: the source',
            schema: { type: 'integer', minimum: 1, maximum: 99_999 },
          },
          {
            name: 'part',
            in: 'query',
            description: 'Part of a recording whose format changes, from 1',
            schema: { type: 'integer', minimum: 1, maximum: 99_999 },
          },
          { name: 'v', in: 'query', description: 'Viewer token of an earlier request, if any', schema: text },
        ],
        security: [{}, { bearer: [] }, { session: [] }],
        responses: {
          200: { description: 'Fragmented MP4', content: { 'video/mp4': { schema: {} } } },
          206: { description: 'The requested range' },
          304: { description: 'The client has it' },
          ...errors(400, 401, 403, 404, 409, 416, 429, 500, 503),
        },
      },
    },
    [`${base}/sprites.vtt`]: {
      get: {
        summary: `Preview tiles of a ${noun}, as WebVTT`,
        description:
          'Each cue is the address of a tile, `sprites/N.jpg#xywh=X,Y,W,H`. The poster is `poster.jpg` beside it; rewind windows have tiles at `/rewind/{streamId}/sprites.vtt`.',
        tags,
        parameters: [
          id,
          { name: 'v', in: 'query', description: 'Viewer token, for private media', schema: text },
        ],
        responses: {
          200: { description: 'WebVTT', content: { 'text/vtt': { schema: text } } },
          ...errors(404, 500, 503),
        },
      },
    },
    [`${base}/{rendition}/{file}`]: {
      get: {
        summary: `Media playlist, segment or initialization section of a ${noun}`,
        tags,
        parameters: [id, inPath('rendition'), inPath('file')],
        responses: {
          200: { description: 'CMAF', content: { 'video/mp4': { schema: {} }, 'audio/mp4': { schema: {} } } },
          206: { description: 'The requested range' },
          302: { description: 'The file is in an object store, with `S3_PLAYBACK=redirect`' },
          ...errors(404, 416, 500, 503),
        },
      },
    },
  };
}
