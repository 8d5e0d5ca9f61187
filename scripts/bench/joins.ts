/**
 * Measures joins: CPU time and memory of a WebRTC worker over thousands of viewers that connect, receive a frame and
 * leave, eight at a time. Loopback only, about a minute.
 *
 *     node --import tsx scripts/bench/joins.ts [joins]
 */
import { createLog, pause, systemClock } from '../../src/platform/index.js';
import { createWebrtcPool } from '../../src/webrtc/index.js';
import { RtcPeers } from '../../test/support/clients/rtc-peers.js';
import { connectPublisher, VIDEO, VIEW, viewerPlan } from '../../test/support/gateway/webrtc-pool.js';
import { FrameStream } from '../../test/support/media/rtp/synthetic-rtp.js';

const CONCURRENCY = 8;
const REPORT_COUNT = 20;
const JOIN_TIMEOUT_MS = 5000;

const joins = Number(process.argv[2] ?? 5000);
const pool = createWebrtcPool({
  workers: 1,
  firstPort: 28_199,
  bindAddress: '127.0.0.1',
  publicIps: [],
  clock: systemClock,
  log: createLog('warn'),
});
await pool.start();
const [publishers, viewers] = await Promise.all([RtcPeers.start(), RtcPeers.start()]);
const { peer } = await connectPublisher(pool, publishers, 'source');
pool.setMediaSource('group', 'source');
const stream = new FrameStream(VIDEO);
setInterval(() => peer.send(...stream.nextFrame(true)), 100);

let begun = 0;
let ended = 0;
let failed = 0;
let slowest = 0;
const rows: Record<string, string | number>[] = [];

async function joinAndLeave(): Promise<boolean> {
  const viewer = await viewers.create();
  const start = performance.now();
  const viewing = await pool.view({ viewerGroupId: 'group', remote: viewer.remote, plan: viewerPlan() });
  await viewer.connect(viewing.local);
  await viewer.until(() => viewer.received.some((packet) => packet.readUInt32BE(8) === VIEW.videoSsrc));
  slowest = Math.max(slowest, performance.now() - start);
  viewing.close();
  await viewing.closed;
  viewer.close();
  return true;
}

async function report(): Promise<void> {
  const [worker] = (await pool.stats()).workers;
  if (!worker) throw new Error('the worker exited');
  rows.push({
    joins: ended,
    failed,
    'slowest first packet, ms': Math.round(slowest),
    'CPU ms per join': (worker.cpuMicroseconds / 1000 / ended).toFixed(2),
    MB: (worker.residentBytes / 2 ** 20).toFixed(1),
  });
  slowest = 0;
}

async function viewerLoop(): Promise<void> {
  while (begun < joins) {
    begun++;
    const seen = await Promise.race([joinAndLeave(), pause(JOIN_TIMEOUT_MS).then(() => false)]);
    if (!seen) failed++;
    if (++ended % Math.ceil(joins / REPORT_COUNT) === 0) await report();
  }
}

await Promise.all(Array.from({ length: CONCURRENCY }, viewerLoop));
console.table(rows);
const [worker] = (await pool.stats()).workers;
console.log(`viewers left: ${worker?.viewers}`);
await pool.close();
await Promise.all([publishers.kill(), viewers.kill()]);
process.exit(failed > 0 || worker?.viewers !== 0 ? 1 : 0);
