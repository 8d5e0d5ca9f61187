import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import Ffmpeg from 'fluent-ffmpeg';
import type { MemoryGuard } from '../../platform/index.js';
import type { FfmpegPlan } from './ffmpeg-arguments.js';

/** How ffmpeg came to its end. */
export type FfmpegExit = {
  /** It read its input to the end and said that all went well. */
  clean: boolean;
  /** One sentence, for people. */
  message: string;
  /** The last lines that it wrote to standard error. */
  lastWords: string[];
  /** It was ended because it took too much memory. */
  overMemory?: true;
};

/** A running ffmpeg. */
export type FfmpegProcess = {
  /** Undefined when it could not be started. */
  readonly pid: number | undefined;
  /** What ffmpeg reads; undefined when it could not be started. Its errors are swallowed: watch `exited`. */
  readonly input: Writable | undefined;
  /** Resolves when the process is gone. Never rejects. */
  readonly exited: Promise<FfmpegExit>;
  /** SIGKILL: a process that is blocked on its input hears nothing gentler. Does no harm when it is gone. */
  kill(): void;
};

/** The program and what it may see. */
export type FfmpegTool = {
  path: string;
  environment: NodeJS.ProcessEnv;
  /** Limits the memory of every process; none by default. */
  memory?: MemoryGuard;
};

const KEPT_LINES = 40;
/** What a process said last is waited for so long when it is gone, ms. */
const LAST_WORDS_MS = 500;

type Lines = { get(): string };
type OnProcess = (child: ChildProcess, stdout: Lines, stderr: Lines) => void;
type OnEnd = (error: Error | null, stdout?: Lines, stderr?: Lines) => void;

/** What fluent-ffmpeg 2.1.3 has inside and does not publish; it is pinned, and a test holds it to this. */
type Inside = {
  ffmpegProc?: ChildProcess;
  _getArguments(): string[];
  _prepare(done: (error: Error | null, args?: string[]) => void): void;
  _getFfmpegPath(done: (error: Error | null, path: string) => void): void;
  _spawnFfmpeg(args: string[], options: SpawnOptions, onProcess: OnProcess, onEnd: OnEnd): void;
};

const SILENCE: Lines = { get: () => '' };

/**
 * Starts ffmpeg by fluent-ffmpeg, without a shell. It is called synchronously, so that its input can be written at
 * once: the queries for formats and encoders that the library makes before its first call (some 300 ms) are left
 * out, as the program was checked at start.
 */
export function startFfmpeg(tool: FfmpegTool, plan: FfmpegPlan): FfmpegProcess {
  const command = Ffmpeg({ stdoutLines: KEPT_LINES });
  command.input(plan.input ?? 'pipe:0').inputOptions(...plan.inputOptions);
  if (plan.complexFilter !== undefined) command.complexFilter(plan.complexFilter);
  for (const { url, options } of plan.outputs) command.output(url).outputOptions(...options);

  const inside = command as unknown as Inside;
  inside._getFfmpegPath = (done) => done(null, tool.path);
  inside._prepare = (done) => done(null, inside._getArguments());
  const spawn = inside._spawnFfmpeg;
  inside._spawnFfmpeg = (args, options, onProcess, onEnd) => {
    // The library's own end handler fails when there was no process whose output could be shown, and does not wait for
    // what a process that has just ended had still to say.
    const end: OnEnd = (error, stdout = SILENCE, stderr = SILENCE) => {
      void allSaid(inside.ffmpegProc?.stderr).then(() => onEnd(error, stdout, stderr));
    };
    // In a session of its own a Ctrl-C in the terminal reaches the gateway alone, which ends its encoders in order.
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
      resolve({ clean: true, message: 'ffmpeg ended', lastWords: lines(stderr) }),
    );
    command.on('error', (error, _, stderr) =>
      resolve({
        clean: false,
        message: overMemory ? `${tool.memory?.reason} (${error.message})` : error.message,
        lastWords: lines(stderr),
        ...(overMemory ? { overMemory: true as const } : {}),
      }),
    );
  });
  command.run();
  const child = inside.ffmpegProc;
  child?.stdin?.on('error', () => {});
  if (child)
    tool.memory?.watch(child, () => {
      overMemory = true;
    });
  return {
    pid: child?.pid,
    input: child?.stdin ?? undefined,
    exited,
    kill: () => void child?.kill('SIGKILL'),
  };
}

/** Resolves when nothing more can be read, or after a moment: somebody else may hold the other end. */
async function allSaid(output: Readable | null | undefined): Promise<void> {
  if (!output || output.closed) return;
  await once(output, 'close', { signal: AbortSignal.timeout(LAST_WORDS_MS) }).catch(() => {});
}
