import { isDatabaseAway, messageOf, Sweeper } from '../platform/index.js';
import type { RecordingContext } from './active-recording.js';
import type { Archive } from './archive/archive.js';
import type { Recording, RecordingEnd } from './recording.js';

/** Interval of renewals of claims, and of checks of disk and quota, ms: well within the claim. */
const TICK_MS = 3_000;
/** Time for which players may ask for segments that have left their playlist, ms. */
const REWIND_MARGIN_MS = 60_000;
/** Free disk space below which rewind windows are shortened, in minimums for recordings. */
export const REWIND_FREE_FACTOR = 2;
/** Parts of windows that are deleted at a time to make room. */
const SHORTENED_PARTS = 2;
/** Recordings finished or deleted per statement. */
const BATCH = 20;

export type UpkeepOptions = RecordingContext & {
  /** Recordings that this process writes. */
  active(): Recording[];
  stop(recordingId: string, reason: RecordingEnd): void;
  /** Another process has claimed the recording. */
  lose(recordingId: string): void;
  /** Returns those of the given broadcasts that have not ended, in any gateway. */
  openAmong(broadcastIds: string[]): Promise<string[]>;
  /** Undefined: no object store is configured. */
  archive: Pick<Archive, 'id' | 'isAway' | 'delete'> | undefined;
  /** Called with each recording that is finished. Never rejects. */
  ended(recording: Recording): Promise<void>;
  /** 0: no quota. */
  quotaBytes: number;
  /** Returns those of the given users who have stored more than their quota. */
  overQuota(userIds: string[]): Promise<string[]>;
  minimumFreeBytes: number;
  /** Retention; 0: unlimited. */
  keepDays: number;
  /** Time that viewers can rewind, and after which parts of rewind windows are deleted. */
  rewindMs: number;
};

/** Repeated work on recordings: claims, disk and quota, recordings of processes that are gone, and deletion. */
export class RecordingUpkeep {
  readonly #options: UpkeepOptions;
  readonly #sweeper: Sweeper;
  readonly #lifetime = new AbortController();
  #running: Promise<void> | undefined;
  #again = false;
  /** Id of the last abandoned recording that was looked at: those that stay so do not hide the ones behind them. */
  #abandonedBefore: string | undefined;

