import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks per second of /proc/PID/stat (USER_HZ), on every Linux that Node supports. */
const TICKS_PER_S = 100;

/** Lists the descendants of a process, with their names. */
export function processTree(pid: number): { pid: number; name: string }[] {
  try {
    const name = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    );
    return [{ pid, name }, ...children.flatMap(processTree)];
  } catch {
    return []; // It has exited.
  }
}

/** Returns the CPU time of a process so far, s. */
export function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    // utime and stime (proc(5), fields 14 and 15).
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
  } catch {
    return 0;
  }
}
