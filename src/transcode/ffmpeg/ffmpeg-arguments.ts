import { decodedPixels } from '../../media/index.js';
import { type EncodedVideo, type Ladder, MAXIMUM_RATE_SHARE } from '../hls/ladder.js';
import { encoderArguments, type VideoEncoderSettings } from './video-encoder.js';

/** Arguments of one ffmpeg process. */
export type FfmpegPlan = {
  /** Input URL; standard input by default. */
  input?: string;
  inputOptions: string[];
  complexFilter: string | undefined;
  outputs: { url: string; options: string[] }[];
};

/**
 * Input: tags on standard input, an SDP on standard input that names the RTP ports, or Matroska read from a Unix
 * socket.
 */
export type InputFormat =
  | TagInput
  /**
   * `frameRate`: of all renditions, regardless of the sender's current rate. `blank`: size of black video for a source
   * with audio only.
   */
  | { kind: 'rtp'; frameRate: number; blank?: { width: number; height: number } }
  /** `decoder`: name of ffmpeg's video decoder. */
  | { kind: 'matroska'; frameRate: number; path: string; decoder: string };

/** Tags of a publication on standard input. `decoder`: name of ffmpeg's video decoder; its choice by default. */
export type TagInput = { kind: 'tags'; container: 'flv' | 'matroska'; decoder?: string | undefined };

export type FfmpegPlanRequest = {
  ladder: Ladder;
  input: InputFormat;
  encoder: VideoEncoderSettings;
  /** Seconds between clocked keyframes. */
  segmentDurationS: number;
  /** Maximum pixels of a published frame. */
  maxPixels: number;
  /** Returns the URL of a rendition's CMAF output. */
  url(renditionId: string): string;
  /** Returns the media time (ms) before which a rendition is not written, as a previous encoder delivered it. */
  fromMs?(renditionId: string): number | undefined;
};

/** Ticks per second of video renditions. */
export const VIDEO_TIMESCALE = 90_000;
/** Hz; also the ticks per second of the audio rendition. */
export const AUDIO_SAMPLE_RATE = 48_000;

/** Above this many pixels one core may be too slow to decode; frame threads then add a few frames of delay. */
const ONE_CORE_PIXELS = 1920 * 1088;

/** Start of media time, ms: encoder priming and reordering reach back before the first frame. */
export const TIMELINE_START_MS = 10_000;
/**
 * Time without packets after which ffmpeg stops reading, s. It ends an ffmpeg whose gateway and workers were killed
 * together (workers that survive send BYE). Ending takes up to three times as long, as the decoders are drained in
 * turn.
 */
const RTP_SILENCE_S = 12;

/**
 * Reads tags from standard input. Probing is limited to start with the first frames; `-copyts` keeps the timestamps that
 * align all renditions. `nobuffer` must not be used: it drops the first group of pictures.
 */
export function tagInputOptions({ container, decoder }: Omit<TagInput, 'kind'>): string[] {
  return [
    ...['-fpsprobesize', '0', '-analyzeduration', '500000', '-probesize', '1000000', '-copyts'],
    ...(decoder === undefined ? [] : decodeWithoutDelay(decoder)),
    ...['-f', container, '-export_side_data', 'prft'],
  ];
}

/**
 * Limits probing further, for audio alone: with a single stream ffmpeg probes up to its limits, and then sends all that
 * it has read at once.
 */
export const SHORT_PROBE_OPTIONS: readonly string[] = ['-analyzeduration', '100000', '-probesize', '131072'];

/**
 * Reads an SDP from standard input and RTP from loopback. ffmpeg maps the first packet to 0, hence `-itsoffset`. Large
 * buffers hold a keyframe's burst and the packets that arrive while encoders start.
 */
const RTP_INPUT_OPTIONS: readonly string[] = [
  ...['-protocol_whitelist', 'pipe,udp,rtp', '-localaddr', '127.0.0.1'],
  ...['-listen_timeout', String(RTP_SILENCE_S), '-buffer_size', '4000000'],
  ...['-reorder_queue_size', '256', '-max_delay', '300000'],
  ...['-fpsprobesize', '0', '-analyzeduration', '300000', '-probesize', '1000000'],
  ...['-itsoffset', String(TIMELINE_START_MS / 1000), '-f', 'sdp'],
];

/** Decodes AV1. `low_delay`: decoders with their own threads (libdav1d) otherwise hold frames back. */
function decodeWithoutDelay(decoder: string): string[] {
  return ['-c:v', decoder, '-flags:v', 'low_delay'];
}

