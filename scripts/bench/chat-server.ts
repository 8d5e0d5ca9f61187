/**
 * A server of `chat.ts`, in a process of its own: tells one room of chat messages, in the wanted way, when it is asked to.
 */
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
import { createRealtime, type Realtime, realtimeRoutes } from '../../src/realtime/index.js';
import { Streams } from '../../src/streams/index.js';
import { seededRandom } from '../../test/support/seeded-random.js';

/** Ours, for WebSockets or for Socket.IO's clients; the same with the chat and its database; or Socket.IO by itself. */
export type ServerKind = 'headend' | 'headend, Socket.IO clients' | 'headend, with chat' | 'plain Socket.IO';

export type ServerCommand =
  | { type: 'begin'; perSecond: number; seed: number; regular: boolean }
  | { type: 'end' }
  | { type: 'usage' }
  | { type: 'close' };
export type ServerReport =
  /** `join` is what a client sends to come into the room. */
  | { type: 'listening'; port: number; join: { event: string; data: Record<string, unknown> } }
  | { type: 'usage'; cpuUs: number; rss: number; clients: number; sent: number; stored: number };

/** A room that can be told something. */
type House = {
  join: { event: string; data: Record<string, unknown> };
  /** Says something in the room; resolves when it is stored, where it is. */
  say(text: string): Promise<unknown> | undefined;
  clients(): number;
  close(): Promise<void>;
};

const ROOM = 'stream:bench';
const JOIN = { event: 'join-livestream', data: {} };
const TEXT = 'This is what people write in a chat beside a picture: some words, seldom a sentence. 👋';
/** They take turns, so that nobody writes too fast. */
const WRITERS = 50;

const log = createLog('warn');
let sent = 0;
let stored = 0;
let feeding: AbortController | undefined;

async function serve(kind: ServerKind): Promise<void> {
  const limits = { connectionsPerAddress: 20_000 };
  const app = createServer({ log, clock, trustProxy: false, version: '0', limits });
  const house = await open(kind, app);
  await app.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 });

  process.on('message', (command: ServerCommand) => {
    if (command.type === 'begin') {
      feeding = new AbortController();
      feed(command, house, feeding.signal);
    } else if (command.type === 'end') feeding?.abort();
    else if (command.type === 'close') void house.close().then(() => process.exit());
    else {
      const { user, system } = process.cpuUsage();
      const rss = process.memoryUsage.rss();
      report({ type: 'usage', cpuUs: user + system, rss, clients: house.clients(), sent, stored });
    }
  });
  process.on('disconnect', () => void house.close().then(() => process.exit()));
  const { port } = app.server.address() as AddressInfo;
  report({ type: 'listening', port, join: house.join });
}

async function open(kind: ServerKind, app: FastifyInstance): Promise<House> {
  if (kind === 'plain Socket.IO') return await openSocketIo(app);
  const limits = { connections: 20_000, connectionsPerAddress: 20_000 };
  const hub = createRealtime({ authenticate: async () => ANONYMOUS, clock, log, limits });
  const house = kind === 'headend, with chat' ? await openChat(hub) : openRoom(hub);
  await app.register(realtimeRoutes, { realtime: hub, clock });
  return house;
}

async function openSocketIo(app: FastifyInstance): Promise<House> {
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
    say: (text) => void io.to(ROOM).emit('chat:message', messageOf(text)),
    clients: () => io.engine.clientsCount,
    close: async () => {},
  };
}

function openRoom(hub: Realtime): House {
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
    say: (text) => void hub.broadcast(ROOM, 'chat:message', messageOf(text)),
    clients: () => hub.size(ROOM),
    close: async () => {},
  };
}

/** The chat as the gateway has it, with its database beside it. */
async function openChat(hub: Realtime): Promise<House> {
  const dataDir = await mkdtemp(path.join(os.tmpdir(), 'headend-bench-'));
  const { sql, close } = await openDatabase({ dataDir }, log);
  await migrate(sql, { folder: path.join(projectRoot(), 'migrations') }, log);
  const admit = async () =>
    ({ admitted: false, refusal: { code: 'stream_key_unknown', message: '' } }) as const;
  const streams = new Streams({ sql, admit, graceMs: 0, maxBroadcasts: 1, clock, log });
  const streamKeyHash = 'f'.repeat(64);
  const livestream = {
    userId: 'ann',
    title: 'Bench',
    description: '',
    recordingEnabled: false,
    streamKeyHash,
  };
  const { id: streamId } = await streams.create(livestream);
  const chat = createChat({
    sql,
    hub,
    streams,
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
    say(message) {
      const writer = sent % WRITERS;
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

/** About as long as a message of the chat. */
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

/** People write when they like: the gaps are those of a Poisson process, the same in every round. Or all are the same. */
function feed(
  { perSecond, seed, regular }: Extract<ServerCommand, { type: 'begin' }>,
  house: House,
  signal: AbortSignal,
): void {
  const random = seededRandom(seed);
  const began = performance.now();
  let due = 0;
  const next = (): void => {
    due += (1_000 / perSecond) * (regular ? 1 : -Math.log(1 - random()));
    clock.after(Math.max(0, began + due - performance.now()), say, signal);
  };
  const say = (): void => {
    const at = performance.timeOrigin + performance.now();
    void house.say(`at=${at} ${TEXT}`)?.then(() => stored++);
    sent++;
    next();
  };
  next();
}

function report(message: ServerReport): void {
  process.send?.(message);
}

await serve(process.argv[2] as ServerKind);
