import os from 'node:os';
import type postgres from 'postgres';
import { pause, systemClock } from '../clock.js';
import { HeadendError, messageOf } from '../error.js';
import type { Logger } from '../log.js';

/** First key of all advisory locks of the gateway ("head" in ASCII); the second key names the lock. */
export const LOCK_SPACE = 0x68656164;
const GATEWAY_LOCK = 1;
/** Time limit for the lock: the server frees the lock of a killed gateway with a delay. */
const CLAIM_TIMEOUT_MS = 3_000;
const RETRY_MS = 250;

/** `application_name` of connections; quoted in the error of another gateway. */
export const APPLICATION_NAME = `headend ${os.hostname()} pid ${process.pid}`;

export type DatabaseOwner = {
  /** Resolves (never rejects) when another gateway has locked the database: this one must stop. */
  lost: Promise<HeadendError>;
  release(): Promise<void>;
};

/**
 * Locks the database for this gateway by a session-level advisory lock on a separate connection (so the URL must not point
 * to a pooler in transaction mode). The server frees the lock when the process dies. After a lost connection the lock is
 * acquired again; if another gateway acquired it meanwhile, `lost` resolves.
 *
 * @param connect opens a single connection without a maximum lifetime, with the given `onclose`
 * @throws HeadendError `database_in_use`
 */
export async function ownDatabase(
  connect: (options: { onclose: () => void }) => postgres.Sql,
  log: Logger,
): Promise<DatabaseOwner> {
  let released = false;
  let reclaiming = false;
  let settleLost: (error: HeadendError) => void = () => {};
  const lost = new Promise<HeadendError>((resolve) => {
    settleLost = resolve;
  });

  const reclaim = async (): Promise<void> => {
    if (reclaiming || released) return;
    reclaiming = true;
    log.warn('connection that holds the database lock lost: reclaiming the lock');
    while (!released) {
      try {
        if (await claim()) log.info('database lock reclaimed');
        else settleLost(await refusal());
        break;
      } catch (error) {
        log.debug({ err: messageOf(error) }, 'the database cannot be reached');
        await pause(RETRY_MS);
      }
    }
    reclaiming = false;
  };

  const sql = connect({ onclose: () => void reclaim() });

  /** Checks pg_locks first: locking twice on one connection would need two unlocks. */
  const claim = async (): Promise<boolean> => {
    const until = systemClock.monotonic() + CLAIM_TIMEOUT_MS;
    for (;;) {
      const [row] = await sql<{ held: boolean }[]>`
        select case when exists (select from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()
            and classid = ${LOCK_SPACE} and objid = ${GATEWAY_LOCK})
          then true else pg_try_advisory_lock(${LOCK_SPACE}, ${GATEWAY_LOCK}) end as held`;
      if (row?.held) return true;
      if (released || systemClock.monotonic() > until) return false;
      await pause(RETRY_MS);
    }
  };

  const refusal = async (): Promise<HeadendError> => {
    const [holder] = await sql<{ name: string }[]>`
      select application_name as name from pg_locks join pg_stat_activity using (pid)
      where locktype = 'advisory' and classid = ${LOCK_SPACE} and objid = ${GATEWAY_LOCK} and granted
        and pg_locks.database = (select oid from pg_database where datname = current_database())`;
    return new HeadendError(
      'database_in_use',
      `The database is in use by another gateway${holder ? ` (${holder.name})` : ''}: stop it, or set DATABASE_URL.`,
    );
  };

  const release = async (): Promise<void> => {
    released = true;
    await sql.end({ timeout: 2 });
  };

  try {
    if (!(await claim())) throw await refusal();
  } catch (error) {
    await release();
    throw error;
  }
  return { lost, release };
}
