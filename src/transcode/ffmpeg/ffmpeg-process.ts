import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import Ffmpeg from 'fluent-ffmpeg';
import { killChild, type MemoryGuard } from '../../platform/index.js';
import type { FfmpegPlan } from './ffmpeg-arguments.js';

/** Result of an ffmpeg process. */
export type FfmpegExit = {
  /** It exited with 0. */
  clean: boolean;
  /** One sentence for logs. */
  message: string;
  /** Last lines of standard error. */
  lastLines: string[];
  /** Killed for exceeding its memory limit. */
  overMemory?: true;
};

/** Running ffmpeg process. */
export type FfmpegProcess = {
  /** Undefined when it could not be started. */
  readonly pid: number | undefined;
  /** Standard input; undefined when it could not be started. Its errors are ignored: use `exited`. */
  readonly input: Writable | undefined;
  /** Resolves when the process has exited. Never rejects. */
  readonly exited: Promise<FfmpegExit>;
  /** Sends SIGKILL: a process blocked on its input ignores other signals. No effect after exit. */
  kill(): void;
};

/** Program, environment and memory limit. */
export type FfmpegTool = {
  path: string;
  environment: NodeJS.ProcessEnv;
  /** Limits the memory of every process; none by default. */
  memory?: MemoryGuard;
};

const KEPT_LINES = 40;
/** Maximum time to read the rest of standard error after exit, ms. */
const STDERR_DRAIN_MS = 500;

type Lines = { get(): string };
type OnProcess = (child: ChildProcess, stdout: Lines, stderr: Lines) => void;
type OnEnd = (error: Error | null, stdout?: Lines, stderr?: Lines) => void;

/** Internals of fluent-ffmpeg 2.1.3 (pinned; covered by a test). */
type FluentInternals = {
  ffmpegProc?: ChildProcess;
  _getArguments(): string[];
  _prepare(done: (error: Error | null, args?: string[]) => void): void;
  _getFfmpegPath(done: (error: Error | null, path: string) => void): void;
  _spawnFfmpeg(args: string[], options: SpawnOptions, onProcess: OnProcess, onEnd: OnEnd): void;
};

const EMPTY_LINES: Lines = { get: () => '' };

/**
 * Starts ffmpeg by fluent-ffmpeg, without a shell and synchronously, so that its input is writable at once: the
 * library's capability queries (300 ms) are skipped, as the program was checked at start.
 */
export function startFfmpeg(tool: FfmpegTool, plan: FfmpegPlan): FfmpegProcess {
  const command = Ffmpeg({ stdoutLines: KEPT_LINES });
  command.input(plan.input ?? 'pipe:0').inputOptions(...plan.inputOptions);
  if (plan.complexFilter !== undefined) command.complexFilter(plan.complexFilter);
  for (const { url, options } of plan.outputs) command.output(url).outputOptions(...options);

  const internals = command as unknown as FluentInternals;
  internals._getFfmpegPath = (done) => done(null, tool.path);
  internals._prepare = (done) => done(null, internals._getArguments());
  const spawn = internals._spawnFfmpeg;
  internals._spawnFfmpeg = (args, options, onProcess, onEnd) => {
    // The library's handler fails when no process was started, and does not wait for the end of standard error.
    const end: OnEnd = (error, stdout = EMPTY_LINES, stderr = EMPTY_LINES) => {
      void stderrDrained(internals.ffmpegProc?.stderr).then(() => onEnd(error, stdout, stderr));
    };
    // A separate session: Ctrl-C reaches only the gateway, which ends its encoders in order.
    const own: SpawnOptions = { env: tool.environment, stdio: ['pipe', 'ignore', 'pipe'], detached: true };
    try {
      spawn.call(command, args, { ...options, captureStdout: false, ...own } as SpawnOptions, onProcess, end);
    } catch (error) {
      end(error instanceof Error ? error : new Error(String(error)));
    }
  };

  let overMemory = false as boolean;
  const exited = new Promise<FfmpegExit>((resolve) => {
    const lines = (text: string | null): string[] =>
      (text ?? '').split('\n').filter(Boolean).slice(-KEPT_LINES);
    command.on('end', (_, stderr) =>
      resolve({ clean: true, message: 'ffmpeg ended', lastLines: lines(stderr) }),
    );
    command.on('error', (error, _, stderr) =>
      resolve({
        clean: false,
        message: overMemory ? `${tool.memory?.reason} (${error.message})` : error.message,
        lastLines: lines(stderr),
        ...(overMemory ? { overMemory: true as const } : {}),
      }),
    );
  });
  command.run();
  const child = internals.ffmpegProc;
  child?.stdin?.on('error', () => {});
  if (child)
    tool.memory?.watch(child, () => {
      overMemory = true;
    });
  return {
    pid: child?.pid,
    input: child?.stdin ?? undefined,
    exited,
    kill: () => {
      if (child) killChild(child);
    },
  };
}

/** Resolves at the end of standard error, or after a timeout: another process may hold its other end. */
async function stderrDrained(output: Readable | null | undefined): Promise<void> {
  if (!output || output.closed) return;
  await once(output, 'close', { signal: AbortSignal.timeout(STDERR_DRAIN_MS) }).catch(() => {});
}
