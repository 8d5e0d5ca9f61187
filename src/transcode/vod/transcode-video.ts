import { type ChildProcess, spawn } from 'node:child_process';
import os from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Clock, killChild, lowerSessionPriority } from '../../platform/index.js';
import type { FfmpegTool } from '../ffmpeg/ffmpeg-process.js';
import { chooseLadder, type Rung } from '../hls/ladder.js';
import { InputRefused } from './input-refused.js';
import { SegmentIndex, type VodFile } from './segment-index.js';
import { probeVideo } from './video-probe.js';
import { vodArguments } from './vod-arguments.js';

export type TranscodeVideoOptions = {
  ffmpeg: FfmpegTool;
  /** Renditions below the source. */
  ladder: readonly Rung[] | 'off';
  /** libx264 preset. */
  preset: string;
  /** Bits per second of stereo audio. */
  audioBitrateBps: number;
  /** Maximum pixels of a picture that is decoded. */
  maxPixels: number;
  maxDurationS: number;
  /** Opens the file of a rendition for writing. */
  createFile(rendition: string): Promise<Writable>;
  /** Called about once a second. @param share of the duration, 0 to 1 @param byteLength written so far, all files */
  onProgress(share: number, byteLength: number): void;
  /** Returns a promise while the transcoding must pause. */
  whenAllowed?(): Promise<void> | undefined;
  /** Kills the process when aborted. */
  signal: AbortSignal;
  clock: Clock;
};

export type TranscodedVideo = {
  durationS: number;
  byteLength: number;
  /** Video, best first, then audio. */
  files: VodFile[];
};

/** Time without progress after which a process is killed, ms. */
const STALL_MS = 120_000;
/** Limit of a whole transcoding, ms. */
const TOTAL_MS = 23 * 3_600_000;
const MAXIMUM_STDERR_CHARS = 2_000;
/** File descriptor of the first output; those before are standard ones. */
const FIRST_OUTPUT = 3;

/**
 * Transcodes a video file into CMAF renditions, by one ffmpeg of the lowest priority that reads the file and nothing
 * else. It writes through this process: it ends when this process is killed, and waits while it pauses.
 *
 * @throws InputRefused when the input can never be transcoded; Error with the reason after other failures
 */
export async function transcodeVideo(
  inputPath: string,
  options: TranscodeVideoOptions,
): Promise<TranscodedVideo> {
  const { ffmpeg, maxPixels, maxDurationS, signal, clock, whenAllowed } = options;
  const probed = await probeVideo(ffmpeg, inputPath, { maxPixels, maxDurationS, clock, signal });
  const ladder = chooseLadder({
    ...{ video: probed.video, audio: probed.audio, rungs: options.ladder },
    ...{ audioBitrateBps: options.audioBitrateBps, passthrough: false, shed: new Set<string>() },
  });
  const encoded = ladder.video.filter((rendition) => !rendition.passthrough);
  const names = [...encoded.map(({ id }) => id), ...(ladder.audio ? [ladder.audio.id] : [])];
  const outputs = names.map((_, index) => FIRST_OUTPUT + index);
  const indexes = names.map(() => new SegmentIndex(() => whenAllowed?.()));
  const byteLength = (): number => indexes.reduce((sum, index) => sum + index.byteLength, 0);
  const files = await openAll(names, options);
  try {
    await runFfmpeg(
      ffmpeg,
      vodArguments({ ...options, ...{ file: inputPath, probed, ladder, outputs } }),
      async (child) => {
        await Promise.all(
          outputs.map((output, index) =>
            pipeline(child.stdio[output] as Readable, indexes[index]!, files[index]!),
          ),
        );
      },
      (positionS) => options.onProgress(Math.min(1, positionS / probed.durationS), byteLength()),
      options,
    );
  } finally {
    for (const file of files) file.destroy();
  }
  const videos = encoded.flatMap(({ id, frameRate }, index) => indexes[index]!.video(id, frameRate) ?? []);
  const [best] = videos;
  if (!best)
    throw new InputRefused('incomplete', 'No picture of this video can be decoded: the file is damaged.');
  const audio = ladder.audio && indexes.at(-1)!.audio(ladder.audio.id, best);
  const durationS = best.segments.reduce((sum, segment) => sum + segment.durationS, 0);
  return { durationS, byteLength: byteLength(), files: [...videos, ...(audio ? [audio] : [])] };
}

async function openAll(names: readonly string[], options: TranscodeVideoOptions): Promise<Writable[]> {
  const files: Writable[] = [];
  try {
    for (const name of names) files.push(await options.createFile(name));
    return files;
  } catch (error) {
    for (const file of files) file.destroy();
    throw error;
  }
}

/**
 * Runs ffmpeg to its end.
 *
 * @param take takes its outputs; the process is killed when that fails
 */
async function runFfmpeg(
  tool: FfmpegTool,
  args: readonly string[],
  take: (child: ChildProcess) => Promise<void>,
  onProgress: (positionS: number) => void,
  { signal, clock, whenAllowed }: TranscodeVideoOptions,
): Promise<void> {
  signal.throwIfAborted();
  const outputs = args
    .filter((argument) => /^pipe:[3-9]|^pipe:\d\d/.test(argument))
    .map(() => 'pipe' as const);
  const child = spawn(tool.path, args, {
    env: tool.environment,
    stdio: ['ignore', 'pipe', 'pipe', ...outputs],
    detached: true,
  });
  let failure: Error | undefined;
  let errorText = '';
  let progressText = '';
  let movedAt = clock.monotonic();
  const startedAt = movedAt;
  const end = (reason: Error): void => {
    failure ??= reason;
    killChild(child);
  };
  const abort = (): void => end(new Error('cancelled'));
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      failure ??= error;
      resolve();
    });
    child.once('exit', (code, by) => {
      if (code !== 0) failure ??= new Error(errorText.trim() || `ffmpeg ended with ${code ?? by}`);
      resolve();
    });
  });
  signal.addEventListener('abort', abort, { once: true });
  const stopWatching = clock.every(1_000, () => {
    const now = clock.monotonic();
    if (whenAllowed?.()) movedAt = now;
    else if (now - movedAt > STALL_MS) end(new Error('ffmpeg makes no progress'));
    if (now - startedAt > TOTAL_MS)
      end(new InputRefused('too_long', 'Transcoding this video takes too long.'));
  });
  try {
    if (child.pid !== undefined) lowerSessionPriority(child.pid, os.constants.priority.PRIORITY_LOW);
    tool.memory?.watch(child, () =>
      end(new InputRefused('needs_too_much_memory', 'Transcoding this video takes too much memory.')),
    );
    child.stderr?.on('data', (bytes: Buffer) => {
      errorText = (errorText + bytes.toString()).slice(-MAXIMUM_STDERR_CHARS);
    });
    child.stdout?.on('data', (bytes: Buffer) => {
      movedAt = clock.monotonic();
      progressText = (progressText + bytes.toString('latin1')).slice(-MAXIMUM_STDERR_CHARS);
      const position = [...progressText.matchAll(/^out_time_us=(\d{1,15})$/gm)].at(-1)?.[1];
      if (position !== undefined) onProgress(Number(position) / 1e6);
    });
    await take(child).catch((error: unknown) =>
      end(error instanceof Error ? error : new Error(String(error))),
    );
    await exited;
  } finally {
    stopWatching();
    signal.removeEventListener('abort', abort);
    for (const stream of child.stdio) stream?.destroy();
  }
  if (failure) throw failure;
}
