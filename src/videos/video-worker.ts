import { type Clock, isDatabaseAway, type Logger, messageOf } from '../platform/index.js';
import type { StoredVideos } from '../recordings/index.js';
import { InputRefused, type TranscodeVideoOptions, transcodeVideo } from '../transcode/index.js';
import { TranscodingPause } from './transcoding-pause.js';
import type { UploadFiles } from './upload-files.js';
import type { Video, VideoFailure } from './video.js';
import { videoIndex } from './video-index.js';
import type { VideoJob, VideoQueue } from './video-queue.js';
import type { VideoTable } from './video-table.js';

export type VideoTranscoding = Pick<
  TranscodeVideoOptions,
  'ffmpeg' | 'ladder' | 'preset' | 'audioBitrateBps' | 'maxPixels' | 'maxDurationS'
>;

export type VideoWorkerOptions = {
  table: VideoTable;
  queue: VideoQueue;
  media: StoredVideos;
  uploads: UploadFiles;
  /** Called when it is needed: the transcoder may not have started before. */
  transcoding: () => VideoTranscoding;
  /** The machine is too slow for its broadcasts: nothing is transcoded meanwhile. */
  isBusy(): boolean;
  /** Why a video may not grow further. */
  checkRoom(video: Video): Promise<VideoFailure | undefined>;
  /** Id of this process in claims. */
  claimant: string;
  clock: Clock;
  log: Logger;
};

type Running = { videoId: string; lifetime: AbortController; failure: VideoFailure | undefined };

/** Interval of all repeated work, and of renewals of the claim, ms: well within the claim. */
const TICK_MS = 2_000;
/** Transcodings of one video that end without a result. */
const MAXIMUM_ATTEMPTS = 3;
/** Interval at which uploads are looked for that are complete and not queued, ms. */
const COMPLETE_CHECK_MS = 60_000;
/** Time without new bytes after which an unfinished upload is deleted, s. */
const UPLOAD_EXPIRY_S = 24 * 3_600;

/** Transcodes waiting videos, one at a time, while broadcasts do not need the machine; deletes what is not needed. */
export class VideoWorker {
  readonly #options: VideoWorkerOptions;
  readonly #lifetime = new AbortController();
  readonly #pause: TranscodingPause;
  #work: Promise<void> | undefined;
  #again = false;
  /** By the monotonic clock. */
  #completeCheckAtMs = Number.NEGATIVE_INFINITY;
  #hasForgottenJobs = false;
  #running: Running | undefined;
  #transcoding: Promise<void> | undefined;

  constructor(options: VideoWorkerOptions) {
    this.#options = options;
    this.#pause = new TranscodingPause(options);
  }

  start(): void {
    this.#options.clock.every(TICK_MS, () => this.runNow(), this.#lifetime.signal);
    void this.#deleteOrphans();
    this.runNow();
  }

