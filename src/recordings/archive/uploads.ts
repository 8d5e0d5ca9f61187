import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Clock, type Logger, messageOf, newId } from '../../platform/index.js';
import { whileClaimed } from '../claimed-task.js';
import type { RecordingStore } from '../recording-store.js';
import { checkObject } from './object-check.js';
import type { ObjectStore } from './object-store.js';
import type { ClaimedUpload, FileUpload, ObjectTable, PartRow } from './object-table.js';

/** Interval at which recordings to upload are looked for, ms. */
const TICK_MS = 5_000;
/** Size of a part; the one buffer that an upload needs. S3 takes at least 5 MiB, but for the last part. */
const PART_BYTES = 8 * 2 ** 20;
/** Bytes that are hashed in one turn of the event loop. */
const HASHED_BYTES = 2 ** 20;
/** S3 takes 10,000 parts. */
const MAXIMUM_PARTS = 9_000;
/** Wait after a failure of the store, doubled with each further one, ms. */
const RETRY_MS = 5_000;
const RETRY_MAXIMUM_MS = 300_000;

export type UploadsOptions = {
  table: ObjectTable;
  store: RecordingStore;
  objects: ObjectStore;
  /** Called when a recording is in the store only. */
  uploaded(recordingId: string): void;
  clock: Clock;
  log: Logger;
};

/** The claim is lost, or the recording is being deleted: another process goes on. */
class ClaimLost extends Error {}
/** The upload cannot be continued by trying again at once; other recordings can. */
class UploadFailed extends Error {}

/**
 * Copies finished recordings to an object store, one at a time and part by part, and deletes the local files when the
 * copies are verified. What is done is in the database: after a restart an upload goes on with the next part, also in another
 * gateway that has the folder. While the store is away, or refuses, recordings stay where they are.
 */
