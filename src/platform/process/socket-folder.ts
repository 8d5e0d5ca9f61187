import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { HeadendError } from '../error.js';
import type { Logger } from '../log.js';

/** Longest path of a Unix socket without the terminating zero, bytes: `sun_path` has 104 bytes on macOS and 108 on Linux. */
const LONGEST_SOCKET_PATH = 103;
/** Longest name of a socket file in the folder, bytes. */
const LONGEST_SOCKET_NAME = 16;
const RANDOM_CHARACTERS = 6;

/**
 * Creates a folder for Unix sockets that other users cannot enter (`mkdtemp` gives mode 0700), named
 * `headend-USE-PID-RANDOM`. Removes the folders of the same use of gateways that were killed: those whose process is
 * dead and whose sockets refuse connections.
 *
 * @param use purpose of the sockets, letters
 * @param root folder of temporary files; `/tmp` is used instead if its path is too long for sockets
 * @throws HeadendError `socket_folder` if the folder cannot be created
 */
export async function makeSocketFolder(use: string, log: Logger, root = os.tmpdir()): Promise<string> {
  const prefix = `headend-${use}-${process.pid}-`;
  const parent = [root, '/tmp'].find((candidate) => fits(path.join(candidate, prefix)));
  if (parent === undefined)
    throw new HeadendError('socket_folder', `The path ${root} is too long for Unix sockets: set TMPDIR.`);
  await removeLeft(use, parent, log);
  return await mkdtemp(path.join(parent, prefix)).catch((error: unknown) => {
    const cure = 'set TMPDIR to a folder that the gateway may write to';
    throw new HeadendError(
      'socket_folder',
      `The folder for sockets cannot be created in ${parent}: ${cure}.`,
      { cause: error },
    );
  });
}

function fits(folder: string): boolean {
  return Buffer.byteLength(folder) + RANDOM_CHARACTERS + 1 + LONGEST_SOCKET_NAME <= LONGEST_SOCKET_PATH;
}

async function removeLeft(use: string, parent: string, log: Logger): Promise<void> {
  // Contains the gateway's process id, by which folders of dead gateways are recognised.
  const pattern = new RegExp(`^headend-${use}-(\\d+)-\\w{${RANDOM_CHARACTERS}}$`);
  for (const name of await readdir(parent).catch(() => [])) {
    const folder = path.join(parent, name);
    try {
      if (!(await isLeft(folder, Number(pattern.exec(name)?.[1])))) continue;
      await rm(folder, { recursive: true, force: true });
      log.info({ folder }, 'removed the socket folder of a killed gateway');
    } catch (error) {
      log.debug({ folder, err: error }, 'socket folder could not be removed');
    }
  }
}

async function isLeft(folder: string, pid: number): Promise<boolean> {
  if (!(pid > 0) || isAlive(pid)) return false;
  const stat = await lstat(folder);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.()) return false;
  // Another container that shares the folder may use the same process id.
  for (const socket of await readdir(folder)) if (await answers(path.join(folder, socket))) return false;
  return true;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Connects to a Unix socket: it is accepted or refused immediately, so no timeout is needed. */
async function answers(socketPath: string): Promise<boolean> {
  const socket = connect(socketPath);
  try {
    return await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
  } finally {
    socket.destroy();
  }
}
