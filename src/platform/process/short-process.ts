import { spawn } from 'node:child_process';
import os from 'node:os';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../clock.js';
import { messageOf } from '../error.js';
import { killChild } from './kill-child.js';
import type { MemoryGuard } from './memory-guard.js';
import { lowerPriority } from './priority.js';

/** A program, the environment of its process and the limit of its memory. */
export type ShortProgram = { path: string; environment: NodeJS.ProcessEnv; memory?: MemoryGuard };

export type ShortProcessOptions = {
  args: readonly string[];
  /** Written to standard input, in order; an iterable as fast as it is read. */
  input: readonly Buffer[] | AsyncIterable<Buffer>;
  /** File descriptors that are read: 1 and those from 3 up. */
  outputs: readonly number[];
  /** Gets the bytes of all outputs, which are not returned then. Reading pauses while a promise is pending, until the process has exited. Must not throw. */
  onOutput?: (bytes: Buffer) => Promise<void> | undefined;
  /** Maximum of all outputs together. */
  maxOutputBytes: number;
  /** Time after which it is killed. */
  timeoutMs: number;
  /** As for `os.setPriority`; default: below that of the encoders of broadcasts. */
  priority?: number;
  /** Kills it when aborted. */
  signal: AbortSignal;
  clock: Clock;
};

/** Characters of standard error kept for the error message. */
const MAX_STDERR_CHARS = 1_000;

/**
 * Runs a program of low priority to its end.
 *
 * @returns the bytes of every output, after the process has exited
 * @throws Error with the reason when it cannot be started, fails, times out, writes too much or is cancelled
 */
export function runShortProcess(program: ShortProgram, options: ShortProcessOptions): Promise<Buffer[]> {
  const { args, input, outputs, onOutput, maxOutputBytes, timeoutMs, signal, clock } = options;
  const { priority = os.constants.priority.PRIORITY_BELOW_NORMAL } = options;
  return new Promise((resolve, reject) => {
    if (signal.aborted) throw new Error('cancelled');
    const stdio = Array.from(
      { length: Math.max(3, ...outputs.map((descriptor) => descriptor + 1)) },
      () => 'pipe' as const,
    );
    const child = spawn(program.path, args, { env: program.environment, stdio });
    const chunks: Buffer[][] = outputs.map(() => []);
    let sizeBytes = 0;
    let stderrText = '';
    let killReason: string | undefined;

    const settle = (failure: string | undefined, cause?: Error): void => {
      cancelTimeout();
      signal.removeEventListener('abort', abort);
      if (failure === undefined) {
        resolve(chunks.map((chunk) => Buffer.concat(chunk)));
        return;
      }
      for (const stream of child.stdio) stream?.destroy();
      reject(new Error(failure, { cause }));
    };
    const kill = (reason: string): void => {
      killReason ??= reason;
      killChild(child);
      if (child.exitCode !== null || child.signalCode !== null) settle(killReason);
    };
    const abort = (): void => kill('cancelled');
    const cancelTimeout = clock.after(timeoutMs, () => kill('timed out'));
    signal.addEventListener('abort', abort, { once: true });

    child.once('error', (error) => settle(error.message, error));
    child.once('exit', () => {
      // Settles at exit after a kill: another process may hold the pipes open.
      if (killReason !== undefined) settle(killReason);
    });
    child.once('close', (code, by) => {
      if (code === 0 && sizeBytes > 0) settle(undefined);
      else settle(stderrText.trim() || `${program.path} exited with ${code ?? by} and no message`);
    });
    if (child.pid === undefined) return;
    lowerPriority(child.pid, priority);
    program.memory?.watch(child, () => {
      killReason ??= program.memory?.reason;
    });
    for (const [index, descriptor] of outputs.entries()) {
      const output = child.stdio[descriptor] as Readable;
      output.on('data', (bytes: Buffer) => {
        sizeBytes += bytes.length;
        if (sizeBytes > maxOutputBytes) kill('output too large');
        else if (!onOutput) chunks[index]!.push(bytes);
        else {
          const taken = onOutput(bytes);
          if (!taken) return;
          output.pause();
          taken.then(
            () => output.resume(),
            (error: unknown) => kill(messageOf(error)),
          );
        }
      });
    }
    child.stderr?.on('data', (bytes: Buffer) => {
      if (stderrText.length < MAX_STDERR_CHARS) stderrText += bytes.toString('utf8', 0, MAX_STDERR_CHARS);
    });
    const { stdin } = child;
    if (!stdin) return;
    // It may exit before it has read all: unread input is not an error.
    stdin.on('error', () => {});
    if (Symbol.asyncIterator in input) {
      pipeline(
        reportingErrors(input, (error) => kill(messageOf(error))),
        stdin,
      ).catch(() => {});
      return;
    }
    for (const bytes of input) stdin.write(bytes);
    stdin.end();
  });
}

/** Passes an input on, and its own errors to `report`: not those of the process that reads it. */
async function* reportingErrors(
  input: AsyncIterable<Buffer>,
  report: (error: unknown) => void,
): AsyncGenerator<Buffer> {
  try {
    yield* input;
  } catch (error) {
    report(error);
    throw error;
  }
}
