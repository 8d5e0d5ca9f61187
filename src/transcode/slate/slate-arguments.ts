import type { SlateCodec } from '../../streams/index.js';
import { SQUARE_PIXELS, VIDEO_TIMESCALE } from '../ffmpeg/ffmpeg-arguments.js';
import type { SlateRendition, SlateRequest } from './slate.js';
import type { SlateFile, SlateSource } from './slate-source.js';

/** Part of a film that is shown, s. */
const FILM_S = 10;
/** Brightness and colour of the last picture, as a share. */
const DIMMED = { luma: 0.35, chroma: 0.5 } as const;
/** Height of the letters as a share of the picture's height. */
const LETTER_SHARE = 1 / 14;
/** Width of a letter as a share of its height, on average and generously. */
const LETTER_WIDTH = 0.62;
/** Constant rate factor: the picture is shown for long, and costs one keyframe per segment. */
const QUALITY = '23';
/** Colour in place of a picture that is not known. */
const BACKGROUND = '0xc0c0c0';
const MP4 = [
  ...['-f', 'mp4', '-movflags', '+cmaf+frag_every_frame+skip_trailer', '-use_editlist', '0'],
  ...['-video_track_timescale', String(VIDEO_TIMESCALE)],
] as const;

/** Encoders and muxers of the other codecs. Their rate is that of `-b:v`; every picture refers to earlier ones alone. */
const ENCODERS: Record<Exclude<SlateCodec, 'h264'>, readonly string[]> = {
  vp8: ['-c:v', 'libvpx', '-deadline', 'realtime', '-cpu-used', '8', '-auto-alt-ref', '0', '-qmax', '40'],
  vp9: ['-c:v', 'libvpx-vp9', '-deadline', 'realtime', '-cpu-used', '8', '-auto-alt-ref', '0', '-qmax', '40'],
  av1: ['-c:v', 'libaom-av1', '-usage', 'realtime', '-cpu-used', '8'],
};
const IVF = ['-lag-in-frames', '0', '-g', '100000', '-threads', '1', '-f', 'ivf'] as const;

/**
 * Returns ffmpeg's arguments for a slate.
 *
 * @param outputs file descriptors, one per rendition
 * @param hasPicture the last picture of the broadcast comes on standard input
 */
export function slateArguments(
  request: SlateRequest,
  source: SlateSource,
  { outputs, maxPixels, hasPicture }: { outputs: readonly number[]; maxPixels: number; hasPicture: boolean },
): string[] {
  const { renditions, picturesPerSegment, segmentDurationS, codec } = request;
  const isFilm = source.file?.isFilm ?? false;
  const frameRate = `${picturesPerSegment}/${segmentDurationS}`;
  const shared = [
    ...(codec === 'h264' ? h264Options(request) : ENCODERS[codec]),
    ...(isFilm
      ? ['-force_key_frames', `expr:eq(mod(n,${picturesPerSegment}),0)`]
      : ['-frames:v', String(encodedPictures(request))]),
    ...(codec === 'h264' ? MP4 : IVF),
  ];
  const encoded = renditions.flatMap(({ bitrate }, index) => [
    ...['-map', `[v${index}]`, '-maxrate', String(bitrate), '-bufsize', String(2 * bitrate)],
    ...(codec === 'h264' ? [] : ['-b:v', String(bitrate)]),
    ...shared,
    `pipe:${outputs[index]}`,
  ]);
  return [
    ...['-hide_banner', '-nostdin', '-v', 'error', '-threads', '1', '-filter_complex_threads', '1'],
    ...['-max_pixels', String(maxPixels)],
    ...(source.file || hasPicture ? inputOptions(source.file) : backgroundOptions(renditions[0]!)),
    ...['-filter_complex', filterGraph(request, source, frameRate)],
    ...encoded,
  ];
}

