import type { CompletedSegment } from '../packager/index.js';
import { type Clock, type Logger, messageOf, sleep } from '../platform/index.js';
import type { Recording, RecordingEnd } from './recording.js';
import type { RecordingStore } from './recording-store.js';
import type { RecordingTable } from './recording-table.js';
import { RecordingWriter } from './recording-writer.js';
import { RunningDuration } from './running-duration.js';
import type { SegmentNumbering } from './segment-numbering.js';
import type { SegmentBatch, SegmentTable } from './segment-table.js';
import { SpriteMaker } from './sprites/sprite-maker.js';
import type { SpriteRenderer } from './sprites/sprite-renderer.js';
import type { WriteSlots } from './write-slots.js';

/** Segments that wait for the disk: beyond, the recording gets a gap. The broadcast never waits. */
const MAXIMUM_QUEUED_BYTES = 64 * 2 ** 20;
/** Of rewind windows, which every broadcast has. */
const MAXIMUM_QUEUED_REWIND_BYTES = 16 * 2 ** 20;
const MAXIMUM_QUEUED_SEGMENTS = 512;
/** Rows that wait for the database, about an hour of six renditions: beyond, the recording ends. */
const MAXIMUM_UNSTORED = 12_000;
/** Wait for the same segment of the other renditions, so that one statement stores all of them. */
const COLLECT_MS = 200;
const RETRY_MS = 500;
const RETRY_MAXIMUM_MS = 5_000;

export type RecordingContext = {
  table: RecordingTable;
  segments: SegmentTable;
  store: RecordingStore;
  slots: WriteSlots;
  /** Id of this process as a claimant. */
  claimant: string;
  /** Makes previews; missing: there are none. */
  sprites?: SpriteRenderer | undefined;
  clock: Clock;
  log: Logger;
  /** Aborts when the gateway closes: nothing is retried then. */
  signal: AbortSignal;
};

export type ActiveRecordingEvents = {
  /** The recording cannot go on: its end has begun. */
  failed(reason: RecordingEnd): void;
  /** Segments are missing because the disk is too slow. */
  dropped(): void;
};

