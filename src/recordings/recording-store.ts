import { constants, type Stats } from 'node:fs';
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rm,
  stat,
  statfs,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { HeadendError, isUuid, messageOf, newId } from '../platform/index.js';

/** File with the id of the folder, so that rows say in which folder their files are, whatever its path. */
const ID_FILE = 'store-id';
/** Rendition ids are safe in paths. */
const RENDITION = /^[a-z0-9]{1,32}$/i;

/** Folder of recordings: one folder per recording, one file per rendition and encoder run. */
export class RecordingStore {
  readonly id: string;
  readonly #folder: string;

  private constructor(folder: string, id: string) {
    this.#folder = folder;
    this.id = id;
  }

  /**
   * Opens the folder and creates it if it is missing. Several gateways may share one.
   *
   * @throws HeadendError `recordings_dir_unusable`
   */
  static async open(folder: string): Promise<RecordingStore> {
    const file = path.join(folder, ID_FILE);
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      // Fails if the file exists: of two gateways that start at once, both read the id of the first.
      await writeFile(file, `${newId()}\n`, { flag: 'wx', mode: 0o600, flush: true }).catch(
        (error: NodeJS.ErrnoException) => {
          if (error.code !== 'EEXIST') throw error;
        },
      );
      const id = (await readFile(file, 'utf8')).trim();
      if (!isUuid(id)) throw new Error(`${file} does not contain an id`);
      return new RecordingStore(folder, id.toLowerCase());
    } catch (error) {
      throw new HeadendError(
        'recordings_dir_unusable',
        `RECORDINGS_DIR (${folder}) cannot be used: ${messageOf(error)}.`,
        { cause: error },
      );
    }
  }

  /** Bytes that this process may still write. */
  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#folder);
    return bavail * bsize;
  }

  /** Creates the folder of a recording. */
  async createFolder(recordingId: string): Promise<void> {
    await mkdir(this.#folderOf(recordingId), { recursive: true, mode: 0o700 });
    await syncFolder(this.#folder);
  }

  /** Creates a file. @throws if it exists */
  async createFile(recordingId: string, rendition: string, run: number): Promise<FileHandle> {
    const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
    return await open(
      this.#file(recordingId, rendition, run),
      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
      0o600,
    );
  }

  /** Makes the names of new files durable. */
  async syncFolder(recordingId: string): Promise<void> {
    await syncFolder(this.#folderOf(recordingId));
  }

  /** Opens a file for reading; a symbolic link is refused. @throws ENOENT if it was deleted */
  async openFile(recordingId: string, rendition: string, run: number): Promise<FileHandle> {
    const { O_RDONLY, O_NOFOLLOW } = constants;
    return await open(this.#file(recordingId, rendition, run), O_RDONLY | O_NOFOLLOW);
  }

  /** Cuts a file at `endBytes`. @returns its size before; 0 if it is missing */
  async truncateFile(recordingId: string, rendition: string, run: number, endBytes: number): Promise<number> {
    const file = this.#file(recordingId, rendition, run);
    const found = await statOf(file);
    if (!found) return 0;
    if (found.size > endBytes) {
      const handle = await open(file, constants.O_RDWR | constants.O_NOFOLLOW);
      try {
        await handle.truncate(endBytes);
        await handle.datasync();
      } finally {
        await handle.close();
      }
    }
    return found.size;
  }

  async deleteFile(recordingId: string, rendition: string, run: number): Promise<void> {
    await rm(this.#file(recordingId, rendition, run), { force: true });
  }

  /** Deletes the files of a recording that are not among `kept`. */
  async deleteOthers(
    recordingId: string,
    kept: readonly { rendition: string; run: number }[],
  ): Promise<void> {
    const folder = this.#folderOf(recordingId);
    const names = new Set(kept.map(({ rendition, run }) => fileName(rendition, run)));
    const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    for (const name of found) if (!names.has(name)) await rm(path.join(folder, name), { force: true });
  }

  /** Deletes all files of a recording. Readers that have one open may go on. */
  async delete(recordingId: string): Promise<void> {
    await rm(this.#folderOf(recordingId), { recursive: true, force: true });
  }

  #file(recordingId: string, rendition: string, run: number): string {
    return path.join(this.#folderOf(recordingId), fileName(rendition, run));
  }

  #folderOf(recordingId: string): string {
    if (!isUuid(recordingId)) throw new HeadendError('recording_path_invalid', 'A recording id is a UUID.');
    return path.join(this.#folder, recordingId.toLowerCase());
  }
}

function fileName(rendition: string, run: number): string {
  if (!RENDITION.test(rendition) || !Number.isSafeInteger(run) || run < 0)
    throw new HeadendError('recording_path_invalid', 'Not a file of a recording.');
  return `${rendition}-${run}.mp4`;
}

async function statOf(file: string): Promise<Stats | undefined> {
  return await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
