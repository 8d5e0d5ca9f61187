import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import path from 'node:path';
import { HeadendError } from '../../platform/index.js';
import type { FfmpegTool } from './ffmpeg-process.js';

/** libavformat's version: numeric in development builds too, unlike ffmpeg's. */
const LIBAVFORMAT_5_1 = [59, 27] as const;
const NEEDED_ENCODERS = ['libx264', 'aac'];
const USUAL_PLACES = ['/usr/local/bin', '/usr/bin', '/bin', '/opt/homebrew/bin', '/opt/local/bin'];
const HOW_TO_INSTALL =
  'install it (Debian, Ubuntu: apt-get install ffmpeg; macOS: brew install ffmpeg) or set FFMPEG_PATH';
const PATIENCE_MS = 15_000;

/** Environment variables that ffmpeg's libraries and drivers need; no others are passed on, so no secrets are. */
const PASSED_ON = [
  ...['PATH', 'HOME', 'LANG', 'TMPDIR', 'XDG_RUNTIME_DIR', 'DISPLAY', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH'],
  ...['LIBVA_DRIVER_NAME', 'LIBVA_DRIVERS_PATH', 'CUDA_VISIBLE_DEVICES', 'NVIDIA_VISIBLE_DEVICES'],
  ...['SystemRoot', 'ONEVPL_SEARCH_PATH'],
];

/**
 * Finds ffmpeg.
 *
 * @param given the operator's path; PATH is searched by default
 * @throws HeadendError `ffmpeg_missing`
 */
export async function findFfmpeg(
  given: string | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<FfmpegTool> {
  const visible = Object.fromEntries(
    PASSED_ON.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])),
  );
  const folders = environment.PATH?.split(path.delimiter).filter(Boolean) ?? USUAL_PLACES;
  const candidates =
    given === undefined ? folders.map((folder) => path.join(folder, 'ffmpeg')) : [path.resolve(given)];
  for (const candidate of candidates) {
    const found = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return { path: candidate, environment: visible };
  }
  const where = given === undefined ? 'in PATH' : `at ${given}`;
  throw new HeadendError('ffmpeg_missing', `There is no ffmpeg ${where}: ${HOW_TO_INSTALL}.`);
}

/**
 * Checks version and encoders.
 *
 * @returns the version as printed, for example `5.1.9-0+deb12u1`
 * @throws HeadendError `ffmpeg_missing` when it cannot run or lacks encoders, `ffmpeg_too_old` below 5.1
 */
export async function checkFfmpeg(tool: FfmpegTool): Promise<string> {
  const about = await runFfmpeg(tool, ['-version']).catch((error: unknown) => {
    throw new HeadendError('ffmpeg_missing', `${tool.path} does not run: ${HOW_TO_INSTALL}.`, {
      cause: error,
    });
  });
  const version = /^ffmpeg version (\S+)/m.exec(about)?.[1];
  const library = /^libavformat\s+(\d+)\.\s*(\d+)/m.exec(about);
  if (version === undefined || !library)
    throw new HeadendError('ffmpeg_missing', `${tool.path} is not ffmpeg: ${HOW_TO_INSTALL}.`);
  const built = [Number(library[1]), Number(library[2])] as const;
  if (!reaches(built, LIBAVFORMAT_5_1))
    throw new HeadendError(
      'ffmpeg_too_old',
      `${tool.path} is version ${version}; 5.1 or newer is needed: ${HOW_TO_INSTALL}.`,
    );
  const encoders = await runFfmpeg(tool, ['-hide_banner', '-encoders']);
  const missing = NEEDED_ENCODERS.filter((name) => !new RegExp(`^ [VA]\\S+ ${name} `, 'm').test(encoders));
  if (missing.length > 0)
    throw new HeadendError(
      'ffmpeg_missing',
      `${tool.path} was built without ${missing.join(' and ')}: ${HOW_TO_INSTALL}.`,
    );
  return version;
}

/**
 * Runs ffmpeg to its end and returns its standard output.
 *
 * @throws with its standard error when it fails
 */
export function runFfmpeg(tool: FfmpegTool, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = { timeout: PATIENCE_MS, killSignal: 'SIGKILL', maxBuffer: 4 * 1024 * 1024 } as const;
    const child = execFile(tool.path, args, { ...limits, env: tool.environment }, (error, stdout, stderr) => {
      if (error) reject(new Error(stderr.trim().slice(-2_000) || error.message, { cause: error }));
      else resolve(stdout);
    });
    child.stdin?.end();
    tool.memory?.watch(child);
  });
}

function reaches(version: readonly [number, number], wanted: readonly [number, number]): boolean {
  return version[0] > wanted[0] || (version[0] === wanted[0] && version[1] >= wanted[1]);
}