/** Reads live Matroska with timestamps of the timeline. */
function matroskaInputOptions(decoder: string): string[] {
  return [
    ...['-rw_timeout', String(RTP_SILENCE_S * 1_000_000)],
    ...['-fpsprobesize', '0', '-analyzeduration', '300000', '-probesize', '1000000', '-copyts'],
    ...[...decodeWithoutDelay(decoder), '-f', 'matroska'],
  ];
}

/** Options of every process: warnings only. */
export const COMMON_OPTIONS: readonly string[] = ['-hide_banner', '-nostats', '-v', 'warning'];

/** Limits decoding, as a few bytes can announce gigapixels. */
export function pixelLimit(maxPixels: number): string[] {
  return ['-max_pixels', String(decodedPixels(maxPixels))];
}

function inputOptions(input: InputFormat): readonly string[] {
  if (input.kind === 'matroska') return matroskaInputOptions(input.decoder);
  return input.kind === 'rtp' ? RTP_INPUT_OPTIONS : tagInputOptions(input);
}

/**
 * Writes CMAF, one fragment per frame, without delay. `frag_discont` keeps the input's timestamps; without it every
 * output silently starts at 0.
 */
function muxerOptions(kind: 'video' | 'audio'): string[] {
  return [
    ...['-f', 'mp4', '-movflags', '+cmaf+frag_every_frame+frag_discont+skip_trailer', '-use_editlist', '0'],
    ...['-avoid_negative_ts', 'disabled'],
    ...(kind === 'video' ? ['-video_track_timescale', String(VIDEO_TIMESCALE)] : []),
    ...['-write_prft', 'wallclock', '-flush_packets', '1', '-muxdelay', '0', '-muxpreload', '0'],
  ];
}

/** Expression for the number of the n seconds that a time is in. */
function keyframeSlot(time: string, seconds: number): string {
  return `floor((${time}+0.002)/${seconds})`;
}

/**
 * Forces a keyframe at the first frame of every n seconds. The usual `gte(t,n_forced*n)` would force a burst of them,
 * as the timeline does not start at 0.
 *
 * @param pauseS forces one after such a time without frames, too. The expression keeps the time of the last frame in
 *   register 0
 */
export function clockKeyframes(seconds: number, pauseS?: number): string {
  const slot = (time: string): string => keyframeSlot(time, seconds);
  const isDue = `gt(${slot('t')},${slot('prev_forced_t')})`;
  if (pauseS === undefined) return `expr:if(isnan(prev_forced_t),1,${isDue})`;
  return `expr:if(isnan(prev_forced_t),1,${isDue}+gt(t-ld(0),${pauseS}))+0*st(0,t)`;
}

/** Keeps pixels square: even sizes deviate slightly from the source's aspect ratio. */
export const SQUARE_PIXELS = "setsar='if(between(sar,0.97,1.03),1,sar)'";

function scaleTo(size: EncodedVideo['size'], input: InputFormat): string {
  if (!size) return 'scale=trunc(iw/2)*2:trunc(ih/2)*2';
  const { width, height } = size;
  if (input.kind === 'tags') return `scale=${width}:${height}:flags=bicubic,${SQUARE_PIXELS}`;
  // Senders change their frame size with the network: each size is fitted into the rendition's.
  const fit = `scale=${width}:${height}:flags=bicubic:force_original_aspect_ratio=decrease:force_divisible_by=2`;
  return `${fit},pad=${width}:${height}:-1:-1,setsar=1`;
}

/**
 * Returns the start of the filter chain: input and frame selection, before scaling.
 *
 * @param fromMs media time before which nothing of any rendition is written
 */
function videoInput(request: FfmpegPlanRequest, fromMs: number | undefined): string {
  const { input } = request;
  if (input.kind !== 'rtp' || !input.blank)
    return `[0:v:0]${frameSelection(request, fromMs)
      .map((filter) => `${filter},`)
      .join('')}`;
  const { width, height } = input.blank;
  // ffmpeg generates as many black frames as there is audio.
  const source = `color=c=black:size=${width}x${height}:rate=${input.frameRate}`;
  return `${source},setpts=PTS+${TIMELINE_START_MS / 1000}/TB,`;
}

/** Deviation of the end of a frame from the start of the next, ms: durations are estimated, and times rounded. */
const FRAME_ROUNDING_MS = 3;

/** Returns the filter that drops video frames before a time. */
function trimVideo(startMs: number): string {
  return `trim=start=${((startMs - FRAME_ROUNDING_MS) / 1000).toFixed(3)}`;
}

