import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { newId } from '../platform/index.js';

/** A picture is at most so large, in bytes. */
export const MAX_THUMBNAIL_BYTES = 512 * 1024;

export type ThumbnailType = 'image/jpeg' | 'image/png' | 'image/webp';

export type Thumbnail = {
  type: ThumbnailType;
  bytes: Buffer;
  /** Of the content: another picture has another one. */
  version: string;
};

const VERSION_DIGITS = 16;
/** Captured pictures take at most so much memory, in bytes: a thousand and more of the usual ones. */
const MAX_CAPTURED_BYTES = 64 * 1024 * 1024;

/**
 * Keeps one picture of each livestream that was given one, in a folder: a file is the picture and nothing else, so that
 * none can differ from what is said of it. Those captured from broadcasts, for livestreams without, are kept in memory:
 * the next start makes new ones.
 */
export class ThumbnailStore {
  readonly #folder: string;
  /** By livestream; the one that was captured longest ago is the first. */
  readonly #captured = new Map<string, Thumbnail>();
  #capturedBytes = 0;

  /** @param options `folder` is made when the first picture comes. */
  constructor(options: { folder: string }) {
    this.#folder = options.folder;
  }

  /** Replaces what was there, also what was captured. @returns undefined, and keeps nothing, when the bytes are no picture of the known types. */
  async keep(streamId: string, bytes: Buffer): Promise<Thumbnail | undefined> {
    const thumbnail = describe(bytes);
    if (!thumbnail) return undefined;
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    // Written aside, so that a reader or a crash finds a whole picture.
    const aside = path.join(this.#folder, `${newId()}.new`);
    try {
      await writeFile(aside, bytes, { mode: 0o600 });
      await rename(aside, this.#file(streamId));
    } catch (error) {
      await rm(aside, { force: true });
      throw error;
    }
    this.#forget(streamId);
    return thumbnail;
  }

  /** Keeps a picture of the running broadcast, in the place of the one before; what is no picture is left out. */
  capture(streamId: string, bytes: Buffer): void {
    const thumbnail = describe(bytes);
    if (!thumbnail) return;
    this.#forget(streamId);
    this.#captured.set(streamId, thumbnail);
    this.#capturedBytes += bytes.length;
    for (const oldest of this.#captured.keys()) {
      if (this.#capturedBytes <= MAX_CAPTURED_BYTES) break;
      this.#forget(oldest);
    }
  }

  /** The newest picture of a livestream's broadcast, also of one that is over; from memory. */
  captured(streamId: string): Thumbnail | undefined {
    return this.#captured.get(streamId);
  }

  async find(streamId: string): Promise<Thumbnail | undefined> {
    try {
      return describe(await readFile(this.#file(streamId)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Removes what was given and what was captured. */
  async remove(streamId: string): Promise<void> {
    this.#forget(streamId);
    await rm(this.#file(streamId), { force: true });
  }

  #forget(streamId: string): void {
    this.#capturedBytes -= this.#captured.get(streamId)?.bytes.length ?? 0;
    this.#captured.delete(streamId);
  }

  /** @param streamId a UUID: it can be no other path. */
  #file(streamId: string): string {
    return path.join(this.#folder, streamId.toLowerCase());
  }
}

function describe(bytes: Buffer): Thumbnail | undefined {
  const type = typeOf(bytes);
  if (!type) return undefined;
  const version = createHash('sha256').update(bytes).digest('hex').slice(0, VERSION_DIGITS);
  return { type, bytes, version };
}

/** By the first bytes: ISO/IEC 10918-1 (SOI, then a marker), ISO/IEC 15948 section 5.2, RFC 9649 section 2.4. */
function typeOf(bytes: Buffer): ThumbnailType | undefined {
  const head = bytes.toString('latin1', 0, 16);
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (/^RIFF[\s\S]{4}WEBPVP8[ LX]/.test(head)) return 'image/webp';
  return undefined;
}
