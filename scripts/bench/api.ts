/**
 * Measures the API: requests per second and CPU time of the list of live livestreams, of one livestream, and of creating
 * livestreams, next to a bare fastify route with a response of the same size. The built gateway and its database run in
 * processes of their own. Takes about a minute.
 *
 *     npm run build && node --import tsx scripts/bench/api.ts [seconds per case]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import fastify from 'fastify';
import postgres from 'postgres';
import { createLog, EmbeddedPostgres, newId } from '../../src/platform/index.js';
import { BenchGateway } from './bench-gateway.js';
import { type LoadRequest, load } from './http-load.js';

const CONNECTIONS = 50;
const LIVE_COUNT = 1_000;
const WARM_UP_S = 1;
/** Clock ticks per second of /proc/PID/stat (USER_HZ), on every Linux that Node supports. */
const TICKS_PER_SECOND = 100;
const OPERATOR = {
  authorization: 'Bearer operator-token-of-the-benchmark',
  'content-type': 'application/json',
};

type Row = Record<string, string | number>;

if (process.argv[2] === 'peer') await servePeer(Number(process.argv[3]));
else await bench(Number(process.argv[2] ?? 5));

async function bench(seconds: number): Promise<void> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'headend-bench-'));
  const database = new EmbeddedPostgres({ folder: path.join(folder, 'postgres') }, createLog('warn'));
  let gateway: BenchGateway | undefined;
  let peer: ChildProcess | undefined;
  try {
    await database.start();
    const sql = postgres({
      path: database.socket,
      database: 'postgres',
      username: 'postgres',
      onnotice: () => {},
    });
    const host = encodeURIComponent(path.dirname(database.socket));
    gateway = await BenchGateway.start({
      DATABASE_URL: `postgres://postgres@localhost/postgres?host=${host}`,
    });
    const ids = await insertLiveRows(sql);
    const port = Number(new URL(gateway.http).port);
    const page = await (await fetch(`${gateway.http}/api/livestream/active?limit=50`)).text();
    const one = await (await fetch(`${gateway.http}/api/livestream/${ids[0]}`)).text();

    const rows: Record<string, Row> = {};
    const measure = async (name: string, pid: number, to: number, next: () => LoadRequest): Promise<void> => {
      await load(to, CONNECTIONS, WARM_UP_S, next);
      const before = processorSeconds(pid);
      const figures = await load(to, CONNECTIONS, seconds, next);
      const busy = processorSeconds(pid) - before;
      rows[name] = {
        'requests/s': Math.round(figures.requests / figures.seconds),
        'p50, ms': figures.p50.toFixed(1),
        'p99, ms': figures.p99.toFixed(1),
        'CPU ms per 1,000': Math.round((busy * 1_000_000) / figures.requests),
        refused: figures.refused,
      };
    };
    const get = (address: string) => (): LoadRequest => ({ method: 'GET', path: address });
    let requestCount = 0;
    const nextId = (): string => ids[requestCount++ % ids.length] ?? '';

    for (const [name, bytes] of [
      ['bare route, size of the list', page.length],
      ['bare route, size of one livestream', one.length],
    ] as const) {
      peer = spawn(process.execPath, ['--import', 'tsx', import.meta.filename, 'peer', String(bytes)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const [output] = (await once(peer.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
      await measure(name, peer.pid ?? 0, Number(output.toString()), get('/'));
      peer.kill();
    }
    await measure(
      `live livestreams: 50 of ${LIVE_COUNT}`,
      gateway.pid,
      port,
      get('/api/livestream/active?limit=50'),
    );
    await measure('one livestream, the same', gateway.pid, port, get(`/api/livestream/${ids[0]}`));
    await measure(`one of ${LIVE_COUNT} livestreams`, gateway.pid, port, () =>
      get(`/api/livestream/${nextId()}`)(),
    );
    await measure("a user's livestreams: 50", gateway.pid, port, get('/api/livestream/user/u1?limit=50'));
    const body = JSON.stringify({ title: 'A livestream', description: 'Words', recordingEnabled: true });
    await measure('creating livestreams', gateway.pid, port, () => ({
      method: 'POST',
      path: '/api/livestream/create',
      headers: OPERATOR,
      body,
    }));
    console.log(
      `${CONNECTIONS} connections, ${seconds} s each; the client shares the machine's ${os.cpus().length} cores`,
    );
    console.table(rows);
    await sql.end();
  } finally {
    peer?.kill();
    await gateway?.stop();
    await database.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Inserts livestreams marked as live. @returns their ids */
async function insertLiveRows(sql: postgres.Sql): Promise<string[]> {
  const rows = Array.from({ length: LIVE_COUNT }, (_, index) => ({
    id: newId(),
    user_id: `u${index % 10}`,
    title: `Livestream ${index}`,
    description: 'Some words about it, as people write them.',
    stream_key: index.toString(16).padStart(64, '0'),
    status: 'live',
    started_at: new Date(),
  }));
  await sql`insert into livestreams ${sql(rows)}`;
  return rows.map(({ id }) => id);
}

/** Serves a bare route of a given response size; prints its port on the first line. */
async function servePeer(bytes: number): Promise<void> {
  const answer = { text: 'x'.repeat(Math.max(0, bytes - '{"text":""}'.length)) };
  const app = fastify();
  const schema = { response: { 200: { type: 'object', properties: { text: { type: 'string' } } } } };
  app.get('/', { schema }, async () => answer);
  await app.listen({ port: 0, host: '127.0.0.1' });
  const address = app.server.address();
  console.log(typeof address === 'object' ? address?.port : '');
}

/** Returns the user and system time of a process, seconds (proc(5): fields 14 and 15 of `stat`). */
function processorSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
