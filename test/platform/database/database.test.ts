import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import root, { type Test } from 'tap';
import {
  findPostgres,
  POSTGRES_ENVIRONMENT,
  postgresLauncher,
} from '../../../src/platform/database/postgres-binaries.js';
import { type Database, openDatabase } from '../../../src/platform/index.js';
import { testDatabase } from '../../support/fixtures/database.js';
import { connectTo } from '../../support/fixtures/database-cluster.js';
import { holdDatabase } from '../../support/fixtures/database-holder.js';

const log = pino({ level: 'silent' });

function temporaryFolder(t: Test, prefix = 'headend-data-'): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), prefix));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function open(t: Test, dataDir: string, url?: string, test = true): Promise<Database> {
  const database = await openDatabase({ dataDir, url, test }, log);
  t.teardown(() => database.close());
  return database;
}

let made: Promise<string> | undefined;

/** Copies a data folder that was used before: initialising a cluster takes most of the time of these tests. */
async function usedFolder(t: Test): Promise<string> {
  made ??= (async () => {
    const folder = temporaryFolder(root, 'headend-made-');
    await (await open(root, folder)).close();
    return folder;
  })();
  const folder = temporaryFolder(t);
  execFileSync('cp', ['-a', `${await made}/postgres`, folder]);
  return folder;
}

/** Lists process ids of database servers that run below a folder. */
function serversOf(folder: string): number[] {
  const table = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,args='], { encoding: 'utf8' });
  const lines = table.split('\n').filter((line) => line.includes('bin/postgres') && line.includes(folder));
  return lines.map((line) => Number.parseInt(line, 10));
}

async function until(description: string, condition: () => boolean | PromiseLike<boolean>): Promise<void> {
  for (
    const end = Date.now() + 20_000;
    !(await condition());
    await new Promise((resolve) => setTimeout(resolve, 20))
  )
    if (Date.now() > end) throw new Error(`still waiting for: ${description}`);
}

root.test('the embedded database keeps its data and leaves no process and no file when closed', async (t) => {
  const dataDir = path.join(temporaryFolder(t), 'new');
  const first = await open(t, dataDir);
  t.equal(first.kind, 'embedded');
  await first.sql`create table notes (text text)`;
  await first.sql`insert into notes values (${'kept'})`;
  t.equal(serversOf(dataDir).length, 1);
  await Promise.all([first.close(), first.close()]);
  t.same(serversOf(dataDir), []);
  t.same(readdirSync(dataDir), ['postgres']);
  const second = await open(t, dataDir);
  t.same([...(await second.sql`select text from notes`)], [{ text: 'kept' }]);
});

root.test("the gateway's role is no superuser, and the server listens on its own socket only", async (t) => {
  const dataDir = await usedFolder(t);
  const { sql } = await open(t, dataDir);
  t.match(
    (await sql`select rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = current_user`)[0],
    {
      rolsuper: false,
      rolcreaterole: false,
      rolcreatedb: false,
    },
  );
  await t.rejects(sql`copy (select 1) to program 'true'`, { code: '42501' });
  await t.rejects(sql`set role postgres`, { code: '42501' });
  t.match((await sql`show statement_timeout`)[0], { statement_timeout: '15s' });
  t.match((await sql`show listen_addresses`)[0], { listen_addresses: '' });
  t.match((await sql`show unix_socket_permissions`)[0], { unix_socket_permissions: '0700' });
});

root.test('a second gateway on the same folder is refused with the process id of the first', async (t) => {
  const dataDir = await usedFolder(t);
  const holder = holdDatabase(t, dataDir);
  t.equal(await holder.nextLine(), 'open');
  await t.rejects(openDatabase({ dataDir }, log), {
    code: 'data_dir_in_use',
    message: new RegExp(`in use by pid ${holder.pid}\\.`),
  });
  await holder.store('the first is not disturbed');
  const [server] = serversOf(dataDir);
  await holder.kill('SIGKILL');
  const database = await open(t, dataDir);
  t.same([...(await database.sql`select text from notes`)], [{ text: 'the first is not disturbed' }]);
  t.not(serversOf(dataDir)[0], server);
});

