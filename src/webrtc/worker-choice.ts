import type { WorkerProcess } from './worker-process.js';

/** Worker properties that the choice depends on. */
type Load = Pick<WorkerProcess, 'ready' | 'draining' | 'viewers' | 'publishers'>;

/** Load of a publisher, in viewers. */
const PUBLISHER_LOAD = 2;

function load(worker: Load): number {
  return worker.viewers + worker.publishers * PUBLISHER_LOAD;
}

/**
 * Returns the ready worker with the least load, preferring workers that are not draining; undefined when none is
 * ready.
 */
export function leastLoaded<Worker extends Load>(workers: readonly Worker[]): Worker | undefined {
  const ready = workers.filter((worker) => worker.ready);
  const fresh = ready.filter((worker) => !worker.draining);
  const [first, ...others] = fresh.length > 0 ? fresh : ready;
  return first && others.reduce((best, worker) => (load(worker) < load(best) ? worker : best), first);
}

/**
 * Returns the worker that receives the viewer's source, so that no relay is needed, unless the idle one has more than
 * `spreadAfter` less load.
 */
export function nearOrIdle<Worker extends Load>(
  home: Worker | undefined,
  idle: Worker,
  spreadAfter: number,
): Worker {
  if (!home?.ready || home.draining) return idle;
  return load(home) - load(idle) <= spreadAfter ? home : idle;
}
