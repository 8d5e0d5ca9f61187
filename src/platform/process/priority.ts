import { writeFileSync } from 'node:fs';
import os from 'node:os';

/** Lowers the priority of a process. Without effect when it has exited or the system refuses. */
export function lowerPriority(pid: number, priority: number): void {
  try {
    os.setPriority(pid, priority);
  } catch {}
}

/**
 * Lowers the priority of a process that leads a session (`detached`), and of those that it starts. Linux compares nice
 * values only inside a session and divides the processors between sessions by values of their own (sched(7), autogroup),
 * unless cgroups do.
 */
export function lowerSessionPriority(pid: number, priority: number): void {
  lowerPriority(pid, priority);
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(priority));
  } catch {}
}
