import type { WorkerProcess } from './worker-process.js';

/** What is asked of a worker to choose among them. */
type Load = Pick<WorkerProcess, 'ready' | 'draining' | 'viewers' | 'publishers'>;

/** A publisher costs about as much as so many viewers. */
const PUBLISHER_LOAD = 2;

function load(worker: Load): number {
  return worker.viewers + worker.publishers * PUBLISHER_LOAD;
}

/** The worker with the least to do, one that is to be renewed only where there is no other; undefined: none runs. */
export function leastLoaded<Worker extends Load>(workers: readonly Worker[]): Worker | undefined {
  const ready = workers.filter((worker) => worker.ready);
  const fresh = ready.filter((worker) => !worker.draining);
  const [first, ...others] = fresh.length > 0 ? fresh : ready;
  return first && others.reduce((best, worker) => (load(worker) < load(best) ? worker : best), first);
}

/**
 * Where a viewer goes: to the worker that has its feed, so that nothing need be relayed, unless another has
 * `spreadAfter` less to do.
 */
export function nearOrIdle<Worker extends Load>(
  home: Worker | undefined,
  idle: Worker,
  spreadAfter: number,
): Worker {
  if (!home?.ready || home.draining) return idle;
  return load(home) - load(idle) <= spreadAfter ? home : idle;
}
