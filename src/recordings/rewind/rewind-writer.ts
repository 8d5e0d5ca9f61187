import type { CompletedSegment } from '../../packager/index.js';
import { Mutex, messageOf, newId } from '../../platform/index.js';
import type { Broadcast } from '../../streams/index.js';
import { ActiveRecording, type RecordingContext } from '../active-recording.js';
import type { Recording, RecordingEnd } from '../recording.js';
import type { SegmentNumbering } from '../segment-numbering.js';

/** Parts of a window: the disk holds at most one more than the window. */
const PARTS = 12;
const MINIMUM_PART_MS = 10_000;
const MAXIMUM_PART_MS = 600_000;
/** Wait after a failure before the next part is begun. */
const RETRY_MS = 10_000;
/** Segments that wait until a part is begun. */
const MAXIMUM_WAITING_BYTES = 32 * 2 ** 20;
const MAXIMUM_WAITING_SEGMENTS = 256;

export type RewindOptions = {
  /** Duration of the window; 0: broadcasts cannot be rewound. */
  windowMs: number;
  /** Free bytes of the disk below which nothing is written. */
  minimumFreeBytes: number;
};

/**
 * Writes the rewind window of a broadcast: recordings of some minutes that follow each other, so that whole folders
 * are deleted when they are older than the window. A failure costs the window a hole, and the broadcast nothing.
 */
export class RewindWriter {
  readonly #broadcast: Broadcast;
  readonly #numbering: SegmentNumbering;
  readonly #context: RecordingContext;
  readonly #options: RewindOptions;
  readonly #partMs: number;
  readonly #mutex = new Mutex();
  #part: { recording: ActiveRecording; startMs: number } | undefined;
  /** Parts that still take the last segment of other renditions. */
  readonly #ending = new Set<ActiveRecording>();
  #waiting: CompletedSegment[] = [];
  #waitingBytes = 0;
  #newestMsn = -1;
  #retryAtMs = Number.NEGATIVE_INFINITY;
  #isOpening = false;
  #isClosed = false;

  constructor(
    broadcast: Broadcast,
    numbering: SegmentNumbering,
    context: RecordingContext,
    options: RewindOptions,
  ) {
    this.#broadcast = broadcast;
    this.#numbering = numbering;
    this.#context = context;
    this.#options = options;
    this.#partMs = Math.min(MAXIMUM_PART_MS, Math.max(MINIMUM_PART_MS, options.windowMs / PARTS));
  }

  /** Recordings that this process has claimed. */
  get active(): Recording[] {
    return this.#part ? [this.#part.recording.recording] : [];
  }

  /** Ends the parts that an earlier process has left open. */
  async takeOver(): Promise<void> {
    const { table, claimant, clock } = this.#context;
    for (const id of await table.takeOverRewind(this.#broadcast.id, claimant))
      await table.finish(id, claimant, { endedAt: new Date(clock.now()), reason: 'interrupted' });
  }

  /** Adds a segment, without waiting. */
  add(segment: CompletedSegment): void {
    if (this.#isClosed || this.#options.windowMs === 0) return;
    for (const each of this.#ending)
      if (each.accepts(segment)) {
        each.add(segment);
        return;
      }
    const { msn, programDateTimeMs } = segment;
    if (this.#part && msn > this.#newestMsn && programDateTimeMs - this.#part.startMs >= this.#partMs)
      this.#end(this.#part.recording, 'stopped', this.#newestMsn);
    this.#newestMsn = Math.max(this.#newestMsn, msn);
    if (this.#part) this.#part.recording.add(segment);
    else if (this.#context.clock.monotonic() >= this.#retryAtMs) {
      this.#keepWaiting(segment);
      this.#startOpening();
    }
  }

  /** Ends the open part, if it is this one; the next segment begins another one. */
  stop(recordingId: string, reason: RecordingEnd): void {
    const recording = this.#part?.recording;
    if (recording?.recording.id !== recordingId) return;
    this.#retryAtMs = this.#context.clock.monotonic() + RETRY_MS;
    this.#end(recording, reason);
  }

  /** Another process has claimed the part. */
  lose(recordingId: string): void {
    const recording = this.#part?.recording;
    if (recording?.recording.id !== recordingId) return;
    this.#part = undefined;
    recording.lose();
  }

  /** Ends the window with its broadcast. Never rejects. */
  async close(reason: 'broadcast-ended' | 'shutdown'): Promise<void> {
    this.#isClosed = true;
    await this.#mutex.run(async () => {});
    const part = this.#part?.recording;
    this.#part = undefined;
    await Promise.all([
      ...(part ? [part.close(reason)] : []),
      ...[...this.#ending].map((one) => one.close(reason)),
    ]);
  }

  #end(recording: ActiveRecording, reason: RecordingEnd, lastMsn?: number): void {
    if (this.#part?.recording === recording) this.#part = undefined;
    this.#ending.add(recording);
    void recording.close(reason, lastMsn).then(() => this.#ending.delete(recording));
  }

  #startOpening(): void {
    if (this.#isOpening) return;
    this.#isOpening = true;
    void this.#mutex.run(() => this.#open());
  }

  #keepWaiting(segment: CompletedSegment): void {
    this.#waiting.push(segment);
    this.#waitingBytes += segment.sizeBytes;
    while (this.#waitingBytes > MAXIMUM_WAITING_BYTES || this.#waiting.length > MAXIMUM_WAITING_SEGMENTS)
      this.#waitingBytes -= this.#waiting.shift()?.sizeBytes ?? this.#waitingBytes;
  }

  /** Begins a part with the segments that wait. Never rejects. */
  async #open(): Promise<void> {
    const { store, log } = this.#context;
    try {
      if ((await store.freeBytes()) < this.#options.minimumFreeBytes) this.#pause();
      else await this.#begin();
    } catch (error) {
      log.warn(
        { err: error, streamId: this.#broadcast.streamId },
        `the rewind window has a hole: ${messageOf(error)}`,
      );
      this.#pause();
    } finally {
      this.#isOpening = false;
    }
  }

  #pause(): void {
    this.#retryAtMs = this.#context.clock.monotonic() + RETRY_MS;
    this.#dropWaiting();
  }

  #dropWaiting(): CompletedSegment[] {
    this.#waitingBytes = 0;
    return this.#waiting.splice(0);
  }

  async #begin(): Promise<void> {
    const { table, store, claimant, clock } = this.#context;
    const first = this.#waiting[0];
    if (!first) return;
    const recording = await table.insert(
      {
        ...{ id: newId(), streamId: this.#broadcast.streamId, broadcastId: this.#broadcast.id },
        // No user: the window does not count for the quota.
        ...{ userId: null, purpose: 'rewind', renditions: 'source' },
        ...{ storeId: store.id, startedAt: new Date(clock.now()) },
      },
      claimant,
    );
    if (!recording) return;
    const open: ActiveRecording = new ActiveRecording(
      recording,
      { msn: Math.min(...this.#waiting.map(({ msn }) => msn)), fileNumber: 0, numbering: this.#numbering },
      this.#context,
      { failed: (reason) => this.stop(recording.id, reason), dropped: () => {} },
    );
    this.#part = { recording: open, startMs: first.programDateTimeMs };
    for (const segment of this.#dropWaiting()) open.add(segment);
  }
}
