import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { newId } from '../platform/index.js';
import type { Visibility } from '../streams/index.js';

/** Greatest size of a thumbnail, bytes. */
export const MAX_THUMBNAIL_BYTES = 512 * 1024;

export type ThumbnailType = 'image/jpeg' | 'image/png' | 'image/webp';

export type Thumbnail = {
  type: ThumbnailType;
  bytes: Buffer;
  /** Version: digest of the content. */
  version: string;
};

/** `isPrivate`: its livestream was private then, as during a test. */
type Captured = Thumbnail & { isPrivate: boolean };

const VERSION_DIGITS = 16;
/** Memory for captured thumbnails, bytes: more than a thousand of usual size. */
const MAX_CAPTURED_BYTES = 64 * 1024 * 1024;

/**
 * Stores uploaded thumbnails as files, one per livestream; a file holds nothing but the image, so that no metadata
 * can contradict it. Thumbnails captured from broadcasts, for livestreams without an upload, are kept in memory only.
 */
export class ThumbnailStore {
  readonly #folder: string;
  /** Keyed by livestream id; the oldest capture first. */
  readonly #captured = new Map<string, Captured>();
  #capturedBytes = 0;

  /** @param options `folder` is created with the first upload */
  constructor(options: { folder: string }) {
    this.#folder = options.folder;
  }

  /**
   * Stores an upload and drops the captured thumbnail. @returns undefined, and stores nothing, if the bytes are not
   * of a known image type
   */
  async keep(streamId: string, bytes: Buffer): Promise<Thumbnail | undefined> {
    const thumbnail = describe(bytes);
    if (!thumbnail) return undefined;
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    // Written under another name and renamed, so that readers, and a start after a crash, find a whole file.
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

  /**
   * Replaces the captured thumbnail of the running broadcast; ignores bytes of an unknown type.
   *
   * @param visibility that of the livestream when the picture was taken
   */
  capture(streamId: string, bytes: Buffer, visibility: Visibility): void {
    const thumbnail = describe(bytes);
    if (!thumbnail) return;
    this.#forget(streamId);
    this.#captured.set(streamId, { ...thumbnail, isPrivate: visibility === 'private' });
    this.#capturedBytes += bytes.length;
    for (const oldest of this.#captured.keys()) {
      if (this.#capturedBytes <= MAX_CAPTURED_BYTES) break;
      this.#forget(oldest);
    }
  }

  /** Deletes the captured thumbnail. */
  forgetCapture(streamId: string): void {
    this.#forget(streamId);
  }

  /**
   * Returns the newest captured thumbnail of a livestream, also after its broadcast ended; none that was taken while the livestream
   * was private, if it is so no more.
   *
   * @param visibility that of the livestream now
   */
  captured(streamId: string, visibility: Visibility): Thumbnail | undefined {
    const captured = this.#captured.get(streamId);
    return captured?.isPrivate && visibility !== 'private' ? undefined : captured;
  }

  async findUpload(streamId: string): Promise<Thumbnail | undefined> {
    try {
      return describe(await readFile(this.#file(streamId)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Deletes the upload and the captured thumbnail. */
  async remove(streamId: string): Promise<void> {
    this.#forget(streamId);
    await rm(this.#file(streamId), { force: true });
  }

  #forget(streamId: string): void {
    this.#capturedBytes -= this.#captured.get(streamId)?.bytes.length ?? 0;
    this.#captured.delete(streamId);
  }

  /** @param streamId a UUID, so that it cannot name another path */
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

/**
 * Detects the type by its signature: ISO/IEC 10918-1 (SOI and a marker), ISO/IEC 15948 section 5.2, RFC 9649 section
 * 2.4.
 */
function typeOf(bytes: Buffer): ThumbnailType | undefined {
  const head = bytes.toString('latin1', 0, 16);
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (/^RIFF[\s\S]{4}WEBPVP8[ LX]/.test(head)) return 'image/webp';
  return undefined;
}
