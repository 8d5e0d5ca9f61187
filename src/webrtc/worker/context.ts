import type { Clock } from '../../platform/index.js';
import type { WorkerReport, WorkerSettings } from '../messages.js';
import type { PacketQueue } from './packet-queue.js';

/** Counters of the worker; see `PoolStats`. */
export type Counters = { packetsIn: number; packetsOut: number; retransmitted: number };

/** Dependencies shared by all parts of a worker process. */
export type WorkerContext = {
  readonly clock: Clock;
  readonly settings: WorkerSettings;
  readonly queue: PacketQueue;
  readonly counters: Counters;
  /** Sends a message to the gateway. Never throws. */
  notifyGateway(report: WorkerReport): void;
  log(level: 'debug' | 'info' | 'warn' | 'error', message: string, error?: unknown): void;
};