root.test('a gateway killed under load loses no committed row, and its server ends too', async (t) => {
  const dataDir = await usedFolder(t);
  const safe: string[] = [];
  for (let round = 0; round < 3; round++) {
    const holder = holdDatabase(t, dataDir);
    t.equal(await holder.nextLine(), 'open');
    for (let i = 0; i < 20; i++) {
      await holder.store(`${round} ${i}`);
      safe.push(`${round} ${i}`);
    }
    void holder.store('may be lost').catch(() => {});
    await holder.kill('SIGKILL');
    if (round < 2) continue; // The next start must handle a server that is still shutting down.
    if (process.platform === 'linux')
      await until('the server has exited', () => serversOf(dataDir).length === 0);
  }
  const database = await open(t, dataDir);
  const found = await database.sql<{ text: string }[]>`select text from notes where text <> 'may be lost'`;
  t.same(
    found.map(({ text }) => text),
    safe,
  );
  t.equal(readdirSync(dataDir).filter((name) => name.endsWith('.lock')).length, 1);
});

root.test('a killed server is restarted, and connections are restored', async (t) => {
  const dataDir = await usedFolder(t);
  const database = await open(t, dataDir, undefined, false); // Commits must be durable.
  await database.sql`create table notes (text text)`;
  const [server = 0] = serversOf(dataDir);
  process.kill(server, 'SIGKILL');
  const answers = (query: PromiseLike<{ length: number }>, rows: number): PromiseLike<boolean> =>
    query.then(
      ({ length }) => length === rows,
      () => false,
    );
  await until('another server runs', () => ![undefined, server].includes(serversOf(dataDir)[0]));
  await until('it answers queries', () =>
    answers(database.sql`insert into notes values ('back') returning text`, 1),
  );
  await t.rejects(openDatabase({ dataDir }, log), { code: 'data_dir_in_use' }, 'the folder is still locked');
  await until('the database is still locked', () =>
    answers(database.sql`select from pg_locks where locktype = 'advisory' and granted`, 1),
  );
});

root.test('a pid file with the process id of another program does not block the start', async (t) => {
  const dataDir = await usedFolder(t);
  const file = path.join(dataDir, 'postgres', 'postmaster.pid');
  writeFileSync(file, `${process.pid}\n${path.dirname(file)}\n0\n5432\n/nowhere\n\n0 0\nready\n`);
  const database = await open(t, dataDir);
  t.match((await database.sql`select 1 as one`)[0], { one: 1 });
});

root.test('a server left by a killed gateway is stopped and not shared', async (t) => {
  const dataDir = await usedFolder(t);
  const folder = path.join(dataDir, 'postgres');
  const launcher = postgresLauncher();
  const namespace = launcher.slice(0, Math.max(0, launcher.indexOf('setpriv'))); // Unshares namespaces, so that the server survives this process.
  const [command = '', ...rest] = [
    ...namespace,
    (await findPostgres()).postgres,
    '-D',
    folder,
    '-k',
    folder,
    '-h',
    '',
  ];
  const leftServer = spawn(command, rest, { env: POSTGRES_ENVIRONMENT, stdio: 'ignore', detached: true });
  t.teardown(() => leftServer.kill('SIGKILL'));
  const exited = once(leftServer, 'exit');
  const pidFile = path.join(folder, 'postmaster.pid');
  await until(
    'the server is ready',
    () => existsSync(pidFile) && readFileSync(pidFile, 'utf8').includes('ready'),
  );
  const database = await open(t, dataDir);
  t.same(await exited, [0, null], 'in order');
  t.not(serversOf(dataDir)[0], leftServer.pid);
  t.match((await database.sql`select 1 as one`)[0], { one: 1 });
});

root.test('a data folder with a long path works, and its socket folder is removed', async (t) => {
  const dataDir = path.join(temporaryFolder(t), 'x'.repeat(120));
  const sockets = () => readdirSync(os.tmpdir()).filter((name) => /^headend-[0-9a-f]{16}$/.test(name));
  const before = sockets();
  const database = await open(t, dataDir);
  const pidFile = readFileSync(path.join(dataDir, 'postgres', 'postmaster.pid'), 'utf8');
  const folder = pidFile.split('\n')[4] ?? '';
  t.ok(existsSync(folder) && !folder.startsWith(dataDir), folder);
  await database.close();
  t.same(sockets(), before);
});

