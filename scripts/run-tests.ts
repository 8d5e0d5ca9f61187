/**
 * Runs the compiled tests by tap against one PostgreSQL, and closes with a line for people and machines alike:
 * `N passed, N failed`, with `, N skipped` behind it when something could not be tested here. Use it through `scripts/test`.
 *
 *     node .build/scripts/run-tests.js [--checks-passed N] [--checks-failed N] [--] [test file or folder...]
 *
 * Exit code 1 when anything failed, was left behind, or nothing ran.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { messageOf, projectRoot } from '../src/platform/index.js';
import { CLUSTER_SOCKET, startTestCluster, type TestCluster } from '../test/support/database-cluster.js';
import { type FileReport, TapReader } from './tap-report.js';

/** How long processes of finished tests have to vanish by themselves. */
const GRACE_MS = 3_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { 'checks-passed': { type: 'string' }, 'checks-failed': { type: 'string' } },
});
const checks = { passed: Number(values['checks-passed'] ?? 0), failed: Number(values['checks-failed'] ?? 0) };

process.chdir(projectRoot());
/** Everything tap said, to look things up in. */
const TAP_FILE = '.build/tests.tap';
let tap: ChildProcess | undefined;
let cluster: TestCluster | undefined;
const reports: FileReport[] = [];

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.once(signal, () => {
    // tap ends, and with it the wait below, which puts down the rest.
    if (tap?.pid) killGroup(tap.pid, signal);
    else process.exit(1);
  });

/** Test files by their source, as a compiled file may outlive its source. */
function chosenTests(): string[] {
  const sources = readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => path.posix.join('test', file.replaceAll(path.sep, '/')));
  const wanted = positionals.map((name) => path.relative('.', path.resolve(name)));
  return sources
    .filter(
      (file) => wanted.length === 0 || wanted.some((name) => file === name || file.startsWith(`${name}/`)),
    )
    .sort();
}

async function runTap(files: string[], environment: Record<string, string>): Promise<number | null> {
  mkdirSync(path.dirname(TAP_FILE), { recursive: true });
  const compiled = files.map((file) => path.join('.build', file.replace(/\.ts$/, '.js')));
  tap = spawn(process.execPath, ['node_modules/tap/dist/esm/run.mjs', '--reporter=tap', ...compiled], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // A group of its own: what a test leaves behind is found by it.
    detached: true,
    env: { ...process.env, CI: 'true', ...environment },
  });
  const reader = new TapReader((report) => {
    reports.push(report);
    print(report);
  });
  const file = createWriteStream(TAP_FILE);
  createInterface({ input: tap.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    file.write(`${line}\n`);
    reader.read(line);
  });
  const [code] = await once(tap, 'close');
  reader.end();
  file.end();
  return code as number | null;
}

/** Processes of the group that are still there, as `pid command`. */
function groupMembers(group: number): string[] {
  const table = execFileSync('ps', ['-A', '-o', 'pgid=,stat=,pid=,args='], { encoding: 'utf8' });
  return table
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => Number(line.split(/\s+/)[0]) === group && !line.split(/\s+/)[1]?.startsWith('Z'))
    .map((line) => line.split(/\s+/).slice(2).join(' ').slice(0, 160));
}

function killGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal);
  } catch {
    // Nobody is left.
  }
}

/** Waits for the group to be empty; kills and names what stays. */
async function leftBehind(group: number): Promise<string[]> {
  const end = performance.now() + GRACE_MS;
  let members = groupMembers(group);
  while (members.length > 0 && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    members = groupMembers(group);
  }
  killGroup(group, 'SIGKILL');
  return members;
}

function print({ file, passed, failed, skipped, failures, seconds }: FileReport): void {
  const counts = [`${passed} passed`, ...(failed > 0 ? [`${failed} failed`] : [])];
  const name = file.replace(/^\.build\//, '').replace(/\.js$/, '.ts');
  console.log(
    `${failed > 0 ? 'FAILED ' : 'ok     '} ${name}: ${counts.join(', ')} (${seconds.toFixed(1)} s)`,
  );
  for (const what of skipped) console.log(`        skipped: ${what}`);
  for (const failure of failures) console.log(failure.replace(/^/gm, '        '));
}

const problems: string[] = [];
const files = chosenTests();
const missing = files.filter((file) => !existsSync(path.join('.build', file.replace(/\.ts$/, '.js'))));
for (const file of missing) problems.push(`${file} is not compiled`);
if (files.length === 0) problems.push(`no test matches ${positionals.join(' ') || 'test/'}`);

const runnable = files.filter((file) => !missing.includes(file));
if (runnable.length > 0) {
  const environment: Record<string, string> = {};
  try {
    cluster = await startTestCluster();
    environment[CLUSTER_SOCKET] = cluster.socket;
  } catch (error) {
    problems.push(`the database for the tests did not start: ${messageOf(error)}`);
  }
  try {
    const code = await runTap(runnable, environment);
    const failed = reports.some((report) => report.failed > 0);
    if (code !== 0 && !failed) problems.push(`tap ended with ${code}`);
    const seen = reports.length;
    if (seen < runnable.length)
      problems.push(`${runnable.length - seen} of ${runnable.length} files did not run`);
    for (const member of await leftBehind(tap?.pid ?? 0)) problems.push(`left behind by a test: ${member}`);
  } finally {
    await cluster?.stop();
  }
}

for (const problem of problems) console.log(`FAILED  ${problem}`);
const sum = (count: (report: FileReport) => number): number =>
  reports.reduce((total, report) => total + count(report), 0);
const passed = checks.passed + sum((report) => report.passed);
const failed = checks.failed + sum((report) => report.failed) + problems.length;
const skipped = sum((report) => report.skipped.length);
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed === 0 && passed > checks.passed ? 0 : 1;
