import { startWatchdog, systemClock } from '../../platform/index.js';
import type { WorkerCommand, WorkerReport } from '../messages.js';
import { WebrtcWorker } from './webrtc-worker.js';

// Process of a WebRTC worker: forked by the pool, controlled by its messages, stops when the gateway does.

let worker: WebrtcWorker | undefined;

function notifyGateway(report: WorkerReport): void {
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
    worker = new WebrtcWorker(command.settings, systemClock, notifyGateway);
    await worker.start();
    notifyGateway({ type: 'ready' });
    startWatchdog();
  } catch (error) {
    notifyGateway({ type: 'not-ready', message: error instanceof Error ? error.message : String(error) });
  }
}

process.on('message', (command: WorkerCommand) => {
  if (command.type === 'start') void start(command);
  else if (command.type === 'stop') stop(0);
  else void worker?.command(command);
});
// An exception in one peer's handling must not close all others: it is logged, and the process continues.
process.on('uncaughtException', (error) => {
  notifyGateway({
    type: 'log',
    level: 'error',
    message: 'uncaught exception in a WebRTC worker',
    detail: String(error.stack),
  });
});
// The gateway was killed: an orderly stop sends `stop` first.
process.on('disconnect', () => {
  if (worker) void worker.release().finally(() => stop(0));
  else stop(0);
});
// Ctrl-C and a service manager signal the whole process group: the gateway stops its workers in order.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});
