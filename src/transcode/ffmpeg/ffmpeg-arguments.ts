import { decodedPixels } from '../../media/index.js';
import type { EncodedVideo, Ladder } from '../hls/ladder.js';
import { encoderArguments, type VideoEncoderSettings } from './video-encoder.js';

/** One call of ffmpeg, ready for the command line. */
export type FfmpegPlan = {
  /** What ffmpeg opens; its standard input by default. */
  input?: string;
  inputOptions: string[];
  complexFilter: string | undefined;
  outputs: { url: string; options: string[] }[];
};

/**
 * What ffmpeg reads: from its standard input the media, or an SDP that says on which ports they arrive as RTP; or
 * Matroska, for which it connects to a Unix socket.
 */
export type InputFormat =
  | { kind: 'flv' }
  /**
   * `frameRate`: the rate of all renditions, whatever the sender's is at the moment. `blank`: there is sound alone, and
   * the picture is black.
   */
  | { kind: 'rtp'; frameRate: number; blank?: { width: number; height: number } }
  /** `decoder`: ffmpeg's name of what decodes the picture. */
  | { kind: 'matroska'; frameRate: number; path: string; decoder: string };

export type FfmpegPlanRequest = {
  ladder: Ladder;
  input: InputFormat;
  encoder: VideoEncoderSettings;
  /** Seconds between keyframes when they are set by the clock. */
  segmentDuration: number;
  /** Pixels of the largest picture that a publisher may send. */
  maxPixels: number;
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

/** Where media time begins, ms: the encoder's priming and reordering reach back before the first picture. */
export const TIMELINE_START_MS = 10_000;
/**
 * Without a packet for so long ffmpeg stops reading, s: it would otherwise survive a gateway that was killed with its
 * workers (one that was killed alone is said goodbye for by them). It takes up to three such times to end, as each
 * stream's decoder is emptied in between.
 */
const RTP_SILENCE_S = 12;

/**
 * Reads FLV from standard input. The limits on probing make it start with the first pictures; timestamps are kept
 * (`-copyts`), as all renditions are aligned by them. `nobuffer` is left out on purpose: it drops the first group
 * of pictures.
 */
export const FLV_INPUT_OPTIONS: readonly string[] = [
  ...['-fpsprobesize', '0', '-analyzeduration', '500000', '-probesize', '1000000', '-copyts'],
  ...['-f', 'flv', '-export_side_data', 'prft'],
];

/**
 * Reads an SDP from standard input and RTP from loopback. The sender's clock begins anywhere: ffmpeg takes the first
 * packet for 0, which becomes the beginning of media time. Large buffers take the burst of a keyframe and what
 * arrives while ffmpeg starts its encoders.
 */
const RTP_INPUT_OPTIONS: readonly string[] = [
  ...['-protocol_whitelist', 'pipe,udp,rtp', '-localaddr', '127.0.0.1'],
  ...['-listen_timeout', String(RTP_SILENCE_S), '-buffer_size', '4000000'],
  ...['-reorder_queue_size', '256', '-max_delay', '300000'],
  ...['-fpsprobesize', '0', '-analyzeduration', '300000', '-probesize', '1000000'],
  ...['-itsoffset', String(TIMELINE_START_MS / 1000), '-f', 'sdp'],
];

/**
 * Reads live Matroska, whose times are those of the timeline. The decoder must give each picture before the next one
 * comes: those that know threads of their own (libdav1d) else hold some back.
 */
function matroskaInputOptions(decoder: string): string[] {
  return [
    ...['-rw_timeout', String(RTP_SILENCE_S * 1_000_000)],
    ...['-fpsprobesize', '0', '-analyzeduration', '300000', '-probesize', '1000000', '-copyts'],
    ...['-c:v', decoder, '-flags:v', 'low_delay', '-f', 'matroska'],
  ];
}

/** The options of any call of ours: quiet, but for what went wrong. */
export const COMMON_OPTIONS: readonly string[] = ['-hide_banner', '-nostats', '-v', 'warning'];

/** A few bytes can announce gigapixels: what is larger than it may be is not decoded, wherever it is announced. */
export function pixelLimit(maxPixels: number): string[] {
  return ['-max_pixels', String(decodedPixels(maxPixels))];
}

function inputOptions(input: InputFormat): readonly string[] {
  if (input.kind === 'matroska') return matroskaInputOptions(input.decoder);
  return input.kind === 'rtp' ? RTP_INPUT_OPTIONS : FLV_INPUT_OPTIONS;
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
  ];
}

/**
 * A keyframe at the first picture of every n seconds, whether ffmpeg counts them from 0 or from the first picture.
 * The usual `gte(t,n_forced*n)` would force a burst of them where the timeline does not begin at 0.
 */