/** A recording that this process writes: a bounded queue, the files, and the rows of what is durable. */
export class ActiveRecording {
  readonly recording: Recording;
  readonly #context: RecordingContext;
  readonly #events: ActiveRecordingEvents;
  readonly #writer: RecordingWriter;
  readonly #log: Logger;
  readonly #duration: RunningDuration;
  readonly #sprites: SpriteMaker | undefined;
  #queue: CompletedSegment[] = [];
  #queuedBytes = 0;
  #unstored: { files: SegmentBatch['files'][number][]; segments: SegmentBatch['segments'][number][] } = {
    files: [],
    segments: [],
  };
  #sizeBytes: number;
  #droppedSegments: number;
  /** Media sequence numbers that are recorded. */
  readonly #firstMsn: number;
  #lastMsn = Number.POSITIVE_INFINITY;
  #writing: Promise<void> | undefined;
  readonly #closing = new AbortController();
  #closed: Promise<Recording | undefined> | undefined;
  #isLost = false;

  /** @param from first media sequence number and file number, after those of an earlier process */
  constructor(
    recording: Recording,
    from: { msn: number; fileNumber: number; numbering: SegmentNumbering },
    context: RecordingContext,
    events: ActiveRecordingEvents,
  ) {
    this.recording = recording;
    this.#context = context;
    this.#events = events;
    this.#firstMsn = from.msn;
    this.#writer = new RecordingWriter(context.store, recording.id, from);
    this.#log = context.log.child({ streamId: recording.streamId, recordingId: recording.id });
    this.#duration = new RunningDuration(recording.durationS);
    if (context.sprites) this.#sprites = new SpriteMaker(recording.id, context.sprites);
    this.#sizeBytes = recording.sizeBytes;
    this.#droppedSegments = recording.droppedSegments;
  }

  /** Whether a segment belongs to this recording. */
  accepts({ msn }: CompletedSegment): boolean {
    return !this.#isLost && msn >= this.#firstMsn && msn <= this.#lastMsn;
  }

  /** Adds a segment, without waiting. */
  add(segment: CompletedSegment): void {
    if (!this.accepts(segment)) return;
    if (
      this.#queuedBytes + segment.sizeBytes > this.#maximumQueuedBytes ||
      this.#queue.length >= MAXIMUM_QUEUED_SEGMENTS
    ) {
      if (this.#droppedSegments++ === this.recording.droppedSegments)
        this.#log.warn('the disk is too slow: the recording gets gaps');
      this.#events.dropped();
      return;
    }
    this.#sprites?.add(segment);
    this.#queue.push(segment);
    this.#queuedBytes += segment.sizeBytes;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  /**
   * Ends the recording after what was added.
   *
   * @param reason `shutdown`: the recording stays open for the next process that runs the broadcast
   * @param lastMsn last media sequence number to be recorded; its segments may still be added for a moment
   * @returns the ended recording; undefined if this process did not end it. Never rejects
   */
  close(reason: RecordingEnd | 'shutdown', lastMsn?: number): Promise<Recording | undefined> {
    this.#closed ??= this.#close(reason, lastMsn);
    return this.#closed;
  }

  /** Gives the recording up without a change of its row: another process has claimed it. */
  lose(): void {
    this.#isLost = true;
    this.#queue = [];
    this.#closing.abort();
    void this.close('interrupted');
  }

  get #maximumQueuedBytes(): number {
    return this.recording.purpose === 'rewind' ? MAXIMUM_QUEUED_REWIND_BYTES : MAXIMUM_QUEUED_BYTES;
  }

  async #close(
    reason: RecordingEnd | 'shutdown',
    lastMsn: number | undefined,
  ): Promise<Recording | undefined> {
    const { clock, table, claimant, signal } = this.#context;
    if (lastMsn !== undefined) {
      this.#lastMsn = lastMsn;
      // The other renditions complete the last segment within a frame or two.
      await sleep(clock, 2 * COLLECT_MS, signal);
    }
    this.#lastMsn = -1;
    this.#sprites?.flush();
    this.#closing.abort();
    await this.#writing;
    await this.#writer.close();
    if (this.#isLost) return undefined;
    const { id } = this.recording;
    return await this.#retry(async () => {
      if (reason === 'shutdown') await table.release(id, claimant);
      else {
        const endedAt = new Date(clock.now());
        const ended = await table.finish(id, claimant, { endedAt, reason });
        if (ended)
          this.#log[ended.purpose === 'rewind' ? 'debug' : 'info'](
            { reason, durationS: ended.durationS, sizeBytes: ended.sizeBytes },
            'recording ended',
          );
        return ended;
      }
      return undefined;
    });
  }

  /** Writes until the queue is empty and everything is stored. Never rejects. */
  async #write(): Promise<void> {
    const { clock, slots } = this.#context;
    let retryMs = RETRY_MS;
    await sleep(clock, COLLECT_MS, this.#closing.signal);
    while (!this.#isLost && (this.#queue.length > 0 || this.#unstored.segments.length > 0)) {
      const batch = this.#queue.splice(0);
      this.#queuedBytes = 0;
      if (batch.length > 0) {
        const { files, segments, failure } = await slots.run(() => this.#writer.write(batch));
        this.#unstored.files.push(...files);
        this.#unstored.segments.push(...segments);
        for (const file of files) this.#sizeBytes += file.initBytes;
        for (const { byteLength } of segments) this.#sizeBytes += byteLength;
        for (const segment of batch.slice(0, segments.length)) this.#duration.add(segment);
        if (failure !== undefined) this.#fail(failure);
      }
      if (this.#unstored.segments.length === 0 || (await this.#store())) {
        retryMs = RETRY_MS;
        continue;
      }
      if (this.#context.signal.aborted) return;
      await sleep(clock, retryMs, this.#context.signal);
      retryMs = Math.min(retryMs * 2, RETRY_MAXIMUM_MS);
    }
  }

  /** Stores the rows of what is durable. @returns false if that must be repeated */
  async #store(): Promise<boolean> {
    const { segments, claimant } = this.#context;
    const batch: SegmentBatch = {
      files: [...this.#unstored.files],
      segments: [...this.#unstored.segments],
      durationS: this.#duration.totalS,
      sizeBytes: this.#sizeBytes,
      droppedSegments: this.#droppedSegments,
    };
    try {
      const isMine = await segments.append(this.recording.id, claimant, batch);
      this.#unstored.files.splice(0, batch.files.length);
      this.#unstored.segments.splice(0, batch.segments.length);
      if (!isMine) {
        this.#log.warn('the recording was claimed by another gateway, or deleted: it is given up');
        this.lose();
      }
      return true;
    } catch (error) {
      this.#log.warn({ err: error }, `recorded segments could not be stored: retrying: ${messageOf(error)}`);
      if (this.#unstored.segments.length > MAXIMUM_UNSTORED) {
        this.#unstored = { files: [], segments: [] };
        this.#end('interrupted');
        return true;
      }
      return false;
    }
  }

  #fail(error: unknown): void {
    const { code } = error as { code?: string };
    this.#log.error({ err: error }, 'recording failed: its files cannot be written');
    this.#end(code === 'ENOSPC' || code === 'EDQUOT' ? 'disk-full' : 'disk-failed');
  }

  #end(reason: RecordingEnd): void {
    this.#queue = [];
    this.#lastMsn = -1;
    this.#events.failed(reason);
  }

  /** Repeats a write to the database until it succeeds or the gateway closes. */
  async #retry<T>(task: () => Promise<T>): Promise<T | undefined> {
    const { clock, signal } = this.#context;
    for (let retryMs = RETRY_MS; ; retryMs = Math.min(retryMs * 2, RETRY_MAXIMUM_MS)) {
      try {
        return await task();
      } catch (error) {
        this.#log.warn({ err: error }, `the end of a recording could not be stored: ${messageOf(error)}`);
        if (signal.aborted) return undefined;
        await sleep(clock, retryMs, signal);
      }
    }
  }
}
