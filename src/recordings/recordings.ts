import type { Packager } from '../packager/index.js';
import {
  type Clock,
  EventLoopLoad,
  isUuid,
  type Logger,
  newId,
  PublicError,
  type Sql,
} from '../platform/index.js';
import type {
  Broadcast,
  BroadcastSubscriber,
  Livestreams,
  StreamRegistry,
  Visibility,
} from '../streams/index.js';
import type { RecordingContext } from './active-recording.js';
import { Archive } from './archive/archive.js';
import type { ObjectStoreOptions } from './archive/object-store.js';
import { BroadcastRecorder, broadcastOver } from './broadcast-recorder.js';
import type { ClipEncoder } from './clips/clip.js';
import type { Clips } from './clips/clips.js';
import { openClips } from './clips/open-clips.js';
import {
  type RecordedRenditions,
  type Recording,
  type RecordingChanges,
  recordingNotFound,
  recordingPath,
  type WatchedRecording,
} from './recording.js';
import { RecordingStore } from './recording-store.js';
import {
  type PublicRecordingFilter,
  type RecordingFilter,
  RecordingTable,
  type StorageUsage,
} from './recording-table.js';
import { REWIND_FREE_FACTOR, RecordingUpkeep } from './recording-upkeep.js';
import { Replays } from './replay/replays.js';
import { RewindTable } from './rewind/rewind-table.js';
import { Rewinds } from './rewind/rewinds.js';
import { SegmentTable } from './segment-table.js';
import { Previews } from './sprites/previews.js';
import { type PictureRenderer, SpriteRenderer } from './sprites/sprite-renderer.js';
import { SpriteTable } from './sprites/sprite-table.js';
import { StoredVideos } from './videos/stored-videos.js';
import { WriteSlots } from './write-slots.js';

/** Recordings that write at the same time: one file operation occupies one of Node's four threads. */
const WRITE_SLOTS = 2;

export type RecordingsOptions = {
  sql: Sql;
  /** Folder of the files; created if it is missing. */
  folder: string;
  livestreams: Pick<Livestreams, 'find' | 'onUpdate' | 'setRecordingPath'>;
  streams: Pick<StreamRegistry, 'openAmong' | 'status'>;
  /** Renders previews; missing: there are none. */
  pictures?: PictureRenderer;
  /** Encodes exact clips; missing: they fail. */
  encodeClip?: ClipEncoder;
  packager: Pick<Packager, 'onSegment'>;
  /** Store that finished recordings are moved to; undefined: they stay in the folder. */
  objectStore?: ObjectStoreOptions | undefined;
  /** Called with each recording that can be played from now on. Must not throw. */
  onReady(recording: Recording & { streamId: string }): void;
  rewind: {
    /** Time that viewers of a running broadcast can rewind; 0: they cannot. */
    windowMs: number;
  };
  /** Renditions of recordings that start by themselves. */
  renditions: RecordedRenditions;
  /** Record what viewers see while the publisher is away. */
  recordsSlates: boolean;
  /** Bytes of all recordings and videos of one user; 0: unlimited. */
  quotaBytes: number;
  /** Bytes that a user has stored besides recordings. Default: none. */
  furtherUsage?(userId: string): Promise<number>;
  /** Free bytes of the disk below which nothing is recorded. */
  minimumFreeBytes: number;
  /** Retention, days; 0: unlimited. */
  keepDays: number;
  clock: Clock;
  log: Logger;
};

export type StartRecordingOptions = {
  /** Default: that of the gateway. */
  renditions?: RecordedRenditions | undefined;
};

/** Called when a recording is ready, edited or deleted. Must not throw. */
export type RecordingListener = (recordingId: string) => void;

