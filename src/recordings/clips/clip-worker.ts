import { type Clock, isDatabaseAway, type Logger, messageOf, newId } from '../../platform/index.js';
import { whileClaimed } from '../claimed-task.js';
import type { RecordingStore } from '../recording-store.js';
import type { RecordingTable } from '../recording-table.js';
import { Replay } from '../replay/replay.js';
import type { Replays } from '../replay/replays.js';
import type { SegmentTable } from '../segment-table.js';
import type { PictureRenderer } from '../sprites/sprite-renderer.js';
import type { SpriteTable } from '../sprites/sprite-table.js';
import type { WriteSlots } from '../write-slots.js';
import { type ClipEncoder, ClipFailed, type ClipFailure } from './clip.js';
import { copySegments } from './clip-cut.js';
import { type ClipSelection, selectSegments } from './clip-selection.js';
import type { ClipSource, ClipSources } from './clip-source.js';
import type { ClaimedClip, ClipTable } from './clip-table.js';
import { ClaimLost, ClipWriter } from './clip-writer.js';
import { ExactCut } from './exact-cut.js';

export type ClipWorkerOptions = {
  table: ClipTable;
  recordings: Pick<RecordingTable, 'finish'>;
  segments: SegmentTable;
  store: RecordingStore;
  slots: WriteSlots;
  sources: ClipSources;
  replays: Pick<Replays, 'open'>;
  sprites: Pick<SpriteTable, 'setPoster'>;
  /** Missing: clips have no poster. */
  pictures: PictureRenderer | undefined;
  /** Missing: exact clips fail. */
  encode: ClipEncoder | undefined;
  minimumFreeBytes: number;
  /** Called with each clip that is ready. Must not throw. */
  finished(): void;
  clock: Clock;
  log: Logger;
};

/** Interval at which clips of other processes are looked for, ms. */
const TICK_MS = 2_000;
/** Age of a clip up to which it waits for media that are still to come, ms. */
const WAIT_MS = 30_000;
/** Interval at which it looks for them, s. */
const WAIT_INTERVAL_S = 1;
/** Attempts, also those that a crash ended, and the delay between them, s. */
const MAXIMUM_ATTEMPTS = 5;
const RETRY_S = 5;

/** The media of a running broadcast do not reach the wanted end yet. */
class NotStored extends Error {}

/** Cuts clips: one at a time as they are, and one at a time exactly, so that long work delays short work little. */
export class ClipWorker {
  readonly #options: ClipWorkerOptions;
  /** Not that of the recorders. */
  readonly #claimant = newId();
  readonly #lifetime = new AbortController();
  /** Work in progress: of clips cut at keyframes, and of exact ones. */
  readonly #running = new Map<boolean, Promise<void>>();

  constructor(options: ClipWorkerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#options.clock.every(TICK_MS, () => this.runNow(), this.#lifetime.signal);
    this.runNow();
  }

