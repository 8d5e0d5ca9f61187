import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Backoff } from '../backoff.js';
import { pause, systemClock } from '../clock.js';
import { HeadendError } from '../error.js';
import type { Logger } from '../log.js';
import { killChild } from '../process/kill-child.js';
import { commandOf, processesIn } from '../process/process-identity.js';
import {
  findPostgres,
  POSTGRES_ENVIRONMENT,
  type PostgresBinaries,
  postgresLauncher,
} from './postgres-binaries.js';

const MAJOR_VERSION = '18';
const SOCKET_NAME = '.s.PGSQL.5432';
/** Path limit, bytes: `sun_path` has 108 bytes on Linux and 104 on macOS, with the terminating zero. */
const SOCKET_PATH_MAX = 100;
const READY_WITHIN_MS = 60_000;
const POLL_MS = 20;
const RETRY_MS = 250;
/** Time limit of a clean stop, which takes about 30 ms; then SIGQUIT, after which the next start runs a recovery. */
const STOP_WITHIN_MS = 15_000;
/** Limits of restarts after the server has died. */
const RESTARTS = { initialMs: 100, maximumMs: 5_000, windowMs: 60_000, limit: 8 };

export type EmbeddedPostgresOptions = {
  /** Data folder; the caller must hold a lock on it or on a parent folder. */
  folder: string;
  /** Server settings that replace the defaults, for tests. */
  settings?: Record<string, string>;
};

/**
 * PostgreSQL server as a child of this process, reachable by a Unix socket only. Its superuser `postgres` has no password:
 * access to the socket is restricted by the folder's mode, 0700.
 */
export class EmbeddedPostgres {
  readonly #folder: string;
  readonly #settings: Record<string, string>;
  readonly #log: Logger;
  readonly #restarts = new Backoff(systemClock, RESTARTS);
  #binaries: PostgresBinaries | undefined;
  #launcher: string[] = [];
  #socketFolder = '';
  #server: Server | undefined;
  #stopping: Promise<void> | undefined;
  #giveUp: (error: HeadendError) => void = () => {};
  /** Resolves (never rejects) when the server has died and cannot be restarted. */
  readonly gone = new Promise<HeadendError>((resolve) => {
    this.#giveUp = resolve;
  });

  constructor(options: EmbeddedPostgresOptions, log: Logger) {
    this.#folder = path.resolve(options.folder);
    this.#settings = options.settings ?? {};
    this.#log = log;
  }

