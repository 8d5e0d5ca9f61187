/** What one test file came to. */
export type FileReport = {
  file: string;
  passed: number;
  failed: number;
  /** What could not be tested here, each with its reason. */
  skipped: string[];
  /** What tap said of each failed assertion, with its diagnostics; and of the file when it ended badly by itself. */
  failures: string[];
  seconds: number;
};

type Block = { indent: number; hasSubtests: boolean };

const SUBTEST = /^( *)# Subtest: (.*)$/;
const RESULT = /^( *)(not )?ok \d+(?: - (.*))?$/;
const MAX_FAILURE_LINES = 60;

/**
 * Counts tests, not assertions, in the output of tap (TAP 14), line by line: a test is a subtest that has no subtests of
 * its own. A file that ends badly though none of its tests failed (an exit code, a time-out, nothing run) counts as one
 * failure.
 */
export class TapReader {
  readonly #onReport: (report: FileReport) => void;
  readonly #open: Block[] = [];
  #report: FileReport | undefined;
  /** The line that ends the diagnostics we are in. */
  #diagnosticEnd: string | undefined;
  /** The lines of each failure of this file; the last grows while diagnostics of it are read. */
  #failures: string[][] = [];
  #currentFailure: string[] | undefined;

  /** `finished` is called with each file when nothing more can come of it. */
  constructor(finished: (report: FileReport) => void) {
    this.#onReport = finished;
  }

  /** Takes the next line, without its line break. */
  read(line: string): void {
    // Diagnostics (YAML) may quote anything, output of tap included.
    if (this.#diagnosticEnd !== undefined) {
      this.#currentFailure?.push(line);
      if (line === this.#diagnosticEnd) this.#diagnosticEnd = undefined;
      return;
    }
    if (/^ +---$/.test(line)) {
      this.#diagnosticEnd = line.replace('---', '...');
      return;
    }
    const subtest = SUBTEST.exec(line);
    if (subtest) {
      this.#enterSubtest(subtest[1]?.length ?? 0, subtest[2] ?? '');
      return;
    }
    const result = RESULT.exec(line);
    if (result) this.#result(line, result);
  }

  /** The output is over: also a file that was cut off is finished. */
  end(): void {
    const report = this.#report;
    this.#report = undefined;
    if (!report) return;
    report.failures = this.#failures.map((lines) => lines.slice(0, MAX_FAILURE_LINES).join('\n'));
    this.#failures = [];
    this.#onReport(report);
  }

  #enterSubtest(indent: number, name: string): void {
    this.#markParent();
    if (indent === 0) {
      this.end();
      this.#open.length = 0;
      this.#report = { file: name, passed: 0, failed: 0, skipped: [], failures: [], seconds: 0 };
    }
    this.#open.push({ indent, hasSubtests: false });
  }

  #result(line: string, result: RegExpExecArray): void {
    const report = this.#report;
    const indent = result[1]?.length ?? 0;
    const ok = !result[2];
    const [name = '', directive = ''] = (result[3] ?? '').split(/ # (?=SKIP|TODO|time=)/i);
    const block = this.#open.at(-1)?.indent === indent ? this.#open.pop() : undefined;
    this.#currentFailure = undefined;
    if (!report) return;
    if (/^(SKIP|TODO)/i.test(directive)) {
      report.skipped.push(`${name} (${directive})`);
      // A skipped test stands where a subtest would: its file has tests.
      this.#markParent();
      return;
    }
    const inner = block !== undefined && !block.hasSubtests;
    if (indent === 0) {
      report.seconds = Number(/time=([\d.]+)ms/.exec(line)?.[1] ?? 0) / 1000;
      if (!ok && report.failed === 0) report.failed = 1;
      else if (ok && inner) report.passed += 1;
    } else if (inner) {
      if (ok) report.passed += 1;
      else report.failed += 1;
    }
    if (!ok && (block === undefined || indent === 0)) this.#failures.push((this.#currentFailure = [line]));
  }

  #markParent(): void {
    const parent = this.#open.at(-1);
    if (parent) parent.hasSubtests = true;
  }
}
