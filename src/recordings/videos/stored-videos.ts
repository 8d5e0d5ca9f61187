import { parseTrackInit } from '../../media/index.js';
import { HeadendError, type Logger, newId, type Queries, type Sql } from '../../platform/index.js';
import type { RecordedSegment, RecordingFile } from '../recording.js';
import type { RecordingStore } from '../recording-store.js';
import type { Replays } from '../replay/replays.js';
import type { SegmentTable } from '../segment-table.js';
import { SpriteMaker } from '../sprites/sprite-maker.js';
import type { SpriteJob, SpriteRenderer } from '../sprites/sprite-renderer.js';
import { type NewStoredVideo, StoredVideoTable } from './stored-video-table.js';

export type StoredVideosOptions = {
  sql: Sql;
  segments: SegmentTable;
  store: RecordingStore;
  replays: Pick<Replays, 'open' | 'forget'>;
  /** Absent: there are no previews. */
  sprites?: Pick<SpriteRenderer, 'render'> | undefined;
  /** Has marked rows deleted. */
  deleteMarked(): void;
  /** Called with each video that is ready. Must not throw. */
  finished(): void;
  log: Logger;
};

/** Index of a video's renditions, whose files are those of one encoder run. */
export type VideoIndex = {
  files: readonly RecordingFile[];
  segments: readonly RecordedSegment[];
  durationS: number;
  sizeBytes: number;
};

/**
 * Media of uploaded videos: recordings with the purpose `video` and the id of the video, so that storage, object store, playback,
 * download and previews are those of recordings.
 */
export class StoredVideos {
  readonly #options: StoredVideosOptions;
  readonly #table: StoredVideoTable;
  readonly #claimant = newId();

  constructor(options: StoredVideosOptions) {
    this.#options = options;
    this.#table = new StoredVideoTable(options.sql);
  }

  /** Folder of the files. */
  get store(): RecordingStore {
    return this.#options.store;
  }

  /** Stores the index of a video whose files are complete. It is ready with `finish`. */
  async add(video: Omit<NewStoredVideo, 'storeId'>, index: VideoIndex): Promise<void> {
    const { segments, store } = this.#options;
    await this.#table.insert({ ...video, storeId: store.id }, this.#claimant);
    if (!(await segments.append(video.id, this.#claimant, { ...index, droppedSegments: 0 })))
      throw new HeadendError('video_claim_lost', 'Another process works on this video.');
  }

  /**
   * Makes poster and previews from the smallest rendition. What cannot be made is left out.
   *
   * @param whenAllowed returns a promise while broadcasts need the machine
   */
  async makePreviews(
    id: string,
    { files, segments }: VideoIndex,
    signal: AbortSignal,
    whenAllowed: () => Promise<void> | undefined,
  ): Promise<void> {
    const { sprites, log } = this.#options;
    const [file] = files
      .filter(({ kind }) => kind === 'video')
      .toSorted((a, b) => (a.height ?? 0) - (b.height ?? 0));
    if (!sprites || !file) return;
    const jobs: SpriteJob[] = [];
    const maker = new SpriteMaker(id, { add: (job) => jobs.push(job) });
    const render = async (): Promise<void> => {
      for (const job of jobs.splice(0)) {
        await whenAllowed();
        await sprites.render(job, signal);
      }
    };
    try {
      const init = parseTrackInit(await this.#read(id, file, 0, file.initBytes));
      for (const { fileNumber, byteOffset, byteLength, programDateTimeMs } of segments) {
        if (fileNumber !== file.number || !maker.isDue(programDateTimeMs)) continue;
        signal.throwIfAborted();
        const parts = [await this.#read(id, file, byteOffset, byteLength)];
        maker.add({ init, run: file.run, renditionId: file.rendition, programDateTimeMs, parts });
        await render();
      }
      maker.flush();
      await render();
    } catch (error) {
      log.debug({ err: error, videoId: id }, 'previews of a video could not be made');
    }
  }

  /** Makes a video ready. @param sql of the transaction that says so of the video @returns false when it is another process's */
  async finish(sql: Queries, id: string): Promise<boolean> {
    return await this.#table.finish(sql, id, this.#claimant);
  }

  /** To be called when the transaction of `finish` has ended. */
  finished(): void {
    this.#options.finished();
  }

  /** Deletes the media of a video, also unfinished ones. */
  async remove(id: string): Promise<void> {
    const { store, replays, deleteMarked } = this.#options;
    replays.forget(id);
    if (await this.#table.markForDeletion(id)) deleteMarked();
    else await store.delete(id);
  }

  async #read(
    recordingId: string,
    { rendition, run, kind }: RecordingFile,
    byteOffset: number,
    byteLength: number,
  ): Promise<Buffer> {
    const part = { recordingId, rendition, run, kind, byteOffset, byteLength };
    const stream = await this.#options.replays.open(part);
    if (!stream) throw new HeadendError('recording_gone', 'The files of the video were deleted.');
    return Buffer.concat(await stream.toArray());
  }
}
