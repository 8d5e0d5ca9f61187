import { readdirSync, readFileSync } from 'node:fs';

/** Unit of processor times in `/proc` (USER_HZ), s. */
const TICK_S = 0.01;
/** Interval of samples; processor time after the last sample of a process is not counted. */
const SAMPLE_INTERVAL_MS = 1_000;

type Tree = {
  /** Ticks of the processes that run, by id. */
  running: Map<number, number>;
  /** Ticks of those that have ended. */
  endedTicks: number;
};

const trees = new Set<Tree>();
let timer: NodeJS.Timeout | undefined;

/**
 * Samples the processor time of a process and its descendants: the operating system forgets that of processes that
 * their parent did not wait for, as browsers have them.
 *
 * @returns a function that ends the measurement and returns seconds; undefined where there is no `/proc`.
 */
export function measureProcessorTime(root: number): () => number | undefined {
  const tree: Tree = { running: new Map([[root, 0]]), endedTicks: 0 };
  trees.add(tree);
  sample();
  timer ??= setInterval(sample, SAMPLE_INTERVAL_MS).unref();
  return () => {
    sample();
    trees.delete(tree);
    if (trees.size === 0) timer = void clearInterval(timer);
    const ticks = [...tree.running.values()].reduce((sum, one) => sum + one, tree.endedTicks);
    return ticks === 0 ? undefined : ticks * TICK_S;
  };
}

type ProcessRow = { pid: number; parent: number; ticks: number };

/** Adds the processes that run now to the trees of their parents. The table is read once for all trees. */
function sample(): void {
  const rows = processTable();
  for (const tree of trees) {
    const known = tree.running;
    tree.running = new Map();
    for (const { pid, parent, ticks } of rows)
      if (known.has(pid) || tree.running.has(parent)) tree.running.set(pid, ticks);
    for (const [pid, ticks] of known) if (!tree.running.has(pid)) tree.endedTicks += ticks;
  }
}

/** Reads the table of processes (proc_pid_stat), parents mostly before their children. */
function processTable(): ProcessRow[] {
  const rows: ProcessRow[] = [];
  let names: string[] = [];
  try {
    names = readdirSync('/proc');
  } catch {}
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const line = readFileSync(`/proc/${name}/stat`, 'latin1');
      // The command, in parentheses, may contain spaces.
      const [, parent, ...fields] = line.slice(line.lastIndexOf(')') + 2).split(' ');
      rows.push({ pid: Number(name), parent: Number(parent), ticks: Number(fields[9]) + Number(fields[10]) });
    } catch {}
  }
  return rows.sort((one, other) => one.pid - other.pid);
}
