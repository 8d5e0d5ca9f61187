import type { ChildProcess } from 'node:child_process';

/**
 * Sends a signal to a child process that has started. One that could not be started (no program, no memory) has process
 * id 0 inside Node until its `error` event, and `child.kill` would signal the whole process group of the gateway.
 */
export function killChild(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): void {
  if (child.pid !== undefined) child.kill(signal);
}
