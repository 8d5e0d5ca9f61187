import path from 'node:path';
import type { Config } from '../config.js';
import type { Packager } from '../packager/index.js';
import type { Clock, Logger } from '../platform/index.js';
import type { Livestreams, StreamRegistry } from '../streams/index.js';
import { ThumbnailCaptures, ThumbnailStore } from '../thumbnails/index.js';
import type { Transcoder } from '../transcode/index.js';

export type ThumbnailModules = {
  livestreams: Livestreams;
  streams: StreamRegistry;
  packager: Packager;
  transcoder: Transcoder;
  clock: Clock;
  log: Logger;
};

/** Opens the thumbnails and starts to capture them from broadcasts. */
export function startThumbnails(
  config: Config,
  { livestreams, streams, packager, transcoder, clock, log }: ThumbnailModules,
): { thumbnails: ThumbnailStore; captures: ThumbnailCaptures } {
  const thumbnails = new ThumbnailStore({ folder: path.join(config.dataDir, 'thumbnails') });
  const captures = new ThumbnailCaptures({
    livestreams,
    streams,
    packager,
    thumbnails,
    ffmpeg: transcoder.ffmpeg,
    intervalMs: config.thumbnailIntervalMs,
    maxPixels: config.limits.framePixels,
    clock,
    log: log.child({ module: 'thumbnails' }),
  });
  captures.start();
  return { thumbnails, captures };
}
