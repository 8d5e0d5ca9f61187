import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import os from 'node:os';
import { type Clock, HeadendError } from '../platform/index.js';

/** The program and what it may see of the environment. */
export type FfmpegProgram = { path: string; environment: NodeJS.ProcessEnv };

/** An ffmpeg that has not ended by itself by then is killed, ms. */
const TIMEOUT_MS = 10_000;
/** Bytes of a picture at most. */
const MAX_JPEG_BYTES = 1024 * 1024;
/** Characters kept of what ffmpeg says. */
const MAX_STDERR_CHARS = 1_000;
/** Pixels across at most. */
const MAX_WIDTH_PX = 640;
/** The frame size of the highest levels of H.264 and HEVC (ITU-T H.264 table A-1: 139,264 macroblocks), in pixels. */
const MAX_PIXELS = 139_264 * 256;

/** As wide as players show it (pixels need not be square), in the colours of JFIF: BT.601, full range. */
const FILTERS = [
  `scale=w=min(${MAX_WIDTH_PX}\\,iw*sar):h=round(ow/dar):out_color_matrix=bt601:out_range=full`,
  'setsar=1,format=yuvj420p',
].join(',');
const ARGUMENTS = [
  ...['-hide_banner', '-nostdin', '-v', 'error'],
  ...['-threads', '1', '-max_pixels', String(MAX_PIXELS)],
  // What a publisher sent may lead nowhere else.
  ...['-protocol_whitelist', 'pipe', '-f', 'mp4', '-i', 'pipe:0'],
  ...['-map', '0:v:0', '-frames:v', '1', '-filter_threads', '1', '-vf', FILTERS],
  ...['-c:v', 'mjpeg', '-q:v', '5', '-threads', '1', '-f', 'image2pipe', 'pipe:1'],
];

/**
 * Makes a JPEG of the first picture in an MP4, by a short ffmpeg that leaves the processor to others.
 *
 * @param media the bytes of the file, in order
 * @param limits when `signal` aborts, ffmpeg is killed
 * @returns when the process is gone
 * @throws HeadendError `no_picture` when it cannot be started, fails, takes too long or writes too much
 */
export function renderThumbnail(
  tool: FfmpegProgram,
  media: readonly Buffer[],
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw new HeadendError('no_picture', 'it is too late for a picture');
    const child: ChildProcessWithoutNullStreams = spawn(tool.path, ARGUMENTS, {
      env: tool.environment,
      stdio: 'pipe',
    });
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
      reject(new HeadendError('no_picture', `ffmpeg made no picture: ${failure}`, { cause }));
    };
    const kill = (reason: string): void => {
      killReason ??= reason;
      child.kill('SIGKILL');
      if (child.exitCode !== null || child.signalCode !== null) settle(killReason);
    };
    const abort = (): void => kill('it was no longer wanted');
    const cancelTimeout = clock.after(TIMEOUT_MS, () => kill('it took too long'));
    signal.addEventListener('abort', abort, { once: true });

    child.once('error', (error) => settle(error.message, error));
    child.once('exit', () => {
      // Somebody else may hold the other end of its output: that is not waited for.
      if (killReason !== undefined) settle(killReason);
    });
    child.once('close', (code, by) => {
      if (code === 0 && sizeBytes > 0) settle(undefined);
      else settle(stderrText.trim() || `it ended with ${code ?? by} and without a word`);
    });
    if (child.pid === undefined) return;
    lowerPriority(child.pid);
    child.stdout.on('data', (bytes: Buffer) => {
      sizeBytes += bytes.length;
      if (sizeBytes > MAX_JPEG_BYTES) kill('it is too large');
      else chunks.push(bytes);
    });
    child.stderr.on('data', (bytes: Buffer) => {
      if (stderrText.length < MAX_STDERR_CHARS) stderrText += bytes.toString('utf8', 0, MAX_STDERR_CHARS);
    });
    // It may leave as soon as it has its picture: what it did not read is no error.
    child.stdin.on('error', () => {});
    for (const bytes of media) child.stdin.write(bytes);
    child.stdin.end();
  });
}

/** Encoders of broadcasts go before. */
function lowerPriority(pid: number): void {
  try {
    os.setPriority(pid, os.constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It is gone already, or the system does not let us: the picture is made all the same.
  }
}