  /** Stops in the middle of a clip, which another process begins anew. Idempotent. */
  async close(): Promise<void> {
    this.#lifetime.abort();
    await Promise.all(this.#running.values());
  }

  /** Looks for clips to cut. */
  runNow(): void {
    for (const exact of [false, true]) {
      if (this.#lifetime.signal.aborted || this.#running.has(exact)) continue;
      this.#running.set(
        exact,
        this.#runAll(exact).finally(() => this.#running.delete(exact)),
      );
    }
  }

  async #runAll(exact: boolean): Promise<void> {
    const { table, store, log } = this.#options;
    try {
      while (!this.#lifetime.signal.aborted) {
        const claimed = await table.claim(store.id, this.#claimant, exact);
        if (!claimed) return;
        await this.#work(claimed);
      }
    } catch (error) {
      log[isDatabaseAway(error) ? 'debug' : 'warn']({ err: error }, `clips wait: ${messageOf(error)}`);
    }
  }

  /** Works on one clip, and stores how that ended. */
  async #work(clip: ClaimedClip): Promise<void> {
    const { table, clock, log } = this.#options;
    const { id } = clip;
    const renew = (): Promise<boolean> => table.renew(id, this.#claimant);
    await whileClaimed({ clock, renew, lifetime: this.#lifetime.signal }, async (signal) => {
      try {
        if (clip.attempts > MAXIMUM_ATTEMPTS) throw new ClipFailed('interrupted');
        await this.#cut(clip, signal);
      } catch (error) {
        if (error instanceof NotStored)
          await table.release(id, this.#claimant, { delayS: WAIT_INTERVAL_S, counts: false });
        else if (signal.aborted || error instanceof ClaimLost)
          await table.release(id, this.#claimant, { delayS: 0, counts: false });
        else {
          const failure = failureOf(error);
          log.warn({ err: error, clipId: id }, `clip not cut: ${failure ?? messageOf(error)}`);
          if (failure) await this.#fail(id, failure);
          else await table.release(id, this.#claimant, { delayS: RETRY_S, counts: !isOutage(error) });
        }
      }
    });
  }

  async #fail(id: string, failure: ClipFailure): Promise<void> {
    // Only of a clip that no other process has claimed meanwhile.
    if (await this.#options.table.fail(id, this.#claimant, failure)) await this.#options.store.delete(id);
  }

  /** Cuts a clip anew, whatever an earlier attempt has left. */
  async #cut(clip: ClaimedClip, signal: AbortSignal): Promise<void> {
    const { table, recordings, segments, store, slots, clock, finished, log } = this.#options;
    const { id, exact } = clip;
    const [startMs, endMs] = [clip.startsAt.getTime(), clip.endsAt.getTime()];
    if (!(await table.reset(id, this.#claimant))) throw new ClaimLost();
    await store.delete(id);
    if (clip.streamId === null) throw new ClipFailed('media-gone');
    if ((await store.freeBytes()) < this.#options.minimumFreeBytes) throw new ClipFailed('disk-full');
    const { source, selection } = await this.#select(clip, startMs, endMs);
    const rows = { table: segments, claimant: this.#claimant };
    const writer = new ClipWriter(id, { store, slots, ...(exact ? {} : { rows }) });
    // An exact clip is cut from a copy, which nothing deletes meanwhile.
    const renditionOf = (kind: string): string => (exact ? `source${kind}` : kind);
    try {
      await copySegments(source, selection, writer, { renditionOf, signal });
    } finally {
      await writer.close();
    }
    const cut = exact ? new ClipWriter(id, { store, slots, rows }) : writer;
    if (exact)
      await this.#cutExactly(new Replay(id, writer.files, writer.segments), cut, { startMs, endMs, signal });
    await store.deleteOthers(id, cut.files);
    await this.#makePoster(id, cut, signal);
    const ended = { endedAt: new Date(clock.now()), reason: 'stopped' as const };
    const recording = await recordings.finish(id, this.#claimant, ended);
    if (!recording) throw new ClaimLost();
    log.info({ clipId: id, durationS: recording.durationS, sizeBytes: recording.sizeBytes }, 'clip cut');
    finished();
  }

  async #select(
    { broadcastId, sourceId, createdAt }: ClaimedClip,
    startMs: number,
    endMs: number,
  ): Promise<{ source: ClipSource; selection: ClipSelection }> {
    const { sources, clock } = this.#options;
    // The recording may have been deleted meanwhile, and the window may still have its media.
    const source =
      (sourceId === null ? undefined : await sources.ofRecording(sourceId)) ??
      (await sources.ofBroadcast(broadcastId, startMs, endMs));
    const selection = selectSegments(source.files, startMs, endMs);
    const ageMs = clock.now() - createdAt.getTime();
    // A clock that was set back must not make it wait for ever.
    const isFresh = ageMs < WAIT_MS && ageMs > -WAIT_MS;
    if (!selection.isCovered && sourceId === null && isFresh) throw new NotStored();
    if (selection.runs.length === 0) throw new ClipFailed('media-gone');
    return { source, selection };
  }

  async #cutExactly(
    replay: Replay,
    writer: ClipWriter,
    range: { startMs: number; endMs: number; signal: AbortSignal },
  ): Promise<void> {
    const { encode } = this.#options;
    const [first] = replay.files;
    if (!encode || !first) throw new ClipFailed('encoder-failed');
    const rendition = (replay.files.find(({ file }) => file.kind === 'video') ?? first).file.rendition;
    const read = async (part: Parameters<Replays['open']>[0]) => {
      const stream = await this.#options.replays.open(part);
      if (!stream) throw new ClaimLost();
      return stream;
    };
    try {
      await new ExactCut({ replay, rendition, read, encode, writer, ...range }).run();
    } finally {
      await writer.close();
    }
  }

  /** Renders the first frame. A clip without one is played as well. */
  async #makePoster(id: string, { files, segments }: ClipWriter, signal: AbortSignal): Promise<void> {
    const { pictures, sprites, replays, log } = this.#options;
    const video = files.find(({ kind }) => kind === 'video');
    const first = video && segments.find(({ fileNumber }) => fileNumber === video.number);
    if (!pictures || !first) return;
    try {
      const { rendition, run, kind } = video;
      // The initialization section and the first segment.
      const byteLength = first.byteOffset + first.byteLength;
      const stream = await replays.open({ recordingId: id, rendition, run, kind, byteOffset: 0, byteLength });
      if (stream) await sprites.setPoster(id, await pictures.poster(await stream.toArray(), signal));
    } catch (error) {
      log.debug({ err: error, clipId: id }, 'the poster of a clip could not be made');
    }
  }
}

/** Returns whether the database failed, which says nothing about the clip. `ENOENT` may also be a file of the clip. */
function isOutage(error: unknown): boolean {
  return isDatabaseAway(error) && (error as { code?: string }).code !== 'ENOENT';
}

/** Returns the reason of an error that another attempt would repeat. */
function failureOf(error: unknown): ClipFailure | undefined {
  if (error instanceof ClipFailed) return error.failure;
  const { code } = error as { code?: string };
  return code === 'recording_gone' || code === 'recording_damaged' ? 'media-gone' : undefined;
}
