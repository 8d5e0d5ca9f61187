import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { type FileReport, TapReader } from './tap-report.js';

/** How long processes of a finished test have to vanish by themselves. */
const EXIT_GRACE_MS = 3_000;
/** How long a file that has run out of time has to say in which test. */
const REPORT_GRACE_MS = 5_000;
/** What tap prints when all tests of a file are over. */
const PLAN_LINE = /^ {4}1\.\.[1-9]/;

export type TestProcessOptions = {
  /** The compiled file. */
  program: string;
  environment: Record<string, string>;
  /** For the whole file, in seconds. */
  timeoutS: number;
  /** Ends it early. */
  signal: AbortSignal;
};

export type TestOutcome = {
  report: FileReport;
  /** Everything that it printed, as it would stand in the output of tap's own runner. */
  output: string[];
  /** Processes that were still there when they should not have been, as `pid command`; they are killed. */
  leftBehind: string[];
};

/**
 * Runs a test file in a process of its own, as `tap` does, but without what tap's runner loads into each for
 * mocks and coverage: nobody here uses those, and they cost as much as many a test.
 *
 * @param file what it is called: its source, such as `test/api/server.test.ts`
 */
export async function runTestFile(file: string, options: TestProcessOptions): Promise<TestOutcome> {
  const { program, environment, timeoutS, signal } = options;
  const startedAtMs = performance.now();
  // A group of its own: what a test leaves behind is found by it.
  const child = spawn(process.execPath, ['--enable-source-maps', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    env: { ...process.env, CI: 'true', TAP_TIMEOUT: String(timeoutS), ...environment },
  });
  const group = child.pid;
  if (group === undefined) throw (await once(child, 'error'))[0];
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
  // Who has left the group may hold the pipe for ever: what it says is no longer waited for.
  const outputTimeout = setTimeout(() => child.stdout?.destroy(), EXIT_GRACE_MS);
  await closed;
  clearTimeout(outputTimeout);

  const end =
    failure ?? (output.some((line) => PLAN_LINE.test(line)) ? undefined : 'it came to no end of its tests');
  const time = `time=${(performance.now() - startedAtMs).toFixed(3)}ms`;
  read(`${end === undefined ? '' : 'not '}ok 1 - ${file} # ${time}`);
  if (end !== undefined) for (const line of ['  ---', `  ${end}`, '  ...']) read(line);
  reader.end();
  if (!report) throw new Error(`no report of ${file}`);
  return { report, output, leftBehind };
}

/** How the process ended badly; undefined when it ended well. */
async function exitFailure(child: ChildProcess): Promise<string | undefined> {
  const [code, by] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  if (by !== null) return `signal: ${by}`;
  return code === 0 ? undefined : `exitCode: ${code}`;
}

/** Waits for the group to be empty; kills and names what stays. */
async function terminateGroup(group: number): Promise<string[]> {
  let members = groupMembers(group);
  for (const end = performance.now() + EXIT_GRACE_MS; members.length > 0 && performance.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    members = groupMembers(group);
  }
  killGroup(group, 'SIGKILL');
  return members;
}

/** Processes of the group that are still there; those that have ended and were not asked for do not count. */
function groupMembers(group: number): string[] {
  if (!killGroup(group, 0)) return [];
  const table = execFileSync('ps', ['-A', '-o', 'pgid=,stat=,pid=,args='], { encoding: 'utf8' });
  return table
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([id, state]) => Number(id) === group && !state?.startsWith('Z'))
    .map((fields) => fields.slice(2).join(' ').slice(0, 160));
}

/** @returns whether there is anybody */
function killGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
}
