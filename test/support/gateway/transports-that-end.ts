import datachannel from 'node-datachannel';
import { pause, systemClock } from '../../../src/platform/index.js';
import type { WorkerContext } from '../../../src/webrtc/worker/context.js';
import { PacketQueue } from '../../../src/webrtc/worker/packet-queue.js';
import { Transport } from '../../../src/webrtc/worker/transport.js';

// Process that opens and closes transports, collects them and cleans up, as a worker does after a long run; needs
// --expose-gc. Reports the libuv async handles of a transport. See transport.test.ts.

export type HandleReport = { perTransport: number; left: number };

const TRANSPORTS = 5;

const context: WorkerContext = {
  clock: systemClock,
  settings: {
    port: Number(process.argv[2]),
    bindAddress: '127.0.0.1',
    publicIps: [],
    relayPath: '',
    timeouts: { connectMs: 10_000, silenceMs: 10_000 },
  },
  queue: new PacketQueue({ clock: systemClock, receiverFailed: console.error }),
  counters: { packetsIn: 0, packetsOut: 0, retransmitted: 0 },
  notifyGateway: () => {},
  log: (_level, message, error) => console.error(message, error),
};

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Counts the libuv async handles of this process. */
function asyncHandles(): number {
  const { libuv } = process.report.getReport() as unknown as { libuv: { type: string }[] };
  return libuv.filter(({ type }) => type === 'async').length;
}

/** Waits until the number of handles no longer changes. */
async function settledHandles(): Promise<number> {
  let count = asyncHandles();
  for (let same = 0; same < 10; same++) {
    await pause(10);
    if (asyncHandles() !== count) same = 0;
    count = asyncHandles();
  }
  return count;
}

const openTransports = async (): Promise<Transport[]> => {
  const transports = Array.from({ length: TRANSPORTS }, (_, i) => Transport.offer(context, `${i}`));
  await Promise.all(transports.map(({ local }) => local));
  return transports;
};

// The first one starts what the library keeps for the whole process.
for (const transport of await openTransports()) transport.close();
const before = await settledHandles();
const counted = await openTransports();
const perTransport = ((await settledHandles()) - before) / TRANSPORTS;
// Without garbage collection, as the references stay.
for (const transport of counted) transport.close();
const left = (await settledHandles()) - before;
process.send?.({ perTransport, left } satisfies HandleReport);

for (let round = 0; round < 10; round++) {
  const transports = await openTransports();
  for (const transport of transports) transport.close();
  transports.length = 0;
  for (let turns = 0; turns < 5; turns++) {
    globalThis.gc?.();
    await turn();
  }
}
// Overwrites freed memory.
for (let size = 16; size < 8_000; size++) Buffer.allocUnsafeSlow(size % 400).fill(0x5a);
datachannel.cleanup();
process.exit(0);
