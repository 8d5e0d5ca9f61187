import { type Clock, isUuid, newId, PublicError } from '../../platform/index.js';
import type { Livestream } from '../../streams/index.js';
import { type Recording, recordingNotFound } from '../recording.js';
import type { RecordingStore } from '../recording-store.js';
import type { Replays } from '../replay/replays.js';
import { CLIP_LIMITS, type Clip, type ClipVisibility, clipRangeInvalid } from './clip.js';
import { selectSegments } from './clip-selection.js';
import type { ClipSources } from './clip-source.js';
import type { ClipListing, ClipPage, ClipTable, PublicClipFilter } from './clip-table.js';
import type { ClipWorker } from './clip-worker.js';

export type ClipsOptions = {
  table: ClipTable;
  worker: ClipWorker;
  sources: ClipSources;
  store: Pick<RecordingStore, 'id'>;
  replays: Pick<Replays, 'find' | 'load' | 'forget'>;
  /** Throws a PublicError if nothing must be recorded for this user now. */
  checkRoom(userId: string | null): Promise<void>;
  /** The title of a clip was changed, or it was deleted. */
  changed(clipId: string): void;
  /** Deletes files of recordings that are marked. */
  deleteMarked(): void;
  clock: Clock;
};

export type ClipRequest = {
  title: string;
  visibility: ClipVisibility;
  exact: boolean;
  createdBy: string | null;
};

/** Part of a recording: dates of the media, or seconds from its start. */
export type ClipRange = { start: Date; end: Date } | { startS: number; endS: number };

/** Deviation of clocks of viewers, ms. */
const AHEAD_MS = 5_000;
const ROUNDING_S = 0.002;

/** Makes, finds, changes and deletes clips. */
export class Clips {
  readonly #options: ClipsOptions;

  constructor(options: ClipsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.worker.start();
  }

  async close(): Promise<void> {
    await this.#options.worker.close();
  }

