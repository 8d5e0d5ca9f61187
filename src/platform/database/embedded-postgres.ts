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
import { commandOf, processesIn } from '../process/process-identity.js';
import {
  findPostgres,
  POSTGRES_ENVIRONMENT,
  type PostgresBinaries,
  postgresLauncher,
} from './postgres-binaries.js';

const MAJOR_VERSION = '18';
const SOCKET_NAME = '.s.PGSQL.5432';
/** sockaddr_un.sun_path holds 108 bytes on Linux and 104 on macOS, with the closing zero. */
const SOCKET_PATH_MAX = 100;
const READY_WITHIN_MS = 60_000;
const POLL_MS = 20;
const RETRY_MS = 250;
/** A clean stop takes some 30 ms; after this the server is told to drop everything (it recovers at the next start). */
const STOP_WITHIN_MS = 15_000;
/** A server that dies is started again, but not for ever. */
const RESTARTS = { initialMs: 100, maximumMs: 5_000, windowMs: 60_000, limit: 8 };

export type EmbeddedPostgresOptions = {
  /** The data folder; the caller holds a lock on it or on a folder above. */
  folder: string;
  /** Settings that replace those of the server, for tests. */
  settings?: Record<string, string>;
};

/**
 * A real PostgreSQL server as a child of this process, reached by a Unix socket only. Its superuser is `postgres`,
 * without a password: who may open the socket is decided by the folder's mode, 0700.
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
  /** Settles (never rejects) when the server died and can't be started again. */
  readonly gone = new Promise<HeadendError>((resolve) => {
    this.#giveUp = resolve;
  });

  constructor(options: EmbeddedPostgresOptions, log: Logger) {
    this.#folder = path.resolve(options.folder);
    this.#settings = options.settings ?? {};
    this.#log = log;
  }

  /** The path of the server's socket, once started; it stays the same over restarts of the server. */
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

  /** Stops the server; all its connections end. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    const server = this.#server;
    if (server && server.exit === undefined) {
      server.process.kill('SIGINT'); // "fast" shutdown: ends sessions, writes a checkpoint
      const cancelQuit = systemClock.after(STOP_WITHIN_MS, () => server.process.kill('SIGQUIT'));
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
        `The database in ${this.#folder} was made by PostgreSQL ${version}; this release works with ${MAJOR_VERSION}. ` +
          'Copy the data over with the release that made it, or set DATABASE_URL.',
      );
    }
    const parent = path.dirname(this.#folder);
    mkdirSync(parent, { recursive: true, mode: 0o700 });
    const unfinished = `${path.basename(this.#folder)}.init-`;
    for (const name of readdirSync(parent))
      if (name.startsWith(unfinished)) rmSync(path.join(parent, name), { recursive: true, force: true });
    // Made aside and renamed: a half-made cluster is never taken for a whole one.
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
      throw new HeadendError('database_start_failed', `The database could not be made: ${server.said()}`);
    }
    renameSync(aside, this.#folder);
    this.#log.info({ folder: this.#folder }, 'database made');
  }

  /**
   * Deals with what a killed gateway left: its server still running, where the kernel could not stop it along (macOS),
   * or a pid file whose number belongs to a stranger by now (usual in containers), for which PostgreSQL would refuse to
   * start. Nobody else may use the folder, as the caller holds it.
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
          throw new HeadendError('database_folder_busy', `The database server ${holder.pid} does not stop.`);
        await pause(RETRY_MS);
      }
      return;
    }
    const file = path.join(this.#folder, 'postmaster.pid');
    // Every process of a server has the data folder as its working directory: with none left the file may go.
    if (processesIn(realpathSync(this.#folder))?.length === 0) {
      this.#log.warn({ pid: holder.pid }, 'removing the pid file of a dead database server');
      rmSync(file, { force: true });
      return;
    }
    throw new HeadendError(
      'database_folder_busy',
      `${file} was left behind and names pid ${holder.pid}, which is another program now (${command.slice(0, 60)}). ` +
        'If no PostgreSQL uses this folder, remove that file and start again.',
    );
  }

  /** postmaster.pid (src/include/utils/pidfile.h): line 1 the process id, line 8 the state. */
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
        throw new HeadendError('database_start_failed', `${folder} belongs to somebody else: remove it.`);
    }
    return folder;
  }

  /** Starts the server and returns when it takes connections; from then on it is started again whenever it dies. */
  async #run(): Promise<void> {
    const until = systemClock.monotonic() + READY_WITHIN_MS;
    for (;;) {
      if (this.#stopping) throw new HeadendError('database_start_failed', 'The database is being stopped.');
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
        server.process.kill('SIGINT');
        throw new HeadendError(
          'database_start_failed',
          `The database is not ready in time: ${server.said()}`,
        );
      }
      // The lock file of a killed server stands until its last child is gone; it must never be removed by hand.
      const transient = /lock file|pre-existing shared memory/.test(server.said());
      if (!transient || systemClock.monotonic() > until)
        throw new HeadendError('database_start_failed', `The database did not start: ${server.said()}`);
      await pause(RETRY_MS);
    }
  }

  async #watch(server: Server): Promise<void> {
    await server.exited;
    while (!this.#stopping) {
      const delay = this.#restarts.failed();
      if (delay === undefined) {
        this.#giveUp(
          new HeadendError('database_gone', 'The database server died and cannot be started again.'),
        );
        return;
      }
      this.#log.error({ exit: server.exit }, 'the database server died: starting it again');
      await pause(delay);
      try {
        await this.#run();
        return;
      } catch (error) {
        this.#log.error({ err: error }, 'the database server could not be started');
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
      log_min_error_statement: 'panic', // statements hold what users wrote
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
      // A session of its own: Ctrl-C in a terminal must reach the gateway alone, which then stops the database last.
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
  /** The exit code or signal, once it is gone. */
  exit: number | string | undefined;
  /** The end of what it wrote to its log. */
  said: () => string;
};

function watchServer(child: ChildProcess, log: Logger): Server {
  let tail = '';
  const server: Server = {
    process: child,
    exit: undefined,
    said: () => tail.trim(),
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
