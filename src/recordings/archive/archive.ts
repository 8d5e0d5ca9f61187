import type { Readable } from 'node:stream';
import type { Clock, Logger, Sql } from '../../platform/index.js';
import type { RecordingStore } from '../recording-store.js';
import type { FilePart } from '../replay/replay.js';
import { ObjectStore, type ObjectStoreOptions } from './object-store.js';
import { ObjectTable } from './object-table.js';
import { objectName, Uploads } from './uploads.js';

export type ArchiveOptions = {
  objectStore: ObjectStoreOptions;
  sql: Sql;
  store: RecordingStore;
  /** Called when a recording is in the object store only. */
  uploaded(recordingId: string): void;
  clock: Clock;
  log: Logger;
};

/** Lifetime of signed URLs, s: a player requests the next one with the next segment. */
const SIGNED_URL_S = 60;

/** Recordings in an object store: uploads, reading and deletion. */
export class Archive {
  readonly #objects: ObjectStore;
  readonly #table: ObjectTable;
  readonly #uploads: Uploads;

  constructor(options: ArchiveOptions) {
    this.#objects = new ObjectStore(options.objectStore);
    this.#table = new ObjectTable(options.sql);
    this.#uploads = new Uploads({ ...options, table: this.#table, objects: this.#objects });
  }

  /** Names the object store in rows. */
  get id(): string {
    return this.#objects.id;
  }

  /** Whether the store has failed a moment ago: what can wait should. */
  get isAway(): boolean {
    return this.#uploads.isAway;
  }

  /** As `ObjectStore.redirectOrigin`. */
  get redirectOrigin(): string | undefined {
    return this.#objects.redirectOrigin;
  }

  start(): void {
    this.#uploads.start();
  }

  /** Resolves when nothing is in progress; uploads go on after the next start. */
  async close(): Promise<void> {
    await this.#uploads.close();
    await this.#objects.close();
  }

  /** Uploads recordings that wait. */
  runNow(): void {
    this.#uploads.runNow();
  }

  /** As `ObjectStore.read`. */
  async read({
    recordingId,
    rendition,
    run,
    byteOffset,
    byteLength,
  }: FilePart): Promise<Readable | undefined> {
    return await this.#objects.read(objectName(recordingId, rendition, run), byteOffset, byteLength);
  }

  /** Returns a URL of the whole file, for a minute. */
  async signedUrl({
    recordingId,
    rendition,
    run,
  }: Omit<FilePart, 'byteOffset' | 'byteLength'>): Promise<string> {
    return await this.#objects.signedUrl(objectName(recordingId, rendition, run), SIGNED_URL_S);
  }

  /** Deletes the objects and unfinished uploads of a recording. @returns false if that must be repeated later */
  async delete(recordingId: string): Promise<boolean> {
    if (this.isAway) return false;
    try {
      for (const { rendition, run, uploadId, isVerified } of await this.#table.listFiles(recordingId)) {
        const name = objectName(recordingId, rendition, run);
        if (uploadId === null) continue;
        if (!isVerified) await this.#objects.abortUpload(name, uploadId);
        await this.#objects.delete(name);
      }
      return true;
    } catch (error) {
      this.#uploads.noteFailure(error);
      return false;
    }
  }
}
