import { mkdir, readdir, readFile, rename, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pause, systemClock } from '../clock.js';
import { HeadendError } from '../error.js';
import { newId } from '../id.js';
import { type ProcessIdentity, processState, thisProcess } from './process-identity.js';

const PATTERN = /^gateway-[0-9a-f-]{36}\.lock$/;
const POLL_MS = 100;

export type FolderLockOptions = {
  /** Interval of heartbeats, for processes that cannot see this one (another container on the volume). */
  heartbeatMs?: number;
  /** Time without heartbeat after which a holder that cannot be seen counts as dead. */
  silenceMs?: number;
};

export type FolderLock = {
  /** Releases the lock. Idempotent. */
  release(): Promise<void>;
};

/**
 * Locks `folder` for this process; creates the folder if it is missing.
 *
 * A process first creates a lock file of its own and then reads those of the others: of two concurrent processes at least
 * one sees the other, so that they never both get the lock. Files of running processes are never removed. File names are
 * unique, so that the removal of a dead process's file cannot hit a new one. They are UUIDv7: the older process wins.
 *
 * @throws HeadendError `data_dir_in_use` with the holder's process id
 */
export async function lockFolder(folder: string, options: FolderLockOptions = {}): Promise<FolderLock> {
  const { heartbeatMs = 1_000, silenceMs = 5_000 } = options;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const name = `gateway-${newId()}.lock`;
  const file = path.join(folder, name);
  // Renamed when complete, so that other processes never read a partial file.
  await writeFile(`${file}.new`, JSON.stringify(thisProcess()), { mode: 0o600 });
  await rename(`${file}.new`, file);
  const stopHeartbeat = systemClock.every(heartbeatMs, () => {
    const now = systemClock.now() / 1000;
    utimes(file, now, now).catch(() => {});
  });
  const release = async (): Promise<void> => {
    stopHeartbeat();
    await unlink(file).catch(() => {});
  };
  try {
    await waitForOthers(folder, name, silenceMs);
  } catch (error) {
    await release();
    throw error;
  }
  return { release };
}

async function waitForOthers(folder: string, mine: string, silenceMs: number): Promise<void> {
  const giveUp = systemClock.monotonic() + 2 * silenceMs;
  const seen = new Map<string, { modifiedMs: number; sinceMs: number }>();
  for (;;) {
    let holder: ProcessIdentity | undefined;
    let holderIsOlder = false;
    for (const name of await readdir(folder)) {
      if (!PATTERN.test(name) || name === mine) continue;
      const file = path.join(folder, name);
      const owner = await ownerOf(file);
      if (!owner) continue;
      const fate = processState(owner);
      const state = fate === 'unknown' ? await heartbeatState(file, seen, silenceMs) : undefined;
      if (fate === 'gone' || state === 'silent') {
        await unlink(file).catch(() => {});
        continue;
      }
      holder = owner;
      holderIsOlder ||= name < mine && state !== 'watching';
    }
    if (!holder) return;
    // A younger process sees this file and gives up by itself: wait for that.
    if (holderIsOlder || systemClock.monotonic() > giveUp)
      throw new HeadendError(
        'data_dir_in_use',
        `The folder ${folder} is in use by pid ${holder.pid}. Stop that gateway, or set another DATA_DIR.`,
      );
    await pause(POLL_MS);
  }
}

async function ownerOf(file: string): Promise<ProcessIdentity | undefined> {
  try {
    const { pid, started, place } = JSON.parse(await readFile(file, 'utf8'));
    return { pid: Number(pid), started: String(started), place: String(place) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    return { pid: 0, started: '', place: '' }; // damaged: judged by its heartbeat
  }
}

/** Judges a holder that cannot be seen by its heartbeat, over several calls. */
async function heartbeatState(
  file: string,
  seen: Map<string, { modifiedMs: number; sinceMs: number }>,
  silenceMs: number,
): Promise<'alive' | 'watching' | 'silent'> {
  const modifiedMs = await stat(file).then(
    (found) => found.mtimeMs,
    () => 0,
  );
  const before = seen.get(file);
  const now = systemClock.monotonic();
  if (!before) {
    seen.set(file, { modifiedMs, sinceMs: now });
    return 'watching';
  }
  if (before.modifiedMs !== modifiedMs) return 'alive';
  return now - before.sinceMs > silenceMs ? 'silent' : 'watching';
}
