import type { Config } from '../config.js';
import type { Packager } from '../packager/index.js';
import { createTranscoder, type Transcoder, type TranscoderOptions } from '../transcode/index.js';

/** Creates the transcoder; slates show the last picture that the packager has of a broadcast. */
export function openTranscoder(
  config: Config,
  { environment, clock, log }: Required<Pick<TranscoderOptions, 'environment' | 'clock' | 'log'>>,
  findPresentation: Packager['findPresentation'],
): Transcoder {
  return createTranscoder({
    ffmpegPath: config.ffmpegPath,
    environment,
    ladder: config.ladder,
    ladderIdleMs: config.ladderIdleMs,
    audioBitrateBps: config.audioBitrateBps,
    segmentDurationS: config.segmentDurationS,
    videoEncoder: config.videoEncoder,
    vaapiDevice: config.vaapiDevice,
    preset: config.videoPreset,
    maxPixels: config.limits.framePixels,
    slate: config.slate && {
      ...config.slate,
      lastPicture: ({ streamId, id }) => findPresentation(streamId, id)?.newestKeyframe('largest'),
    },
    maxMemoryBytes: config.limits.ffmpegMemoryBytes,
    clock,
    log,
  });
}