/** Records broadcasts from the segments of the packager, and finds, stops and deletes recordings. */
export class Recordings implements BroadcastSubscriber {
  readonly name = 'recordings';
  /** Recordings that have ended, for players. */
  readonly replays: Replays;
  /** Windows of running broadcasts in which viewers can rewind. */
  readonly rewinds: Rewinds;
  /** Sheets of tiles and posters. */
  readonly previews: Previews;
  readonly clips: Clips;
  /** Media of uploaded videos. */
  readonly videos: StoredVideos;
  readonly #rewindTable: RewindTable;
  readonly #options: RecordingsOptions;
  readonly #context: RecordingContext;
  readonly #sprites: SpriteRenderer | undefined;
  readonly #upkeep: RecordingUpkeep;
  readonly #archive: Archive | undefined;
  /** By broadcast id. */
  readonly #recorders = new Map<string, { streamId: string; recorder: BroadcastRecorder }>();
  readonly #lifetime = new AbortController();
  readonly #updateListeners = new Set<RecordingListener>();
  readonly #stopListening: () => void;

  private constructor(options: RecordingsOptions, store: RecordingStore) {
    this.#options = options;
    const { sql, livestreams, streams, packager, clock, log } = options;
    const sprites = new SpriteTable(sql);
    const load = new EventLoopLoad(clock, this.#lifetime.signal);
    this.#sprites =
      options.pictures &&
      new SpriteRenderer({
        pictures: options.pictures,
        table: sprites,
        isShort: () => load.isFull || this.isShedding,
        log,
        signal: this.#lifetime.signal,
      });
    this.#context = {
      sprites: this.#sprites,
      table: new RecordingTable(sql),
      segments: new SegmentTable(sql),
      store,
      slots: new WriteSlots(WRITE_SLOTS),
      claimant: newId(),
      clock,
      log,
      signal: this.#lifetime.signal,
    };
    const { objectStore } = options;
    this.#archive =
      objectStore &&
      new Archive({
        ...{ objectStore, sql, store, clock, log },
        uploaded: (id) => this.replays.changed(id),
      });
    this.replays = new Replays({ ...this.#context, archive: this.#archive });
    this.previews = new Previews(sprites, clock);
    this.#rewindTable = new RewindTable(sql);
    this.rewinds = new Rewinds({
      ...{ table: this.#rewindTable, storeId: store.id, windowMs: options.rewind.windowMs, clock },
      openAmong: (ids) => streams.openAmong(ids),
    });
    const deleteMarked = (): void => this.#upkeep.runNow();
    const finished = (): void => this.#archive?.runNow();
    this.clips = openClips({
      ...{ ...this.#context, sql, sprites, replays: this.replays, rewinds: this.#rewindTable },
      ...{
        pictures: options.pictures,
        encode: options.encodeClip,
        minimumFreeBytes: options.minimumFreeBytes,
      },
      checkRoom: (userId) => this.#checkRoom(userId),
      changed: (id) => this.#changed(id),
      ...{ deleteMarked, finished },
    });
    const { replays } = this;
    this.videos = new StoredVideos({ ...this.#context, sql, replays, deleteMarked, finished });
    this.#upkeep = new RecordingUpkeep({
      ...this.#context,
      ...options,
      rewindMs: options.rewind.windowMs,
      active: () => [...this.#recorders.values()].flatMap(({ recorder }) => recorder.active),
      stop: (id, reason) => void this.#recorderOf(id)?.stop(id, reason),
      lose: (id) => this.#recorderOf(id)?.lose(id),
      archive: this.#archive,
      openAmong: (ids) => streams.openAmong(ids),
      overQuota: (userIds) => this.#overQuota(userIds),
      ended: (recording) => this.#ended(recording),
    });
    packager.onSegment(({ broadcastId }, segment) =>
      this.#recorders.get(broadcastId)?.recorder.segment(segment),
    );
    this.#stopListening = livestreams.onUpdate((streamId, accessChanged) => {
      for (const each of this.#recorders.values())
        if (each.streamId === streamId) each.recorder.livestreamUpdated();
      // A livestream may have been deleted.
      if (!accessChanged) return;
      this.#upkeep.runNow();
      this.#showNewest(streamId).catch((error: unknown) =>
        log.warn({ err: error, streamId }, 'the recording of a livestream could not be chosen'),
      );
    });
  }

  /** @throws HeadendError `recordings_dir_unusable` */
  static async open(options: RecordingsOptions): Promise<Recordings> {
    return new Recordings(options, await RecordingStore.open(options.folder));
  }

  /** Finishes recordings of an earlier process whose broadcast is not resumed; to be called after that of the registry. */
  start(): void {
    this.#upkeep.start();
    this.#archive?.start();
    this.clips.start();
  }

  /** To be called after the broadcasts are closed. Idempotent. */
  async close(): Promise<void> {
    this.#stopListening();
    this.#lifetime.abort();
    const parts = [this.clips, this.#upkeep, this.#archive, this.#sprites];
    await Promise.all(parts.map((part) => part?.close()));
  }

  subscribe(broadcast: Broadcast): BroadcastRecorder {
    const { livestreams, renditions, recordsSlates, rewind, minimumFreeBytes } = this.#options;
    const recorder = new BroadcastRecorder(broadcast, {
      ...this.#context,
      findLivestream: (streamId) => livestreams.find(streamId),
      defaultRenditions: renditions,
      recordsSlates,
      checkRoom: (userId) => this.#checkRoom(userId),
      rewind: { ...rewind, minimumFreeBytes: minimumFreeBytes * REWIND_FREE_FACTOR },
      lastNumber: (broadcastId) => this.#rewindTable.lastNumber(broadcastId),
      ended: (recording) => this.#ended(recording),
      closed: () => this.#recorders.delete(broadcast.id),
    });
    this.#recorders.set(broadcast.id, { streamId: broadcast.streamId, recorder });
    return recorder;
  }

  /**
   * Starts a recording of the running broadcast with its next segment. The livestream is over while it has no broadcast
   * in this process.
   *
   * @throws PublicError 409 `stream_offline`, `recording_under_way` or `recording_quota_reached`, 503 `recording_disk_low`
   */
  async startRecording(streamId: string, options: StartRecordingOptions = {}): Promise<Recording> {
    for (const each of this.#recorders.values())
      if (each.streamId === streamId.toLowerCase())
        return await each.recorder.start(options.renditions ?? this.#options.renditions);
    throw broadcastOver();
  }

  /**
   * Ends a recording. Idempotent: one that has ended stays as it is.
   *
   * @returns the recording; its state is still `recording` if another gateway writes it, which is told to stop
   * @throws PublicError 404 `recording_not_found`
   */
  async stopRecording(recordingId: string): Promise<Recording> {
    const { table } = this.#context;
    const requested = isUuid(recordingId) ? await table.requestStop(recordingId) : undefined;
    if (!requested) throw recordingNotFound();
    const { id } = requested;
    const recorder = this.#recorderOf(id);
    if (!recorder) return requested;
    await recorder.stop(id, 'stopped');
    return (await table.find(id)) ?? requested;
  }

  async find(recordingId: string): Promise<Recording | undefined> {
    return isUuid(recordingId) ? await this.#context.table.find(recordingId) : undefined;
  }

  /** Returns what decides on who may watch a recording, or a part of a rewind window. */
  async findWatched(recordingId: string): Promise<WatchedRecording | undefined> {
    return isUuid(recordingId) ? await this.#context.table.findWatched(recordingId) : undefined;
  }

  /** Returns the id of the newest recording of a livestream that those who may watch the livestream may watch. */
  async findShown(streamId: string): Promise<string | undefined> {
    return isUuid(streamId) ? await this.#context.table.findShown(streamId) : undefined;
  }

  /** @returns an unsubscribe function */
  onUpdate(listener: RecordingListener): () => void {
    this.#updateListeners.add(listener);
    return () => this.#updateListeners.delete(listener);
  }

  /** @returns the recording as it is now; undefined if it is unknown or being deleted */
  async edit(recordingId: string, changes: RecordingChanges): Promise<Recording | undefined> {
    const recording = await this.#context.table.update(recordingId, changes);
    if (!recording) return undefined;
    this.#changed(recording.id);
    if (changes.visibility !== undefined) {
      this.rewinds.forget(recording.broadcastId);
      if (recording.streamId !== null) await this.#showNewest(recording.streamId);
    }
    return recording;
  }

  /** Returns the recordings of a livestream that have one of the given visibilities, newest first. */
  async listByStream(
    streamId: string,
    page: { limit: number; offset: number },
    visibilities?: readonly Visibility[],
  ): Promise<Recording[]> {
    return await this.#context.table.listByStream(streamId, page, visibilities);
  }

  /** Returns recordings that are ready and public, newest first. */
  async listPublic(filter: PublicRecordingFilter): Promise<Recording[]> {
    return await this.#context.table.listPublic(filter);
  }

  /** Returns the recordings of a user over all livestreams, newest first. */
  async listByUser(userId: string, filter: RecordingFilter): Promise<Recording[]> {
    return await this.#context.table.listByUser(userId, filter);
  }

  /** Returns the storage that a user's recordings and clips take, and how much they may; 0: unlimited. */
  async usage(userId: string): Promise<StorageUsage & { quotaBytes: number }> {
    return { ...(await this.#context.table.usage(userId)), quotaBytes: this.#options.quotaBytes };
  }

  /** Deletes a recording with its files, unless it runs. @returns false if it runs */
  async remove(recording: Recording): Promise<boolean> {
    const { table } = this.#context;
    if (!(await table.markForDeletion(recording.id))) return false;
    this.replays.forget(recording.id);
    this.#changed(recording.id);
    if (recording.streamId !== null) await this.#showNewest(recording.streamId);
    this.#upkeep.runNow();
    return true;
  }

  /** Stores the URL of the recording that the livestream shows. */
  async #showNewest(streamId: string): Promise<void> {
    const id = await this.findShown(streamId);
    await this.#options.livestreams.setRecordingPath(streamId, id === undefined ? null : recordingPath(id));
  }

  #changed(recordingId: string): void {
    this.replays.changed(recordingId);
    for (const listener of this.#updateListeners) listener(recordingId);
  }

  /** A broadcast has lost renditions because the machine is too slow. */
  get isShedding(): boolean {
    for (const { streamId } of this.#recorders.values())
      if (this.#options.streams.status(streamId).notices.some(({ topic }) => topic === 'shed')) return true;
    return false;
  }

  #recorderOf(recordingId: string): BroadcastRecorder | undefined {
    for (const { recorder } of this.#recorders.values())
      if (recorder.active.some(({ id }) => id === recordingId)) return recorder;
    return undefined;
  }

  async #checkRoom(userId: string | null): Promise<void> {
    const { quotaBytes, minimumFreeBytes } = this.#options;
    const { store } = this.#context;
    if ((await store.freeBytes()) < minimumFreeBytes)
      throw new PublicError(409, 'recording_disk_low', 'The disk of the server is almost full.');
    if (quotaBytes === 0 || userId === null) return;
    if ((await this.#overQuota([userId])).length > 0)
      throw new PublicError(
        409,
        'recording_quota_reached',
        'The storage quota for recordings is used up: delete recordings.',
      );
  }

  /** Returns those of the given users who have stored more than their quota. */
  async #overQuota(userIds: string[]): Promise<string[]> {
    const { quotaBytes, furtherUsage = async () => 0 } = this.#options;
    const over: string[] = [];
    for (const userId of userIds) {
      const { sizeBytes } = await this.#context.table.usage(userId);
      if (sizeBytes + (await furtherUsage(userId)) >= quotaBytes) over.push(userId);
    }
    return over;
  }

  /** Stores the URL of a recording in its livestream. Never rejects. */
  async #ended(recording: Recording): Promise<void> {
    const { onReady, log } = this.#options;
    const { id, streamId, state } = recording;
    if (state !== 'ready' || streamId === null) return;
    this.#archive?.runNow();
    this.#changed(id);
    try {
      await this.#showNewest(streamId);
      onReady({ ...recording, streamId });
    } catch (error) {
      log.error({ err: error, recordingId: id }, 'recording URL could not be stored');
    }
  }
}
