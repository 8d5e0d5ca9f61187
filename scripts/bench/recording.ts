/**
 * Measures the cost of recording: CPU time of the gateway (with its database) and bytes written, with and without recording
 * of the same RTMP publishers (2.65 Mbit/s, passed through); and beside it that of nginx-rtmp and MediaMTX where they are
 * installed. Loopback only. Fails when a server does not record all publishers.
 *
 *     node .build/scripts/bench/recording.js [publishers] [seconds per round]
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BenchGateway } from './bench-gateway.js';
import { MediaMtx } from './media-mtx.js';
import { NginxRtmp } from './nginx-rtmp.js';
import { processTree } from './process-tree.js';

const [publishers = 5, seconds = 20] = process.argv.slice(2).map(Number);
const CLIP_S = 20;
/** Until the window of the playlists is full, so that memory and CPU are steady. */
const WARM_UP_MS = 12_000;
/** Clock ticks per second of CPU times in /proc. */
const TICKS_PER_S = 100;

/** Bitrate below which a publisher does not count as recorded. */
const RECORDED_MBITPS = 2.4;

type Server = {
  pid: number;
  /** Folder of the recordings; it need not exist. */
  recordings: string;
  addresses: string[];
  stop(): Promise<void>;
};

type Row = { name: string; corePercent: number; recordedMbitps: number; writtenMbitps: number };

const names = [...Array(publishers).keys()].map((index) => `stream-${index}`);
const gatewayServer = (recordingEnabled: boolean) => async (): Promise<Server> => {
  const gateway = await BenchGateway.start({
    ...{ LADDER: 'off', THUMBNAIL_EVERY: '0', RECORDINGS_MIN_FREE: '0', DVR_WINDOW: 'off' },
  });
  const addresses: string[] = [];
  for (const name of names) addresses.push((await gateway.createStream(name, { recordingEnabled })).rtmp);
  const { pid, folder } = gateway;
  return { pid, recordings: path.join(folder, 'recordings'), addresses, stop: () => gateway.stop() };
};
const SERVERS: { name: string; records: boolean; start(): Promise<Server | undefined> }[] = [
  { name: 'headend', records: false, start: gatewayServer(false) },
  { name: 'headend, recording', records: true, start: gatewayServer(true) },
  {
    name: 'nginx-rtmp, recording',
    records: true,
    start: async () => {
      const server = await NginxRtmp.start();
      return server && serverOf(server, (name) => server.rtmp(name));
    },
  },
  {
    name: 'MediaMTX, recording',
    records: true,
    start: async () => {
      const server = await MediaMtx.start({ records: true });
      return server && serverOf(server, (name) => server.rtmpOf(name));
    },
  },
];

const folder = mkdtempSync(path.join(os.tmpdir(), 'headend-bench-'));
try {
  const clip = path.join(folder, 'clip.flv');
  makeClip(clip);
  const rows: Row[] = [];
  for (const { name, records, start } of SERVERS) {
    const server = await start();
    if (!server) {
      console.log(`${name}: not installed`);
      continue;
    }
    const row = { name, ...(await measure(clip, server)) };
    rows.push(row);
    if (records && row.recordedMbitps / publishers < RECORDED_MBITPS) {
      process.exitCode = 1;
      console.error(
        `${name}: only ${row.recordedMbitps.toFixed(1)} Mbit/s of ${publishers} publishers are recorded`,
      );
    }
  }
  console.log(`${publishers} publishers, ${seconds} s a round; load ${os.loadavg()[0]!.toFixed(1)}`);
  console.table(
    rows.map(({ name, corePercent, recordedMbitps, writtenMbitps }) => ({
      server: name,
      'core % each': (corePercent / publishers).toFixed(2),
      'recorded Mbit/s each': (recordedMbitps / publishers).toFixed(2),
      'written Mbit/s each': (writtenMbitps / publishers).toFixed(2),
    })),
  );
  const [off, on] = rows.map(({ corePercent }) => corePercent) as [number, number];
  console.log(`recording costs ${((on - off) / publishers).toFixed(2)} % of a core per stream`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function serverOf(
  server: { pid: number; recordings: string; stop(): Promise<void> },
  address: (name: string) => string,
): Server {
  const { pid, recordings } = server;
  return { pid, recordings, addresses: names.map(address), stop: () => server.stop() };
}

async function measure(clip: string, server: Server): Promise<Omit<Row, 'name'>> {
  const encoders: ChildProcess[] = [];
  try {
    for (const address of server.addresses) {
      const input = ['-v', 'error', '-re', '-stream_loop', '-1', '-i', clip];
      const output = ['-c', 'copy', '-f', 'flv', '-flvflags', 'no_duration_filesize', address];
      encoders.push(spawn('ffmpeg', [...input, ...output], { stdio: 'ignore' }));
    }
    await pause(WARM_UP_MS);
    const before = usage(server);
    const started = performance.now();
    await pause(seconds * 1_000);
    const after = usage(server);
    const elapsedMs = performance.now() - started;
    return {
      corePercent: ((after.cpuMs - before.cpuMs) / elapsedMs) * 100,
      recordedMbitps: ((after.recordedBytes - before.recordedBytes) * 8) / elapsedMs / 1_000,
      writtenMbitps: ((after.writtenBytes - before.writtenBytes) * 8) / elapsedMs / 1_000,
    };
  } finally {
    for (const encoder of encoders) {
      if (encoder.exitCode !== null) continue;
      encoder.kill('SIGKILL');
      await once(encoder, 'exit');
    }
    await server.stop();
  }
}

/** Reads the totals of a server and all processes below it. */
function usage({ pid, recordings }: Server) {
  const totals = { cpuMs: 0, writtenBytes: 0, recordedBytes: sizeOf(recordings) };
  for (const each of processTree(pid)) {
    const fields = readFileSync(`/proc/${each.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    // utime, stime, and those of children that have ended (proc(5), fields 14 to 17).
    for (const field of fields.slice(11, 15)) totals.cpuMs += (Number(field) * 1_000) / TICKS_PER_S;
    const written = /^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${each.pid}/io`, 'utf8'))?.[1];
    totals.writtenBytes += Number(written);
  }
  return totals;
}

function sizeOf(root: string): number {
  let total = 0;
  if (!existsSync(root)) return total;
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) total += statSync(path.join(entry.parentPath, entry.name)).size;
  return total;
}

function makeClip(file: string): void {
  const rate = ['-b:v', '2500k', '-minrate', '2500k', '-maxrate', '2500k', '-bufsize', '1M'];
  execFileSync('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=30,noise=alls=20:allf=t'],
    ...['-f', 'lavfi', '-i', 'anoisesrc=sample_rate=44100:amplitude=0.3', '-t', String(CLIP_S)],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '60', ...rate, '-pix_fmt', 'yuv420p'],
    ...['-ac', '2', '-c:a', 'aac', '-b:a', '150k', '-f', 'flv', file],
  ]);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