export function clockKeyframes(seconds: number): string {
  const slot = (time: string): string => `floor((${time}+0.002)/${seconds})`;
  return `expr:if(isnan(prev_forced_t),1,gt(${slot('t')},${slot('prev_forced_t')}))`;
}

/** Even sizes are not quite of the source's shape: pixels that are square but for that stay square. */
export const SQUARE_PIXELS = "setsar='if(between(sar,0.97,1.03),1,sar)'";

function scaleTo(size: EncodedVideo['size'], input: InputFormat): string {
  if (!size) return 'scale=trunc(iw/2)*2:trunc(ih/2)*2';
  const { width, height } = size;
  if (input.kind === 'flv') return `scale=${width}:${height}:flags=bicubic,${SQUARE_PIXELS}`;
  // The sender changes its size as the network allows: the picture is fitted in, whatever its shape is then.
  const fit = `scale=${width}:${height}:flags=bicubic:force_original_aspect_ratio=decrease:force_divisible_by=2`;
  return `${fit},pad=${width}:${height}:-1:-1,setsar=1`;
}

/** Where pictures come from, and what is done to them before they are scaled: a filter chain that goes on. */
function pictures(request: FfmpegPlanRequest): string {
  const { input } = request;
  if (input.kind !== 'rtp' || !input.blank)
    return `[0:v:0]${pictureSelection(request)
      .map((filter) => `${filter},`)
      .join('')}`;
  const { width, height } = input.blank;
  // ffmpeg asks for as many pictures as there is sound.
  const source = `color=c=black:size=${width}x${height}:rate=${input.frameRate}`;
  return `${source},setpts=PTS+${TIMELINE_START_MS / 1000}/TB,`;
}

function pictureSelection(request: FfmpegPlanRequest): string[] {
  const { ladder, input, from } = request;
  // A picture without a timestamp (the first of H.264) would be taken for one at 0, and the rate be filled up from there.
  if (input.kind !== 'flv') return [`trim=start=${TIMELINE_START_MS / 2000}`, `fps=${input.frameRate}`];
  const start = from === undefined ? [] : [`trim=start=${from.toFixed(3)}`];
  // Pictures are left out here and not by `fps`, which would move them: keyframes must stay where they are.
  const step = ladder.pictureStep > 1 ? [`select='key+not(mod(n,${ladder.pictureStep}))'`] : [];
  return [...start, ...step];
}

function filterGraph(request: FfmpegPlanRequest, encoded: EncodedVideo[], ending: string): string {
  const split = encoded.map((_, index) => `[s${index}]`).join('');
  const head = `${pictures(request)}split=${encoded.length}${split}`;
  const branches = encoded.map(
    ({ size }, index) => `[s${index}]${scaleTo(size, request.input)},${ending}[v${index}]`,
  );
  return [head, ...branches].join(';');
}

/**
 * Sound over RTP may lack packets, and its clock is not that of the picture: gaps are filled with silence from 50 ms on,
 * less is stretched (by 2 % at most), so that it keeps its time.
 */
const KEEP_TIME = 'aresample=async=1000:min_hard_comp=0.05';

function soundFilter({ input, from }: FfmpegPlanRequest): string[] {
  if (input.kind !== 'flv') return ['-af', KEEP_TIME];
  return from === undefined ? [] : ['-af', `atrim=start=${from.toFixed(3)}`];
}

/** Builds the call of ffmpeg that makes a ladder. */
export function ffmpegPlan(request: FfmpegPlanRequest): FfmpegPlan {
  const { ladder, input } = request;
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
      ...soundFilter(request),
      ...muxerOptions('audio'),
    ];
    outputs.push({ url: request.url(id), options });
  }
  const largest = Math.max(0, ...encoded.map(({ size }) => (size ? size.width * size.height : 0)));
  const decoding = encoded.length > 0 ? [...coder.global, ...decoderThreads(largest)] : [];
  return {
    ...(input.kind === 'matroska' ? { input: `unix:${input.path}` } : {}),
    inputOptions: [...COMMON_OPTIONS, ...decoding, ...pixelLimit(request.maxPixels), ...inputOptions(input)],
    complexFilter: encoded.length > 0 ? filterGraph(request, encoded, coder.filter) : undefined,
    outputs,
  };
}

/**
 * Frame threads hold back as many pictures as there are threads: by default as many as the machine has cores.
 *
 * @param pixels of the largest picture that is made, which tells of the source's
 */
export function decoderThreads(pixels: number): string[] {
  return pixels > PICTURE_FOR_ONE_CORE ? ['-threads', '4'] : ['-thread_type', 'slice'];
}
