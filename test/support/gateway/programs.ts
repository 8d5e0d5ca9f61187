import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Test } from 'tap';
import { until } from '../until.js';

/** Writes a shell script that replaces a program; removed with the test. @returns its path */
export function writeScript(t: Test, lines: string): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headend-program-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const file = path.join(folder, 'program');
  writeFileSync(file, `#!/bin/sh\n${lines}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** Waits for the process id that a script writes to `pid` in a folder, and removes the file. */
export async function takeScriptPid(folder: string): Promise<number> {
  const file = path.join(folder, 'pid');
  return await until('the script runs', () => {
    try {
      const pid = Number(readFileSync(file, 'utf8'));
      // Not completely written yet.
      if (pid === 0) return undefined;
      rmSync(file);
      return pid;
    } catch {
      return undefined;
    }
  });
}
