import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { Cancel, Clock } from '../clock.js';
import type { Logger } from '../log.js';
import { killChild } from './kill-child.js';

const CHECK_INTERVAL_MS = 1_000;

export type MemoryGuardOptions = {
  /** Maximum resident memory of one process. */
  maxBytes: number;
  clock: Clock;
  log: Logger;
};

/**
 * Kills child processes that use too much memory. Reads their resident size from `/proc` once a second; without `/proc`
 * (macOS) there is no limit. RLIMIT_AS is not usable: threads and libraries reserve two to six times the address space
 * that they use, more on machines with more cores.
 */
export class MemoryGuard {
  readonly maxBytes: number;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #watched = new Map<ChildProcess, () => void>();
  #cancelTimer: Cancel | undefined;

  constructor({ maxBytes, clock, log }: MemoryGuardOptions) {
    this.maxBytes = maxBytes;
    this.#clock = clock;
    this.#log = log;
  }

  /** Number of watched processes. */
  get size(): number {
    return this.#watched.size;
  }

  /** Watches a process until it exits. @param exceeded called once, when the process is killed for its size */
  watch(child: ChildProcess, exceeded: () => void = () => {}): void {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    this.#watched.set(child, exceeded);
    child.once('exit', () => this.#forget(child));
    this.#cancelTimer ??= this.#clock.every(CHECK_INTERVAL_MS, () => this.#checkAll());
  }

  /** Reason for logs and errors, as part of a sentence. */
  get reason(): string {
    return `it used more than ${Math.round(this.maxBytes / 2 ** 20)} MB of memory`;
  }

  #checkAll(): void {
    for (const child of this.#watched.keys()) void this.#check(child);
  }

  async #check(child: ChildProcess): Promise<void> {
    const residentBytes = await residentBytesOf(child.pid ?? 0);
    const exceeded = this.#watched.get(child);
    if (residentBytes <= this.maxBytes || !exceeded) return;
    this.#forget(child);
    const line = { pid: child.pid, residentBytes, maxBytes: this.maxBytes };
    this.#log.error(line, 'a child process used too much memory and is killed');
    exceeded();
    killChild(child);
  }

  #forget(child: ChildProcess): void {
    this.#watched.delete(child);
    if (this.#watched.size > 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}

/** Returns 0 when the process has exited, or the system has no `/proc`. */
async function residentBytesOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
