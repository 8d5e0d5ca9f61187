/**
 * Measures the LL-HLS origin: viewers on one keep-alive connection each take every part of a 720p livestream by blocking
 * reloads, while others join. Without a delivery process, with one, and with one that is started when the gateway is busy.
 * Viewers run in this process, on the same machine: from some hundred on it needs a core of its own. Run it after a build:
 *
 *     npx tsx scripts/bench/hls.ts [viewers ...]
 *
 * Columns: CPU of each process in % of a core; time from the first playlist that lists a part until a viewer has the
 * part; time of a new viewer for playlists, initialization section and a part.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from '../../src/platform/index.js';
import { deliveryPids } from '../../test/support/gateway/delivery-processes.js';
import { Encoder, testMedia } from '../../test/support/media/encoder.js';
import { quantile } from '../../test/support/media/glass-to-glass.js';
import { until } from '../../test/support/until.js';
import { BenchGateway } from './bench-gateway.js';
import { HlsLoadViewer, type PartTimes } from './hls-viewers.js';

const MEDIA = { size: '1280x720', rate: '30', bitrate: '2500k' };
const MEDIA_S = 120;
const RAMP_MS = 5_000;
const WARM_UP_MS = 4_000;
const MEASURE_MS = 12_000;
const JOIN_EVERY_MS = 250;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Without, with one process from the start, and with one that is started when the gateway is busy. */
const MODES = ['none', 'one', 'when busy'] as const;
/** Further warm-up in which clients move to the process. */
const MOVE_MS = 15_000;

const counts = process.argv.slice(2).map(Number);
const ticksPerS = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const rows: Record<string, string | number>[] = [];
const media = await testMedia(MEDIA_S, MEDIA);
for (const viewers of counts.length > 0 ? counts : [500, 1_000])
  for (const mode of MODES) rows.push(await measure(viewers, mode));
console.table(rows);
process.exit(0);

async function measure(
  viewers: number,
  mode: (typeof MODES)[number],
): Promise<Record<string, string | number>> {
  const program = mode === 'one' ? 'test/support/gateway/busy-gateway.js' : 'src/main.js';
  const gateway = await BenchGateway.start(
    {
      HLS_PROCESSES: mode === 'none' ? '0' : '1',
      LADDER: 'off',
      THUMBNAIL_EVERY: '0',
      WEBRTC_WORKERS: '1',
      MAX_NEW_VIEWERS_PER_ADDRESS: '100000',
    },
    path.join(projectRoot(), '.build', program),
  );
  const stream = await gateway.createStream('HLS');
  const encoder = new Encoder(media, stream.rtmp);
  const port = Number(new URL(gateway.http).port);
  const multivariantPath = `/hls/${stream.watch.split('/').at(-1)}/index.m3u8`;
  const times: PartTimes = { listedAt: new Map(), delaysMs: [], refused: 0, failed: 0, bytes: 0 };
  const playing: HlsLoadViewer[] = [];
  try {
    await until('the livestream plays and the processes run', async () => {
      const response = await fetch(`${gateway.http}${multivariantPath}`);
      return response.status === 200 && (mode !== 'one' || deliveryPids(gateway.pid).length > 0);
    });
    for (let index = 0; index < viewers; index++) {
      const viewer = new HlsLoadViewer(port, multivariantPath, times);
      playing.push(viewer);
      viewer.play().catch(() => times.failed++);
      if (index % 10 === 9) await pause((RAMP_MS / viewers) * 10);
    }
    await pause(mode === 'when busy' ? WARM_UP_MS + MOVE_MS : WARM_UP_MS);
    times.delaysMs.length = 0;
    times.refused = 0;
    times.bytes = 0;
    const pids = [gateway.pid, ...deliveryPids(gateway.pid)];
    const before = pids.map(cpuS);
    const own = process.cpuUsage();
    const startedAt = performance.now();
    const joinsMs: number[] = [];
    const joins: Promise<void>[] = [];
    while (performance.now() - startedAt < MEASURE_MS) {
      joins.push(joinOnce(port, multivariantPath, times, joinsMs));
      await pause(JOIN_EVERY_MS);
    }
    const seconds = (performance.now() - startedAt) / 1_000;
    const used = pids.map((pid, index) => ((cpuS(pid) - (before[index] ?? 0)) / seconds) * 100);
    const { user, system } = process.cpuUsage(own);
    const parts = times.delaysMs.length;
    await Promise.race([Promise.all(joins), pause(5_000)]);
    return {
      viewers,
      processes: mode,
      'gateway %': (used[0] ?? 0).toFixed(0),
      'processes %': used
        .slice(1)
        .map((share) => share.toFixed(0))
        .join(' '),
      'viewers %': ((user + system) / seconds / 10_000).toFixed(0),
      'parts/s': (parts / seconds).toFixed(0),
      'Mbit/s each': ((times.bytes * 8) / seconds / viewers / 1e6).toFixed(2),
      'ms/part': ((used.reduce((sum, share) => sum + share, 0) / 100 / (parts / seconds)) * 1_000).toFixed(3),
      'part p50': quantile(times.delaysMs, 0.5).toFixed(0),
      'part p95': quantile(times.delaysMs, 0.95).toFixed(0),
      'join p50': quantile(joinsMs, 0.5).toFixed(0),
      'join p95': quantile(joinsMs, 0.95).toFixed(0),
      'joins done': `${joinsMs.length}/${joins.length}`,
      refused: times.refused,
      failed: times.failed,
    };
  } finally {
    for (const viewer of playing) viewer.stop();
    await encoder.stop();
    await gateway.stop();
  }
}

async function joinOnce(port: number, path: string, times: PartTimes, joinsMs: number[]): Promise<void> {
  const viewer = new HlsLoadViewer(port, path, times);
  const startedAt = performance.now();
  try {
    await viewer.join();
    joinsMs.push(performance.now() - startedAt);
  } catch {
    times.failed++;
  } finally {
    viewer.stop();
  }
}

/** Returns the CPU time of a process, seconds (proc(5), `utime` and `stime`). */
function cpuS(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerS;
}
