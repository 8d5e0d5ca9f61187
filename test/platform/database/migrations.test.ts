import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { migrate, projectRoot, type Sql } from '../../../src/platform/index.js';
import { testDatabase } from '../../support/fixtures/database.js';
import { connectTo, ROLE } from '../../support/fixtures/database-cluster.js';

const log = pino({ level: 'silent' });

function folderOf(t: Test, files: Record<string, string>): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'headend-migrations-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, body] of Object.entries(files)) writeFileSync(path.join(folder, name), body);
  return folder;
}

const TWO = {
  '0001_first.sql': 'create table first (a int);',
  '0001_first.down.sql': 'drop table first;',
  '0002_second.sql': 'create table second (b int); insert into first values (1);',
  '0002_second.down.sql': 'drop table second; delete from first;',
  'notes.txt': 'not a migration',
};

async function tables(sql: Sql): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    select table_name as name from information_schema.tables where table_schema = 'public' order by 1`;
  return rows.map(({ name }) => name);
}

t.test('the schema of this release migrates up, down to nothing and up again', async (t) => {
  const { sql } = await testDatabase(t, { migrated: false });
  const folder = path.join(projectRoot(), 'migrations');
  const count = await migrate(sql, { folder }, log);
  t.ok(count >= 1);
  const schema = await tables(sql);
  t.ok(schema.includes('livestreams'));
  t.equal(await migrate(sql, { folder }, log), 0, 'already migrated');
  t.equal(await migrate(sql, { folder, to: 0 }, log), -count);
  t.same(await tables(sql), ['schema_migrations']);
  t.equal(await migrate(sql, { folder }, log), count);
  t.same(await tables(sql), schema);
});

t.test('migrations stop at the requested version', async (t) => {
  const { sql } = await testDatabase(t, { migrated: false });
  const folder = folderOf(t, TWO);
  t.equal(await migrate(sql, { folder, to: 1 }, log), 1);
  t.same(await tables(sql), ['first', 'schema_migrations']);
  t.equal(await migrate(sql, { folder }, log), 1);
  t.equal(await migrate(sql, { folder, to: 1 }, log), -1);
  t.same(await tables(sql), ['first', 'schema_migrations']);
});

t.test('a file changed after it was applied is refused, except for other line ends', async (t) => {
  const { sql } = await testDatabase(t, { migrated: false });
  const folder = folderOf(t, { '0001_first.sql': 'create table first (a int);\n' });
  await migrate(sql, { folder }, log);
  writeFileSync(path.join(folder, '0001_first.sql'), 'create table first (a int);\r\n');
  t.equal(await migrate(sql, { folder }, log), 0);
  writeFileSync(path.join(folder, '0001_first.sql'), 'create table first (a int); -- a comment\n');
  await t.rejects(migrate(sql, { folder }, log), { code: 'migration_changed', message: /0001_first\.sql/ });
});

t.test('a database of a newer release is refused and left unchanged', async (t) => {
  const { sql } = await testDatabase(t, { migrated: false });
  const newer = folderOf(t, TWO);
  await migrate(sql, { folder: newer }, log);
  const older = folderOf(t, { '0001_first.sql': TWO['0001_first.sql'] });
  await t.rejects(migrate(sql, { folder: older }, log), {
    code: 'migration_unknown',
    message: /0002_second\.sql/,
  });
  t.same(await tables(sql), ['first', 'schema_migrations', 'second']);
});

t.test('a failing migration is rolled back, and earlier ones stay applied', async (t) => {
  const { sql } = await testDatabase(t, { migrated: false });
  const folder = folderOf(t, { ...TWO, '0002_second.sql': 'create table second (b int); select 1/0;' });
  await t.rejects(migrate(sql, { folder }, log), {
    code: 'migration_failed',
    message: /0002_second\.sql.*division/,
  });
  t.same(await tables(sql), ['first', 'schema_migrations']);
  cpSync(path.join(folderOf(t, TWO), '0002_second.sql'), path.join(folder, '0002_second.sql'));
  t.equal(await migrate(sql, { folder }, log), 1);
});

t.test('a gap in the numbers or a missing down file is an error', async (t) => {
  const { sql } = await testDatabase(t, { migrated: false });
  const gap = folderOf(t, { '0001_a.sql': 'select 1', '0003_c.sql': 'select 1' });
  await t.rejects(migrate(sql, { folder: gap }, log), {
    code: 'migration_missing',
    message: /before 0003_c\.sql/,
  });
  const oneWay = folderOf(t, { '0001_a.sql': 'select 1' });
  await migrate(sql, { folder: oneWay }, log);
  await t.rejects(migrate(sql, { folder: oneWay, to: 0 }, log), { code: 'migration_missing' });
});

t.test('of six concurrent migrations one applies the files and the others wait', async (t) => {
  const { url, socket } = await testDatabase(t, { migrated: false });
  const folder = folderOf(t, TWO);
  const name = new URL(url).pathname.slice(1);
  const clients = Array.from({ length: 6 }, () => connectTo(socket, name, ROLE, 1));
  t.teardown(() => Promise.all(clients.map((client) => client.end())));
  const done = await Promise.all(clients.map((client) => migrate(client, { folder }, log)));
  t.same(done.toSorted(), [0, 0, 0, 0, 0, 2]);
  const [row] = await clients[0]!`select (select count(*)::int from first) as first,
    (select count(*)::int from pg_locks where locktype = 'advisory'
      and database = (select oid from pg_database where datname = current_database())) as locks`;
  t.same(row, { first: 1, locks: 0 });
});

t.test('every migration of this release has a down file', async (t) => {
  const folder = path.join(projectRoot(), 'migrations');
  const { readdirSync } = await import('node:fs');
  const names = readdirSync(folder).filter((name) => /^\d{4}_/.test(name) && !name.endsWith('.down.sql'));
  t.ok(names.length > 0);
  for (const name of names)
    t.ok(readFileSync(path.join(folder, name.replace('.sql', '.down.sql')), 'utf8').length > 0);
});
