import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import postgres from 'postgres';
import { createLog, EmbeddedPostgres, migrate, projectRoot } from '../../src/platform/index.js';

/** The environment variable that tells test files where the shared cluster is. */
export const CLUSTER_SOCKET = 'HEADEND_TEST_DATABASE_SOCKET';
/** A migrated, empty database that every test database is copied from. */
export const TEMPLATE = 'headend_template';
/** The role that owns the databases of tests, as in the embedded database: no superuser. */
export const ROLE = 'headend';

export type TestCluster = {
  /** The path of the server's socket file, to be exported as `HEADEND_TEST_DATABASE_SOCKET`. */
  socket: string;
  stop(): Promise<void>;
};

/** A connection to a database of the cluster; the superuser is `postgres`. */
export function connectTo(socket: string, database: string, username: string, max = 1): postgres.Sql {
  return postgres({ path: socket, database, username, max, ssl: false, onnotice: () => {} });
}

/** Starts a PostgreSQL server for tests in a temporary folder, with the template made. */
export async function startTestCluster(): Promise<TestCluster> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'headend-db-'));
  const settings = {
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    max_connections: '200',
  };
  const log = createLog('warn');
  const server = new EmbeddedPostgres({ folder: path.join(folder, 'postgres'), settings }, log);
  const stop = async (): Promise<void> => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await server.start();
    const superuser = connectTo(server.socket, 'postgres', 'postgres');
    await superuser`create role ${superuser(ROLE)} login`;
    await superuser`create database ${superuser(TEMPLATE)} owner ${superuser(ROLE)}`;
    await superuser.end();
    const template = connectTo(server.socket, TEMPLATE, ROLE, 2);
    await migrate(template, { folder: path.join(projectRoot(), 'migrations') }, log);
    await template.end();
  } catch (error) {
    await stop();
    throw error;
  }
  return { socket: server.socket, stop };
}
