import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import os from 'node:os';
import { decodedPixels } from '../media/index.js';
import { type Clock, HeadendError, killChild, type MemoryGuard } from '../platform/index.js';

/** The ffmpeg program, its environment and the limit of its memory. */
export type FfmpegProgram = { path: string; environment: NodeJS.ProcessEnv; memory?: MemoryGuard };

/** Time after which ffmpeg is killed, ms. */
const TIMEOUT_MS = 10_000;
/** Greatest output accepted, bytes. */
const MAX_JPEG_BYTES = 1024 * 1024;
/** Characters of stderr kept for the error message. */
const MAX_STDERR_CHARS = 1_000;
/** Width of the JPEG, pixels; smaller sources are not scaled up. */
const MAX_WIDTH_PX = 640;

/** Scales to square pixels and converts to JFIF's colours: BT.601, full range. */
const FILTERS = [
  `scale=w=min(${MAX_WIDTH_PX}\\,iw*sar):h=round(ow/dar):out_color_matrix=bt601:out_range=full`,
  'setsar=1,format=yuvj420p',
].join(',');
const GLOBAL_ARGUMENTS = ['-hide_banner', '-nostdin', '-v', 'error', '-threads', '1'];
const ARGUMENTS = [
  // Restricts the demuxer to the pipe: the media come from a publisher.
  ...['-protocol_whitelist', 'pipe', '-f', 'mp4', '-i', 'pipe:0'],
  ...['-map', '0:v:0', '-frames:v', '1', '-filter_threads', '1', '-vf', FILTERS],
  ...['-c:v', 'mjpeg', '-q:v', '5', '-threads', '1', '-f', 'image2pipe', 'pipe:1'],
];

/**
 * Renders the first video frame of an MP4 as a JPEG, in a short-lived ffmpeg of low priority.
 *
 * @param media bytes of the file, in order
 * @param limits ffmpeg is killed when `signal` aborts; `maxPixels`: largest picture that is decoded, pixels
 * @returns after the process has exited
 * @throws HeadendError `no_picture` if ffmpeg cannot be started, fails, times out or writes too much
 */
export function renderThumbnail(
  tool: FfmpegProgram,
  media: readonly Buffer[],
  { clock, signal, maxPixels }: { clock: Clock; signal: AbortSignal; maxPixels: number },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw new HeadendError('no_picture', 'thumbnail rendering was cancelled');
    const child: ChildProcessWithoutNullStreams = spawn(
      tool.path,
      [...GLOBAL_ARGUMENTS, '-max_pixels', String(decodedPixels(maxPixels)), ...ARGUMENTS],
      { env: tool.environment, stdio: 'pipe' },
    );
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    let stderrText = '';
    let killReason: string | undefined;

    const settle = (failure: string | undefined, cause?: Error): void => {
      cancelTimeout();
      signal.removeEventListener('abort', abort);
      if (failure === undefined) {
        resolve(Buffer.concat(chunks));
        return;
      }
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
      reject(new HeadendError('no_picture', `thumbnail rendering failed: ${failure}`, { cause }));
    };
    const kill = (reason: string): void => {
      killReason ??= reason;
      killChild(child);
      if (child.exitCode !== null || child.signalCode !== null) settle(killReason);
    };
    const abort = (): void => kill('cancelled');
    const cancelTimeout = clock.after(TIMEOUT_MS, () => kill('timed out'));
    signal.addEventListener('abort', abort, { once: true });

    child.once('error', (error) => settle(error.message, error));
    child.once('exit', () => {
      // Settles at exit after a kill: another process may hold the pipes open.
      if (killReason !== undefined) settle(killReason);
    });
    child.once('close', (code, by) => {
      if (code === 0 && sizeBytes > 0) settle(undefined);
      else settle(stderrText.trim() || `ffmpeg exited with ${code ?? by} and no message`);
    });
    if (child.pid === undefined) return;
    lowerPriority(child.pid);
    tool.memory?.watch(child, () => {
      killReason ??= tool.memory?.reason;
    });
    child.stdout.on('data', (bytes: Buffer) => {
      sizeBytes += bytes.length;
      if (sizeBytes > MAX_JPEG_BYTES) kill('output too large');
      else chunks.push(bytes);
    });
    child.stderr.on('data', (bytes: Buffer) => {
      if (stderrText.length < MAX_STDERR_CHARS) stderrText += bytes.toString('utf8', 0, MAX_STDERR_CHARS);
    });
    // ffmpeg exits as soon as it has its frame: unread input is not an error.
    child.stdin.on('error', () => {});
    for (const bytes of media) child.stdin.write(bytes);
    child.stdin.end();
  });
}

/** Lowers the priority below that of the encoders of broadcasts. */
function lowerPriority(pid: number): void {
  try {
    os.setPriority(pid, os.constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // The process has exited, or the system refuses: the JPEG is rendered at normal priority.
  }
}
