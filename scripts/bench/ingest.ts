/**
 * Measures an RTMP publisher: CPU time of the server process, without transcoding, next to unmodified node-media-server
 * with the same input; and with HLS of the source alone, where memory includes the playlist's window. Loopback only, three
 * and a half minutes. CPU and memory include child processes.
 *
 *     node --import tsx scripts/bench/ingest.ts [seconds per round] [bare | serve | hls | stock ...]
 */
import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { Publish } from '../../src/ingest/rtmp/index.js';
import { type FlvTag, SourceCounters } from '../../src/media/index.js';
import type { BroadcastSubscriber } from '../../src/streams/index.js';
import { encodeCommand, encodeMessage } from '../../test/support/clients/rtmp-client.js';

const CLIP_S = 20;
const VIDEO_KBITPS = 2_500;
const AUDIO_KBITPS = 150;
const CHUNK_SIZE = 4_096; // chunk size of OBS
const WARM_UP_MS = 8_000;
const ROUNDS = [5, 20];
const KINDS = ['bare', 'serve', 'hls', 'stock'] as const;
const SERVER_NAMES = {
  bare: 'raw sockets',
  serve: 'headend',
  hls: 'headend with HLS',
  stock: 'node-media-server',
};
/** Clock ticks per second of CPU times in /proc. */
const TICKS_PER_S = 100;

/** `pssMb`: proportional set size, MiB. */
type Usage = { cpuMs: number; bytes: number; tags: number; pssMb: number };

const role = process.argv[2];
if (role === 'serve') await serve();
else if (role === 'hls') await serveHls();
else if (role === 'stock') await stock();
else if (role === 'bare') await bare();
else if (role === 'send') await send(Number(process.argv[3]), Number(process.argv[4]), process.argv[5]!);
else await bench(Number(role ?? 15), process.argv.slice(3));

/** Server under test, with a publication that only counts. */
async function serve(): Promise<void> {
  let bytes = 0;
  let tags = 0;
  const publish: Publish = async ({ streamKey: id = '' }) => ({
    publication: {
      id,
      streamId: id,
      broadcastId: id,
      counters: new SourceCounters(),
      restart() {},
      pictureChanged() {},
      describe() {},
      notice() {},
      pause: () => () => {},
      close() {},
      write(tag) {
        bytes += tag.body.length;
        tags++;
      },
    },
  });
  await listen(publish, () => ({ bytes, tags }));
}

/** Server under test with its transcoder, without lower renditions, and its packager. */
async function serveHls(): Promise<void> {
  const { createLog, systemClock: clock } = await import('../../src/platform/index.js');
  const { createPackager } = await import('../../src/packager/index.js');
  const { createTranscoder } = await import('../../src/transcode/index.js');
  const { LiveBroadcast } = await import('../../src/streams/broadcast/live-broadcast.js');
  const log = createLog('silent');
  const transcoder = createTranscoder({ ladder: 'off', environment: process.env, clock, log });
  await transcoder.start();
  let bytes = 0;
  let tags = 0;
  const count = (tag: FlvTag): void => {
    bytes += tag.body.length;
    tags++;
  };
  const counter: BroadcastSubscriber = {
    name: 'counter',
    subscribe: () => ({
      publicationStarted: (source) => source.read({ restart() {}, end() {}, write: count }),
      broadcastEnded: async () => {},
    }),
  };
  const publish: Publish = async (publisher) => {
    const id = publisher.streamKey ?? '';
    let run = 0;
    const broadcast = new LiveBroadcast({
      ...{ id, streamId: id, startedAt: clock.now(), resumed: false, graceMs: 0, clock, log },
      subscribers: [counter, transcoder, createPackager({ clock, log })],
      store: { nextRun: async () => run++, live() {}, ended: async () => {} },
      onChange() {},
    });
    return { publication: broadcast.publish(publisher) };
  };
  await listen(publish, () => ({ bytes, tags }));
}

async function listen(publish: Publish, count: () => { bytes: number; tags: number }): Promise<void> {
  const { createRtmpServer } = await import('../../src/ingest/rtmp/index.js');
  const { createLog, systemClock } = await import('../../src/platform/index.js');
  const server = createRtmpServer({
    host: '127.0.0.1',
    port: 0,
    readsAv1: false,
    maxPixels: 9_437_184,
    clock: systemClock,
    log: createLog('silent'),
    publish,
  });
  await server.start();
  serveUsage(count);
  process.send?.(server.address().port);
}

