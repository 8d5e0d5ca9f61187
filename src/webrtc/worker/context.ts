import type { Clock } from '../../platform/index.js';
import type { WorkerReport, WorkerSettings } from '../messages.js';
import type { PacketQueue } from './packet-queue.js';

/** What the worker counts; see `PoolStats`. */
export type Counters = { packetsIn: number; packetsOut: number; retransmitted: number };

/** What everything in a worker process shares. */
export type WorkerContext = {
  readonly clock: Clock;
  readonly settings: WorkerSettings;
  readonly queue: PacketQueue;
  readonly counters: Counters;
  /** To the gateway. Never throws. */
  notifyGateway(report: WorkerReport): void;
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string, error?: unknown): void;
};
