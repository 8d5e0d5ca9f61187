import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type postgres from 'postgres';
import { HeadendError, messageOf } from '../error.js';
import type { Logger } from '../log.js';
import { LOCK_SPACE } from './database-owner.js';

const MIGRATION_LOCK = 2;
const NAME = /^(\d{4})_[a-z0-9_-]+\.sql$/;
/** How long to wait for another process that is migrating. */
const LOCK_TIMEOUT = '120s';

type Migration = { number: number; name: string; body: string; sum: string };

export type MigrateOptions = {
  /** The folder of `NNNN_name.sql` files, numbered from 0001 without a gap, each with its `NNNN_name.down.sql`. */
  folder: string;
  /** The number of the last migration that shall stand; the newest if not given, 0 for none. */
  to?: number;
};

/**
 * Brings the database to the schema of this release, each file in a transaction of its own. Several processes may do
 * so at once: one works, the others wait.
 *
 * @returns how many migrations were applied (negative: undone).
 * @throws HeadendError `migration_unknown` (the database is newer than this release), `migration_changed` (a file is
 * not what was applied), `migration_missing`, `migration_failed`.
 */
export async function migrate(sql: postgres.Sql, options: MigrateOptions, log: Logger): Promise<number> {
  const known = await readMigrations(options.folder);
  const target = Math.min(options.to ?? known.length, known.length);
  const connection = await sql.reserve();
  try {
    await connection`select set_config('lock_timeout', ${LOCK_TIMEOUT}, false), set_config('statement_timeout', '0', false)`;
    await connection`select pg_advisory_lock(${LOCK_SPACE}, ${MIGRATION_LOCK})`;
    const applied = await readApplied(connection, known);
    for (const migration of known.slice(applied, target)) {
      log.info({ migration: migration.name }, 'migrating');
      await run(connection, migration.name, migration.body, async () => {
        const { number, name, sum } = migration;
        await connection`insert into schema_migrations (number, name, sum) values (${number}, ${name}, ${sum})`;
      });
    }
    for (const migration of known.slice(target, applied).reverse()) {
      const name = migration.name.replace(/\.sql$/, '.down.sql');
      log.info({ migration: name }, 'migrating back');
      await run(connection, name, await read(options.folder, name), async () => {
        await connection`delete from schema_migrations where number = ${migration.number}`;
      });
    }
    return target - applied;
  } finally {
    await connection`select pg_advisory_unlock(${LOCK_SPACE}, ${MIGRATION_LOCK})`.catch(() => {});
    await connection.unsafe('reset lock_timeout; reset statement_timeout').catch(() => {});
    connection.release();
  }
}

/** How many of the known migrations stand in the database, having made sure that they are the same. */
async function readApplied(connection: postgres.Sql, known: Migration[]): Promise<number> {
  await connection`create table if not exists schema_migrations (
    number integer primary key, name text not null, sum text not null, applied_at timestamptz not null default now())`;
  const rows = await connection<{ number: number; name: string; sum: string }[]>`
    select number, name, sum from schema_migrations order by number`;
  rows.forEach((row, index) => {
    const file = known[index];
    if (!file || row.number !== file.number)
      throw new HeadendError(
        'migration_unknown',
        `The database has the migration ${row.name}, which this release does not know: it was used by a newer release.`,
      );
    if (file.sum !== row.sum)
      throw new HeadendError(
        'migration_changed',
        `The migration ${row.name} is not the one that was applied to this database.`,
      );
  });
  return rows.length;
}

async function readMigrations(folder: string): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => NAME.test(name)).sort();
  return Promise.all(
    names.map(async (name, index) => {
      const number = Number(name.slice(0, 4));
      if (number !== index + 1)
        throw new HeadendError('migration_missing', `The migration before ${name} is missing in ${folder}.`);
      const body = await read(folder, name);
      return { number, name, body, sum: createHash('sha256').update(body).digest('hex') };
    }),
  );
}

/** Line ends as Git may have made them on checkout are no change. */
async function read(folder: string, name: string): Promise<string> {
  try {
    return (await readFile(path.join(folder, name), 'utf8')).replaceAll('\r\n', '\n');
  } catch (cause) {
    throw new HeadendError('migration_missing', `The migration ${name} can't be read.`, { cause });
  }
}

async function run(
  connection: postgres.Sql,
  name: string,
  body: string,
  mark: () => Promise<void>,
): Promise<void> {
  await connection`begin`;
  try {
    await connection.unsafe(body);
    await mark();
    await connection`commit`;
  } catch (cause) {
    await connection`rollback`.catch(() => {});
    throw new HeadendError('migration_failed', `The migration ${name} failed: ${messageOf(cause)}`, {
      cause,
    });
  }
}
