/**
 * A server of `chat.ts`, in a process of its own: tells one room of chat messages, in the wanted way, when it is asked to.
 */
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { ANONYMOUS } from '../../src/accounts/index.js';
import { createServer } from '../../src/api/index.js';
import { createLog, systemClock } from '../../src/platform/index.js';
import { createRealtime, realtimeRoutes } from '../../src/realtime/index.js';
import { seededRandom } from '../../test/support/seeded-random.js';

/** Ours for WebSockets or for Socket.IO's clients, or Socket.IO as it is taken by itself. */
export type ServerKind = 'headend' | 'headend, Socket.IO clients' | 'plain Socket.IO';

export type ServerCommand =
  | { type: 'begin'; perSecond: number; seed: number; regular: boolean }
  | { type: 'end' }
  | { type: 'usage' };
export type ServerReport =
  | { type: 'listening'; port: number }
  | { type: 'usage'; cpuUs: number; rss: number; clients: number; sent: number };

const ROOM = 'stream:bench';
const TEXT = 'This is what people write in a chat beside a picture: some words, seldom a sentence. 👋';

let sent = 0;
let feeding: AbortController | undefined;

async function serve(kind: ServerKind): Promise<void> {
  const log = createLog('warn');
  const app = createServer({ log, clock: systemClock, trustProxy: false, version: '0' });
  let tell: (data: Record<string, unknown>) => void;
  let clients: () => number;
  if (kind === 'plain Socket.IO') {
    await app.ready();
    const io = new Server(app.server, { serveClient: false });
    io.on('connection', (socket) => {
      socket.on('join-livestream', (_data, acknowledge) => {
        void socket.join(ROOM);
        acknowledge({ success: true });
      });
    });
    tell = (data) => io.to(ROOM).emit('chat:message', data);
    clients = () => io.engine.clientsCount;
  } else {
    const limits = { connections: 20_000, connectionsPerAddress: 20_000 };
    const hub = createRealtime({ authenticate: async () => ANONYMOUS, clock: systemClock, log, limits });
    hub.add({
      name: 'bench',
      events: {
        'join-livestream': (client) => {
          client.enter(ROOM);
          return undefined;
        },
      },
    });
    await app.register(realtimeRoutes, { realtime: hub, clock: systemClock });
    tell = (data) => hub.broadcast(ROOM, 'chat:message', data);
    clients = () => hub.size(ROOM);
  }
  await app.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });

  process.on('message', (command: ServerCommand) => {
    if (command.type === 'begin') {
      feeding = new AbortController();
      feed(command, tell, feeding.signal);
    } else if (command.type === 'end') feeding?.abort();
    else {
      const { user, system } = process.cpuUsage();
      report({
        type: 'usage',
        cpuUs: user + system,
        rss: process.memoryUsage.rss(),
        clients: clients(),
        sent,
      });
    }
  });
  process.on('disconnect', () => process.exit());
  report({ type: 'listening', port: (app.server.address() as AddressInfo).port });
}

/** People write when they like: the gaps are those of a Poisson process, the same in every round. Or all are the same. */
function feed(
  { perSecond, seed, regular }: Extract<ServerCommand, { type: 'begin' }>,
  tell: (data: Record<string, unknown>) => void,
  signal: AbortSignal,
): void {
  const random = seededRandom(seed);
  const began = performance.now();
  let due = 0;
  const next = (): void => {
    due += (1_000 / perSecond) * (regular ? 1 : -Math.log(1 - random()));
    systemClock.after(Math.max(0, began + due - performance.now()), say, signal);
  };
  const say = (): void => {
    sent++;
    const at = performance.timeOrigin + performance.now();
    tell({
      id: `01890a5d-ac96-774b-bcce-${String(sent).padStart(12, '0')}`,
      userId: 'ann',
      at,
      message: TEXT,
    });
    next();
  };
  next();
}

function report(message: ServerReport): void {
  process.send?.(message);
}

await serve(process.argv[2] as ServerKind);
