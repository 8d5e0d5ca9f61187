import type { IncomingMessage, ServerResponse } from 'node:http';
import path from 'node:path';
import {
  BoundedCalls,
  type Clock,
  isUuid,
  type Logger,
  newId,
  PublicError,
  type Sql,
  TtlCache,
} from '../platform/index.js';
import type { Recording, Replays, StoredVideos } from '../recordings/index.js';
import type { Visibility } from '../streams/index.js';
import { UploadFiles } from './upload-files.js';
import { UploadLocker } from './upload-locker.js';
import { UploadServer } from './upload-server.js';
import type { Video, VideoChanges, VideoFailure } from './video.js';
import { VideoQueue } from './video-queue.js';
import {
  type AnnouncedUpload,
  type PublicVideoFilter,
  type VideoPage,
  VideoTable,
  type VideoUsage,
} from './video-table.js';
import { type VideoTranscoding, VideoWorker } from './video-worker.js';

export type VideosOptions = {
  sql: Sql;
  /** Folder of the uploads; created if it is missing. */
  folder: string;
  media: StoredVideos;
  replays: Pick<Replays, 'findVideo'>;
  /** Maximum bytes of an upload; 0: uploads are refused. */
  maxUploadBytes: number;
  /** Unfinished uploads of one user. */
  maxUploads: number;
  /** Bytes of all videos and recordings of one user; 0: unlimited. */
  quotaBytes: number;
  /** Free bytes of the disk below which nothing is taken. */
  minimumFreeBytes: number;
  /** Bytes that a user has stored besides videos. */
  furtherUsage(userId: string): Promise<number>;
  transcoding: () => VideoTranscoding;
  /** The machine is too slow for its broadcasts: nothing is transcoded meanwhile. */
  isBusy(): boolean;
  clock: Clock;
  log: Logger;
};

export type NewUpload = { userId: string; title: string; visibility: Visibility; uploadBytes: number };

/** Media of a video that is ready. */
export type PlayableVideo = Pick<Recording, 'id' | 'title' | 'location'>;

type WatchedVideo = Pick<Video, 'id' | 'userId' | 'visibility'>;

/** Lifetime of cached rows, ms; changes made by this process invalidate them. */
const ROW_TTL_MS = 1_000;
const MAXIMUM_CACHED_ROWS = 2_000;

/** Uploaded videos: their upload, transcoding and files. */
export class Videos {
  readonly #options: VideosOptions;
  readonly #table: VideoTable;
  readonly #queue: VideoQueue;
  readonly #worker: VideoWorker;
  readonly #uploads: UploadFiles;
  readonly #uploadServer: UploadServer;
  /** Bounds the time in which the database must answer viewers. */
  readonly #calls: BoundedCalls;
  readonly #rows: TtlCache<Video | undefined>;
  readonly #updateListeners = new Set<(videoId: string) => void>();

