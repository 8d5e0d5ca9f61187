import { HeadendError } from '../../platform/index.js';
import type { RecordedSegment, RecordingFile } from '../recording.js';
import type { IndexedFile } from '../replay/replay-timeline.js';
import type { Replays } from '../replay/replays.js';
import type { RewindTable } from '../rewind/rewind-table.js';
import { joinParts } from './clip-selection.js';

/** Media from which clips are cut. */
export type ClipSource = {
  files: readonly IndexedFile[];
  /** Reads a segment, or an initialization section. @throws HeadendError `recording_gone` */
  read(file: RecordingFile, segment: RecordedSegment | 'init'): Promise<Buffer>;
};

export type ClipSourcesOptions = {
  rewinds: RewindTable;
  replays: Pick<Replays, 'find' | 'load' | 'open'>;
  storeId: string;
};

/** Time before the wanted start in which segments can begin that reach into it, ms. */
const LONGEST_SEGMENT_MS = 30_000;
/** Time behind the wanted end in which the media go on after a reconnect, ms: that tells them from media that are still to come. */
const LONGEST_GAP_MS = 120_000;
const MAXIMUM_SEGMENT_BYTES = 256 * 2 ** 20;

/** Finds the media of recordings, and those of running broadcasts: their recordings and rewind windows. */
export class ClipSources {
  readonly #options: ClipSourcesOptions;

  constructor(options: ClipSourcesOptions) {
    this.#options = options;
  }

  /** @returns undefined when the recording was deleted or is not ready */
  async ofRecording(recordingId: string): Promise<ClipSource | undefined> {
    const { replays } = this.#options;
    if (!(await replays.find(recordingId))) return undefined;
    const { files } = await replays.load(recordingId);
    return { files, read: (file, segment) => this.#read(recordingId, file, segment) };
  }

  /** @param startMs and `endMs`: dates between which media are wanted, Unix ms */
  async ofBroadcast(broadcastId: string, startMs: number, endMs: number): Promise<ClipSource> {
    const { rewinds, storeId } = this.#options;
    const files = await rewinds.listFiles(broadcastId, storeId);
    const wanted = files.map(({ recordingId, number }) => ({ recordingId, number, fromMsn: 0 }));
    const since = new Date(startMs - LONGEST_SEGMENT_MS);
    const rows = await rewinds.listSegments(wanted, since, new Date(endMs + LONGEST_GAP_MS));
    const origins = new Map<RecordedSegment, string>(rows.map((row) => [row, row.recordingId]));
    const ofFile = new Map<string, Map<number, RecordedSegment>>();
    for (const row of rows) {
      const key = `${row.recordingId}/${row.fileNumber}`;
      ofFile.set(key, (ofFile.get(key) ?? new Map()).set(row.msn, row));
    }
    const indexed = files.map((file) => ({
      file,
      segments: ofFile.get(`${file.recordingId}/${file.number}`) ?? new Map<number, RecordedSegment>(),
    }));
    return {
      files: joinParts(indexed.filter(({ segments }) => segments.size > 0)),
      read: (file, segment) => {
        const { recordingId } = file as (typeof files)[number];
        return this.#read(
          segment === 'init' ? recordingId : (origins.get(segment) ?? recordingId),
          file,
          segment,
        );
      },
    };
  }

  async #read(recordingId: string, file: RecordingFile, segment: RecordedSegment | 'init'): Promise<Buffer> {
    const { rendition, run, kind, initBytes } = file;
    const { byteOffset, byteLength } =
      segment === 'init' ? { byteOffset: 0, byteLength: initBytes } : segment;
    if (byteLength > MAXIMUM_SEGMENT_BYTES)
      throw new HeadendError('recording_damaged', 'A segment of the recording is too large.');
    const stream = await this.#options.replays.open({
      recordingId,
      rendition,
      run,
      kind,
      byteOffset,
      byteLength,
    });
    const bytes = stream && Buffer.concat(await stream.toArray());
    if (bytes?.length !== byteLength) throw new HeadendError('recording_gone', 'The recording was deleted.');
    return bytes;
  }
}
