import { statfs } from 'node:fs/promises';
import os from 'node:os';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { NodeHealth } from '../api/index.js';
import type { Config } from '../config.js';
import type { BoundedCalls, Clock, EventLoopLoad, Sql } from '../platform/index.js';
import type { Recordings } from '../recordings/index.js';
import type { StreamRegistry } from '../streams/index.js';
import type { Transcoder } from '../transcode/index.js';
import type { WebrtcPool } from '../webrtc/index.js';

/** Age up to which a measurement is answered again: measurements are no load, however many administrators look. */
const FRESH_MS = 1_000;
const RESOLUTION_MS = 10;

export type NodeHealthModules = {
  sql: Sql;
  streams: Pick<StreamRegistry, 'streamIds'>;
  transcoder: Pick<Transcoder, 'ffmpeg'>;
  recordings: Pick<Recordings, 'isShedding'>;
  pool: Pick<WebrtcPool, 'stats'>;
  load: Pick<EventLoopLoad, 'share' | 'isFull'>;
  calls: BoundedCalls;
  version: string;
  clock: Clock;
  /** Ends the measurement of the event loop. */
  signal: AbortSignal;
};

/** @returns a function that measures the state of this gateway and its machine */
export function openNodeHealth(config: Config, modules: NodeHealthModules): () => Promise<NodeHealth> {
  const { clock, signal } = modules;
  const startedAt = new Date(clock.now()).toISOString();
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  signal.addEventListener('abort', () => delay.disable(), { once: true });
  let cpu = { usage: process.cpuUsage(), atMs: clock.monotonic() };
  let newest: { atMs: number; health: Promise<NodeHealth> } | undefined;

  const gatewayCores = (): number => {
    const now = { usage: process.cpuUsage(), atMs: clock.monotonic() };
    const usedUs = now.usage.user + now.usage.system - cpu.usage.user - cpu.usage.system;
    const elapsedUs = Math.max(1, (now.atMs - cpu.atMs) * 1_000);
    cpu = now;
    return usedUs / elapsedUs;
  };
  const measure = async (): Promise<NodeHealth> => {
    const { streams, transcoder, recordings, pool, load, version } = modules;
    const [webrtc, database, ...disks] = await Promise.all([
      pool.stats(),
      measureDatabase(modules),
      measureDisk('data', config.dataDir),
      measureDisk('recordings', config.recordings.dir),
    ]);
    return {
      ...{ version, startedAt, disks, database },
      cpu: {
        cores: os.availableParallelism(),
        loadAverage: os.loadavg()[0] ?? 0,
        gatewayCores: gatewayCores(),
      },
      memory: {
        totalBytes: os.totalmem(),
        availableBytes: os.freemem(),
        gatewayBytes: process.memoryUsage.rss(),
      },
      eventLoop: { busyShare: load.share, isFull: load.isFull, delayMs: readDelayMs(delay) },
      broadcasts: streams.streamIds.length,
      encoders: { processes: transcoder.ffmpeg.memory?.size ?? 0, isShedding: recordings.isShedding },
      webrtcWorkers: webrtc.workers.map(({ pid, port, publishers, viewers, residentBytes }) => ({
        ...{ pid, port, publishers, viewers, residentBytes },
      })),
    };
  };
  return async () => {
    const atMs = clock.monotonic();
    if (!newest || atMs - newest.atMs >= FRESH_MS) newest = { atMs, health: measure() };
    return await newest.health;
  };
}

/** Returns the 99th percentile since the last call, beyond the resolution. */
function readDelayMs(delay: IntervalHistogram): number {
  const ms = delay.count === 0 ? 0 : delay.percentile(99) / 1e6 - RESOLUTION_MS;
  delay.reset();
  return Math.max(0, ms);
}

async function measureDatabase({ sql, calls, clock }: NodeHealthModules): Promise<NodeHealth['database']> {
  const startedAtMs = clock.monotonic();
  try {
    const [row] = await calls.run(
      () => sql<[{ sizeBytes: number; connections: number }]>`
        select pg_database_size(current_database())::float8 as "sizeBytes",
          (select count(*)::int from pg_stat_activity where datname = current_database()) as connections`,
    );
    return { latencyMs: clock.monotonic() - startedAtMs, ...row };
  } catch {
    return { latencyMs: null, sizeBytes: null, connections: null };
  }
}

async function measureDisk(
  purpose: 'data' | 'recordings',
  folder: string,
): Promise<NodeHealth['disks'][number]> {
  const disk = await statfs(folder).catch(() => undefined);
  return {
    purpose,
    freeBytes: disk ? disk.bavail * disk.bsize : null,
    totalBytes: disk ? disk.blocks * disk.bsize : null,
  };
}
