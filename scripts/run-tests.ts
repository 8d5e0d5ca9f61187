/**
 * Runs the compiled tests against one PostgreSQL. The last line is `N passed, N failed`, followed by `, N skipped` if
 * tests were skipped. Called by `scripts/test`.
 *
 *     node .build/scripts/run-tests.js [--checks-passed N] [--checks-failed N] [--] [test file or folder...]
 *
 * Exit code 1 if a test failed, a process was left behind, or no test ran.
 */
import { createWriteStream, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { messageOf, projectRoot } from '../src/platform/index.js';
import {
  CLUSTER_SOCKET,
  startTestCluster,
  type TestCluster,
} from '../test/support/fixtures/database-cluster.js';
import { TEST_MEDIA_FOLDER } from '../test/support/media/encoder.js';
import type { FileReport } from './tap-report.js';
import { runTestFile } from './test-process.js';
import { NEEDS, needOf, schedule } from './test-schedule.js';

/** Timeout of one test file, seconds: several times the slowest, because machines differ. */
const FILE_TIMEOUT_S = 180;
/**
 * Excess of the measured need of a file over its declared one that is reported, percent of a processor: processors differ,
 * and files that wait for a busy machine have longer waits.
 */
const REPORTED_EXCESS = 30;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'checks-passed': { type: 'string' }, 'checks-failed': { type: 'string' } },
});
const checks = { passed: Number(values['checks-passed'] ?? 0), failed: Number(values['checks-failed'] ?? 0) };

process.chdir(projectRoot());
/** Complete TAP output, for later inspection. */
const TAP_FILE = '.build/tests.tap';
const interruption = new AbortController();
let cluster: TestCluster | undefined;
const reports: FileReport[] = [];
const problems: string[] = [];

// Aborts the running files; `runAll` then ends, and the cleanup below runs.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => interruption.abort());

/** Returns the chosen test files by source: a compiled file may outlive its source. */
function chosenTests(): string[] {
  const sources = readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => path.posix.join('test', file.replaceAll(path.sep, '/')));
  for (const file of Object.keys(NEEDS))
    if (!sources.includes(file)) problems.push(`${file} is listed in NEEDS but does not exist`);
  const wanted = positionals.map((name) => path.relative('.', path.resolve(name)));
  return sources
    .filter(
      (file) => wanted.length === 0 || wanted.some((name) => file === name || file.startsWith(`${name}/`)),
    )
    .sort();
}

/** Returns the compiled file of a test. */
function compiled(file: string): string {
  return path.join('.build', file.replace(/\.ts$/, '.js'));
}

async function runAll(files: string[], environment: Record<string, string>): Promise<void> {
  mkdirSync(path.dirname(TAP_FILE), { recursive: true });
  const tapOutput = createWriteStream(TAP_FILE);
  const { signal } = interruption;
  await schedule(files, os.availableParallelism(), async (file, priority) => {
    if (signal.aborted) return;
    const options = { program: compiled(file), environment, timeoutS: FILE_TIMEOUT_S, priority, signal };
    const { report, output, leftBehind } = await runTestFile(file, options);
    tapOutput.write(`${output.join('\n')}\n`);
    reports.push(report);
    print(report);
    for (const member of leftBehind) problems.push(`left behind by ${file}: ${member}`);
  });
  tapOutput.end();
}

function print({ file, passed, failed, skipped, failures, seconds, cpuSeconds }: FileReport): void {
  const counts = [`${passed} passed`, ...(failed > 0 ? [`${failed} failed`] : [])];
  const times = [
    `${seconds.toFixed(1)} s`,
    ...(cpuSeconds === undefined ? [] : [`CPU ${cpuSeconds.toFixed(1)} s`]),
  ];
  console.log(`${failed > 0 ? 'FAILED ' : 'ok     '} ${file}: ${counts.join(', ')} (${times.join(', ')})`);
  for (const what of skipped) console.log(`        skipped: ${what}`);
  for (const failure of failures) console.log(failure.replace(/^/gm, '        '));
}

const files = chosenTests();
const missing = files.filter((file) => !existsSync(compiled(file)));
for (const file of missing) problems.push(`${file} is not compiled`);
if (files.length === 0) problems.push(`no test matches ${positionals.join(' ') || 'test/'}`);

const runnable = files.filter((file) => !missing.includes(file));
if (runnable.length > 0) {
  const mediaFolder = await mkdtemp(path.join(os.tmpdir(), 'headend-test-media-'));
  const environment: Record<string, string> = { [TEST_MEDIA_FOLDER]: mediaFolder };
  try {
    cluster = await startTestCluster();
    environment[CLUSTER_SOCKET] = cluster.socket;
  } catch (error) {
    problems.push(`test database failed to start: ${messageOf(error)}`);
  }
  try {
    await runAll(runnable, environment);
    const notRun = runnable.length - reports.length;
    if (notRun > 0) problems.push(`${notRun} of ${runnable.length} files did not run`);
  } finally {
    await cluster?.stop();
    await rm(mediaFolder, { recursive: true, force: true });
  }
}

/** Prints the files that need more than is declared: others beside them lack processor time. */
function printExceededNeeds(): void {
  for (const { file, seconds, cpuSeconds } of reports) {
    const declared = needOf(file);
    if (declared === undefined || cpuSeconds === undefined || seconds < 10) continue;
    const measured = Math.round((cpuSeconds / seconds) * 100);
    if (measured - declared > REPORTED_EXCESS)
      console.log(
        `note    ${file} needs ${measured} % of a processor; scripts/test-schedule.ts says ${declared} %`,
      );
  }
}

printExceededNeeds();
for (const problem of problems) console.log(`FAILED  ${problem}`);
const sum = (count: (report: FileReport) => number): number =>
  reports.reduce((total, report) => total + count(report), 0);
const passed = checks.passed + sum((report) => report.passed);
const failed = checks.failed + sum((report) => report.failed) + problems.length;
const skipped = sum((report) => report.skipped.length);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed === 0 && passed > checks.passed ? 0 : 1;
