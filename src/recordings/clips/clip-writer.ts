import type { CompletedSegment } from '../../packager/index.js';
import { HeadendError } from '../../platform/index.js';
import type { RecordedSegment, RecordingFile } from '../recording.js';
import type { RecordingStore } from '../recording-store.js';
import { RecordingWriter } from '../recording-writer.js';
import { SegmentNumbering } from '../segment-numbering.js';
import type { SegmentTable } from '../segment-table.js';
import type { WriteSlots } from '../write-slots.js';
import { ClipFailed } from './clip.js';

export type ClipWriterOptions = {
  store: RecordingStore;
  slots: WriteSlots;
  /** Missing: rows are kept in memory only, for files that are cut once more. */
  rows?: { table: SegmentTable; claimant: string };
};

/** The claim is lost, or the clip is being deleted. */
export class ClaimLost extends Error {}

/** Writes the files of a clip, and stores the rows of what is durable. */
export class ClipWriter {
  readonly files: RecordingFile[] = [];
  readonly segments: RecordedSegment[] = [];
  readonly #options: ClipWriterOptions;
  readonly #clipId: string;
  readonly #writer: RecordingWriter;
  #durationS = 0;
  #sizeBytes = 0;

  constructor(clipId: string, options: ClipWriterOptions) {
    this.#clipId = clipId;
    this.#options = options;
    const from = { fileNumber: 0, numbering: new SegmentNumbering() };
    this.#writer = new RecordingWriter(options.store, clipId, from);
  }

  /**
   * Writes the segments of all renditions with one number.
   *
   * @throws ClipFailed `disk-full`, ClaimLost, or the error of the disk
   */
  async write(segments: readonly CompletedSegment[]): Promise<void> {
    const { slots, rows } = this.#options;
    const written = await slots.run(() => this.#writer.write(segments));
    if (written.failure !== undefined) {
      const { code } = written.failure as { code?: string };
      if (code === 'ENOSPC' || code === 'EDQUOT')
        throw new ClipFailed('disk-full', { cause: written.failure });
      throw written.failure;
    }
    this.files.push(...written.files);
    this.segments.push(...written.segments);
    for (const { initBytes } of written.files) this.#sizeBytes += initBytes;
    for (const { byteLength } of written.segments) this.#sizeBytes += byteLength;
    this.#durationS += Math.max(0, ...segments.map(({ durationS }) => durationS));
    if (!rows) return;
    const batch = { ...written, durationS: this.#durationS, sizeBytes: this.#sizeBytes, droppedSegments: 0 };
    if (!(await rows.table.append(this.#clipId, rows.claimant, batch))) throw new ClaimLost();
  }

  /** Closes the files. Never rejects. */
  async close(): Promise<void> {
    await this.#writer.close();
  }
}

const BOX_HEADER_SIZE = 8;

/** Divides a segment into its movie fragments. @throws HeadendError `recording_damaged` */
export function fragmentsOf(segment: Buffer): Buffer[] {
  const starts: number[] = [];
  let at = 0;
  while (at + BOX_HEADER_SIZE <= segment.length) {
    if (segment.toString('latin1', at + 4, at + 8) === 'moof') starts.push(at);
    const sizeBytes = segment.readUInt32BE(at);
    if (sizeBytes < BOX_HEADER_SIZE) break;
    at += sizeBytes;
  }
  if (at !== segment.length || starts[0] !== 0)
    throw new HeadendError('recording_damaged', 'A file of the recording is not what was recorded.');
  return starts.map((start, index) => segment.subarray(start, starts[index + 1]));
}
