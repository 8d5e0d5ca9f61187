import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import os from 'node:os';
import { createInterface } from 'node:readline';
import { lowerSessionPriority } from '../src/platform/index.js';
import { measureProcessorTime } from './process-times.js';
import { type FileReport, TapReader } from './tap-report.js';
import type { TestPriority } from './test-schedule.js';

/** Time for the processes of a finished test to exit, ms. */
const EXIT_GRACE_MS = 3_000;
/** Time for a file that timed out to report the running test, ms. */
const REPORT_GRACE_MS = 5_000;
/** Plan that tap prints after the last test of a file. */
const PLAN_LINE = /^ {4}1\.\.[1-9]/;

export type TestProcessOptions = {
  /** Compiled test file. */
  program: string;
  environment: Record<string, string>;
  /** Timeout of the whole file, seconds. */
  timeoutS: number;
  priority: TestPriority;
  /** Aborts the file. */
  signal: AbortSignal;
};

export type TestOutcome = {
  report: FileReport;
  /** Lines printed by the file, as in the output of tap's own runner. */
  output: string[];
  /** Processes still running after the grace period, as `pid command`; they are killed. */
  leftBehind: string[];
};

/**
 * Runs a test file in a process of its own, as `tap` does, but without the loaders for mocks and coverage that tap's
 * runner adds, which cost more than many a test.
 *
 * @param file source of the test, such as `test/api/server/server.test.ts`
 */
export async function runTestFile(file: string, options: TestProcessOptions): Promise<TestOutcome> {
  const { program, environment, timeoutS, priority, signal } = options;
  const startedAtMs = performance.now();
  // A session and process group of its own, to find processes that the test leaves behind.
  const child = spawn(process.execPath, ['--enable-source-maps', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    env: { ...process.env, CI: 'true', TAP_TIMEOUT: String(timeoutS), ...environment },
  });
  const group = child.pid;
  if (group === undefined) throw (await once(child, 'error'))[0];
  if (priority === 'low') lowerSessionPriority(group, os.constants.priority.PRIORITY_BELOW_NORMAL);
  const processorTime = measureProcessorTime(group);
  const exited = exitFailure(child);
  const closed = once(child, 'close');

  let report: FileReport | undefined;
  const reader = new TapReader((whole) => {
    report = whole;
  });
  const output: string[] = [];
  const read = (line: string): void => {
    output.push(line);
    reader.read(line);
  };
  read(`# Subtest: ${file}`);
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => read(`    ${line}`));

  const stop = (): void => void killGroup(group, 'SIGTERM');
  signal.addEventListener('abort', stop);
  const killTimer = setTimeout(() => killGroup(group, 'SIGKILL'), timeoutS * 1000 + REPORT_GRACE_MS);
  const failure = await exited;
  clearTimeout(killTimer);
  signal.removeEventListener('abort', stop);
  const leftBehind = await terminateGroup(group);
  const cpuSeconds = processorTime();
  // A process outside the group may hold the pipe open: its output is not waited for.
  const outputTimeout = setTimeout(() => child.stdout?.destroy(), EXIT_GRACE_MS);
  await closed;
  clearTimeout(outputTimeout);

  const end =
    failure ??
    (output.some((line) => PLAN_LINE.test(line))
      ? undefined
      : 'the process exited before the end of its tests');
  const time = `time=${(performance.now() - startedAtMs).toFixed(3)}ms`;
  read(`${end === undefined ? '' : 'not '}ok 1 - ${file} # ${time}`);
  if (end !== undefined) for (const line of ['  ---', `  ${end}`, '  ...']) read(line);
  reader.end();
  if (!report) throw new Error(`no report of ${file}`);
  if (cpuSeconds !== undefined) report.cpuSeconds = cpuSeconds;
  return { report, output, leftBehind };
}

/** Returns why the process failed; undefined for exit code 0. */
async function exitFailure(child: ChildProcess): Promise<string | undefined> {
  const [code, by] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  if (by !== null) return `signal: ${by}`;
  return code === 0 ? undefined : `exitCode: ${code}`;
}

/** Waits until the group is empty; kills what remains and returns it. */
async function terminateGroup(group: number): Promise<string[]> {
  let members = groupMembers(group);
  for (const end = performance.now() + EXIT_GRACE_MS; members.length > 0 && performance.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    members = groupMembers(group);
  }
  killGroup(group, 'SIGKILL');
  return members;
}

/** Returns the running processes of the group, without zombies. */
function groupMembers(group: number): string[] {
  if (!killGroup(group, 0)) return [];
  const table = execFileSync('ps', ['-A', '-o', 'pgid=,stat=,pid=,args='], { encoding: 'utf8' });
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([id, state]) => Number(id) === group && !state?.startsWith('Z'))
    .map((fields) => fields.slice(2).join(' ').slice(0, 160));
}

/** @returns whether the group exists */
function killGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
}