function frameSelection({ ladder, input }: FfmpegPlanRequest, fromMs: number | undefined): string[] {
  // `fps` would treat a frame without a timestamp (the first of H.264) as one at 0 and fill up from there.
  if (input.kind !== 'tags') return [`trim=start=${TIMELINE_START_MS / 2000}`, `fps=${input.frameRate}`];
  const start = fromMs === undefined ? [] : [trimVideo(fromMs)];
  // `select` keeps timestamps; `fps` would move frames, and keyframes must stay.
  const step = ladder.frameStep > 1 ? [`select='key+not(mod(n,${ladder.frameStep}))'`] : [];
  return [...start, ...step];
}

/**
 * Keeps every n-th frame of one rendition, and all frames that other renditions make keyframes: the renditions must
 * have them at the same times.
 */
function reducedRate(step: number, { ladder, segmentDurationS }: FfmpegPlanRequest): string {
  if (step === 1) return '';
  const keyframes =
    ladder.keyframes === 'source'
      ? 'key'
      : `gt(${keyframeSlot('t', segmentDurationS)},${keyframeSlot('prev_selected_t', segmentDurationS)})`;
  return `select='isnan(prev_selected_n)+gte(n-prev_selected_n,${step})+${keyframes}',`;
}

function filterGraph(request: FfmpegPlanRequest, encoded: EncodedVideo[], ending: string): string {
  const split = encoded.map((_, index) => `[s${index}]`).join('');
  const starts = encoded.map(({ id }) => request.fromMs?.(id));
  const known = starts.filter((ms) => ms !== undefined);
  const firstMs = known.length === encoded.length ? Math.min(...known) : undefined;
  const head = `${videoInput(request, firstMs)}split=${encoded.length}${split}`;
  // Encoders that end have not written the same of all renditions.
  const late = (ms: number | undefined): string =>
    ms === undefined || ms === firstMs ? '' : `${trimVideo(ms)},`;
  const branches = encoded.map(
    ({ size, frameStep }, index) =>
      `[s${index}]${late(starts[index])}${reducedRate(frameStep, request)}${scaleTo(size, request.input)},${ending}[v${index}]`,
  );
  return [head, ...branches].join(';');
}

/**
 * Fills audio gaps of 50 ms or more with silence and stretches by up to 2 %, as RTP may lack packets and audio and
 * video clocks differ.
 */
const RESAMPLE_TO_CLOCK = 'aresample=async=1000:min_hard_comp=0.05';

function audioFilters(id: string, { input, fromMs }: FfmpegPlanRequest): string[] {
  if (input.kind !== 'tags') return ['-af', RESAMPLE_TO_CLOCK];
  const startMs = fromMs?.(id);
  return startMs === undefined ? [] : ['-af', `atrim=start=${(startMs / 1000).toFixed(3)}`];
}

/** Builds the ffmpeg arguments for the encoded renditions of a ladder. */
export function ffmpegPlan(request: FfmpegPlanRequest): FfmpegPlan {
  const { ladder, input } = request;
  const coder = encoderArguments(request.encoder);
  const encoded = ladder.video.filter((rendition) => !rendition.passthrough);
  const keyframes = ladder.keyframes === 'source' ? 'source' : clockKeyframes(request.segmentDurationS);
  const outputs = encoded.map((rendition, index) => {
    const url = request.url(rendition.id);
    const bitrate = String(rendition.bitrate);
    const options = [
      ...['-map', `[v${index}]`],
      // Without this time base frames are moved to the grid of a guessed frame rate.
      ...['-fps_mode', 'passthrough', '-enc_time_base', `1:${VIDEO_TIMESCALE}`],
      ...coder.output,
      ...[
        '-b:v',
        bitrate,
        '-maxrate',
        String(Math.round(rendition.bitrate * MAXIMUM_RATE_SHARE)),
        '-bufsize',
        bitrate,
      ],
      ...['-force_key_frames', keyframes],
      ...muxerOptions('video'),
    ];
    return { url, options };
  });
  if (ladder.audio && !ladder.audio.passthrough) {
    const { id, bitrate, channels } = ladder.audio;
    const options = [
      ...['-map', '0:a:0', '-c:a', 'aac', '-b:a', String(bitrate)],
      ...['-ar', String(AUDIO_SAMPLE_RATE), '-ac', String(channels)],
      ...audioFilters(id, request),
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
 * Limits decoder threads: each frame thread delays by one frame, and ffmpeg starts one per core.
 *
 * @param pixels of the largest rendition, an estimate of the source's
 */
export function decoderThreads(pixels: number): string[] {
  return pixels > ONE_CORE_PIXELS ? ['-threads', '4'] : ['-thread_type', 'slice'];
}