  constructor(options: VideosOptions) {
    const { sql, folder, media, clock, log } = options;
    this.#options = options;
    this.#table = new VideoTable(sql);
    this.#calls = new BoundedCalls({ clock });
    this.#rows = new TtlCache({ clock, ttlMs: ROW_TTL_MS, maxEntries: MAXIMUM_CACHED_ROWS });
    this.#queue = new VideoQueue(sql, media.store.id, log);
    const uploads = new UploadFiles(path.join(folder, 'uploads'));
    this.#uploads = uploads;
    const locker = new UploadLocker({ table: this.#table, clock, log });
    this.#uploadServer = new UploadServer(uploads, locker, async (id) => {
      await this.#table.queue(id);
      this.#changed(id);
      this.#worker.runNow();
    });
    this.#worker = new VideoWorker({
      ...{ table: this.#table, queue: this.#queue, media, uploads, claimant: newId(), clock, log },
      transcoding: options.transcoding,
      isBusy: () => options.isBusy(),
      checkRoom: (video) => this.#checkRoom(video),
    });
  }

  start(): void {
    this.#worker.start();
  }

  /** Ends the transcoding such that the next start continues it. */
  async close(): Promise<void> {
    await this.#worker.close();
    await this.#queue.close();
  }

  /**
   * Announces an upload, which `handleUpload` then takes.
   *
   * @returns the id of the video
   * @throws PublicError 400 `upload_empty`, 413 `upload_too_large` or `storage_quota_reached`, 429 `too_many_uploads`,
   * 507 `storage_disk_low`
   */
  async announceUpload(upload: NewUpload): Promise<string> {
    const { maxUploadBytes, maxUploads, quotaBytes, minimumFreeBytes, furtherUsage, media } = this.#options;
    const { uploadBytes, userId } = upload;
    if (uploadBytes < 1) throw new PublicError(400, 'upload_empty', 'The file is empty: choose another one.');
    if (uploadBytes > maxUploadBytes)
      throw new PublicError(
        413,
        'upload_too_large',
        maxUploadBytes === 0
          ? 'This server takes no uploads.'
          : `The file is too large: at most ${maxUploadBytes / 1e9} GB are possible.`,
        { maxBytes: maxUploadBytes },
      );
    const further = quotaBytes === 0 ? 0 : await furtherUsage(userId);
    const id = newId();
    const row = { ...upload, id, storeId: media.store.id };
    await this.#table.insert(row, async ({ sizeBytes, uploading }, announced) => {
      if (uploading >= maxUploads)
        throw new PublicError(
          429,
          'too_many_uploads',
          `You have ${uploading} unfinished uploads: finish or delete them first.`,
        );
      if (quotaBytes > 0 && sizeBytes + further + uploadBytes > quotaBytes)
        throw new PublicError(
          413,
          'storage_quota_reached',
          'The file does not fit into your storage: delete recordings or videos.',
        );
      // Room that other uploads will fill is not free.
      const freeBytes = (await media.store.freeBytes()) - (await this.#awaitedBytes(announced));
      if (freeBytes < minimumFreeBytes + uploadBytes)
        throw new PublicError(
          507,
          'storage_disk_low',
          'The disk of the server has no room for this file: upload a smaller one, or try again later.',
        );
    });
    return id;
  }

  /** Answers a tus request for an upload that was announced and not finished, or creates it. */
  async handleUpload(request: IncomingMessage, response: ServerResponse, videoId: string): Promise<void> {
    await this.#uploadServer.handle(request, response, videoId);
    if (request.method === 'PATCH') await this.#table.received(videoId);
    const isRefused = request.method === 'POST' && response.statusCode !== 201;
    if (isRefused || (request.method === 'DELETE' && response.statusCode === 204))
      await this.#table.markForDeletion(videoId);
  }

  /** @returns undefined for one that is unknown or being deleted */
  async find(videoId: string): Promise<Video | undefined> {
    if (!isUuid(videoId)) return undefined;
    const video = await this.#rows.get(videoId.toLowerCase(), () =>
      this.#calls.run(() => this.#table.find(videoId)),
    );
    return video?.state === 'deleting' ? undefined : video;
  }

  /** Returns a user's videos, newest first: all, or the public ones that are ready. */
  async listByUser(userId: string, page: VideoPage, which: 'all' | 'public'): Promise<Video[]> {
    return await this.#table.listByUser(userId, page, which);
  }

  /** Returns videos that are ready and public, newest first. */
  async listPublic(filter: PublicVideoFilter): Promise<Video[]> {
    return await this.#table.listPublic(filter);
  }

  /** Returns how many videos a user has, and the storage of those that are not ready. */
  async usage(userId: string): Promise<VideoUsage> {
    return await this.#table.usage(userId);
  }

  /** @returns the video as it is now; undefined when it is unknown */
  async edit(videoId: string, changes: VideoChanges): Promise<Video | undefined> {
    const video = await this.#table.update(videoId, changes);
    this.#changed(videoId);
    return video;
  }

  /** Ends the upload or transcoding of a video. @returns false when neither runs */
  async cancel(video: Video): Promise<boolean> {
    const failed = await this.#worker.fail(video, 'cancelled');
    this.#changed(video.id);
    return failed !== undefined;
  }

  /** Deletes a video with its files, whatever its state. */
  async remove(videoId: string): Promise<void> {
    await this.#table.markForDeletion(videoId);
    this.#changed(videoId);
    this.#worker.abort(videoId);
    this.#worker.runNow();
  }

  /** Deletes all videos of a user. */
  async forgetUser(userId: string): Promise<void> {
    await this.#table.markAllForDeletion(userId);
    this.#worker.runNow();
  }

  /** Returns the media of a video that is ready. @throws as `Replays.find` */
  async findPlayable(videoId: string): Promise<PlayableVideo | undefined> {
    const video = await this.find(videoId);
    const media = video?.state === 'ready' ? await this.#options.replays.findVideo(video.id) : undefined;
    return video && media && { id: video.id, title: video.title, location: media.location };
  }

  /** Returns what decides on who may watch a video: nobody is invited to a private one. */
  async findWatched(videoId: string): Promise<WatchedVideo | undefined> {
    const video = await this.find(videoId);
    return video && { id: video.id, userId: video.userId, visibility: video.visibility };
  }

  /** @returns an unsubscribe function */
  onUpdate(listener: (videoId: string) => void): () => void {
    this.#updateListeners.add(listener);
    return () => this.#updateListeners.delete(listener);
  }

  /** Returns the bytes of uploads that have not arrived. */
  async #awaitedBytes(announced: readonly AnnouncedUpload[]): Promise<number> {
    let awaited = 0;
    for (const { id, uploadBytes } of announced)
      awaited += Math.max(0, uploadBytes - (await this.#uploads.receivedBytes(id)));
    return awaited;
  }

  #changed(videoId: string): void {
    this.#rows.forget(videoId);
    for (const listener of this.#updateListeners) listener(videoId);
  }

  async #checkRoom({ userId, uploadBytes }: Video): Promise<VideoFailure | undefined> {
    const { quotaBytes, minimumFreeBytes, furtherUsage, media } = this.#options;
    if ((await media.store.freeBytes()) < minimumFreeBytes) return 'disk_low';
    if (quotaBytes === 0) return undefined;
    // The upload is deleted when the renditions are ready.
    const stored = (await this.usage(userId)).sizeBytes + (await furtherUsage(userId)) - uploadBytes;
    return stored > quotaBytes ? 'quota_reached' : undefined;
  }
}
