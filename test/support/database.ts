import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type postgres from 'postgres';
import t, { type Test } from 'tap';
import { CLUSTER_SOCKET, connectTo, ROLE, startTestCluster, TEMPLATE } from './database-cluster.js';

let ownCluster: Promise<string> | undefined;

/** The shared cluster of the run, or one of this test file alone when there is none. */
function clusterSocket(): Promise<string> {
  const shared = process.env[CLUSTER_SOCKET];
  if (shared) return Promise.resolve(shared);
  ownCluster ??= startTestCluster().then((cluster) => {
    t.teardown(() => cluster.stop());
    return cluster.socket;
  });
  return ownCluster;
}

export type TestDatabase = {
  sql: postgres.Sql;
  /** For a gateway or `openDatabase`. */
  url: string;
  /** The path of the server's socket file. */
  socket: string;
};

/** A fresh, migrated database of its own (or an empty one); dropped when the test is over. */
export async function testDatabase(t: Test, options: { migrated?: boolean } = {}): Promise<TestDatabase> {
  const socket = await clusterSocket();
  const name = `test_${randomBytes(8).toString('hex')}`;
  const superuser = connectTo(socket, 'postgres', 'postgres');
  const template = options.migrated === false ? 'template0' : TEMPLATE;
  await superuser`
    create database ${superuser(name)} owner ${superuser(ROLE)} template ${superuser(template)} strategy file_copy`;
  const sql = connectTo(socket, name, ROLE, 5);
  t.teardown(async () => {
    await sql.end({ timeout: 5 });
    await superuser`drop database ${superuser(name)} with (force)`;
    await superuser.end({ timeout: 5 });
  });
  const url = `postgres://${ROLE}@localhost/${name}?host=${encodeURIComponent(path.dirname(socket))}`;
  return { sql, url, socket };
}

/** The URL of a fresh, migrated database; dropped when the test is over. */
export async function testDatabaseUrl(t: Test): Promise<string> {
  return (await testDatabase(t)).url;
}
