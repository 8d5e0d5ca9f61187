import { lstat, mkdtemp, readdir, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { Logger } from '../platform/index.js';

const PREFIX = 'headend-webrtc-';
/** Contains the gateway's process id, which tells folders of dead gateways. */
const NAME = new RegExp(`^${PREFIX}(\\d+)-\\w{6}$`);

/**
 * Creates the folder of the workers' relay sockets, and removes folders of gateways that were killed: those whose
 * process is dead and whose sockets refuse connections.
 *
 * @param root folder of temporary files.
 */
export async function makeRelayFolder(log: Logger, root = os.tmpdir()): Promise<string> {
  for (const name of await readdir(root)) {
    const folder = path.join(root, name);
    try {
      if (!(await isLeft(folder, name))) continue;
      await rm(folder, { recursive: true, force: true });
      log.info({ folder }, 'removed the relay folder of a killed gateway');
    } catch (error) {
      log.debug({ folder, err: error }, 'relay folder could not be removed');
    }
  }
  return await mkdtemp(path.join(root, `${PREFIX}${process.pid}-`));
}

async function isLeft(folder: string, name: string): Promise<boolean> {
  const pid = Number(NAME.exec(name)?.[1]);
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
