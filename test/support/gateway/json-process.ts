import { type ChildProcess, spawn } from 'node:child_process';
import type { Test } from 'tap';

export type JsonProcess<Line> = {
  child: ChildProcess;
  /** Lines of its output so far, parsed. */
  lines: Line[];
  /** Resolves with the exit code or the signal. */
  ended: Promise<NodeJS.Signals | number | null>;
};

/** Starts a Node process that prints lines of JSON; killed with the test. */
export function startJsonProcess<Line>(t: Test, args: string[]): JsonProcess<Line> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  t.teardown(() => child.kill('SIGKILL'));
  const lines: Line[] = [];
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => {
    output += bytes;
    const whole = output.split('\n');
    output = whole.pop() ?? '';
    lines.push(...whole.map((line) => JSON.parse(line)));
  });
  const ended = new Promise<NodeJS.Signals | number | null>((resolve) =>
    child.once('close', (code, signal) => resolve(signal ?? code)),
  );
  return { child, lines, ended };
}
