import { decodedPixels } from '../../media/index.js';
import {
  COMMON_OPTIONS,
  clockKeyframes,
  SQUARE_PIXELS,
  TIMELINE_START_MS,
  VIDEO_TIMESCALE,
} from '../ffmpeg/ffmpeg-arguments.js';
import { type EncodedVideo, type Ladder, MAXIMUM_RATE_SHARE } from '../hls/ladder.js';
import { INPUT_LIMITS, type ProbedVideo } from './video-probe.js';

/** Duration of a segment, s: a whole number of seconds, as keyframes are clocked. */
export const VOD_SEGMENT_S = 4;
/** Frame rate of sources that do not say theirs. */
const NOMINAL_FRAME_RATE = 30;
/** Duration of a movie fragment of audio, μs: several are in a segment. */
const AUDIO_FRAGMENT_US = 500_000;
const AUDIO_SAMPLE_RATE = 48_000;

export type VodPlan = {
  file: string;
  probed: ProbedVideo;
  ladder: Ladder;
  /** libx264 preset. */
  preset: string;
  maxPixels: number;
  /** Media after this time are left out, s. */
  maxDurationS: number;
  /** File descriptors of the outputs, in the order of the ladder; audio is the last. */
  outputs: readonly number[];
};

/** Returns the arguments of an ffmpeg that reads a file and writes CMAF of every rendition, and its progress to standard output. */
export function vodArguments(plan: VodPlan): string[] {
  const { file, probed, ladder, outputs } = plan;
  const encoded = ladder.video.filter((rendition) => !rendition.passthrough);
  const end = ['-t', Math.min(probed.durationS + 1, plan.maxDurationS).toFixed(3)];
  const args = [
    ...['-nostdin', ...COMMON_OPTIONS, '-progress', 'pipe:1', '-stats_period', '1'],
    ...['-max_pixels', String(decodedPixels(plan.maxPixels)), ...INPUT_LIMITS],
    ...['-f', probed.demuxer, '-i', `file:${file}`],
    ...['-filter_complex', filterGraph(probed, ladder, encoded)],
  ];
  for (const [index, { bitrate }] of encoded.entries())
    args.push(
      ...['-map', `[v${index}]`, ...end, '-c:v', 'libx264', '-preset', plan.preset, '-profile:v', 'high'],
      ...['-g', '100000', '-keyint_min', '1', '-sc_threshold', '0', '-forced-idr', '1', '-flags', '+cgop'],
      ...['-force_key_frames', clockKeyframes(VOD_SEGMENT_S)],
      ...['-b:v', String(bitrate), '-maxrate', String(Math.round(bitrate * MAXIMUM_RATE_SHARE))],
      ...['-bufsize', String(bitrate * 2), '-video_track_timescale', String(VIDEO_TIMESCALE)],
      ...['-movflags', '+cmaf+frag_keyframe+frag_discont+skip_trailer', ...muxer(outputs[index]!)],
    );
  if (ladder.audio)
    args.push(
      ...['-map', '[a]', ...end, '-c:a', 'aac', '-b:a', String(ladder.audio.bitrate)],
      ...['-ac', String(ladder.audio.channels), '-frag_duration', String(AUDIO_FRAGMENT_US)],
      ...['-movflags', '+cmaf+frag_discont+skip_trailer', ...muxer(outputs.at(-1)!)],
    );
  return args;
}

/** Media time starts later than 0, as encoder priming and reordering reach back before the first frame. */
function muxer(output: number): string[] {
  return [
    ...['-map_metadata', '-1', '-map_chapters', '-1', '-use_editlist', '0', '-avoid_negative_ts', 'disabled'],
    ...['-output_ts_offset', String(TIMELINE_START_MS / 1_000), '-f', 'mp4', `pipe:${output}`],
  ];
}

/** A constant frame rate from 0 on, and sound until the end: so all renditions have the same segments. */
function filterGraph(probed: ProbedVideo, ladder: Ladder, encoded: EncodedVideo[]): string {
  const rate = encoded[0]?.frameRate ?? NOMINAL_FRAME_RATE;
  const split = encoded.map((_, index) => `[s${index}]`).join('');
  const branches = encoded.map(({ size }, index) => {
    const scale = size ? `scale=${size.width}:${size.height}:flags=bicubic,` : '';
    return `[s${index}]${scale}${SQUARE_PIXELS},format=yuv420p[v${index}]`;
  });
  const sound =
    ladder.audio && probed.audioIndex !== undefined
      ? [`[0:${probed.audioIndex}]aresample=${AUDIO_SAMPLE_RATE}:async=1000:first_pts=0,apad[a]`]
      : [];
  return [
    `[0:${probed.videoIndex}]fps=${rate.toFixed(5)}:start_time=0,split=${encoded.length}${split}`,
    ...branches,
    ...sound,
  ].join(';');
}
