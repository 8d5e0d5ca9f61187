import type { PublicUrls } from '../api/index.js';
import type { Config } from '../config.js';
import type { Packager } from '../packager/index.js';
import type { Clock, Logger, Sql } from '../platform/index.js';
import { type PictureRenderer, Recordings, recordingPath, TILE } from '../recordings/index.js';
import type { Livestreams, StreamRegistry } from '../streams/index.js';
import { renderThumbnail, renderTiles } from '../thumbnails/index.js';
import { encodeClip, type Transcoder } from '../transcode/index.js';
import type { Webhooks } from '../webhooks/index.js';

export type RecordingModules = {
  sql: Sql;
  livestreams: Livestreams;
  streams: StreamRegistry;
  packager: Packager;
  transcoder: Transcoder;
  webhooks: Webhooks;
  urls: PublicUrls;
  /** Bytes that a user has stored besides recordings. */
  furtherUsage(userId: string): Promise<number>;
  clock: Clock;
  log: Logger;
};

/** Opens the recordings and subscribes them to broadcasts; to be called after the subscription of the packager. */
export async function openRecordings(config: Config, modules: RecordingModules): Promise<Recordings> {
  const { webhooks, urls, log, transcoder, ...rest } = modules;
  const limitsOf = (signal: AbortSignal) => ({
    clock: rest.clock,
    maxPixels: config.limits.framePixels,
    signal,
  });
  const pictures: PictureRenderer = {
    tiles: (media, count, signal) =>
      renderTiles(transcoder.ffmpeg, media, { ...TILE, count }, limitsOf(signal)),
    poster: (media, signal) => renderThumbnail(transcoder.ffmpeg, media, limitsOf(signal)),
  };
  const recordings = await Recordings.open({
    ...rest,
    folder: config.recordings.dir,
    ...(config.thumbnailIntervalMs === 0 ? {} : { pictures }),
    encodeClip: (input, range, output, signal) =>
      encodeClip(transcoder.ffmpeg, { input, ...range, output, ...limitsOf(signal) }),
    rewind: { windowMs: config.rewindWindowMs },
    renditions: config.recordings.renditions,
    recordsSlates: config.recordings.slates,
    quotaBytes: config.recordings.quotaBytes,
    minimumFreeBytes: config.recordings.minimumFreeBytes,
    keepDays: config.keepDays.recordings,
    objectStore: config.recordings.objectStore,
    onReady: ({ id: recordingId, streamId, durationS, sizeBytes }) => {
      const url = urls.below(recordingPath(recordingId));
      webhooks.emit('recording.ready', { streamId, url, recordingId, durationS, sizeBytes });
    },
    log: log.child({ module: 'recordings' }),
  });
  modules.streams.subscribe(recordings);
  return recordings;
}