  /** Path of the server's socket after `start`; the same after restarts of the server. */
  get socket(): string {
    return path.join(this.#socketFolder, SOCKET_NAME);
  }

  /** @throws HeadendError `embedded_database_unavailable`, `database_version`, `database_folder_busy`, `database_start_failed`. */
  async start(): Promise<void> {
    this.#binaries = await findPostgres();
    this.#launcher = postgresLauncher();
    await this.#makeCluster();
    await this.#stopOrphan();
    this.#socketFolder = this.#chooseSocketFolder();
    await this.#run();
  }

  /** Stops the server and closes all its connections. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const server = this.#server;
    if (server && server.exit === undefined) {
      killChild(server.process, 'SIGINT'); // "fast" shutdown: ends sessions, writes a checkpoint
      const cancelQuit = systemClock.after(STOP_WITHIN_MS, () => killChild(server.process, 'SIGQUIT'));
      await server.exited;
      cancelQuit();
    }
    if (this.#socketFolder && this.#socketFolder !== this.#folder)
      rmSync(this.#socketFolder, { recursive: true, force: true });
  }

  async #makeCluster(): Promise<void> {
    const versionFile = path.join(this.#folder, 'PG_VERSION');
    if (existsSync(versionFile)) {
      const version = readFileSync(versionFile, 'utf8').trim();
      if (version === MAJOR_VERSION) return;
      throw new HeadendError(
        'database_version',
        `The database in ${this.#folder} was created by PostgreSQL ${version}; this release needs ${MAJOR_VERSION}. ` +
          'Dump the data with the earlier release and restore it, or set DATABASE_URL.',
      );
    }
    const parent = path.dirname(this.#folder);
    mkdirSync(parent, { recursive: true, mode: 0o700 });
    const unfinished = `${path.basename(this.#folder)}.init-`;
    for (const name of readdirSync(parent))
      if (name.startsWith(unfinished)) rmSync(path.join(parent, name), { recursive: true, force: true });
    // Renamed when complete, so that an unfinished cluster is never used.
    const aside = path.join(parent, unfinished + process.pid);
    const options = [
      '-U',
      'postgres',
      '--auth=trust',
      '-E',
      'UTF8',
      '--locale-provider=builtin',
      '--locale=C.UTF-8',
    ];
    const server = this.#spawn(this.#binaries!.initdb, [
      '-D',
      aside,
      ...options,
      '--no-sync',
      '--no-instructions',
    ]);
    await server.exited;
    if (server.exit !== 0) {
      rmSync(aside, { recursive: true, force: true });
      throw new HeadendError(
        'database_start_failed',
        `The database could not be created: ${server.logTail()}`,
      );
    }
    renameSync(aside, this.#folder);
    this.#log.info({ folder: this.#folder }, 'database created');
  }

  /**
   * Stops the server of a killed gateway, where the kernel did not end it together with the gateway (macOS). Removes a
   * pid file whose process id another program uses now (common in containers): PostgreSQL would refuse to start. Both are
   * safe, as the caller holds the lock of the folder.
   */
  async #stopOrphan(): Promise<void> {
    const holder = this.#pidFile();
    const command = holder && commandOf(holder.pid);
    if (!holder || !command) return;
    if (command.includes('postgres') && command.includes(this.#folder)) {
      this.#log.warn({ pid: holder.pid }, 'stopping the database server that a killed gateway left behind');
      process.kill(holder.pid, 'SIGINT');
      const until = systemClock.monotonic() + READY_WITHIN_MS;
      while (commandOf(holder.pid)?.includes(this.#folder)) {
        if (systemClock.monotonic() > until)
          throw new HeadendError(
            'database_folder_busy',
            `The database server with pid ${holder.pid} does not stop: end it, then start again.`,
          );
        await pause(RETRY_MS);
      }
      return;
    }
    const file = path.join(this.#folder, 'postmaster.pid');
    // Every process of a server has the data folder as its working directory: without one the file is stale.
    if (processesIn(realpathSync(this.#folder))?.length === 0) {
      this.#log.warn({ pid: holder.pid }, 'removing the pid file of a dead database server');
      rmSync(file, { force: true });
      return;
    }
    throw new HeadendError(
      'database_folder_busy',
      `${file} names pid ${holder.pid}, which is another program now (${command.slice(0, 60)}). ` +
        'If no PostgreSQL server uses this folder, remove the file and start again.',
    );
  }

  /** Reads `postmaster.pid` (src/include/utils/pidfile.h): line 1 is the process id, line 8 the state. */
  #pidFile(): { pid: number; ready: boolean } | undefined {
    try {
      const lines = readFileSync(path.join(this.#folder, 'postmaster.pid'), 'utf8').split('\n');
      return { pid: Math.abs(Number(lines[0])), ready: lines[7]?.trim() === 'ready' };
    } catch {
      return undefined;
    }
  }

  #chooseSocketFolder(): string {
    if (Buffer.byteLength(path.join(this.#folder, SOCKET_NAME)) < SOCKET_PATH_MAX) return this.#folder;
    const digest = createHash('sha256').update(this.#folder).digest('hex').slice(0, 16);
    const folder = path.join(os.tmpdir(), `headend-${digest}`);
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const found = lstatSync(folder);
      if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o077) !== 0)
        throw new HeadendError(
          'database_start_failed',
          `${folder} belongs to another user or is open to others: remove it, then start again.`,
        );
    }
    return folder;
  }

  /** Starts the server; resolves when it accepts connections. From then on it is restarted when it dies. */
  async #run(): Promise<void> {
    const until = systemClock.monotonic() + READY_WITHIN_MS;
    for (;;) {
      if (this.#stopping) throw new HeadendError('database_start_failed', 'The database is stopping.');
      const server = this.#spawn(this.#binaries!.postgres, this.#serverArguments());
      this.#server = server;
      while (server.exit === undefined && systemClock.monotonic() < until) {
        const file = this.#pidFile();
        if (file?.ready && file.pid === server.process.pid) {
          void this.#watch(server);
          return;
        }
        await Promise.race([server.exited, pause(POLL_MS)]);
      }
      if (server.exit === undefined) {
        killChild(server.process, 'SIGINT');
        throw new HeadendError(
          'database_start_failed',
          `The database was not ready within ${READY_WITHIN_MS / 1_000} s: ${server.logTail()}`,
        );
      }
      // The lock file of a killed server remains until its last child has exited; it must never be removed.
      const transient = /lock file|pre-existing shared memory/.test(server.logTail());
      if (!transient || systemClock.monotonic() > until)
        throw new HeadendError('database_start_failed', `The database did not start: ${server.logTail()}`);
      await pause(RETRY_MS);
    }
  }

  async #watch(server: Server): Promise<void> {
    await server.exited;
    while (!this.#stopping) {
      const delayMs = this.#restarts.failed();
      if (delayMs === undefined) {
        this.#giveUp(new HeadendError('database_gone', 'The database server died and cannot be restarted.'));
        return;
      }
      this.#log.error({ exit: server.exit }, 'the database server died: restarting');
      await pause(delayMs);
      try {
        await this.#run();
        return;
      } catch (error) {
        this.#log.error({ err: error }, 'database server restart failed');
      }
    }
  }

  #serverArguments(): string[] {
    const settings = {
      listen_addresses: '',
      unix_socket_directories: this.#socketFolder,
      unix_socket_permissions: '0700',
      max_connections: '60',
      shared_buffers: '64MB',
      log_min_error_statement: 'panic', // statements contain user data
      ...this.#settings,
    };
    return [
      '-D',
      this.#folder,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ];
  }

  #spawn(program: string, args: string[]): Server {
    const [command, ...rest] = [...this.#launcher, program, ...args];
    const child = spawn(command!, rest, {
      // Separate process group: Ctrl-C must reach the gateway only, which stops the database last.
      detached: true,
      env: POSTGRES_ENVIRONMENT,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    return watchServer(child, this.#log);
  }
}

type Server = {
  process: ChildProcess;
  exited: Promise<void>;
  /** Exit code or signal after the exit. */
  exit: number | string | undefined;
  /** Returns the last lines of the server's log. */
  logTail: () => string;
};

function watchServer(child: ChildProcess, log: Logger): Server {
  let tail = '';
  const server: Server = {
    process: child,
    exit: undefined,
    logTail: () => tail.trim(),
    exited: new Promise((resolve) => {
      const gone = (exit: number | string): void => {
        server.exit ??= exit;
        resolve();
      };
      child.once('error', (error) => {
        tail += error.message;
        gone('error');
      });
      child.once('close', (code, signal) => gone(code ?? signal ?? 'unknown'));
    }),
  };
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    tail = (tail + text).slice(-4_000);
    log.debug(text.trimEnd());
  });
  return server;
}
