import type { EncodedVideo, Ladder } from './ladder.js';
import { encoderArguments, type VideoEncoderSettings } from './video-encoder.js';

/** One call of ffmpeg, ready for the command line. */
export type FfmpegPlan = {
  inputOptions: string[];
  complexFilter: string | undefined;
  outputs: { url: string; options: string[] }[];
};

export type FfmpegPlanRequest = {
  ladder: Ladder;
  encoder: VideoEncoderSettings;
  /** Seconds between keyframes when they are set by the clock. */
  segmentDuration: number;
  /** Where a rendition's CMAF is sent. */
  url(renditionId: string): string;
  /**
   * Seconds on the media timeline before which nothing is put out, though it is decoded: what the run before has
   * already delivered. Only with an entirely encoded ladder: a passed-through picture cannot be cut anywhere.
   */
  from?: number;
};

/** Ticks per second of every video rendition. */
export const VIDEO_TIMESCALE = 90_000;
/** Hz; also the ticks per second of the audio rendition. */
export const AUDIO_SAMPLE_RATE = 48_000;

/** Above this many pixels one core may be too slow to decode; frame threads then cost a few pictures of delay. */
const PICTURE_FOR_ONE_CORE = 1920 * 1088;

/**
 * Reads FLV from standard input. The limits on probing make it start with the first pictures; timestamps are kept
 * (`-copyts`), as all renditions are aligned by them. `nobuffer` is left out on purpose: it drops the first group
 * of pictures.
 */
function inputOptions(threads: string[], devices: string[]): string[] {
  return [
    ...['-hide_banner', '-nostats', '-v', 'warning'],
    ...devices,
    ...['-fpsprobesize', '0', '-analyzeduration', '500000', '-probesize', '1000000', '-copyts'],
    ...threads,
    ...['-f', 'flv', '-export_side_data', 'prft'],
  ];
}

/**
 * CMAF, one fragment a frame, sent while it is made. `frag_discont` keeps the input's timestamps: without it every
 * output is silently moved to start at 0.
 */
function muxerOptions(kind: 'video' | 'audio'): string[] {
  return [
    ...['-f', 'mp4', '-movflags', '+cmaf+frag_every_frame+frag_discont+skip_trailer', '-use_editlist', '0'],
    ...['-avoid_negative_ts', 'disabled'],
    ...(kind === 'video' ? ['-video_track_timescale', String(VIDEO_TIMESCALE)] : []),
    ...['-write_prft', 'wallclock', '-flush_packets', '1', '-muxdelay', '0', '-muxpreload', '0'],
    ...['-method', 'POST', '-send_expect_100', '0', '-chunked_post', '1'],
  ];
}

/**
 * A keyframe at the first picture of every n seconds, whether ffmpeg counts them from 0 or from the first picture.
 * The usual `gte(t,n_forced*n)` would force a burst of them where the timeline does not begin at 0.
 */
function clockKeyframes(seconds: number): string {
  const slot = (time: string): string => `floor((${time}+0.002)/${seconds})`;
  return `expr:if(isnan(prev_forced_t),1,gt(${slot('t')},${slot('prev_forced_t')}))`;
}

/** Even sizes are not quite of the source's shape: pixels that are square but for that stay square. */
const SQUARE_PIXELS = "setsar='if(between(sar,0.97,1.03),1,sar)'";

function filterGraph(
  ladder: Ladder,
  encoded: EncodedVideo[],
  ending: string,
  from: number | undefined,
): string {
  // Pictures are left out here and not by `fps`, which would move them: keyframes must stay where they are.
  const step = ladder.pictureStep > 1 ? [`select='key+not(mod(n,${ladder.pictureStep}))'`] : [];
  const start = from === undefined ? [] : [`trim=start=${from.toFixed(3)}`];
  const split = encoded.map((_, index) => `[s${index}]`).join('');
  const head = `[0:v:0]${[...start, ...step, `split=${encoded.length}`].join(',')}${split}`;
  const branches = encoded.map(({ size }, index) => {
    const scale = size
      ? `scale=${size.width}:${size.height}:flags=bicubic,${SQUARE_PIXELS}`
      : 'scale=trunc(iw/2)*2:trunc(ih/2)*2';
    return `[s${index}]${scale},${ending}[v${index}]`;
  });
  return [head, ...branches].join(';');
}

/** Builds the call of ffmpeg that makes a ladder. */
export function ffmpegPlan(request: FfmpegPlanRequest): FfmpegPlan {
  const { ladder, from } = request;
  const coder = encoderArguments(request.encoder);
  const encoded = ladder.video.filter((rendition) => !rendition.passthrough);
  const keyframes = ladder.keyframes === 'source' ? 'source' : clockKeyframes(request.segmentDuration);
  const outputs = ladder.video.map((rendition) => {
    const url = request.url(rendition.id);
    if (rendition.passthrough)
      return { url, options: ['-map', '0:v:0', '-c:v', 'copy', ...muxerOptions('video')] };
    const bitrate = String(rendition.bitrate);
    const options = [
      ...['-map', `[v${encoded.indexOf(rendition)}]`],
      // Without this time base pictures would be moved to the grid of a guessed frame rate.
      ...['-fps_mode', 'passthrough', '-enc_time_base', `1:${VIDEO_TIMESCALE}`],
      ...coder.output,
      ...['-b:v', bitrate, '-maxrate', String(Math.round(rendition.bitrate * 1.1)), '-bufsize', bitrate],
      ...['-force_key_frames', keyframes],
      ...muxerOptions('video'),
    ];
    return { url, options };
  });
  if (ladder.audio) {
    const { id, bitrate, channels } = ladder.audio;
    const options = [
      ...['-map', '0:a:0', '-c:a', 'aac', '-b:a', String(bitrate)],
      ...['-ar', String(AUDIO_SAMPLE_RATE), '-ac', String(channels)],
      ...(from === undefined ? [] : ['-af', `atrim=start=${from.toFixed(3)}`]),
      ...muxerOptions('audio'),
    ];
    outputs.push({ url: request.url(id), options });
  }
  const largest = Math.max(0, ...encoded.map(({ size }) => (size ? size.width * size.height : 0)));
  // Frame threads hold back as many pictures as there are threads: by default as many as the machine has cores.
  const threads = largest > PICTURE_FOR_ONE_CORE ? ['-threads', '4'] : ['-thread_type', 'slice'];
  return {
    inputOptions: inputOptions(encoded.length > 0 ? threads : [], encoded.length > 0 ? coder.global : []),
    complexFilter: encoded.length > 0 ? filterGraph(ladder, encoded, coder.filter, from) : undefined,
    outputs,
  };
}
