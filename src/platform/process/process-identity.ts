import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import os from 'node:os';

/** Identity of one process; a process id alone is reused. */
export type ProcessIdentity = {
  pid: number;
  /** Start time in the system's notation; empty if unknown. */
  started: string;
  /** Scope of the process id: one boot of one machine and one PID namespace. */
  place: string;
};

/** Returns the start time of a process, empty if unknown; undefined when it does not exist or is a zombie. */
function startOf(pid: number): string | undefined {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      // proc(5): the name in parentheses may contain any character; after the last one, state is field 3, start time 22.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
    } catch {
      return exists(pid) ? '' : undefined;
    }
  }
  try {
    // Fixed locale and time zone, so that every process reads the same text.
    return outputOf('env', 'LC_ALL=C', 'TZ=UTC', 'ps', '-o', 'lstart=', '-p', String(pid));
  } catch {
    return exists(pid) ? '' : undefined;
  }
}

function outputOf(command: string, ...args: string[]): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function placeOfThisProcess(): string {
  if (process.platform !== 'linux') return os.hostname();
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return os.hostname();
  }
}

/** Returns the identity of this process. */
export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, started: startOf(process.pid) ?? '', place: placeOfThisProcess() };
}

/** Returns whether exactly this process still runs; `unknown` when it belongs to another scope, which cannot be seen. */
export function processState(identity: ProcessIdentity): 'alive' | 'gone' | 'unknown' {
  if (identity.place !== placeOfThisProcess()) return 'unknown';
  const started = startOf(identity.pid);
  if (started === undefined) return 'gone';
  return started === '' || identity.started === '' || started === identity.started ? 'alive' : 'gone';
}

/** Returns the command line of a process, arguments separated by spaces; undefined when it cannot be read. */
export function commandOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux')
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    return outputOf('ps', '-ww', '-o', 'command=', '-p', String(pid));
  } catch {
    return undefined;
  }
}

/** Returns the visible processes whose working directory is `folder`; undefined without `/proc`. */
export function processesIn(folder: string): number[] | undefined {
  if (process.platform !== 'linux') return undefined;
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      if (readlinkSync(`/proc/${name}/cwd`) === folder) found.push(Number(name));
    } catch {} // exited, or of another user
  }
  return found;
}
