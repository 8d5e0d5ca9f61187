import os from 'node:os';
import { decodedPixels } from '../media/index.js';
import {
  type Clock,
  HeadendError,
  messageOf,
  runShortProcess,
  type ShortProgram,
} from '../platform/index.js';

/** ffmpeg is killed when `signal` aborts; `maxPixels`: largest picture that is decoded, pixels. */
type RenderLimits = { clock: Clock; signal: AbortSignal; maxPixels: number };

/** Time after which ffmpeg is killed, ms. */
const TIMEOUT_MS = 10_000;
/** Greatest output accepted, bytes. */
const MAX_JPEG_BYTES = 1024 * 1024;
/** Width of the JPEG, pixels; smaller sources are not scaled up. */
const MAX_WIDTH_PX = 640;

/** Scales to square pixels and converts to JFIF's colours: BT.601, full range. */
const FILTERS = [
  `scale=w=min(${MAX_WIDTH_PX}\\,iw*sar):h=round(ow/dar):out_color_matrix=bt601:out_range=full`,
  'setsar=1,format=yuvj420p',
].join(',');
const GLOBAL_ARGUMENTS = ['-hide_banner', '-nostdin', '-v', 'error', '-threads', '1'];
const argumentsFor = (filters: string): string[] => [
  // Restricts the demuxer to the pipe: the media come from a publisher.
  ...['-protocol_whitelist', 'pipe', '-f', 'mp4', '-i', 'pipe:0'],
  ...['-map', '0:v:0', '-frames:v', '1', '-filter_threads', '1', '-vf', filters],
  ...['-c:v', 'mjpeg', '-q:v', '5', '-threads', '1', '-f', 'image2pipe', 'pipe:1'],
];

/**
 * Renders the first video frame of an MP4 as a JPEG, in a short-lived ffmpeg of low priority.
 *
 * @param media bytes of the file, in order
 * @returns after the process has exited
 * @throws HeadendError `no_picture` if ffmpeg cannot be started, fails, times out or writes too much
 */
export function renderThumbnail(
  tool: ShortProgram,
  media: readonly Buffer[],
  limits: RenderLimits,
): Promise<Buffer> {
  return renderJpeg(tool, media, FILTERS, os.constants.priority.PRIORITY_BELOW_NORMAL, limits);
}

/**
 * Renders all video frames of an MP4 as tiles in a row, as `renderThumbnail` does, with the lowest priority.
 *
 * @param tiles number of frames, and size of a tile in pixels; a picture of another shape gets bars
 */
export function renderTiles(
  tool: ShortProgram,
  media: readonly Buffer[],
  { count, width, height }: { count: number; width: number; height: number },
  limits: RenderLimits,
): Promise<Buffer> {
  const filters = [
    'scale=w=iw*sar:h=ih,setsar=1',
    `scale=${width}:${height}:force_original_aspect_ratio=decrease:out_color_matrix=bt601:out_range=full`,
    `pad=${width}:${height}:-1:-1,setsar=1,format=yuvj420p,tile=${count}x1`,
  ];
  return renderJpeg(tool, media, filters.join(','), os.constants.priority.PRIORITY_LOW, limits);
}

async function renderJpeg(
  tool: ShortProgram,
  media: readonly Buffer[],
  filters: string,
  priority: number,
  { clock, signal, maxPixels }: RenderLimits,
): Promise<Buffer> {
  try {
    const [jpeg] = await runShortProcess(tool, {
      args: [...GLOBAL_ARGUMENTS, '-max_pixels', String(decodedPixels(maxPixels)), ...argumentsFor(filters)],
      ...{ input: media, outputs: [1], maxOutputBytes: MAX_JPEG_BYTES, timeoutMs: TIMEOUT_MS },
      ...{ priority, signal, clock },
    });
    return jpeg!;
  } catch (error) {
    throw new HeadendError('no_picture', `thumbnail rendering failed: ${messageOf(error)}`, { cause: error });
  }
}
