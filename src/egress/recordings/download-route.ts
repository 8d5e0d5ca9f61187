import type { IncomingHttpHeaders } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { AddressQuota, PublicError, parseRange, parseUuid } from '../../platform/index.js';
import type { Movie, Recording, Replay, Replays } from '../../recordings/index.js';
import type { ViewerAdmission } from '../../streams/index.js';
import { viewerRequestOf } from '../../streams/index.js';
import { asNotFound, CACHE_NONE, notFound } from '../http/index.js';
import { contentDisposition } from './file-name.js';
import type { MediaQuery } from './media-response.js';

/** Recording, clip or uploaded video that is ready. */
export type PlayableMedia = Pick<Recording, 'id' | 'title' | 'location'>;

/** Media that are served below a path. */
export type MediaFolder = {
  /** Without a trailing slash. */
  path: string;
  /** @param id has the form of a UUID @returns undefined when there are none @throws as `Replays.find` */
  find(id: string): Promise<PlayableMedia | undefined>;
};

export type DownloadRouteOptions = {
  folders: readonly MediaFolder[];
  replays: Pick<Replays, 'load' | 'movie'>;
  admission: Pick<ViewerAdmission, 'admit'>;
};

/** Concurrent downloads, each of which keeps up to a megabyte in memory. */
const MAXIMUM_DOWNLOADS = 200;
/** Of one address: a download manager opens several. */
const MAXIMUM_PER_ADDRESS = 16;
/** Bytes that wait for a client. */
const QUEUED_BYTES = 256 * 1024;
const NUMBER = /^[1-9][0-9]{0,4}$/;

/**
 * Serves recordings as MP4 files, at `/recordings/:recordingId/download.mp4`, and uploaded videos likewise. A download ends with the permission that it
 * was started with.
 */
export function downloadRoutes(app: FastifyInstance, options: DownloadRouteOptions): void {
  const { folders, replays, admission } = options;
  const quota = new AddressQuota(MAXIMUM_PER_ADDRESS);
  let running = 0;

  for (const folder of folders) addRoute(folder);

  function addRoute({ path, find }: MediaFolder): void {
    app.route<{ Params: { id: string }; Querystring: MediaQuery }>({
      method: ['GET', 'HEAD'],
      url: `${path}/:id/download.mp4`,
      schema: { hide: true },
      handler: async (request, reply) => {
        const recordingId = parseUuid(request.params.id);
        const recording = recordingId && (await find(recordingId));
        if (!recording) throw notFound();
        const viewer = await asNotFound(admission.admit(viewerRequestOf(request, recording.id)));
        let body: Readable | undefined;
        let isRevoked = false;
        const stopReviews = viewer.onRevoked(() => {
          isRevoked = true;
          body?.destroy(new Error('the permission has ended'));
        });
        // A download is not a view.
        viewer.withdraw();
        let release = stopReviews;
        try {
          const replay = await replays.load(recording.id);
          const { id, height } = chooseRendition(replay, request.query.height);
          const part = readPart(request.query.part);
          const movie = await replays.movie(replay, id, part);
          reply.header('content-disposition', contentDisposition(recording.title, { height, part }));
          const range = writeHeaders(reply, movie, request.headers);
          if (range === 'unchanged' || request.method === 'HEAD') return await reply.send();
          release = takeSlot(request.ip, stopReviews);
          if (isRevoked) throw notFound();
          body = Readable.from(movie.bytes(range.first, range.last), {
            objectMode: false,
            highWaterMark: QUEUED_BYTES,
          });
          body.once('close', release);
          return await reply.send(body);
        } finally {
          if (!body) release();
        }
      },
    });
  }

  /** @returns a function that gives the slot back and calls `further` */
  function takeSlot(address: string, further: () => void): () => void {
    const giveBack = running < MAXIMUM_DOWNLOADS ? quota.take(address) : undefined;
    if (!giveBack)
      throw new PublicError(503, 'too_many_downloads', 'Too many downloads are running: try again later.');
    running++;
    return () => {
      running--;
      giveBack();
      further();
    };
  }
}

/** @param wanted height in pixels; default: the tallest, which is the source */
function chooseRendition(replay: Replay, wanted: unknown): { id: string; height: number | undefined } {
  const variants = replay.renditions.map(({ variant }) => variant);
  const videos = variants.flatMap((variant) => (variant.kind === 'video' ? [variant] : []));
  if (wanted === undefined) {
    const [tallest] = videos.toSorted((a, b) => b.height - a.height);
    const chosen = tallest ?? variants[0];
    if (!chosen) throw notFound();
    return { id: chosen.id, height: undefined };
  }
  if (typeof wanted !== 'string' || !NUMBER.test(wanted))
    throw new PublicError(
      400,
      'bad_request',
      '`height` is the height of a rendition in pixels, such as 720.',
    );
  const found = videos.find(({ height }) => height === Number(wanted));
  if (found) return { id: found.id, height: found.height };
  const heights = videos.map(({ height }) => height);
  throw new PublicError(
    404,
    'rendition_not_found',
    `This recording has no rendition of this height. It has: ${heights.join(', ') || 'no video'}.`,
    { heights },
  );
}

function readPart(part: unknown): number | undefined {
  if (part === undefined) return undefined;
  if (typeof part === 'string' && NUMBER.test(part)) return Number(part);
  throw new PublicError(400, 'bad_request', '`part` is the number of a part, from 1.');
}

/** Sets status and headers. @returns the bytes to send @throws PublicError 416 */
function writeHeaders(
  reply: FastifyReply,
  { sizeBytes, etag }: Movie,
  headers: IncomingHttpHeaders & { 'if-range'?: string | undefined },
): { first: number; last: number } | 'unchanged' {
  // Without buffering, nginx would write gigabytes to its disk ahead of a slow client.
  reply.headers({
    etag,
    'cache-control': CACHE_NONE,
    'accept-ranges': 'bytes',
    'x-accel-buffering': 'no',
  });
  if (headers['if-none-match'] === etag) {
    reply.code(304);
    return 'unchanged';
  }
  // A part of another version would not fit what the client has (RFC 9110, 13.1.5).
  const { 'if-range': known = etag } = headers;
  const range = known === etag ? parseRange(headers.range, sizeBytes) : undefined;
  if (range === 'unsatisfiable') {
    reply.header('content-range', `bytes */${sizeBytes}`);
    throw new PublicError(416, 'range_not_satisfiable', 'The range is outside the file.');
  }
  const { first, last } = range ?? { first: 0, last: sizeBytes - 1 };
  if (range) reply.code(206).header('content-range', `bytes ${first}-${last}/${sizeBytes}`);
  reply.headers({ 'content-type': 'video/mp4', 'content-length': last - first + 1 });
  return { first, last };
}
