import path from 'node:path';
import type { RecordingAdmissionOptions } from '../audience/index.js';
import type { Config } from '../config.js';
import type { Clock, Logger, Sql } from '../platform/index.js';
import type { Recordings } from '../recordings/index.js';
import type { Transcoder } from '../transcode/index.js';
import { Videos } from '../videos/index.js';

export type VideoModules = {
  sql: Sql;
  recordings: Recordings;
  transcoder: Transcoder;
  clock: Clock;
  log: Logger;
};

/** Creates the uploaded videos. The uploads are in a folder of the recordings. */
export function openVideos(
  config: Config,
  { sql, recordings, transcoder, clock, log }: VideoModules,
): Videos {
  const { dir, quotaBytes, minimumFreeBytes } = config.recordings;
  const { maximumBytes, maximumDurationS, maximumPerAccount } = config.uploads;
  return new Videos({
    ...{ sql, clock, folder: path.join(dir, 'videos') },
    ...{ media: recordings.videos, replays: recordings.replays },
    ...{ maxUploadBytes: maximumBytes, maxUploads: maximumPerAccount, quotaBytes, minimumFreeBytes },
    furtherUsage: async (userId) => (await recordings.usage(userId)).sizeBytes,
    isBusy: () => recordings.isShedding,
    transcoding: () => ({
      ffmpeg: transcoder.ffmpeg,
      ladder: config.ladder,
      preset: config.videoPreset,
      audioBitrateBps: config.audioBitrateBps,
      maxPixels: config.limits.framePixels,
      maxDurationS: maximumDurationS,
    }),
    log: log.child({ module: 'videos' }),
  });
}

/** Recordings and uploaded videos, for their admission. */
export function watchedMedia(
  recordings: Recordings,
  videos: Videos,
): RecordingAdmissionOptions['recordings'] {
  return {
    findWatched: async (id) => (await recordings.findWatched(id)) ?? (await videos.findWatched(id)),
    onUpdate(listener) {
      const stops = [recordings.onUpdate(listener), videos.onUpdate(listener)];
      return () => {
        for (const stop of stops) stop();
      };
    },
  };
}
