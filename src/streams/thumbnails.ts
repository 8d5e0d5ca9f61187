import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { newId } from '../platform/index.js';

/** A picture is at most so large, in bytes. */
export const THUMBNAIL_LIMIT = 512 * 1024;

export type ThumbnailType = 'image/jpeg' | 'image/png' | 'image/webp';

export type Thumbnail = {
  type: ThumbnailType;
  bytes: Buffer;
  /** Of the content: another picture has another one. */
  version: string;
};

const VERSION_LENGTH = 16;

/** Keeps one picture of each livestream, in a folder: a file is the picture and nothing else, so that none can differ from what is said of it. */
export class Thumbnails {
  readonly #folder: string;

  /** @param options `folder` is made when the first picture comes. */
  constructor(options: { folder: string }) {
    this.#folder = options.folder;
  }

  /** Replaces what was there. @returns undefined, and keeps nothing, when the bytes are no picture of the known types. */
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
    return thumbnail;
  }

  async find(streamId: string): Promise<Thumbnail | undefined> {
    try {
      return describe(await readFile(this.#file(streamId)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async remove(streamId: string): Promise<void> {
    await rm(this.#file(streamId), { force: true });
  }

  /** @param streamId a UUID: it can be no other path. */
  #file(streamId: string): string {
    return path.join(this.#folder, streamId.toLowerCase());
  }
}

function describe(bytes: Buffer): Thumbnail | undefined {
  const type = typeOf(bytes);
  if (!type) return undefined;
  const version = createHash('sha256').update(bytes).digest('hex').slice(0, VERSION_LENGTH);
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
