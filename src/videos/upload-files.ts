import { readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { FileStore } from '@tus/file-store';
import { HeadendError, isUuid } from '../platform/index.js';

/** Uploaded files, each named by its video, with what tus must know of it in a file beside. */
export class UploadFiles {
  /** Store of the tus server. */
  readonly datastore: FileStore;
  readonly #folder: string;

  /** @param folder created if it is missing */
  constructor(folder: string) {
    this.#folder = folder;
    // Without an expiry, which would count from the creation: the rows of videos expire without new bytes.
    this.datastore = new FileStore({ directory: folder });
  }

  path(videoId: string): string {
    if (!isUuid(videoId)) throw new HeadendError('video_path_invalid', 'A video id is a UUID.');
    return path.join(this.#folder, videoId);
  }

  /** Returns the bytes that have arrived. */
  async receivedBytes(videoId: string): Promise<number> {
    return await stat(this.path(videoId)).then(
      ({ size }) => size,
      () => 0,
    );
  }

  async delete(videoId: string): Promise<void> {
    const file = this.path(videoId);
    await rm(file, { force: true });
    await rm(`${file}.json`, { force: true });
  }

  /** Returns the ids of all files. */
  async list(): Promise<string[]> {
    const names = await readdir(this.#folder).catch(() => []);
    return [...new Set(names.map((name) => name.replace(/\.json$/, '')).filter(isUuid))];
  }
}
