/** Result of one test file. */
export type FileReport = {
  file: string;
  passed: number;
  failed: number;
  /** Skipped tests, each with its reason. */
  skipped: string[];
  /** TAP lines of each failed assertion with its diagnostics, and of the file if it failed by itself. */
  failures: string[];
  seconds: number;
  /** Processor time of all its processes, s; undefined where it cannot be measured. */
  cpuSeconds?: number;
};

type Block = { indent: number; hasSubtests: boolean };

const SUBTEST = /^( *)# Subtest: (.*)$/;
const RESULT = /^( *)(not )?ok \d+(?: - (.*))?$/;
const MAX_FAILURE_LINES = 60;

/**
 * Parses TAP 14 line by line and counts tests, not assertions: a test is a subtest without subtests of its own. A
 * file that fails though none of its tests did (exit code, timeout, nothing run) counts as one failure.
 */
export class TapReader {
  readonly #onReport: (report: FileReport) => void;
  readonly #open: Block[] = [];
  #report: FileReport | undefined;
  /** Line that ends the current diagnostics block. */
  #diagnosticEnd: string | undefined;
  /** Lines of each failure of the current file; diagnostics are appended to the last one. */
  #failures: string[][] = [];
  #currentFailure: string[] | undefined;

  /** @param onReport called with the report of each completed file */
  constructor(finished: (report: FileReport) => void) {
    this.#onReport = finished;
  }

  /** Parses the next line, without its line break. */
  read(line: string): void {
    // Skips diagnostics (YAML), which may quote TAP output.
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

  /** Ends the input and reports the last file, even if its output is incomplete. */
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
      // A skipped test counts as a subtest of its file.
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
