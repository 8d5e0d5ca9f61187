import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import t, { type Test } from 'tap';
import { runTestFile, type TestOutcome, type TestProcessOptions } from '../../scripts/test-process.js';

const TAP = import.meta.resolve('tap');
const NEVER = new AbortController().signal;

// Most of their time is a grace period.
t.jobs = 4;

/** Runs `body` as a test file. */
async function outcome(
  t: Test,
  body: string,
  {
    timeoutS = 60,
    signal = NEVER,
    environment = {},
    priority = 'normal',
  }: Partial<Omit<TestProcessOptions, 'program'>> = {},
): Promise<TestOutcome> {
  const program = path.join(t.testdir(), 'x.test.mjs');
  writeFileSync(program, `import t from '${TAP}';\n${body}`);
  return await runTestFile('test/x.test.ts', { program, environment, timeoutS, priority, signal });
}

t.test(
  'a file of low priority has it inside its session and, where there are such values, as a session',
  async (t) => {
    const { output } = await outcome(
      t,
      `const { readFileSync } = await import('node:fs');
     const os = await import('node:os');
     t.equal(os.getPriority(), os.constants.priority.PRIORITY_BELOW_NORMAL);
     let session = 'nice 10';
     try { session = readFileSync('/proc/self/autogroup', 'utf8'); } catch {}
     t.match(session, /nice 10/);`,
      { priority: 'low' },
    );
    t.match(output.at(-1), /^ok 1/);
  },
);

t.test('passing and failing tests are counted, with the output of the failures', async (t) => {
  const { report, output, leftBehind } = await outcome(
    t,
    `t.test('good', async (t) => t.equal(process.env.GIVEN, 'yes'));
     t.test('bad', async (t) => t.equal(1, 2, 'one is two'));`,
    { environment: { GIVEN: 'yes' } },
  );
  t.match(report, { file: 'test/x.test.ts', passed: 1, failed: 1 });
  t.match(report.failures.join('\n'), /one is two(.|\n)*exitCode: 1/);
  t.ok(report.seconds > 0);
  t.equal(output[0], '# Subtest: test/x.test.ts');
  t.ok(output.includes('    1..2'));
  t.same(leftBehind, []);
});

t.test('a file that exits normally passes, and any other exit fails it', async (t) => {
  t.match((await outcome(t, `t.test('good', async (t) => t.pass());`)).report, { passed: 1, failed: 0 });
  for (const [body, fault] of [
    [`t.test('good', async (t) => t.pass()); t.teardown(() => { process.exitCode = 3; });`, /exitCode: 3/],
    [`process.kill(process.pid, 'SIGKILL');`, /signal: SIGKILL/],
    [`t.test('hurries', async () => process.reallyExit(0));`, /before the end of its tests/],
    ['process.reallyExit(0);', /before the end of its tests/],
  ] as const) {
    const { report } = await outcome(t, body);
    t.equal(report.failed, 1, body);
    t.match(report.failures.join('\n'), fault, body);
  }
});

t.test('a file that times out reports the running test', async (t) => {
  const { report } = await outcome(t, `t.test('waits for ever', (t) => void setInterval(() => {}, 1_000));`, {
    timeoutS: 1,
  });
  t.equal(report.passed, 0);
  t.ok(report.failed > 0);
  t.match(report.failures.join('\n'), /timeout/);
});

t.test('processes left behind by a test are reported and killed, whatever they hold open', async (t) => {
  const { report, leftBehind } = await outcome(
    t,
    `import { spawn } from 'node:child_process';
     t.test('forgets', async (t) => t.ok(spawn('sleep', ['600'], { stdio: 'inherit' }).unref() === undefined));`,
  );
  t.match(report, { passed: 1, failed: 0 });
  t.equal(leftBehind.length, 1);
  t.match(leftBehind[0], /^\d+ sleep 600$/);
  const pid = leftBehind[0]?.split(' ')[0] ?? '';
  // An orphan stays as a zombie where no init process reaps it.
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', pid], { encoding: 'utf8' });
  t.match(stdout.trim(), /^(Z.*)?$/);
});

t.test('a process that left the group is not waited for, though it holds the output open', async (t) => {
  const { report, output } = await outcome(
    t,
    `import { spawn } from 'node:child_process';
     const own = spawn('sleep', ['60'], { stdio: 'inherit', detached: true });
     own.unref();
     t.test('leaves', async (t) => t.pass('pid ' + own.pid));`,
  );
  const [, pid] = /pid (\d+)/.exec(output.join('\n')) ?? [];
  t.teardown(() => process.kill(Number(pid), 'SIGKILL'));
  t.match(report, { passed: 1, failed: 0 });
  t.ok(report.seconds < 40);
});

t.test('an abort ends the running file', async (t) => {
  const interruption = new AbortController();
  setTimeout(() => interruption.abort(), 500);
  const { report } = await outcome(t, `t.test('long', () => new Promise((r) => setTimeout(r, 50_000)));`, {
    signal: interruption.signal,
  });
  t.equal(report.failed > 0, true);
  t.ok(report.seconds < 30);
});