  constructor(options: UpkeepOptions) {
    this.#options = options;
    const { table, keepDays, clock, log } = options;
    this.#sweeper = new Sweeper({
      rowsName: 'recordings',
      days: keepDays,
      sweep: async (before, atMost) => {
        const marked = await table.markExpired(before, atMost);
        if (marked > 0) this.runNow();
        return marked;
      },
      clock,
      log,
    });
  }

  start(): void {
    this.#options.clock.every(TICK_MS, () => this.runNow(), this.#lifetime.signal);
    this.#sweeper.start();
    this.runNow();
  }

  /** Resolves when nothing is in progress. Idempotent. */
  async close(): Promise<void> {
    this.#lifetime.abort();
    this.#sweeper.close();
    await this.#running;
  }

  /** Runs at once, or again after the run in progress. */
  runNow(): void {
    if (this.#lifetime.signal.aborted) return;
    this.#again = true;
    this.#running ??= this.#runAll().finally(() => {
      this.#running = undefined;
    });
  }

  async #runAll(): Promise<void> {
    while (this.#again && !this.#lifetime.signal.aborted) {
      this.#again = false;
      for (const work of [
        this.#renew,
        this.#checkRoom,
        this.#finishAbandoned,
        this.#expireRewind,
        this.#delete,
      ]) {
        try {
          await work.call(this);
        } catch (error) {
          const level = isDatabaseAway(error) ? 'debug' : 'warn';
          this.#options.log[level]({ err: error }, `upkeep of recordings failed: ${messageOf(error)}`);
        }
      }
    }
  }

  async #renew(): Promise<void> {
    const { table, claimant, active, stop, lose } = this.#options;
    const before = active();
    if (before.length === 0) return;
    const renewed = new Map((await table.renew(claimant)).map((claim) => [claim.id, claim]));
    const stillActive = new Set(active().map(({ id }) => id));
    for (const { id } of before) {
      const claim = renewed.get(id);
      if (claim?.stopRequested) stop(id, 'stopped');
      else if (!claim && stillActive.has(id)) lose(id);
    }
  }

  async #checkRoom(): Promise<void> {
    const { store, active, stop, quotaBytes, overQuota, minimumFreeBytes } = this.#options;
    const recordings = active();
    if (recordings.length === 0) return;
    const freeBytes = await store.freeBytes();
    if (freeBytes < minimumFreeBytes * REWIND_FREE_FACTOR) await this.#makeRoom(recordings);
    if (freeBytes < minimumFreeBytes) {
      for (const { id } of recordings) stop(id, 'disk-low');
      return;
    }
    const users = [...new Set(recordings.flatMap(({ userId }) => userId ?? []))];
    if (quotaBytes === 0 || users.length === 0) return;
    const over = new Set(await overQuota(users));
    for (const { id, userId } of recordings)
      if (userId !== null && over.has(userId)) stop(id, 'quota-reached');
  }

  /** Shortens rewind windows, the oldest parts first, so that recordings have the disk. */
  async #makeRoom(active: readonly Recording[]): Promise<void> {
    const { table, clock, stop } = this.#options;
    if ((await table.markExpired(new Date(clock.now()), SHORTENED_PARTS, 'rewind')) > 0) return;
    for (const { id, purpose } of active) if (purpose === 'rewind') stop(id, 'disk-low');
  }

  /** Finishes recordings whose process is gone and whose broadcast has ended. */
  async #finishAbandoned(): Promise<void> {
    const { table, store, claimant, openAmong, clock, ended, log } = this.#options;
    const found = await table.listAbandoned(store.id, this.#abandonedBefore, BATCH);
    this.#abandonedBefore = found.length < BATCH ? undefined : found.at(-1)?.id;
    if (found.length === 0) return;
    const open = new Set(await openAmong(found.map(({ broadcastId }) => broadcastId)));
    // An open broadcast is resumed, and its recording with it.
    const orphans = found.filter(({ broadcastId }) => !open.has(broadcastId)).map(({ id }) => id);
    for (const id of orphans.length === 0 ? [] : await table.claimAbandoned(orphans, claimant)) {
      let recording: Recording | undefined;
      try {
        await this.repair(id);
        const end = { endedAt: new Date(clock.now()), reason: 'interrupted' as const };
        recording = await table.finish(id, claimant, end);
      } catch (error) {
        if (isDatabaseAway(error)) throw error;
        log.warn({ err: error, recordingId: id }, 'a recording could not be finished: trying again');
        continue;
      }
      log.info(
        { recordingId: id, durationS: recording?.durationS },
        'recording of a process that is gone finished',
      );
      if (recording?.purpose === 'recording') await ended(recording);
    }
  }

  /** Makes files and rows agree: bytes without a row are cut off, rows without bytes are deleted. */
  async repair(recordingId: string): Promise<void> {
    const { store, segments, log } = this.#options;
    const files = await segments.listFileEnds(recordingId);
    for (const { rendition, run, endBytes } of files) {
      const sizeBytes = await store.truncateFile(recordingId, rendition, run, endBytes);
      if (sizeBytes >= endBytes) continue;
      const lost = await segments.deleteBehind(recordingId, rendition, run, sizeBytes);
      log.warn({ recordingId, rendition, run, lost }, 'the disk has lost segments of a recording');
    }
    await store.deleteOthers(recordingId, files);
  }

  async #expireRewind(): Promise<void> {
    const { table, clock, rewindMs } = this.#options;
    await table.markExpired(new Date(clock.now() - rewindMs - REWIND_MARGIN_MS), BATCH, 'rewind');
  }

  async #delete(): Promise<void> {
    const { table, store, archive, claimant, log } = this.#options;
    const objectStore = archive?.isAway === false ? archive.id : undefined;
    for (const claimed of await table.claimForDeletion(store.id, objectStore, claimant, BATCH)) {
      const { id } = claimed;
      try {
        if (claimed.objectStore !== null && !(await archive?.delete(id))) continue;
        await store.delete(id);
        await table.delete(id);
      } catch (error) {
        // The others are deleted all the same: they may be what fills the disk.
        if (isDatabaseAway(error)) throw error;
        log.warn({ err: error, recordingId: id }, 'a recording could not be deleted: trying again');
        continue;
      }
      log.info({ recordingId: id }, 'recording deleted');
      this.#again = true;
    }
  }
}
