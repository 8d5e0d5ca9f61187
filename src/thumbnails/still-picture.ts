import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import os from 'node:os';
import { decodedPixels } from '../media/index.js';
import { type Clock, HeadendError, type MemoryGuard } from '../platform/index.js';

/** The program, what it may see of the environment, and what limits its memory. */
export type PictureTool = { path: string; environment: NodeJS.ProcessEnv; memory?: MemoryGuard };

/** An ffmpeg that has not ended by itself by then is killed, ms. */
const PATIENCE_MS = 10_000;
/** Bytes of a picture at most. */
const LARGEST_PICTURE = 1024 * 1024;
/** Characters kept of what ffmpeg says. */
const KEPT_WORDS = 1_000;
/** Pixels across at most. */
const WIDEST = 640;

/** As wide as players show it (pixels need not be square), in the colours of JFIF: BT.601, full range. */
const FILTERS = [
  `scale=w=min(${WIDEST}\\,iw*sar):h=round(ow/dar):out_color_matrix=bt601:out_range=full`,
  'setsar=1,format=yuvj420p',
].join(',');
const START = ['-hide_banner', '-nostdin', '-v', 'error', '-threads', '1'];
const ARGUMENTS = [
  // What a publisher sent may lead nowhere else.
  ...['-protocol_whitelist', 'pipe', '-f', 'mp4', '-i', 'pipe:0'],
  ...['-map', '0:v:0', '-frames:v', '1', '-filter_threads', '1', '-vf', FILTERS],
  ...['-c:v', 'mjpeg', '-q:v', '5', '-threads', '1', '-f', 'image2pipe', 'pipe:1'],
];

/**
 * Makes a JPEG of the first picture in an MP4, by a short ffmpeg that leaves the processor to others.
 *
 * @param media the bytes of the file, in order
 * @param limits when `signal` aborts, ffmpeg is killed; `maxPixels`: of the largest picture that is decoded
 * @returns when the process is gone
 * @throws HeadendError `no_picture` when it cannot be started, fails, takes too long or writes too much
 */
export function stillPicture(
  tool: PictureTool,
  media: readonly Buffer[],
  { clock, signal, maxPixels }: { clock: Clock; signal: AbortSignal; maxPixels: number },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw new HeadendError('no_picture', 'it is too late for a picture');
    const child: ChildProcessWithoutNullStreams = spawn(
      tool.path,
      [...START, '-max_pixels', String(decodedPixels(maxPixels)), ...ARGUMENTS],
      {
        env: tool.environment,
        stdio: 'pipe',
      },
    );
    const written: Buffer[] = [];
    let size = 0;
    let words = '';
    let killedFor: string | undefined;

    const settle = (failure: string | undefined, cause?: Error): void => {
      cancelPatience();
      signal.removeEventListener('abort', tooLate);
      if (failure === undefined) {
        resolve(Buffer.concat(written));
        return;
      }
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
      reject(new HeadendError('no_picture', `ffmpeg made no picture: ${failure}`, { cause }));
    };
    const kill = (reason: string): void => {
      killedFor ??= reason;
      child.kill('SIGKILL');
      if (child.exitCode !== null || child.signalCode !== null) settle(killedFor);
    };
    const tooLate = (): void => kill('it was no longer wanted');
    const cancelPatience = clock.after(PATIENCE_MS, () => kill('it took too long'));
    signal.addEventListener('abort', tooLate, { once: true });

    child.once('error', (error) => settle(error.message, error));
    child.once('exit', () => {
      // Somebody else may hold the other end of its output: that is not waited for.
      if (killedFor !== undefined) settle(killedFor);
    });
    child.once('close', (code, by) => {
      if (code === 0 && size > 0) settle(undefined);
      else settle(words.trim() || `it ended with ${code ?? by} and without a word`);
    });
    if (child.pid === undefined) return;
    standBack(child.pid);
    tool.memory?.watch(child, () => {
      killedFor ??= tool.memory?.reason;
    });
    child.stdout.on('data', (bytes: Buffer) => {
      size += bytes.length;
      if (size > LARGEST_PICTURE) kill('it is too large');
      else written.push(bytes);
    });
    child.stderr.on('data', (bytes: Buffer) => {
      if (words.length < KEPT_WORDS) words += bytes.toString('utf8', 0, KEPT_WORDS);
    });
    // It may leave as soon as it has its picture: what it did not read is no error.
    child.stdin.on('error', () => {});
    for (const bytes of media) child.stdin.write(bytes);
    child.stdin.end();
  });
}

/** Encoders of broadcasts go before. */
function standBack(pid: number): void {
  try {
    os.setPriority(pid, os.constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It is gone already, or the system does not let us: the picture is made all the same.
  }
}
