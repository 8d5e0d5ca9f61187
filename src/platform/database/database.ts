import path from 'node:path';
import postgres from 'postgres';
import { pause, systemClock } from '../clock.js';
import { HeadendError, messageOf } from '../error.js';
import type { Logger } from '../log.js';
import { lockFolder } from '../process/folder-lock.js';
import { APPLICATION_NAME, ownDatabase } from './database-owner.js';
import { type DatabaseAddress, parseDatabaseUrl } from './database-url.js';
import { EmbeddedPostgres } from './embedded-postgres.js';

/** Name of role and database in the embedded server; the role owns the schema, but is not a superuser. */
const EMBEDDED_NAME = 'headend';
/** Time limit for the first connection, as the server may be starting too. */
const REACHABLE_WITHIN_MS = 15_000;
const RETRY_MS = 250;
/** Ends statements that hang, so that requests waiting for them fail. */
const STATEMENT_TIMEOUT_MS = 15_000;

/** Connection pool, as used by the tables of the modules. */
export type Sql = postgres.Sql;

/** Runs statements: the pool, or a transaction. */
export type Queries = postgres.ISql;

export type DatabaseOptions = {
  /** `postgres://...`; without it the embedded server is started in `dataDir`. */
  url?: string | undefined;
  /** Data folder of the gateway; the embedded cluster is in its subfolder `postgres`. */
  dataDir: string;
  /** Disables durability for speed, for tests. */
  test?: boolean;
};

export type Database = {
  sql: Sql;
  kind: 'server' | 'embedded';
  /** Resolves (never rejects) when the database is lost for good, or another gateway has locked it. */
  lost: Promise<HeadendError>;
  /** Closes all connections, stops the embedded server and releases the folder. Idempotent. */
  close(): Promise<void>;
};

/**
 * Opens the database and locks it and `dataDir` for this gateway.
 *
 * @throws HeadendError `data_dir_in_use`, `database_in_use`, `database_unreachable`, `database_url_invalid` and those of
 * `EmbeddedPostgres.start`
 */
export async function openDatabase(options: DatabaseOptions, log: Logger): Promise<Database> {
  const closing: (() => Promise<unknown>)[] = [];
  const closeAll = async (): Promise<void> => {
    for (const close of closing.splice(0).reverse())
      await close().catch((error: unknown) => log.warn({ err: error }, 'database close failed'));
  };
  try {
    const lock = await lockFolder(options.dataDir);
    closing.push(() => lock.release());
    let address: DatabaseAddress;
    let gone: Promise<HeadendError> | undefined;
    if (options.url) {
      address = parseDatabaseUrl(options.url);
    } else {
      const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' };
      const folder = path.join(options.dataDir, 'postgres');
      const server = new EmbeddedPostgres({ folder, ...(options.test ? { settings } : {}) }, log);
      closing.push(() => server.stop());
      await server.start();
      gone = server.gone;
      await createOwnDatabase(server.socket);
      address = embeddedAddress(server.socket);
    }
    const sql = connect(address);
    closing.push(() => sql.end({ timeout: 5 }));
    await untilReachable(sql, address);
    const owner = await ownDatabase(({ onclose }) => connect(address, { max: 1, onclose }), log);
    closing.push(() => owner.release());
    let closed: Promise<void> | undefined;
    const kind = options.url ? 'server' : 'embedded';
    const lost = gone ? Promise.race([owner.lost, gone]) : owner.lost;
    return { sql, kind, lost, close: () => (closed ??= closeAll()) };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

function embeddedAddress(socket: string): DatabaseAddress {
  const options = { path: socket, username: EMBEDDED_NAME, database: EMBEDDED_NAME, ssl: false };
  return { url: 'postgres://localhost', options, name: socket };
}

function connect(
  address: DatabaseAddress,
  lockOptions: { max?: number; onclose?: () => void } = {},
): postgres.Sql {
  const { onclose, max = 10 } = lockOptions;
  return postgres(address.url, {
    ...address.options,
    max,
    connect_timeout: 10,
    backoff: (attempt: number) => Math.min(0.1 * 2 ** attempt, 2),
    onnotice: () => {},
    // The connection that holds the lock must not be renewed after a lifetime like the others.
    ...(onclose ? { onclose, max_lifetime: null, idle_timeout: 0 } : {}),
    connection: {
      application_name: APPLICATION_NAME,
      TimeZone: 'UTC',
      statement_timeout: STATEMENT_TIMEOUT_MS,
      // Keep-alive of seconds: with the default a host that vanished would hold the lock for two hours.
      ...(onclose ? { tcp_keepalives_idle: 10, tcp_keepalives_interval: 5, tcp_keepalives_count: 3 } : {}),
    },
  });
}

async function untilReachable(sql: postgres.Sql, address: DatabaseAddress): Promise<void> {
  const until = systemClock.monotonic() + REACHABLE_WITHIN_MS;
  for (;;) {
    try {
      await sql`select 1`;
      return;
    } catch (error) {
      const { code = '' } = error as { code?: string };
      // 57P03 cannot_connect_now: the server is starting or stopping (PostgreSQL appendix A).
      const transient = ['ECONNREFUSED', 'ENOENT', 'EAI_AGAIN', '57P03'].includes(code);
      if (transient && systemClock.monotonic() < until) {
        await pause(RETRY_MS);
        continue;
      }
      throw new HeadendError(
        'database_unreachable',
        `The database ${address.name} cannot be reached: ${messageOf(error)}. Check DATABASE_URL and the server.`,
        {
          cause: error,
        },
      );
    }
  }
}

/** Creates role and database in the embedded server if they do not exist. */
async function createOwnDatabase(socket: string): Promise<void> {
  const sql = postgres({ path: socket, username: 'postgres', database: 'postgres', ssl: false, max: 1 });
  try {
    const [role] = await sql`select from pg_roles where rolname = ${EMBEDDED_NAME}`;
    if (!role) await sql`create role ${sql(EMBEDDED_NAME)} login`;
    const [database] = await sql`select from pg_database where datname = ${EMBEDDED_NAME}`;
    if (!database) await sql`create database ${sql(EMBEDDED_NAME)} owner ${sql(EMBEDDED_NAME)}`;
  } finally {
    await sql.end({ timeout: 5 });
  }
}
