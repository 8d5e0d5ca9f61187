import { startWatchdog, systemClock } from '../../platform/index.js';
import type { WorkerCommand, WorkerReport } from '../messages.js';
import { WebrtcWorker } from './webrtc-worker.js';

// The process of one WebRTC worker: started by the pool, told what to do by its messages, gone when the gateway is.

let worker: WebrtcWorker | undefined;

function tell(report: WorkerReport): void {
  if (process.connected) process.send?.(report, undefined, undefined, () => {});
}

function stop(code: number): void {
  try {
    worker?.close();
  } finally {
    process.exit(code);
  }
}

async function start(command: Extract<WorkerCommand, { type: 'start' }>): Promise<void> {
  try {
    worker = new WebrtcWorker(command.settings, systemClock, tell);
    await worker.start();
    tell({ type: 'ready' });
    startWatchdog();
  } catch (error) {
    tell({ type: 'not-ready', message: error instanceof Error ? error.message : String(error) });
  }
}

process.on('message', (command: WorkerCommand) => {
  if (command.type === 'start') void start(command);
  else if (command.type === 'stop') stop(0);
  else void worker?.command(command);
});
// What goes wrong for one peer must not end all the others: it is told, and the rest goes on.
process.on('uncaughtException', (error) => {
  tell({
    type: 'log',
    level: 'error',
    message: 'something failed in a WebRTC worker',
    detail: String(error.stack),
  });
});
// The gateway was killed, or it would have said goodbye.
process.on('disconnect', () => {
  if (worker) void worker.release().finally(() => stop(0));
  else stop(0);
});
// Ctrl-C and a service manager's stop reach the whole group: the gateway ends its workers in order.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
