import type { ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import type { Cancel, Clock } from '../clock.js';
import type { Logger } from '../log.js';

const CHECK_INTERVAL_MS = 1_000;

export type MemoryGuardOptions = {
  /** Resident bytes that one process may take. */
  maxBytes: number;
  clock: Clock;
  log: Logger;
};

/**
 * Ends child processes that take too much memory. Once a second it reads their resident size in `/proc`; without
 * `/proc` (macOS) nothing is limited. A limit of the address space (RLIMIT_AS) would not do: threads and libraries reserve
 * two to six times what they use, more on machines with more cores.
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

  /** Processes that are watched. */
  get size(): number {
    return this.#watched.size;
  }

  /** Watches a process until it exits. @param exceeded called once, when the process was killed for its size */
  watch(child: ChildProcess, exceeded: () => void = () => {}): void {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    this.#watched.set(child, exceeded);
    child.once('exit', () => this.#forget(child));
    this.#cancelTimer ??= this.#clock.every(CHECK_INTERVAL_MS, () => this.#checkAll());
  }

  /** The sentence for logs and errors. */
  get reason(): string {
    return `it took more than ${Math.round(this.maxBytes / 2 ** 20)} MB of memory`;
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
    this.#log.error(line, 'a child process took too much memory and is ended');
    exceeded();
    child.kill('SIGKILL');
  }

  #forget(child: ChildProcess): void {
    this.#watched.delete(child);
    if (this.#watched.size > 0) return;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }
}

/** 0 when it is not known: the process is gone, or the system has no `/proc`. */
async function residentBytesOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}
