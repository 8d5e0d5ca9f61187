import os from 'node:os';
import { decodedPixels } from '../media/index.js';
import { type Clock, runShortProcess, type ShortProgram } from '../platform/index.js';
import { VIDEO_TIMESCALE } from './ffmpeg/ffmpeg-arguments.js';

export type ClipEncoding = {
  /** MP4, read as fast as it is encoded. */
  input: AsyncIterable<Buffer>;
  /** Time of the first frame in the MP4, and that before which the last one is, s, within `ROUNDING_S`. */
  startS: number;
  endS: number;
  /** Largest picture that is decoded, pixels. */
  maxPixels: number;
  /** Gets the video as fragmented MP4, from time 0, one fragment per keyframe. Reading pauses while a promise is pending. */
  output(bytes: Buffer): Promise<void> | undefined;
  signal: AbortSignal;
  clock: Clock;
};

/** Seconds between keyframes. The last ones are further apart, so that no segment has a frame or two only. */
const KEYFRAME_S = 2;
const LAST_KEYFRAME_S = 1;
/** Dates have whole milliseconds: a frame that is this much earlier belongs to its date. */
const ROUNDING_S = 0.0006;
/** Video bit rate at most, bits per second. */
const MAXIMUM_BITRATE_BPS = 16_000_000;
/** Time after which ffmpeg is killed, ms: three minutes of 1080p on a busy core. */
const TIMEOUT_MS = 20 * 60_000;
/** Three minutes at twice the bit rate. */
const MAXIMUM_OUTPUT_BYTES = 768 * 2 ** 20;

/**
 * Encodes the video of some minutes, in one ffmpeg of the lowest priority.
 *
 * @throws Error with the reason, as `runShortProcess`
 */
export async function encodeClip(ffmpeg: ShortProgram, encoding: ClipEncoding): Promise<void> {
  const { input, startS, endS, maxPixels, output, signal, clock } = encoding;
  const lastKeyframeS = Math.max(0, endS - startS - LAST_KEYFRAME_S);
  const keyframes = `expr:gte(t,n_forced*${KEYFRAME_S})*lte(t,${lastKeyframeS.toFixed(6)})`;
  const filters = [
    `trim=start=${(startS - ROUNDING_S).toFixed(6)}:end=${(endS - ROUNDING_S).toFixed(6)}`,
    // Not relative to the first frame: filters begin anew where the size of the picture changes.
    `setpts=round(PTS-${startS.toFixed(6)}/TB)`,
    // The encoder takes even sizes only.
    'crop=trunc(iw/2)*2:trunc(ih/2)*2,format=yuv420p',
  ];
  await runShortProcess(ffmpeg, {
    args: [
      ...[
        '-hide_banner',
        '-nostdin',
        '-v',
        'error',
        '-threads',
        '1',
        '-max_pixels',
        String(decodedPixels(maxPixels)),
      ],
      // Restricts the demuxer to the pipe: the media come from a publisher. Times stay those of the MP4.
      ...['-protocol_whitelist', 'pipe', '-copyts', '-f', 'mp4', '-i', 'pipe:0'],
      ...['-map', '0:v:0', '-map_metadata', '-1', '-filter_threads', '1', '-vf', filters.join(',')],
      ...['-fps_mode', 'passthrough', '-enc_time_base', `1:${VIDEO_TIMESCALE}`],
      ...[
        '-c:v',
        'libx264',
        '-preset',
        'veryfast',
        '-crf',
        '20',
        '-threads',
        '2',
        '-bf',
        '0',
        '-sc_threshold',
        '0',
      ],
      ...['-maxrate', String(MAXIMUM_BITRATE_BPS), '-bufsize', String(MAXIMUM_BITRATE_BPS)],
      ...['-g', '9999', '-force_key_frames', keyframes, '-video_track_timescale', String(VIDEO_TIMESCALE)],
      ...['-movflags', '+frag_keyframe+empty_moov+default_base_moof+skip_trailer', '-f', 'mp4', 'pipe:1'],
    ],
    ...{ input, outputs: [1], onOutput: output, maxOutputBytes: MAXIMUM_OUTPUT_BYTES, timeoutMs: TIMEOUT_MS },
    ...{ priority: os.constants.priority.PRIORITY_LOW, signal, clock },
  });
}