  /**
   * Makes a clip of the newest broadcast of a livestream, also while it runs. A start before the first stored frame means that
   * frame. Resolves before the clip is cut.
   *
   * @throws PublicError 400 `clip_range_invalid`, 409 `stream_offline`, and as `create`
   */
  async createFromBroadcast(
    { id: streamId, userId, visibility: access }: Pick<Livestream, 'id' | 'userId' | 'visibility'>,
    { start, end }: { start: Date; end: Date },
    request: ClipRequest,
  ): Promise<Clip> {
    const { table, store, sources, clock } = this.#options;
    const broadcastId = await table.newestBroadcast(streamId, store.id);
    if (broadcastId === undefined)
      throw new PublicError(
        409,
        'stream_offline',
        'Nothing of this livestream is stored: there is nothing to clip.',
      );
    if (end.getTime() > clock.now() + AHEAD_MS)
      throw clipRangeInvalid('The end of the clip is in the future.');
    if (start.getTime() < 0) throw clipRangeInvalid('The start of the clip is before 1970.');
    checkLength((end.getTime() - start.getTime()) / 1_000);
    const { files } = await sources.ofBroadcast(broadcastId, start.getTime(), end.getTime());
    const { runs, isCovered } = selectSegments(files, start.getTime(), end.getTime());
    const [first] = runs.flatMap((run) =>
      run.files.flatMap(({ segments }) => segments.get(run.msns[0]!) ?? []),
    );
    // Media that are not stored yet begin a clip of the last seconds.
    const firstMs = Math.max(start.getTime(), first?.programDateTimeMs ?? start.getTime());
    if (!first && (isCovered || end.getTime() < clock.now() - 2 * CLIP_LIMITS.minimumS * 1_000))
      throw clipRangeInvalid('The media of this time are not stored, or not any more.');
    checkLength((end.getTime() - firstMs) / 1_000);
    const range = { startsAt: new Date(firstMs), endsAt: end };
    return await this.#create({
      ...request,
      ...range,
      streamId,
      userId,
      access,
      broadcastId,
      sourceId: null,
    });
  }

  /**
   * Makes a clip of a recording that is ready. Resolves before the clip is cut.
   *
   * @throws PublicError 400 `clip_range_invalid`, 404 `recording_not_found`, 409 `recording_not_ready`, and as `create`
   */
  async createFromRecording(recording: Recording, range: ClipRange, request: ClipRequest): Promise<Clip> {
    const { replays } = this.#options;
    const { id: sourceId, broadcastId, userId, visibility: access } = recording;
    const found = await replays.find(sourceId);
    if (!found)
      throw recording.state === 'recording'
        ? new PublicError(
            409,
            'recording_not_ready',
            'This recording is running: make a clip of its livestream.',
          )
        : recordingNotFound();
    const replay = await replays.load(sourceId);
    const isDated = 'start' in range;
    const startS = isDated ? replay.positionOf(range.start.getTime()) : range.startS;
    const endS = isDated ? replay.positionOf(range.end.getTime()) : range.endS;
    if (isDated && range.start >= range.end) throw clipRangeInvalid('A clip ends after its start.');
    if (startS < 0 || endS > replay.durationS + ROUNDING_S)
      throw clipRangeInvalid(`The recording has ${replay.durationS.toFixed(3)} seconds.`);
    checkLength(endS - startS);
    const startsAt = new Date(Math.round(replay.dateOf(startS)));
    const endsAt = new Date(Math.round(replay.dateOf(endS)));
    if (startsAt >= endsAt)
      throw clipRangeInvalid('The dates of this part of the recording do not increase.');
    const { streamId } = found;
    return await this.#create({
      ...request,
      startsAt,
      endsAt,
      streamId,
      userId,
      access,
      broadcastId,
      sourceId,
    });
  }

  async find(clipId: string): Promise<Clip | undefined> {
    return isUuid(clipId) ? await this.#options.table.find(clipId) : undefined;
  }

  /** As `ClipTable.listByStream`. */
  async listByStream(streamId: string, of: ClipListing, page: ClipPage): Promise<Clip[]> {
    return await this.#options.table.listByStream(streamId, of, page);
  }

  /** Returns the clips that a user made, and those of the user's livestreams, newest first. */
  async listByUser(userId: string, page: ClipPage): Promise<Clip[]> {
    return await this.#options.table.listByUser(userId, page);
  }

  /** Returns public clips of public livestreams, newest first. */
  async listPublic(filter: PublicClipFilter, page: ClipPage): Promise<Clip[]> {
    return await this.#options.table.listPublic(filter, page);
  }

  async update(
    clip: Clip,
    changes: { title?: string | undefined; visibility?: ClipVisibility | undefined },
  ): Promise<Clip> {
    await this.#options.table.update(clip.id, changes);
    this.#options.changed(clip.id);
    return (await this.find(clip.id)) ?? clip;
  }

  /** Deletes a clip with its files, also while it is being cut. */
  async remove({ id }: Clip): Promise<void> {
    const { table, replays, changed, deleteMarked } = this.#options;
    await table.markForDeletion(id);
    replays.forget(id);
    changed(id);
    deleteMarked();
  }

  /** Removes a user from the clips that they made. */
  async forgetUser(userId: string): Promise<void> {
    await this.#options.table.forgetUser(userId);
  }

  /** @throws PublicError 409 `recording_quota_reached`, `recording_disk_low`, 429 `too_many_clips` */
  async #create(
    clip: Omit<Parameters<ClipTable['insert']>[0], 'id' | 'createdAt' | 'storeId'>,
  ): Promise<Clip> {
    const { table, worker, store, checkRoom, clock } = this.#options;
    await checkRoom(clip.userId);
    const row = { ...clip, id: newId(), createdAt: new Date(clock.now()), storeId: store.id };
    if (!(await table.insert(row)))
      throw new PublicError(
        429,
        'too_many_clips',
        'Too many clips are being cut: wait until some are ready.',
      );
    worker.runNow();
    const { storeId: _, ...created } = row;
    const isPrivate = clip.visibility === 'private';
    const maker = isPrivate && clip.access !== 'private' ? clip.createdBy : null;
    const access = isPrivate ? 'private' : clip.access;
    return {
      ...{ ...created, access, maker, state: 'processing', failure: null },
      ...{ durationS: 0, sizeBytes: 0 },
    };
  }
}

/** @throws PublicError 400 `clip_range_invalid` */
function checkLength(lengthS: number): void {
  const { minimumS, maximumS } = CLIP_LIMITS;
  if (!(lengthS >= minimumS - ROUNDING_S && lengthS <= maximumS + ROUNDING_S))
    throw clipRangeInvalid(`A clip has ${minimumS} to ${maximumS} seconds; these are ${lengthS.toFixed(3)}.`);
}
