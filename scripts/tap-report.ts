/** What one test file came to. */
export type FileReport = {
  file: string;
  passed: number;
  failed: number;
  /** What could not be tested here, each with its reason. */
  skipped: string[];
  seconds: number;
};

type Block = { indent: number; name: string; hasSubtests: boolean };

const SUBTEST = /^( *)# Subtest: (.*)$/;
const RESULT = /^( *)(not )?ok \d+(?: - (.*))?$/;

/**
 * Counts tests, not assertions, in the output of tap (TAP 14): a test is a subtest that has no subtests of its own. A file
 * that ends badly though none of its tests failed (an exit code, a time-out, nothing run) counts as one failure.
 */
export function readTap(text: string): FileReport[] {
  const reports: FileReport[] = [];
  const open: Block[] = [];
  let report: FileReport | undefined;
  let diagnosticEnd: string | undefined;
  for (const line of text.split('\n')) {
    // Diagnostics (YAML) may quote anything, output of tap included.
    if (diagnosticEnd !== undefined) {
      if (line === diagnosticEnd) diagnosticEnd = undefined;
      continue;
    }
    if (/^ +---$/.test(line)) {
      diagnosticEnd = line.replace('---', '...');
      continue;
    }
    const subtest = SUBTEST.exec(line);
    if (subtest) {
      const indent = subtest[1]?.length ?? 0;
      const parent = open.at(-1);
      if (parent) parent.hasSubtests = true;
      open.push({ indent, name: subtest[2] ?? '', hasSubtests: false });
      if (indent === 0) {
        report = { file: subtest[2] ?? '', passed: 0, failed: 0, skipped: [], seconds: 0 };
        reports.push(report);
      }
      continue;
    }
    const result = RESULT.exec(line);
    if (!result) continue;
    const indent = result[1]?.length ?? 0;
    const ok = !result[2];
    const [name = '', directive] = (result[3] ?? '').split(/ # (?=SKIP|TODO|time=)/i);
    const block = open.at(-1)?.indent === indent ? open.pop() : undefined;
    if (!report) continue;
    if (/^(SKIP|TODO)/i.test(directive ?? '')) {
      report.skipped.push(`${name} (${directive})`);
      // A skipped test stands where a subtest would: its file has tests.
      const parent = open.at(-1);
      if (parent) parent.hasSubtests = true;
    } else if (block && indent === 0) {
      report.seconds = Number(/time=([\d.]+)ms/.exec(line)?.[1] ?? 0) / 1000;
      if (!ok && report.failed === 0) report.failed = 1;
      else if (ok && !block.hasSubtests) report.passed += 1;
    } else if (block && !block.hasSubtests) {
      if (ok) report.passed += 1;
      else report.failed += 1;
    }
  }
  return reports;
}
