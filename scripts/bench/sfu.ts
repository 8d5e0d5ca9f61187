/**
 * Measures forwarding: CPU time of the WebRTC workers per packet and viewer, from 50 to 800 viewers that send receiver
 * reports, in one worker and in one per core. Loopback only, about five minutes.
 *
 *     node --import tsx scripts/bench/sfu.ts [seconds per round]
 *
 * The publisher sends 2.5 Mbit/s, or audio alone: there, the cost of a wake of the worker is divided by few packets.
 * Rounds that need more packets per second than the machine's cores can send are skipped.
 *
 * The peers are node-datachannel's, in other processes, and negotiate AES-GCM; browsers choose AES128_CM_HMAC_SHA1_80,
 * which costs more: the last round has viewers in Chromium, stopped during the measurement because it would use the
 * whole machine. The baseline is the cost of sending the same packets by `node:dgram` without encryption, measured in
 * the same minute under the same load.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import path from 'node:path';
import { createLog, pause, systemClock } from '../../src/platform/index.js';
import {
  createWebrtcPool,
  type LocalTransport,
  type PoolStats,
  parseOffer,
  planViewer,
  type RemoteTransport,
  type WebrtcPool,
  writeAnswer,
} from '../../src/webrtc/index.js';
import { chromiumPath, launchChromium } from '../../test/support/clients/chromium.js';
import { answerOf, remoteOf } from '../../test/support/clients/rtc-peers.js';
import { publisherPlan, viewerPlan } from '../../test/support/gateway/webrtc-pool.js';
import type { Media, PeersCommand, PeersReport } from './sfu-peers.js';

const FIRST_PORT = 28_189;
const VIEWERS = [50, 100, 200, 400, 800];
const MEDIA: readonly Media[] = ['audio', 'audio and video'];
const CHROMIUM_VIEWERS = 150;
const WARM_UP_MS = 1500;
const JOIN_CONCURRENCY = 20;
/** Packets per second of the publisher's stream, all sent to every viewer. */
const PACKETS_PER_S: Record<Media, number> = { audio: 50, 'audio and video': 310 };
/** Packets per second that a core can send while others receive them; rounds above it are skipped. */
const MAXIMUM_PACKETS_PER_S = 70_000 * availableParallelism();
/** Viewers in one process of peers. */
const VIEWERS_PER_PROCESS = 200;
const BASELINE_PACKETS = 40_000;

const seconds = Number(process.argv[2] ?? 3);

async function bench(): Promise<void> {
  const rows: Row[] = [];
  for (const media of MEDIA)
    for (const workers of new Set([1, availableParallelism()]))
      for (const viewers of VIEWERS)
        if (viewers * PACKETS_PER_S[media] <= MAXIMUM_PACKETS_PER_S)
          rows.push(await measure(media, workers, viewers));
  console.table(rows);
  if (!chromiumPath()) {
    console.log('Chromium not found: skipping the round with its cipher suite');
  } else console.table([await measureChromium()]);
  process.exit(0);
}

type Row = Record<string, string | number>;

function openPool(workers: number): WebrtcPool {
  return createWebrtcPool({
    workers,
    firstPort: FIRST_PORT,
    bindAddress: '127.0.0.1',
    publicIps: [],
    clock: systemClock,
    log: createLog('warn'),
    timeouts: { silenceMs: 60_000 },
    spreadAfter: 0,
  });
}

async function measure(media: Media, workers: number, viewers: number): Promise<Row> {
  const pool = openPool(workers);
  await pool.start();
  const publisher = await Peers.start();
  const receivers = await Promise.all(
    Array.from({ length: Math.ceil(viewers / VIEWERS_PER_PROCESS) }, () => Peers.start()),
  );
  await publish(pool, publisher);
  let next = 0;
  const join = async (): Promise<void> => {
    // Three viewers count gaps; the others only decrypt.
    for (let i = next++; i < viewers; i = next++)
      await receivers[i % receivers.length]!.connect(i, i < 3, (remote) =>
        pool.view({ viewerGroupId: 'group', remote, plan: viewerPlan() }),
      );
  };
  await Promise.all(Array.from({ length: JOIN_CONCURRENCY }, join));
  publisher.send({ type: 'send', media });
  const usage = await observe(pool, PACKETS_PER_S[media]);
  const counted = await Promise.all(receivers.map((peers) => peers.count()));
  const baselineUs = await measureBaseline();
  publisher.stop();
  await pool.close();
  for (const peers of receivers) peers.stop();
  return {
    media,
    workers,
    viewers,
    ...usage,
    'gaps at 3 viewers': counted.reduce((sum, { gaps }) => sum + gaps, 0),
    'baseline, us/packet': baselineUs.toFixed(2),
  };
}