  /** Ends the transcoding such that any gateway takes it up again. Resolves when nothing is in progress. */
  async close(): Promise<void> {
    this.#lifetime.abort();
    this.#running?.lifetime.abort();
    await Promise.all([this.#work, this.#transcoding]);
  }

  /** Runs at once, or again after the run in progress. */
  runNow(): void {
    if (this.#lifetime.signal.aborted) return;
    this.#again = true;
    this.#work ??= this.#runAll().finally(() => {
      this.#work = undefined;
    });
  }

  /** Ends the transcoding of a video in this process, if it runs. */
  abort(videoId: string): void {
    if (this.#running?.videoId === videoId) this.#running.lifetime.abort();
  }

  async #runAll(): Promise<void> {
    while (this.#again && !this.#lifetime.signal.aborted) {
      this.#again = false;
      for (const work of [this.#recover, this.#delete, this.#queueComplete, this.#addJobs, this.#takeNext]) {
        try {
          await work.call(this);
        } catch (error) {
          const level = isDatabaseAway(error) ? 'debug' : 'warn';
          this.#options.log[level]({ err: error }, `upkeep of videos failed: ${messageOf(error)}`);
        }
      }
    }
  }

  /** Puts videos of processes that are gone back into the queue. */
  async #recover(): Promise<void> {
    const { table, media, claimant } = this.#options;
    for (const video of await table.claimAbandoned(media.store.id, claimant)) await this.#endAttempt(video);
  }

  async #delete(): Promise<void> {
    const { table, media, uploads, queue, claimant, log } = this.#options;
    await table.expireUploads(media.store.id, UPLOAD_EXPIRY_S);
    for (const { id, jobId } of await table.listDeleting(media.store.id, claimant)) {
      if (this.#running?.videoId === id) continue;
      if (jobId !== null) await queue.cancel(jobId);
      await uploads.delete(id);
      await media.remove(id);
      await table.delete(id);
      log.info({ videoId: id }, 'video deleted');
    }
  }

  /** Queues uploads that are complete, although nobody could say so: the database was away, or the gateway was killed. */
  async #queueComplete(): Promise<void> {
    const { table, media, uploads, clock } = this.#options;
    if (clock.monotonic() < this.#completeCheckAtMs) return;
    for (const { id, uploadBytes } of await table.listUnlockedUploads(media.store.id))
      if ((await uploads.receivedBytes(id)) === uploadBytes) await table.queue(id);
    this.#completeCheckAtMs = clock.monotonic() + COMPLETE_CHECK_MS;
  }

  async #addJobs(): Promise<void> {
    const { table, media, queue } = this.#options;
    // Jobs of an earlier start may be in a queue that is not read any more; one too many is ended when it is taken.
    if (!this.#hasForgottenJobs) await table.forgetJobs(media.store.id);
    this.#hasForgottenJobs = true;
    for (const id of await table.listWithoutJob(media.store.id)) await table.setJob(id, await queue.add(id));
  }

  async #takeNext(): Promise<void> {
    const { table, media, queue, isBusy, claimant } = this.#options;
    if (this.#running || isBusy() || !(await table.hasQueued(media.store.id))) return;
    const job = await queue.take();
    if (!job) return;
    const video = await table.claim(job.videoId, claimant);
    if (!video) {
      await queue.end(job.id);
      this.#again = true;
      return;
    }
    const lifetime = new AbortController();
    if (this.#lifetime.signal.aborted) lifetime.abort();
    this.#running = { videoId: video.id, lifetime, failure: undefined };
    this.#transcoding = this.#transcode(video, job, this.#running)
      .catch((error: unknown) => {
        this.#options.log.warn({ err: error, videoId: video.id }, 'the state of a video could not be stored');
      })
      .finally(() => {
        this.#running = undefined;
        this.runNow();
      });
  }

  async #transcode(video: Video, job: VideoJob, running: Running): Promise<void> {
    const { table, queue, media, uploads, claimant, clock, log, transcoding } = this.#options;
    const { id, userId, title, createdAt } = video;
    const { store } = media;
    const { signal } = running.lifetime;
    let [progress, sizeBytes] = [0, 0];
    const stopRenewing = clock.every(TICK_MS, () => void this.#renew(video, running, progress, sizeBytes));
    log.info({ videoId: id, attempt: video.attempts }, 'transcoding begins');
    try {
      // Of an attempt that was interrupted.
      await store.delete(id);
      await store.createFolder(id);
      const done = await transcodeVideo(uploads.path(id), {
        ...transcoding(),
        createFile: async (rendition) =>
          (await store.createFile(id, rendition, 0)).createWriteStream({ flush: true }),
        onProgress: (share, bytes) => {
          [progress, sizeBytes] = [share, bytes];
        },
        whenAllowed: () => this.#pause.whenOver(signal),
        ...{ signal, clock },
      });
      await store.syncFolder(id);
      const index = videoIndex(done, createdAt);
      const { durationS, sizeBytes: byteLength } = index;
      await media.add({ id, userId, title, startedAt: createdAt }, index);
      await media.makePreviews(id, index, signal, () => this.#pause.whenOver(signal));
      signal.throwIfAborted();
      if (!(await table.finish(id, claimant, index, (sql) => media.finish(sql, id)))) return;
      media.finished();
      log.info({ videoId: id, durationS, byteLength }, 'video ready');
      await uploads.delete(id);
      await queue.end(job.id);
    } catch (error) {
      await this.#failed(video, error, running);
    } finally {
      stopRenewing();
    }
  }

  async #failed(video: Video, error: unknown, running: Running): Promise<void> {
    const { table, queue, claimant, log } = this.#options;
    const { id, jobId } = video;
    if (this.#lifetime.signal.aborted) {
      await table.requeue(id, claimant, false);
      if (jobId !== null) await queue.cancel(jobId);
      return;
    }
    const failure = running.failure ?? failureOf(error);
    log.warn({ err: error, videoId: id, failure }, 'transcoding failed');
    if (failure === undefined) await this.#endAttempt(video);
    else await this.fail(video, failure, claimant);
  }

  /** Ends an attempt without a result; after too many of them the video has failed. */
  async #endAttempt(video: Video): Promise<void> {
    const { table, queue, claimant } = this.#options;
    const { id, attempts, jobId } = video;
    if (attempts >= MAXIMUM_ATTEMPTS) {
      await this.fail(video, 'transcoding_failed', claimant);
      return;
    }
    await table.requeue(id, claimant, true);
    if (jobId !== null) await queue.cancel(jobId);
  }

  /** Stores that a video has failed, and deletes its files. @param claimant as for the table */
  async fail({ id, jobId }: Video, failure: VideoFailure, claimant?: string): Promise<Video | undefined> {
    const { table, queue, media, uploads } = this.#options;
    const failed = await table.fail(id, failure, claimant);
    if (!failed) return undefined;
    this.abort(id);
    if (jobId !== null) await queue.cancel(jobId);
    await uploads.delete(id);
    await media.remove(id);
    return failed;
  }

  async #renew(video: Video, running: Running, progress: number, sizeBytes: number): Promise<void> {
    const { table, claimant, checkRoom, log } = this.#options;
    try {
      if (!(await table.renew(video.id, claimant, progress, sizeBytes))) {
        running.lifetime.abort();
        return;
      }
      running.failure = await checkRoom(video);
      if (running.failure !== undefined) running.lifetime.abort();
    } catch (error) {
      log.debug({ err: error, videoId: video.id }, 'the claim of a video could not be renewed: retrying');
    }
  }

  /** Deletes uploaded files without a video that needs them, which a crash leaves. */
  async #deleteOrphans(): Promise<void> {
    const { table, uploads, log } = this.#options;
    try {
      for (const id of await uploads.list()) {
        const video = await table.find(id);
        if (!video || video.state === 'ready' || video.state === 'failed') await uploads.delete(id);
      }
    } catch (error) {
      log.warn({ err: error }, 'uploads that are not needed could not be deleted');
    }
  }
}

/** @returns undefined when another attempt may succeed */
function failureOf(error: unknown): VideoFailure | undefined {
  if (error instanceof InputRefused) return error.code;
  const { code } = error as { code?: string };
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'disk_low';
  return undefined;
}