function h264Options({ profile }: SlateRequest): string[] {
  return [
    ...['-c:v', 'libx264', '-preset', 'veryfast', '-profile:v', profile, '-coder', 'vlc', '-threads', '1'],
    ...['-bf', '0', '-refs', '1', '-weightp', '0', '-crf', QUALITY, '-g', '100000', '-sc_threshold', '0'],
  ];
}

/** Pictures of a still: of H.264 the keyframe alone, as skipped pictures repeat it. */
function encodedPictures({ codec, picturesPerSegment }: SlateRequest): number {
  return codec === 'h264' ? 1 : picturesPerSegment;
}

/** Replaces a picture that is not known. */
function backgroundOptions({ width, height }: SlateRendition): string[] {
  return ['-f', 'lavfi', '-t', '1', '-i', `color=c=${BACKGROUND}:size=${width}x${height}:rate=1`];
}

/** Restricts ffmpeg to the pipe, or to one file and its known format. */
function inputOptions(file: SlateFile | undefined): string[] {
  if (!file) return ['-protocol_whitelist', 'pipe', '-f', 'mp4', '-i', 'pipe:0'];
  const { demuxer, isFilm } = file;
  const limit = isFilm ? ['-t', String(FILM_S)] : [];
  return ['-protocol_whitelist', 'file', '-f', demuxer, ...limit, '-i', `file:${file.path}`];
}

function filterGraph(request: SlateRequest, source: SlateSource, frameRate: string): string {
  const { renditions, segmentDurationS } = request;
  const stillPictures = encodedPictures(request);
  const largest = renditions[0]!;
  const split = renditions.map((_, index) => `[s${index}]`).join('');
  const head = [
    ...(source.file ? fitted(largest) : dimmed(largest, source)),
    `fps=${frameRate}`,
    // Completes the last segment of a film.
    ...(source.file?.isFilm ? [`tpad=stop_mode=clone:stop_duration=${segmentDurationS}`] : []),
    ...(!source.file?.isFilm && stillPictures > 1 ? [`tpad=stop_mode=clone:stop=${stillPictures}`] : []),
    `split=${renditions.length}${split}`,
  ].join(',');
  const branches = renditions.map(
    ({ width, height }, index) => `[s${index}]scale=${width}:${height},${SQUARE_PIXELS}[v${index}]`,
  );
  return [`[0:v:0]${head}`, ...branches].join(';');
}

function fitted({ width, height }: SlateRendition): string[] {
  return [
    // Pixels become square first: the size of the picture is that of its display.
    'scale=max(2\\,trunc(iw*sar/2)*2):max(2\\,trunc(ih/2)*2),setsar=1',
    `scale=${width}:${height}:force_original_aspect_ratio=decrease:force_divisible_by=2`,
    `pad=${width}:${height}:-1:-1,format=yuv420p`,
  ];
}

function dimmed({ width, height }: SlateRendition, source: SlateSource): string[] {
  const chroma = `128+(val-128)*${DIMMED.chroma}`;
  return [
    `scale=${width}:${height}`,
    'format=yuv420p',
    `lutyuv=y='16+(val-16)*${DIMMED.luma}':u='${chroma}':v='${chroma}'`,
    ...sentence({ width, height }, source),
  ];
}

function sentence(
  { width, height }: Pick<SlateRendition, 'width' | 'height'>,
  { text, fontFile }: SlateSource,
): string[] {
  if (fontFile === undefined || text === '') return [];
  const fitting = (0.9 * width) / (LETTER_WIDTH * text.length);
  const size = Math.max(6, Math.round(Math.min(height * LETTER_SHARE, fitting)));
  return [
    `drawtext=fontfile=${escaped(fontFile)}:text=${escaped(text)}:expansion=none:fontsize=${size}` +
      ':fontcolor=white:x=(w-text_w)/2:y=(h-text_h)/2',
  ];
}

/** Escapes a value for a filter's option, and that for the filter graph (ffmpeg-filters, "Notes on filtergraph escaping"). */
function escaped(value: string): string {
  return value.replaceAll(/[\\':]/g, '\\$&').replaceAll(/[\\'[\],;]/g, '\\$&');
}