/** Measures viewers with the cipher suite of browsers. */
async function measureChromium(): Promise<Row> {
  const pool = openPool(1);
  await pool.start();
  const publisher = await Peers.start();
  await publish(pool, publisher);
  const browser = await launchChromium({ webrtc: true });
  const page = await browser.newPage();
  const offers = await page.evaluate<string[]>(`(async () => {
    window.connections = Array.from({ length: ${CHROMIUM_VIEWERS} }, () => new RTCPeerConnection());
    return await Promise.all(
      connections.map(async (connection) => {
        connection.addTransceiver('video', { direction: 'recvonly' });
        connection.addTransceiver('audio', { direction: 'recvonly' });
        await connection.setLocalDescription();
        return connection.localDescription.sdp;
      }),
    );
  })()`);
  const viewings = [];
  for (const [index, sdp] of offers.entries()) {
    const offer = parseOffer(sdp);
    const plan = planViewer(offer);
    const viewing = await pool.view({ viewerGroupId: 'group', remote: offer.transport, plan });
    const answer = JSON.stringify({ type: 'answer', sdp: writeAnswer(offer, plan, viewing.local) });
    await page.evaluate(`connections[${index}].setRemoteDescription(${answer})`);
    viewings.push(viewing);
  }
  await Promise.all(viewings.map(({ connected }) => connected));
  const chromium = descendants(process.pid).filter((pid) => commandOf(pid).includes('chrom'));
  for (const pid of chromium) process.kill(pid, 'SIGSTOP');
  publisher.send({ type: 'send', media: 'audio and video' });
  const usage = await observe(pool, PACKETS_PER_S['audio and video']);
  for (const pid of chromium) process.kill(pid, 'SIGCONT');
  publisher.stop();
  await pool.close();
  await browser.close();
  return { workers: 1, 'viewers in Chromium': CHROMIUM_VIEWERS, ...usage };
}

async function publish(pool: WebrtcPool, publisher: Peers): Promise<void> {
  const plan = publisherPlan();
  await publisher.connect(0, false, (remote) =>
    pool.publish({ mediaSourceId: 'source', remote, plan, maximumBitrate: 5_000_000 }),
  );
  pool.setMediaSource('group', 'source');
}

/** Measures CPU time and packets of the workers over `seconds`. */
async function observe(pool: WebrtcPool, streamPacketsPerS: number): Promise<Row> {
  await pause(WARM_UP_MS);
  const before = await pool.stats();
  const start = performance.now();
  await pause(seconds * 1000);
  const after = await pool.stats();
  const elapsed = (performance.now() - start) / 1000;
  const packets = total(after, 'packetsOut') - total(before, 'packetsOut');
  const cpu = total(after, 'cpuMicroseconds') - total(before, 'cpuMicroseconds');
  const each = cpu / packets;
  return {
    'packets/s': Math.round(packets / elapsed),
    'us/packet': each.toFixed(2),
    '% of a core': Math.round(cpu / 10_000 / elapsed),
    'viewers/core': Math.round(1_000_000 / (each * streamPacketsPerS)),
    load: loadavg()[0]!.toFixed(1),
    stale: total(after, 'packetsStale') - total(before, 'packetsStale'),
    'MB/worker': Math.round(total(after, 'residentBytes') / after.workers.length / 2 ** 20),
  };
}

type Figure = Exclude<keyof PoolStats['workers'][number], 'pid' | 'port'>;

function total(stats: PoolStats, figure: Figure): number {
  return stats.workers.reduce((sum, worker) => sum + worker[figure], 0);
}

/** Measures the CPU time of sending a packet of the same size without encryption, us. */
async function measureBaseline(): Promise<number> {
  const sink = createSocket('udp4').bind(0, '127.0.0.1');
  await once(sink, 'listening');
  const { port } = sink.address();
  const socket = createSocket('udp4');
  const packet = Buffer.alloc(1200);
  const before = process.cpuUsage();
  for (let sent = 0; sent < BASELINE_PACKETS; sent += 100)
    await new Promise<void>((resolve) => {
      for (let i = 1; i < 100; i++) socket.send(packet, port, '127.0.0.1');
      socket.send(packet, port, '127.0.0.1', () => resolve());
    });
  const { user, system } = process.cpuUsage(before);
  socket.close();
  sink.close();
  return (user + system) / BASELINE_PACKETS;
}

/** A child process of peers. */
class Peers {
  readonly #child: ChildProcess;
  readonly #offers = new Map<number, (sdp: string) => void>();
  readonly #opens = new Map<number, () => void>();
  #onCounted: ((counted: { packets: number; gaps: number }) => void) | undefined;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (report: PeersReport) => {
      if (report.type === 'offer') this.#offers.get(report.id)?.(report.sdp);
      else if (report.type === 'open') this.#opens.get(report.id)?.();
      else if (report.type === 'counted') this.#onCounted?.(report);
    });
  }

  static async start(): Promise<Peers> {
    const file = path.join(import.meta.dirname, `sfu-peers${path.extname(import.meta.filename)}`);
    const child = fork(file, [], { serialization: 'advanced' });
    await once(child, 'message');
    return new Peers(child);
  }

  send(command: PeersCommand): void {
    this.#child.send(command);
  }

  async connect(
    id: number,
    counts: boolean,
    join: (remote: RemoteTransport) => Promise<{ local: LocalTransport; connected: Promise<void> }>,
  ): Promise<void> {
    const offered = new Promise<string>((resolve) => this.#offers.set(id, resolve));
    const opened = new Promise<void>((resolve) => this.#opens.set(id, resolve));
    this.send({ type: 'create', id, counts });
    const peer = await join(remoteOf(await offered));
    this.send({ type: 'answer', id, sdp: answerOf(peer.local) });
    await Promise.all([opened, peer.connected]);
  }

  count(): Promise<{ packets: number; gaps: number }> {
    this.send({ type: 'count' });
    return new Promise((resolve) => {
      this.#onCounted = resolve;
    });
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Returns all descendants of a process (Linux). */
function descendants(pid: number): number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), parent: parentOf(Number(name)) }));
  const found = [pid];
  for (const one of found)
    found.push(...parents.filter(({ parent }) => parent === one).map((child) => child.pid));
  return found.slice(1);
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

await bench();