export class Uploads {
  readonly #options: UploadsOptions;
  /** Not that of the recorders: deletion waits until an upload has noticed it. */
  readonly #claimant = newId();
  readonly #lifetime = new AbortController();
  #running: Promise<void> | undefined;
  #again = false;
  #failures = 0;
  /** By the monotonic clock. */
  #retryAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: UploadsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.clock.every(TICK_MS, () => this.runNow(), this.#lifetime.signal);
    this.runNow();
  }

  /** Stops in the middle of a part, if need be. Idempotent. */
  async close(): Promise<void> {
    this.#lifetime.abort();
    await this.#running;
  }

  /** Whether the store has failed a moment ago. */
  get isAway(): boolean {
    return this.#options.clock.monotonic() < this.#retryAtMs;
  }

  /** Uploads what waits, unless the store is away. */
  runNow(): void {
    if (this.#lifetime.signal.aborted) return;
    this.#again = true;
    this.#running ??= this.#runAll().finally(() => {
      this.#running = undefined;
    });
  }

  /** Notes that a request to the store has failed, for all kinds of requests. */
  noteFailure(error: unknown): void {
    const { clock, log } = this.#options;
    const waitMs = Math.min(RETRY_MAXIMUM_MS, RETRY_MS * 2 ** Math.min(this.#failures, 20));
    this.#retryAtMs = clock.monotonic() + waitMs;
    const level = this.#failures++ === 0 ? 'warn' : 'info';
    log[level](
      { err: error, retryInS: waitMs / 1000 },
      `the object store failed: recordings stay in the local folder: ${messageOf(error)}. If it refuses, check S3_BUCKET, S3_ACCESS_KEY_ID and the policy of the bucket`,
    );
  }

  noteSuccess(): void {
    if (this.#failures > 0) this.#options.log.info('the object store answers again');
    this.#failures = 0;
    this.#retryAtMs = Number.NEGATIVE_INFINITY;
  }

  async #runAll(): Promise<void> {
    while (this.#again && !this.#lifetime.signal.aborted && !this.isAway) {
      this.#again = false;
      try {
        await this.#uploadNext();
      } catch (error) {
        this.#options.log.warn({ err: error }, `recordings could not be uploaded: ${messageOf(error)}`);
      }
    }
  }

  async #uploadNext(): Promise<void> {
    const { table, store, clock, log } = this.#options;
    const claimed = await table.claim(store.id, this.#claimant);
    if (!claimed) return;
    this.#again = true;
    const { id } = claimed;
    const renew = (): Promise<boolean> => table.renew(id, this.#claimant);
    await whileClaimed({ clock, renew, lifetime: this.#lifetime.signal }, async (signal) => {
      try {
        await this.#upload(claimed, signal);
        await table.release(id, this.#claimant);
      } catch (error) {
        if (error instanceof UploadFailed) {
          log.error({ recordingId: id }, `recording not uploaded: ${error.message}`);
          await table.postpone(id, this.#claimant);
        } else {
          if (!(error instanceof ClaimLost) && !signal.aborted) this.noteFailure(error);
          await table.release(id, this.#claimant);
        }
      }
    });
  }

  async #upload({ id, location }: ClaimedUpload, signal: AbortSignal): Promise<void> {
    const { table, store, objects, uploaded, log } = this.#options;
    if (location === 'local') {
      this.#require(await table.setStore(id, this.#claimant, objects.id));
      for (const file of await table.listFiles(id))
        if (!file.isVerified) await this.#uploadFile(id, file, signal);
      this.#require(await table.setLocation(id, this.#claimant, 'both'));
    }
    // Players that come now read the object, if the file is gone.
    await store.delete(id);
    this.#require(await table.setLocation(id, this.#claimant, 'remote'));
    uploaded(id);
    log.info({ recordingId: id }, 'recording uploaded: its local files are deleted');
  }

  async #uploadFile(id: string, file: FileUpload, signal: AbortSignal): Promise<void> {
    const { table, store, objects } = this.#options;
    const { number, rendition, run, sizeBytes } = file;
    const name = objectName(id, rendition, run);
    const handle = await store.openFile(id, rendition, run).catch((error: unknown) => {
      throw new UploadFailed(`a file cannot be read: ${messageOf(error)}`);
    });
    try {
      if ((await handle.stat()).size < sizeBytes)
        throw new UploadFailed('the disk has lost a part of a file');
      let { uploadId, partBytes } = file;
      if (uploadId === null || partBytes === null) {
        partBytes = Math.max(PART_BYTES, Math.ceil(sizeBytes / MAXIMUM_PARTS));
        uploadId = await objects.startUpload(name);
        if (!(await table.begin(id, this.#claimant, file, { uploadId, partBytes }))) {
          await objects.abortUpload(name, uploadId);
          throw new ClaimLost();
        }
      }
      const parts = await table.listParts(id, number);
      const known = new Set(parts.map((part) => part.number));
      for (let part = 1; (part - 1) * partBytes < sizeBytes; part++) {
        if (known.has(part)) continue;
        const start = (part - 1) * partBytes;
        const bytes = Buffer.allocUnsafeSlow(Math.min(partBytes, sizeBytes - start));
        const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
        if (bytesRead < bytes.length) throw new UploadFailed('a file has become shorter');
        const md5 = await md5Of(bytes);
        const sent = { number: part, bytes, md5: md5.toString('base64') };
        const row: PartRow = {
          ...(await this.#orForget(id, file, () => objects.uploadPart(name, uploadId, sent, signal))),
          md5: md5.toString('hex'),
        };
        this.#require(await table.addPart(id, this.#claimant, number, row));
        this.noteSuccess();
        parts.push(row);
        if (signal.aborted) throw new ClaimLost();
      }
      parts.sort((a, b) => a.number - b.number);
      const etag = await this.#complete(id, { name, uploadId, parts });
      await this.#verify(id, file, { name, etag, parts });
    } finally {
      await handle.close();
    }
  }

  /**
   * Completes an upload. A store takes its time for that: a deletion may have waited for the claim, aborted the upload and found no
   * object, before there was one.
   */
  async #complete(
    id: string,
    { name, uploadId, parts }: { name: string; uploadId: string; parts: readonly PartRow[] },
  ): Promise<string | undefined> {
    const { table, objects } = this.#options;
    try {
      return await objects.completeUpload(name, uploadId, parts);
    } finally {
      if (await table.isDeleted(id)) await objects.delete(name);
    }
  }

  /** Compares the object with the file. @param etag undefined: an earlier attempt may have completed the upload */
  async #verify(
    id: string,
    file: FileUpload,
    { name, etag, parts }: { name: string; etag: string | undefined; parts: readonly PartRow[] },
  ): Promise<void> {
    const { table, store, objects } = this.#options;
    const found = await objects.head(name);
    const wholeMd5 = async (): Promise<string> => {
      const hash = createHash('md5');
      const handle = await store.openFile(id, file.rendition, file.run);
      for await (const chunk of handle.createReadStream({ end: file.sizeBytes - 1 })) hash.update(chunk);
      return hash.digest('hex');
    };
    const isSame =
      found?.sizeBytes === file.sizeBytes &&
      (await checkObject(found.etag || etag || '', parts, wholeMd5)) !== 'different';
    if (isSame) {
      this.#require(await table.setVerified(id, this.#claimant, file.number));
      this.noteSuccess();
      return;
    }
    await table.forget(id, this.#claimant, file.number);
    throw new UploadFailed(
      found
        ? 'the object is not what was sent: it is sent again'
        : 'the store has lost an upload: it begins again',
    );
  }

  /** Begins a file again when the store does not know its upload any more, as after a rule that drops old ones. */
  async #orForget<T>(id: string, file: FileUpload, request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      if ((error as Error).name !== 'NoSuchUpload') throw error;
      await this.#options.table.forget(id, this.#claimant, file.number);
      throw new UploadFailed('the store has lost an upload: it begins again');
    }
  }

  #require(isMine: boolean): void {
    if (!isMine) throw new ClaimLost();
  }
}

/** Hashes in slices: a whole part at once would hold the event loop for 15 ms. */
async function md5Of(bytes: Buffer): Promise<Buffer> {
  const hash = createHash('md5');
  for (let at = 0; at < bytes.length; at += HASHED_BYTES) {
    hash.update(bytes.subarray(at, at + HASHED_BYTES));
    await nextTurn();
  }
  return hash.digest();
}

/** Name of the object of a file, below the prefix. */
export function objectName(recordingId: string, rendition: string, run: number): string {
  return `${recordingId}/${rendition}-${run}.mp4`;
}
