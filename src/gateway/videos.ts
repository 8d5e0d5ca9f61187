import path from 'node:path';
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

/** Opens the uploaded videos, in a folder of the recordings. */
export async function openVideos(
  config: Config,
  { sql, recordings, transcoder, clock, log }: VideoModules,
): Promise<Videos> {
  const { dir, quotaBytes, minimumFreeBytes } = config.recordings;
  const { maximumBytes, maximumDurationS, maximumPerAccount } = config.uploads;
  return await Videos.open({
    ...{ sql, clock, folder: path.join(dir, 'videos') },
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
