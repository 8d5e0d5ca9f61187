import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type postgres from 'postgres';
import { HeadendError, messageOf } from '../error.js';
import type { Logger } from '../log.js';
import { LOCK_SPACE } from './database-owner.js';

const MIGRATION_LOCK = 2;
const NAME = /^(\d{4})_[a-z0-9_-]+\.sql$/;
/** Time limit for the lock, which another process holds while it migrates. */
const LOCK_TIMEOUT = '120s';

type Migration = { number: number; name: string; body: string; sum: string };

export type MigrateOptions = {
  /** Folder of `NNNN_name.sql` files, numbered from 0001 without gaps, each with its `NNNN_name.down.sql`. */
  folder: string;
  /** Number of the last migration to apply; default: the newest; 0: undo all. */
  to?: number;
};

/**
 * Migrates the database to the schema of this release, each file in its own transaction. Concurrent calls of several
 * processes are serialized by an advisory lock.
 *
 * @returns number of applied migrations; negative: undone ones
 * @throws HeadendError `migration_unknown` (the database is newer than this release), `migration_changed` (a file differs
 * from the one that was applied), `migration_missing`, `migration_failed`
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

/** Returns the number of applied migrations. @throws HeadendError when they differ from those of this release */
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
        `The database has the migration ${row.name}, which this release does not have: start the newer release that applied it.`,
      );
    if (file.sum !== row.sum)
      throw new HeadendError(
        'migration_changed',
        `The migration ${row.name} differs from the one that was applied to this database: restore the original file.`,
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
        throw new HeadendError(
          'migration_missing',
          `The migration before ${name} is missing in ${folder}: install the release again.`,
        );
      const body = await read(folder, name);
      return { number, name, body, sum: createHash('sha256').update(body).digest('hex') };
    }),
  );
}

/** Reads a file with LF line ends, as Git may have converted them on checkout. */
async function read(folder: string, name: string): Promise<string> {
  try {
    return (await readFile(path.join(folder, name), 'utf8')).replaceAll('\r\n', '\n');
  } catch (cause) {
    throw new HeadendError(
      'migration_missing',
      `The migration ${name} cannot be read: install the release again.`,
      { cause },
    );
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