/** Reference: unmodified node-media-server with its RTMP listener only. Its output goes to a pipe that is discarded. */
async function stock(): Promise<void> {
  const { createRequire } = await import('node:module');
  const require = createRequire(import.meta.url);
  const port = await freePort();
  const context = require('node-media-server/src/core/context.js') as {
    config: unknown;
    networkStats: { inBytes: number };
  };
  context.config = { bind: '127.0.0.1', rtmp: { port } };
  const Server = require('node-media-server/src/server/rtmp_server.js') as new () => {
    tcpServer: net.Server;
    run(): void;
  };
  const server = new Server();
  server.run();
  await once(server.tcpServer, 'listening');
  serveUsage(() => ({ bytes: context.networkStats.inBytes, tags: 0 }));
  process.send?.(port);
}

/** Lower bound: a socket that sends what a publisher waits for, and counts bytes: the cost of the reads in Node. */
async function bare(): Promise<void> {
  let bytes = 0;
  const server = net.createServer((socket) => {
    socket.once('data', () => socket.write(Buffer.alloc(3_073)));
    socket.on('data', (read) => {
      bytes += read.length;
      if (bytes < 1_000_000) socket.write('NetConnection.Connect.Success NetStream.Publish.Start ');
    });
    socket.on('error', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  serveUsage(() => ({ bytes, tags: 0 }));
  process.send?.((server.address() as net.AddressInfo).port);
}

function serveUsage(count: () => { bytes: number; tags: number }): void {
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    const children = childrenOf(process.pid);
    let cpuMs = (user + system) / 1_000;
    for (const pid of children) cpuMs += cpuMsOf(pid);
    const pssMb = [process.pid, ...children].reduce((sum, pid) => sum + pssMbOf(pid), 0);
    process.send?.({ cpuMs, pssMb, ...count() } satisfies Usage);
  });
  process.on('disconnect', () => process.exit(0));
}

function childrenOf(pid: number): number[] {
  const list = readdirSync(`/proc/${pid}/task`).map((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8'),
  );
  return list.join(' ').split(' ').filter(Boolean).map(Number);
}

function cpuMsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  // utime and stime (proc(5), fields 14 and 15).
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_S;
}

function pssMbOf(pid: number): number {
  return Number(/^Pss: +(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]) / 1_024;
}

/** Publishes the clip `count` times in real time, in a loop, until the parent exits. */
async function send(port: number, count: number, file: string): Promise<void> {
  process.on('disconnect', () => process.exit(0));
  const clip = readClip(readFileSync(file));
  const sockets = await Promise.all(Array.from({ length: count }, (_, index) => publish(port, index)));
  process.send?.('publishing');
  for (const [index, socket] of sockets.entries()) {
    setTimeout(() => play(socket, clip), (index * 1_000) / count); // spread over one second
  }
}

async function publish(port: number, index: number): Promise<net.Socket> {
  const socket = net.connect(port, '127.0.0.1');
  socket.setNoDelay(true);
  let received = '';
  socket.on('data', (bytes) => {
    received = (received + bytes.toString('latin1')).slice(-8_000);
  });
  socket.on('error', (error) => {
    throw error;
  });
  const waitFor = async (code: string): Promise<void> => {
    while (!received.includes(code)) await once(socket, 'data');
  };
  socket.write(Buffer.concat([Buffer.from([3]), Buffer.alloc(1_536)]));
  let handshake = 0;
  while (handshake < 3_073) handshake += ((await once(socket, 'data')) as [Buffer])[0].length;
  const command = (values: Record<string, unknown>, streamId = 0): Buffer =>
    encodeMessage({ type: 20, payload: encodeCommand(values), streamId });
  const app = { app: 'live', flashVer: 'bench', tcUrl: 'rtmp://127.0.0.1/live' };
  socket.write(Buffer.concat([Buffer.alloc(1_536), command({ cmd: 'connect', transId: 1, cmdObj: app })]));
  await waitFor('Connect.Success');
  const size = Buffer.alloc(4);
  size.writeUInt32BE(CHUNK_SIZE);
  socket.write(encodeMessage({ type: 1, payload: size, chunkStreamId: 2 }));
  socket.write(command({ cmd: 'createStream', transId: 2, cmdObj: null }));
  const name = `bench-${index}`;
  socket.write(command({ cmd: 'publish', transId: 3, cmdObj: null, streamName: name, type: 'live' }, 1));
  await waitFor('Publish.Start');
  return socket;
}

/** Sends each tag with one write when it is due, as encoders do. */
function play(
  socket: net.Socket,
  clip: { tags: { at: number; type: number; body: Buffer }[]; length: number },
): void {
  const start = performance.now();
  let next = 0;
  let round = 0;
  const step = (): void => {
    const now = performance.now() - start;
    for (;;) {
      const tag = clip.tags[next]!;
      const timestamp = tag.at + round * clip.length;
      if (timestamp > now) {
        setTimeout(step, timestamp - now);
        return;
      }
      const { type, body } = tag;
      const chunkStreamId = type === 8 ? 4 : 6;
      socket.write(
        encodeMessage({ type, payload: body, chunkStreamId, timestamp, streamId: 1, chunkSize: CHUNK_SIZE }),
      );
      next = (next + 1) % clip.tags.length;
      if (next === 0) round++;
    }
  };
  step();
}

function readClip(file: Buffer): { tags: { at: number; type: number; body: Buffer }[]; length: number } {
  const tags = [];
  for (let at = 13; at + 11 < file.length; ) {
    const size = file.readUIntBE(at + 1, 3);
    const time = file.readUIntBE(at + 4, 3) + (file[at + 7]! << 24);
    tags.push({ at: time, type: file[at]!, body: file.subarray(at + 11, at + 11 + size) });
    at += 11 + size + 4;
  }
  return { tags: tags.filter(({ type }) => type !== 18), length: CLIP_S * 1_000 };
}

async function freePort(): Promise<number> {
  const probe = net.createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as net.AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

async function bench(seconds: number, kinds: string[]): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headend-bench-'));
  const clip = path.join(folder, 'clip.flv');
  try {
    makeClip(clip);
    const rows = [];
    for (const count of ROUNDS) {
      for (const kind of KINDS)
        if (kinds.length === 0 || kinds.includes(kind)) rows.push(await measure(kind, count, clip, seconds));
    }
    console.log(
      `${seconds} s a round, ${VIDEO_KBITPS + AUDIO_KBITPS} kbit/s nominal, 30 fps; load ${os.loadavg()[0]!.toFixed(1)}`,
    );
    console.table(rows);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function makeClip(file: string): void {
  const videoSource = ['-f', 'lavfi', '-i', 'testsrc2=size=1280x720:rate=30,noise=alls=20:allf=t'];
  const audioSource = ['-f', 'lavfi', '-i', 'anoisesrc=sample_rate=44100:amplitude=0.3'];
  const rate = [`-b:v`, `${VIDEO_KBITPS}k`, '-minrate', `${VIDEO_KBITPS}k`, '-maxrate', `${VIDEO_KBITPS}k`];
  const video = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '60', ...rate, '-bufsize', '1M'];
  const audio = ['-ac', '2', '-c:a', 'aac', '-b:a', `${AUDIO_KBITPS}k`];
  const args = [
    ...videoSource,
    ...audioSource,
    '-t',
    String(CLIP_S),
    ...video,
    '-pix_fmt',
    'yuv420p',
    ...audio,
  ];
  execFileSync('ffmpeg', ['-v', 'error', ...args, '-f', 'flv', file]);
}

async function measure(
  kind: (typeof KINDS)[number],
  count: number,
  clip: string,
  seconds: number,
): Promise<object> {
  const server = start([kind]);
  let sender: ChildProcess | undefined;
  try {
    const [port] = (await once(server, 'message')) as [number];
    const idle = await usage(server);
    sender = start(['send', String(port), String(count), clip]);
    await once(sender, 'message');
    await pause(WARM_UP_MS);
    const before = await usage(server);
    const started = performance.now();
    await pause(seconds * 1_000);
    const after = await usage(server);
    const elapsed = performance.now() - started;
    const core = ((after.cpuMs - before.cpuMs) / elapsed) * 100;
    return {
      server: SERVER_NAMES[kind],
      publishers: count,
      'Mbit/s each': (((after.bytes - before.bytes) * 8) / elapsed / count / 1_000).toFixed(2),
      'core % total': core.toFixed(2),
      'core % each': (core / count).toFixed(3),
      'PSS MiB': after.pssMb.toFixed(0),
      'PSS MiB each': ((after.pssMb - idle.pssMb) / count).toFixed(1),
    };
  } finally {
    for (const child of [sender, server]) {
      if (!child || child.exitCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
  }
}

function start(args: string[]): ChildProcess {
  const child = fork(new URL(import.meta.url), args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  child.on('exit', (code) => {
    if (code) throw new Error(`${args[0]} exited with ${code}`);
  });
  return child;
}

async function usage(server: ChildProcess): Promise<Usage> {
  server.send('usage');
  return ((await once(server, 'message')) as [Usage])[0];
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
