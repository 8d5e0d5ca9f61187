import datachannel from 'node-datachannel';
import { systemClock } from '../../../src/platform/index.js';
import type { WorkerContext } from '../../../src/webrtc/worker/context.js';
import { PacketQueue } from '../../../src/webrtc/worker/packet-queue.js';
import { Transport } from '../../../src/webrtc/worker/transport.js';

// Process that opens and closes transports, collects them and cleans up, as a worker does after
// a long run; needs --expose-gc. See transport.test.ts.

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

for (let round = 0; round < 10; round++) {
  const transports = ['a', 'b', 'c', 'd', 'e'].map((name) => Transport.offer(context, name));
  await Promise.all(transports.map(({ local }) => local));
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
