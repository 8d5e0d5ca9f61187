/**
 * Measures broadcasts to a chat room: CPU time of the server, delay from sender to clients, and memory per connection, with
 * 2,000 and 5,000 clients in one room and 10 messages a second, next to a plain Socket.IO server in the same run.
 * Loopback only, about six minutes.
 *
 *     node --import tsx scripts/bench/chat.ts [seconds per round] [rounds] [regular]
 *
 * Messages are sent at random times (the same for every server), or at even intervals with `regular`. The server
 * `with chat` stores them in a database; the others broadcast prepared messages of the same size. Servers and clients
 * run in processes of their own; the clients are an equal load for every server.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { pause } from '../../src/platform/index.js';
import type { ClientsCommand, ClientsReport } from './chat-clients.js';
import type { ServerCommand, ServerKind, ServerReport } from './chat-server.js';

const KINDS: ServerKind[] = [
  'headend',
  'headend, with chat',
  'headend, Socket.IO clients',
  'plain Socket.IO',
];
const CLIENTS = [2_000, 5_000];
const MESSAGES_PER_S = 10;
const SETTLE_MS = 2_000;

const seconds = Number(process.argv[2] ?? 10);
const rounds = Number(process.argv[3] ?? 2);
const regular = process.argv[4] === 'regular';

type Row = Record<string, string | number>;

async function bench(): Promise<void> {
  for (const count of CLIENTS) {
    const rows: Row[] = [];
    const costs = new Map<ServerKind, number[]>();
    for (let round = 1; round <= rounds; round++)
      // The order alternates between rounds.
      for (const kind of round % 2 ? KINDS : [...KINDS].reverse()) {
        const { row, cost } = await measure(kind, count, round);
        rows.push({ clients: count, ...row });
        costs.set(kind, [...(costs.get(kind) ?? []), cost]);
      }
    console.table(rows);
    const plain = mean(costs.get('plain Socket.IO'));
    for (const kind of KINDS.slice(0, -1))
      console.log(
        `${count} clients: ${kind}: ${(mean(costs.get(kind)) / plain).toFixed(2)} of plain Socket.IO's CPU`,
      );
  }
  process.exit(0);
}

async function measure(kind: ServerKind, count: number, round: number): Promise<{ row: Row; cost: number }> {
  const server = new Child<ServerCommand, ServerReport>('chat-server.ts', kind);
  const clients = new Child<ClientsCommand, ClientsReport>('chat-clients.ts');
  try {
    const { port, join } = await server.next('listening');
    const empty = await server.request({ type: 'usage' }, 'usage');
    clients.send({ type: 'connect', port, count, socketIo: kind.includes('Socket.IO'), join });
    const { ms } = await clients.next('connected');
    await pause(SETTLE_MS);
    clients.send({ type: 'begin' });
    const before = await server.request({ type: 'usage' }, 'usage');
    if (before.clients !== count) throw new Error(`${before.clients} of ${count} clients are connected`);
    const startedAtMs = performance.now();
    server.send({ type: 'begin', perSecond: MESSAGES_PER_S, seed: round, regular });
    await pause(seconds * 1_000);
    const after = await server.request({ type: 'usage' }, 'usage');
    const elapsedMs = performance.now() - startedAtMs;
    server.send({ type: 'end' });
    await pause(SETTLE_MS);
    const counted = await clients.request({ type: 'count' }, 'counted');
    const { sent, stored } = await server.request({ type: 'usage' }, 'usage');
    if (stored > 0 && stored !== sent) throw new Error(`${stored} of ${sent} messages were stored`);
    const delays = counted.delays.sort((a, b) => a - b);
    const cpuUs = after.cpuUs - before.cpuUs;
    // A round on a busy machine may send fewer messages than another.
    const cost = cpuUs / (after.sent - before.sent) / count;
    const row = {
      round,
      server: kind,
      'CPU, %': (cpuUs / elapsedMs / 10).toFixed(1),
      'us per message and client': cost.toFixed(2),
      'p50, ms': quantile(delays, 0.5),
      'p99, ms': quantile(delays, 0.99),
      sent,
      'received, %': ((delays.length / (sent * Math.ceil(count / 20))) * 100).toFixed(1),
      'frames/s': Math.round(counted.frames / (elapsedMs / 1_000)),
      'KB per connection': ((before.rss - empty.rss) / 1_024 / count).toFixed(1),
      'connecting, s': (ms / 1_000).toFixed(1),
    };
    return { row, cost };
  } finally {
    clients.stop();
    await server.close({ type: 'close' });
  }
}

/** A child process with typed commands and reports. */
class Child<Command, Report extends { type: string }> {
  readonly #process: ChildProcess;
  readonly #reports: Report[] = [];
  #wake: () => void = () => {};

  constructor(script: string, ...rest: string[]) {
    const file = path.join(import.meta.dirname, script);
    this.#process = fork(file, rest, { execArgv: ['--import', 'tsx'] });
    this.#process.on('message', (report: Report) => {
      this.#reports.push(report);
      this.#wake();
    });
    this.#process.on('exit', () => this.#wake());
  }

  send(command: Command & object): void {
    this.#process.send(command);
  }

  async next<Type extends Report['type']>(type: Type): Promise<Extract<Report, { type: Type }>> {
    for (;;) {
      const report = this.#reports.shift();
      if (report?.type === type) return report as Extract<Report, { type: Type }>;
      if (report) continue;
      if (this.#process.exitCode !== null) throw new Error('a benchmark process exited early');
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  async request<Type extends Report['type']>(
    command: Command & object,
    type: Type,
  ): Promise<Extract<Report, { type: Type }>> {
    this.send(command);
    return await this.next(type);
  }

  stop(): void {
    this.#process.kill('SIGKILL');
  }

  /** Ends the process by a command, so that it cleans up. */
  async close(command: Command & object): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.send(command);
    await exited;
  }
}

function quantile(sorted: number[], share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(0);
}

function mean(values: number[] = []): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

await bench();
