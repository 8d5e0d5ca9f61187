import { type Logger, messageOf } from '../../platform/index.js';
import { runFfmpeg } from './ffmpeg-check.js';
import type { FfmpegTool } from './ffmpeg-process.js';
import { encoderArguments, type VideoEncoderSettings } from './video-encoder.js';

/** Exceeds the minimum size of every hardware encoder. */
const TEST_INPUT = 'testsrc2=size=640x360:rate=30:duration=0.5';

/**
 * Encodes a few frames with a ladder's options. Replaces a failing hardware encoder by software and logs the reason.
 */
export async function verifyVideoEncoder(
  tool: FfmpegTool,
  settings: VideoEncoderSettings,
  log: Logger,
): Promise<VideoEncoderSettings> {
  const coder = encoderArguments(settings);
  const args = [
    ...['-hide_banner', '-nostats', '-v', 'error', ...coder.global, '-f', 'lavfi', '-i', TEST_INPUT],
    ...['-vf', coder.filter, '-fps_mode', 'passthrough', '-enc_time_base', '1:90000', ...coder.output],
    ...['-b:v', '500000', '-maxrate', '550000', '-bufsize', '500000'],
    ...['-force_key_frames', 'expr:gte(t,n_forced*0.2)', '-f', 'null', '-'],
  ];
  try {
    await runFfmpeg(tool, args);
    return settings;
  } catch (error) {
    if (settings.encoder === 'software') throw error;
    const reason = messageOf(error).split('\n')[0];
    log.warn(
      { encoder: settings.encoder, reason },
      `the hardware encoder ${settings.encoder} does not work here: encoding in software`,
    );
    return { ...settings, encoder: 'software' };
  }
}
