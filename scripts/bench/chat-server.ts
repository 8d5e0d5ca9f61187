/** Server of `chat.ts`, in a process of its own: broadcasts chat messages to one room on command. */
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import { Server } from 'socket.io';
import { ANONYMOUS, type Principal } from '../../src/accounts/index.js';
import { createServer } from '../../src/api/index.js';
import { createChat } from '../../src/chat/index.js';
import {
  systemClock as clock,
  createLog,
  migrate,
  newId,
  openDatabase,
  projectRoot,
} from '../../src/platform/index.js';
import { createSocketHub, type SocketServer, socketRoutes } from '../../src/sockets/index.js';
import { Livestreams } from '../../src/streams/index.js';
import { seededRandom } from '../../test/support/media/seeded-random.js';

/**
 * Servers to compare: Headend with WebSocket or Socket.IO clients, Headend with chat and database, and Socket.IO
 * itself.
 */
export type ServerKind = 'headend' | 'headend, Socket.IO clients' | 'headend, with chat' | 'plain Socket.IO';

export type ServerCommand =
  | { type: 'begin'; perSecond: number; seed: number; regular: boolean }
  | { type: 'end' }
  | { type: 'usage' }
  | { type: 'close' };
export type ServerReport =
  /** `join`: the event with which a client joins the room. */
  | { type: 'listening'; port: number; join: { event: string; data: Record<string, unknown> } }
  | { type: 'usage'; cpuUs: number; rss: number; clients: number; sent: number; stored: number };

/** A room that messages can be posted to. */
type BenchRoom = {
  join: { event: string; data: Record<string, unknown> };
  /** Posts a message; resolves when it is stored, if this server stores. */
  post(text: string): Promise<unknown> | undefined;
  clients(): number;
  close(): Promise<void>;
};

const ROOM = 'stream:bench';
const JOIN = { event: 'join-livestream', data: {} };
const TEXT = 'This is what people write in a chat beside a picture: some words, seldom a sentence. 👋';
/** Authors take turns, to stay below the rate limit of an account. */
const WRITER_COUNT = 50;

const log = createLog('warn');
let sent = 0;
let stored = 0;
let posting: AbortController | undefined;

async function serve(kind: ServerKind): Promise<void> {
  const limits = { connectionsPerAddress: 20_000 };
  const app = createServer({ log, clock, trustProxy: false, version: '0', limits });
  const benchRoom = await open(kind, app);
  await app.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });

  process.on('message', (command: ServerCommand) => {
    if (command.type === 'begin') {
      posting = new AbortController();
      schedulePosts(command, benchRoom, posting.signal);
    } else if (command.type === 'end') posting?.abort();
    else if (command.type === 'close') void benchRoom.close().then(() => process.exit());
    else {
      const { user, system } = process.cpuUsage();
      const rss = process.memoryUsage.rss();
      report({ type: 'usage', cpuUs: user + system, rss, clients: benchRoom.clients(), sent, stored });
    }
  });
  process.on('disconnect', () => void benchRoom.close().then(() => process.exit()));
  const { port } = app.server.address() as AddressInfo;
  report({ type: 'listening', port, join: benchRoom.join });
}

async function open(kind: ServerKind, app: FastifyInstance): Promise<BenchRoom> {
  if (kind === 'plain Socket.IO') return await openSocketIo(app);
  const limits = { connections: 20_000, connectionsPerAddress: 20_000 };
  const hub = createSocketHub({ authenticate: async () => ANONYMOUS, clock, log, limits });
  const benchRoom = kind === 'headend, with chat' ? await openChat(hub) : openRoom(hub);
  await app.register(socketRoutes, { hub: hub, clock });
  return benchRoom;
}

async function openSocketIo(app: FastifyInstance): Promise<BenchRoom> {
  await app.ready();
  const io = new Server(app.server, { serveClient: false });
  io.on('connection', (socket) => {
    socket.on(JOIN.event, (_data, acknowledge) => {
      void socket.join(ROOM);
      acknowledge({ success: true });
    });
  });
  return {
    join: JOIN,
    post: (text) => void io.to(ROOM).emit('chat:message', messageOf(text)),
    clients: () => io.engine.clientsCount,
    close: async () => {},
  };
}

function openRoom(hub: SocketServer): BenchRoom {
  hub.add({
    name: 'bench',
    events: {
      [JOIN.event]: (client) => {
        client.enter(ROOM);
        return undefined;
      },
    },
  });
  return {
    join: JOIN,
    post: (text) => void hub.broadcast(ROOM, 'chat:message', messageOf(text)),
    clients: () => hub.size(ROOM),
    close: async () => {},
  };
}

/** Opens the chat as the gateway does, with an embedded database. */
async function openChat(hub: SocketServer): Promise<BenchRoom> {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'headend-bench-'));
  const { sql, close } = await openDatabase({ dataDir }, log);
  await migrate(sql, { folder: path.join(projectRoot(), 'migrations') }, log);
  const livestreams = new Livestreams({ sql, clock });
  const streamKeyHash = 'f'.repeat(64);
  const livestream = {
    userId: 'ann',
    title: 'Bench',
    description: '',
    recordingEnabled: false,
    streamKeyHash,
  };
  const { id: streamId } = await livestreams.create(livestream);
  const chat = createChat({
    sql,
    hub,
    livestreams,
    isFollowing: async () => false,
    isAdminAccount: async () => false,
    addressSecret: Buffer.from('of the bench'),
    clock,
    log,
  });
  await chat.start();
  hub.add(chat.feature);
  const room = `stream:${streamId}`;
  return {
    join: { event: 'chat:join', data: { streamId } },
    post(message) {
      const writer = sent % WRITER_COUNT;
      const name = `Writer ${writer}`;
      const principal: Principal = { kind: 'account', userId: name, name, role: 'viewer', via: 'session' };
      return chat.posting.post({ principal, address: `192.0.2.${writer}` }, streamId, { message });
    },
    clients: () => hub.size(room),
    close: async () => {
      await chat.close();
      await close();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Builds a message of the size of a chat message. */
function messageOf(message: string): Record<string, unknown> {
  const at = new Date(clock.now()).toISOString();
  return {
    id: newId(),
    streamId: newId(),
    userId: 'ann',
    userName: 'Ann',
    message,
    timestamp: at,
    mediaTime: at,
  };
}

/** Posts messages at the times of a Poisson process with a fixed seed, equal in every round, or at even intervals. */
function schedulePosts(
  { perSecond, seed, regular }: Extract<ServerCommand, { type: 'begin' }>,
  benchRoom: BenchRoom,
  signal: AbortSignal,
): void {
  const random = seededRandom(seed);
  const startedAtMs = performance.now();
  let due = 0;
  const next = (): void => {
    due += (1_000 / perSecond) * (regular ? 1 : -Math.log(1 - random()));
    clock.after(Math.max(0, startedAtMs + due - performance.now()), post, signal);
  };
  const post = (): void => {
    // The time at which it is due: a server that is busy posts it later, which is part of the delay.
    const at = performance.timeOrigin + startedAtMs + due;
    void benchRoom.post(`at=${at} ${TEXT}`)?.then(() => stored++);
    sent++;
    next();
  };
  next();
}

function report(message: ServerReport): void {
  process.send?.(message);
}

await serve(process.argv[2] as ServerKind);