root.test('a data folder of another PostgreSQL version is refused with a remedy', async (t) => {
  const dataDir = temporaryFolder(t);
  mkdirSync(path.join(dataDir, 'postgres'));
  writeFileSync(path.join(dataDir, 'postgres', 'PG_VERSION'), '17\n');
  await t.rejects(openDatabase({ dataDir }, log), { code: 'database_version', message: /17.*DATABASE_URL/s });
  t.same(readdirSync(dataDir), ['postgres'], 'the folder lock is released');
});

root.test('an incomplete cluster of a killed start is removed', async (t) => {
  const dataDir = temporaryFolder(t);
  mkdirSync(path.join(dataDir, 'postgres.init-1', 'base'), { recursive: true });
  await open(t, dataDir);
  t.notOk(existsSync(path.join(dataDir, 'postgres.init-1')));
  t.match(readFileSync(path.join(dataDir, 'postgres', 'PG_VERSION'), 'utf8'), '18');
});

root.test('a database by URL has one gateway, and is free for the next when that is killed', async (t) => {
  const { url } = await testDatabase(t);
  const holder = holdDatabase(t, temporaryFolder(t), url);
  t.equal(await holder.nextLine(), 'open');
  const other = temporaryFolder(t);
  await t.rejects(openDatabase({ dataDir: other, url }, log), {
    code: 'database_in_use',
    message: new RegExp(`another gateway \\(headend .* pid ${holder.pid}\\)`),
  });
  t.same(readdirSync(other), [], 'the folder lock is released');
  await holder.kill('SIGKILL');
  const database = await open(t, other, url);
  t.equal(database.kind, 'server');
  t.match((await database.sql`select 1 as one`)[0], { one: 1 });
});

root.test(
  'a gateway that loses its database lock takes it again, or reports that another has it',
  async (t) => {
    const { url, socket } = await testDatabase(t);
    const superuser = connectTo(socket, 'postgres', 'postgres');
    t.teardown(() => superuser.end());
    const name = new URL(url).pathname.slice(1);
    const holderOf = async (): Promise<number | undefined> => {
      const rows = await superuser<
        { pid: number }[]
      >`select l.pid from pg_locks l join pg_database d on d.oid = l.database
      where l.locktype = 'advisory' and l.granted and d.datname = ${name}`;
      return rows[0]?.pid;
    };
    const database = await open(t, temporaryFolder(t), url);
    let lost: Error | undefined;
    void database.lost.then((error) => {
      lost = error;
    });
    const before = await holderOf();
    await superuser`select pg_terminate_backend(${before!})`;
    await until('the lock is held again', async () => ![undefined, before].includes(await holderOf()));
    t.equal(lost, undefined);

    // Another gateway takes the lock when it is released.
    const otherGateway = connectTo(socket, name, 'headend');
    t.teardown(() => otherGateway.end());
    const waiting = otherGateway`select pg_advisory_lock(${0x68656164}, 1)`.execute();
    await until('the other gateway waits', async () => {
      const [row] = await superuser`
        select count(*)::int as count from pg_locks l join pg_database d on d.oid = l.database
        where l.locktype = 'advisory' and not l.granted and d.datname = ${name}`;
      return row?.count === 1;
    });
    await superuser`select pg_terminate_backend(${(await holderOf())!})`;
    await waiting;
    t.match(await database.lost, { code: 'database_in_use' });
  },
);

root.test('an unusable database fails the start with its name and without the password', async (t) => {
  const { url } = await testDatabase(t);
  const wrong = url.replace('headend@', 'headend:secret@').replace(/test_\w+/, 'no_such_database');
  await t.rejects(openDatabase({ dataDir: temporaryFolder(t), url: wrong }, log), {
    code: 'database_unreachable',
    message: /^((?!secret).)*no_such_database((?!secret).)*$/,
  });
});
