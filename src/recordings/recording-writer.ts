import type { FileHandle } from 'node:fs/promises';
import { fragmentDecodeTime } from '../media/index.js';
import type { CompletedSegment } from '../packager/index.js';
import { HeadendError } from '../platform/index.js';
import type { RecordedSegment, RecordingFile } from './recording.js';
import type { RecordingStore } from './recording-store.js';
import type { SegmentNumbering } from './segment-numbering.js';

type OpenFile = {
  row: RecordingFile;
  handle: FileHandle;
  /** End of the written bytes, and of those that are durable. */
  writtenBytes: number;
  syncedBytes: number;
};

/** Segments that are on the disk; `failure`: the error that stopped it before the others. */
export type WrittenSegments = { files: RecordingFile[]; segments: RecordedSegment[]; failure?: unknown };

/** Buffers per system call: the least limit of POSIX is 16, that of Linux 1024. */
const MAXIMUM_BUFFERS = 512;

/** Appends segments to the files of one recording. Calls must not overlap. */
export class RecordingWriter {
  readonly #store: RecordingStore;
  readonly #recordingId: string;
  /** Current file of each rendition. */
  readonly #files = new Map<string, OpenFile>();
  /** Files of earlier runs, closed when their last segments are durable. */
  readonly #replaced: OpenFile[] = [];
  #nextNumber: number;
  #hasFolder = false;
  /** A write has failed: files may end within a segment. */
  #isTorn = false;

  readonly #numbering: SegmentNumbering;

  constructor(
    store: RecordingStore,
    recordingId: string,
    from: { fileNumber: number; numbering: SegmentNumbering },
  ) {
    this.#store = store;
    this.#recordingId = recordingId;
    this.#nextNumber = from.fileNumber;
    this.#numbering = from.numbering;
  }

  /** Writes segments and makes them durable (fdatasync) before it returns them. Never rejects. */
  async write(segments: readonly CompletedSegment[]): Promise<WrittenSegments> {
    const created = new Set<OpenFile>();
    const written: { file: OpenFile; row: RecordedSegment }[] = [];
    let failure: unknown;
    try {
      for (const segment of segments) {
        const file = await this.#fileFor(segment, created);
        const byteOffset = file.writtenBytes;
        await writeAll(file.handle, segment.parts, byteOffset);
        file.writtenBytes += segment.sizeBytes;
        written.push({ file, row: rowOf(segment, file.row.number, byteOffset) });
      }
    } catch (error) {
      failure = error;
      this.#isTorn = true;
    }
    const durable = new Set<OpenFile>();
    for (const file of new Set(written.map((one) => one.file))) {
      try {
        await file.handle.datasync();
        durable.add(file);
      } catch (error) {
        failure ??= error;
      }
    }
    try {
      if (created.size > 0) await this.#store.syncFolder(this.#recordingId);
    } catch (error) {
      failure ??= error;
      durable.clear();
    }
    const kept = written.filter(({ file }) => durable.has(file));
    for (const { file, row } of kept) file.syncedBytes = row.byteOffset + row.byteLength;
    for (const file of this.#replaced.splice(0)) await this.#closeFile(file);
    return {
      files: [...created].filter((file) => durable.has(file)).map(({ row }) => row),
      segments: kept.map(({ row }) => row),
      ...(failure === undefined ? {} : { failure }),
    };
  }

  /** Closes all files; cuts off a segment that was not written completely. Never rejects. */
  async close(): Promise<void> {
    for (const file of this.#files.values()) await this.#closeFile(file);
    this.#files.clear();
  }

  async #closeFile({ row, handle, writtenBytes, syncedBytes }: OpenFile): Promise<void> {
    if (this.#isTorn || writtenBytes > syncedBytes) await handle.truncate(syncedBytes).catch(() => {});
    await handle.close().catch(() => {});
    if (syncedBytes === 0)
      await this.#store.deleteFile(this.#recordingId, row.rendition, row.run).catch(() => {});
  }

  async #fileFor(segment: CompletedSegment, created: Set<OpenFile>): Promise<OpenFile> {
    const { renditionId, run, init } = segment;
    const known = this.#files.get(renditionId);
    if (known?.row.run === run) return known;
    if (!this.#hasFolder) await this.#store.createFolder(this.#recordingId);
    this.#hasFolder = true;
    const handle = await this.#store.createFile(this.#recordingId, renditionId, run);
    const row = fileRow(segment, this.#nextNumber++, this.#numbering.msnOffset);
    const file = { row, handle, writtenBytes: init.data.length, syncedBytes: 0 };
    this.#files.set(renditionId, file);
    created.add(file);
    // Its last segments may be in the same batch, and are not durable yet.
    if (known) this.#replaced.push(known);
    await writeAll(handle, [init.data], 0);
    return file;
  }
}

function fileRow(
  { renditionId, run, init, frameRate }: CompletedSegment,
  number: number,
  msnOffset: number,
): RecordingFile {
  const isVideo = init.kind === 'video';
  return {
    number,
    rendition: renditionId,
    kind: init.kind,
    run,
    codec: init.codec,
    width: isVideo ? init.width : null,
    height: isVideo ? init.height : null,
    frameRate: frameRate ?? null,
    channels: isVideo ? null : init.channels,
    initBytes: init.data.length,
    msnOffset,
  };
}

function rowOf(segment: CompletedSegment, fileNumber: number, byteOffset: number): RecordedSegment {
  const { msn, durationS, programDateTimeMs, sizeBytes, parts, init } = segment;
  const decodeTimeS = fragmentDecodeTime(parts[0] ?? Buffer.alloc(0)) / init.timescale;
  return {
    fileNumber,
    msn,
    byteOffset,
    byteLength: sizeBytes,
    fragments: parts.length,
    durationS,
    decodeTimeS,
    programDateTimeMs,
  };
}

/** Writes buffers one after another. A disk that is almost full may take a part of them before the error. */
async function writeAll(handle: FileHandle, buffers: readonly Buffer[], position: number): Promise<void> {
  let at = position;
  for (let index = 0; index < buffers.length; index += MAXIMUM_BUFFERS) {
    let left = buffers.slice(index, index + MAXIMUM_BUFFERS);
    while (left.length > 0) {
      const { bytesWritten } = await handle.writev(left, at);
      if (bytesWritten === 0) throw new HeadendError('disk_wrote_nothing', 'The disk took no bytes.');
      at += bytesWritten;
      left = without(left, bytesWritten);
    }
  }
}

/** Returns the buffers without their first `bytes`. */
function without(buffers: readonly Buffer[], bytes: number): Buffer[] {
  let skipped = bytes;
  const left: Buffer[] = [];
  for (const buffer of buffers) {
    if (skipped < buffer.length) left.push(skipped > 0 ? buffer.subarray(skipped) : buffer);
    skipped = Math.max(0, skipped - buffer.length);
  }
  return left;
}
