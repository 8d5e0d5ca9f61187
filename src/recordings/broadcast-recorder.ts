import type { CompletedSegment } from '../packager/index.js';
import { type Logger, Mutex, messageOf, newId, PublicError } from '../platform/index.js';
import type {
  Broadcast,
  BroadcastEnd,
  BroadcastSubscription,
  EncoderRun,
  Livestream,
} from '../streams/index.js';
import { ActiveRecording, type RecordingContext } from './active-recording.js';
import {
  RECORDING_END_NOTICES,
  type RecordedRenditions,
  type Recording,
  type RecordingEnd,
} from './recording.js';
import { type RewindOptions, RewindWriter } from './rewind/rewind-writer.js';
import { SegmentNumbering } from './segment-numbering.js';

/** Segments that wait until it is known whether the broadcast is recorded. */
const MAXIMUM_UNDECIDED_BYTES = 32 * 2 ** 20;
const MAXIMUM_UNDECIDED_SEGMENTS = 256;
/** Encoder runs of which segments may still be completed. */
const KEPT_RUNS = 8;
const NOTICE = 'recording';
const SLOW_DISK_NOTICE = 'The disk of the server is too slow: the recording has gaps.';

type RecordedLivestream = Pick<Livestream, 'userId' | 'recordingEnabled' | 'visibilityAfterTest'>;

export type RecorderHost = RecordingContext & {
  findLivestream(streamId: string): Promise<RecordedLivestream | undefined>;
  /** Renditions of recordings that start by themselves. */
  defaultRenditions: RecordedRenditions;
  /** Record what viewers see while the publisher is away. */
  recordsSlates: boolean;
  /** Throws a PublicError if a recording of this user must not start now. */
  checkRoom(userId: string | null): Promise<void>;
  rewind: RewindOptions;
  /** Returns the number of the last stored segment of a broadcast (`SegmentNumbering`). */
  lastNumber(broadcastId: string): Promise<number | undefined>;
  /** Called with each recording that this process has ended. Never rejects; the broadcast ends after it. */
  ended(recording: Recording): Promise<void>;
  /** Called when the recorder has nothing more to do. */
  closed(): void;
};

/** Records one broadcast: starts by itself or by hand, over encoder runs and publishers, at most one recording at a time. */
export class BroadcastRecorder implements BroadcastSubscription {
  readonly #broadcast: Broadcast;
  readonly #host: RecorderHost;
  readonly #log: Logger;
  /** Serializes starts and ends. */
  readonly #mutex = new Mutex();
  #active: ActiveRecording | undefined;
  readonly #numbering = new SegmentNumbering();
  readonly #rewind: RewindWriter;
  /** Renditions of each encoder run that are recorded without further encoders; undefined: all. */
  readonly #sourceRenditions = new Map<number, ReadonlySet<string> | undefined>();
  /** The source of the current run cannot be recorded without an encoder. */
  #needsEncoder = false;
  #releaseDemand: (() => void) | undefined;
  /** Segments before the decision; undefined after it. */
  #undecided: CompletedSegment[] | undefined = [];
  #undecidedBytes = 0;
  #deciding = false;
  #newestMsn = -1;
  /** During a private test nothing is recorded by itself, and nobody can rewind to it later. */
  #isTesting = false;
  #isEnded = false;
  /** Nothing starts by itself any more, also when what was recorded has been deleted. */
  #wasRecorded = false;

  constructor(broadcast: Broadcast, host: RecorderHost) {
    this.#broadcast = broadcast;
    this.#host = host;
    this.#log = host.log.child({ streamId: broadcast.streamId, broadcastId: broadcast.id });
    this.#rewind = new RewindWriter(broadcast, this.#numbering, host, host.rewind);
  }

  /** Recordings that this process has claimed: that of the broadcast, and a part of its rewind window. */
  get active(): Recording[] {
    return [...(this.#active ? [this.#active.recording] : []), ...this.#rewind.active];
  }

  encoderRunStarted({ index, renditions, slate }: EncoderRun): void {
    if (slate) {
      // It has the renditions of the publisher's run before, and needs no encoder.
      this.#sourceRenditions.set(index, [...this.#sourceRenditions.values()].at(-1));
      this.#forgetRuns();
      return;
    }
    const copiesVideo = renditions.some(({ kind, passthrough }) => kind === 'video' && passthrough);
    const source = renditions.filter(({ kind, passthrough }) => kind === 'audio' || passthrough);
    this.#sourceRenditions.set(index, copiesVideo ? new Set(source.map(({ id }) => id)) : undefined);
    this.#forgetRuns();
    const isEncoded = (wanted: 'audio' | 'video'): boolean => {
      const own = renditions.filter(({ kind }) => kind === wanted);
      return own.length > 0 && !own.some(({ passthrough }) => passthrough);
    };
    this.#needsEncoder = isEncoded('video') || isEncoded('audio');
    this.#updateDemand();
    // Suspended renditions have no segments, which would begin the decision.
    if (this.#needsEncoder) this.#startDeciding();
  }

  #forgetRuns(): void {
    for (const run of this.#sourceRenditions.keys())
      if (this.#sourceRenditions.size > KEPT_RUNS) this.#sourceRenditions.delete(run);
  }

  /** Takes a segment that the packager has completed. */
  segment(segment: CompletedSegment): void {
    this.#newestMsn = Math.max(this.#newestMsn, segment.msn);
    if (this.#undecided) {
      this.#keepUndecided(this.#undecided, segment);
      this.#startDeciding();
      return;
    }
    this.#take(segment);
  }

  /** A private test is about to end: what was broadcast so far is not recorded. */
  testEnding(): void {
    if (!this.#undecided) return;
    this.#undecided.length = 0;
    this.#undecidedBytes = 0;
  }

  /** The stored livestream has changed: recording may have been switched on, or a private test may have ended. */
  livestreamUpdated(): void {
    if ((this.#undecided && !this.#deciding) || this.#isEnded) return;
    void this.#mutex
      .run(async () => {
        if (this.#undecided || this.#isEnded) return;
        const livestream = await this.#findLivestream();
        if (!this.#active) await this.#startIfEnabled(livestream, []);
      })
      .catch((error: unknown) => this.#log.warn({ err: error }, 'recording could not be started'));
  }

  /**
   * Starts a recording with the next segment.
   *
   * @throws PublicError 409 `recording_under_way`, `stream_offline` and those of `checkRoom`
   */
  async start(renditions: RecordedRenditions): Promise<Recording> {
    return await this.#mutex.run(async () => {
      if (this.#undecided) await this.#decide();
      if (this.#isEnded) throw broadcastOver();
      if (this.#active)
        throw new PublicError(409, 'recording_under_way', 'This broadcast is being recorded.', {
          recordingId: this.#active.recording.id,
        });
      const livestream = await this.#findLivestream();
      await this.#host.checkRoom(livestream?.userId ?? null);
      const active = await this.#begin(renditions, livestream?.userId ?? null, this.#newestMsn + 1);
      if (!active) throw new PublicError(409, 'recording_under_way', 'This broadcast is being recorded.');
      return active.recording;
    });
  }

  /** Ends the recording, if it is this one. Resolves when that is stored. */
  async stop(recordingId: string, reason: RecordingEnd): Promise<void> {
    this.#rewind.stop(recordingId, reason);
    if (this.#active?.recording.id === recordingId) await this.#end(this.#active, reason, this.#newestMsn);
  }

  /** Another process has claimed the recording. */
  lose(recordingId: string): void {
    this.#rewind.lose(recordingId);
    const active = this.#active;
    if (active?.recording.id !== recordingId) return;
    this.#active = undefined;
    this.#updateDemand();
    active.lose();
  }

  async broadcastEnded(reason: BroadcastEnd): Promise<void> {
    this.#isEnded = true;
    try {
      await this.#mutex.run(async () => {
        // Few segments came, or the database was away when they came.
        if (this.#undecided?.length) await this.#decide();
        const end = reason === 'shutdown' ? 'shutdown' : 'broadcast-ended';
        await this.#rewind.close(end);
        if (this.#active) return await this.#end(this.#active, end);
        if (!this.#broadcast.resumed || end === 'shutdown') return;
        const open = await this.#takeOver();
        if (open) await this.#end(open, end);
      });
    } catch (error) {
      // The next start of a gateway, or another one, finishes the recording.
      this.#log.warn({ err: error }, `recording could not be ended: ${messageOf(error)}`);
    } finally {
      this.#host.closed();
    }
  }

  #startDeciding(): void {
    if (!this.#undecided || this.#deciding || this.#isEnded) return;
    void this.#mutex.run(() => this.#decide()).catch(() => {});
  }

  /** Has renditions encoded while they are recorded and nothing else needs them. */
  #updateDemand(): void {
    const isNeeded = this.#active && (this.#needsEncoder || this.#active.recording.renditions === 'all');
    if (isNeeded) this.#releaseDemand ??= this.#broadcast.hlsDemand.hold();
    else {
      this.#releaseDemand?.();
      this.#releaseDemand = undefined;
    }
  }

  /** Decides whether the broadcast is recorded: the recording of an earlier process goes on, else a new one may start. */
  async #decide(): Promise<void> {
    const undecided = this.#undecided;
    if (!undecided) return;
    this.#deciding = true;
    try {
      if (this.#broadcast.resumed) {
        this.#numbering.continueBehind(await this.#host.lastNumber(this.#broadcast.id));
        await this.#rewind.takeOver();
      }
      const known = this.#broadcast.resumed ? await this.#takeOver() : undefined;
      const livestream = await this.#findLivestream();
      if (!known) await this.#startIfEnabled(livestream, undecided);
      this.#undecided = undefined;
      for (const segment of undecided) this.#take(segment);
    } catch (error) {
      this.#log.warn({ err: error }, `recording could not be started: trying again: ${messageOf(error)}`);
      throw error;
    } finally {
      this.#deciding = false;
    }
  }

  /** Passes a segment to the recording, or to the rewind window while there is none. */
  #take(segment: CompletedSegment): void {
    this.#numbering.passes(segment.msn);
    const active = this.#active;
    if (active?.accepts(segment) && this.#isRecorded(segment, active.recording.renditions))
      active.add(segment);
    // Also a slate that is left out of recordings: a hole would cut the window off.
    else if (!this.#isTesting && this.#isOfSource(segment)) this.#rewind.add(segment);
  }

  #keepUndecided(undecided: CompletedSegment[], segment: CompletedSegment): void {
    undecided.push(segment);
    this.#undecidedBytes += segment.sizeBytes;
    while (this.#undecidedBytes > MAXIMUM_UNDECIDED_BYTES || undecided.length > MAXIMUM_UNDECIDED_SEGMENTS)
      this.#undecidedBytes -= undecided.shift()?.sizeBytes ?? this.#undecidedBytes;
  }

  async #takeOver(): Promise<ActiveRecording | undefined> {
    const { table, segments, claimant } = this.#host;
    const recording = await table.takeOver(this.#broadcast.id, claimant);
    if (!recording) return undefined;
    const files = await segments.listFiles(recording.id);
    this.#log.info({ recordingId: recording.id }, 'recording continues');
    return this.#activate(recording, { msn: 0, fileNumber: (files.at(-1)?.number ?? -1) + 1 });
  }

  async #findLivestream(): Promise<RecordedLivestream | undefined> {
    const livestream = await this.#host.findLivestream(this.#broadcast.streamId);
    this.#isTesting = livestream !== undefined && livestream.visibilityAfterTest !== null;
    return livestream;
  }

  /** Starts a recording if the livestream is to be recorded, unless this broadcast has been recorded before. */
  async #startIfEnabled(
    livestream: RecordedLivestream | undefined,
    undecided: readonly CompletedSegment[],
  ): Promise<void> {
    const { table, checkRoom, defaultRenditions } = this.#host;
    const isWanted = livestream?.recordingEnabled === true && !this.#isTesting && !this.#wasRecorded;
    if (!isWanted || (await table.hasAny(this.#broadcast.id))) return;
    try {
      await checkRoom(livestream.userId);
    } catch (error) {
      if (!(error instanceof PublicError) || error.status === 503) throw error;
      this.#broadcast.notice(NOTICE, `Not recorded: ${error.message}`);
      return;
    }
    await this.#begin(defaultRenditions, livestream.userId, undecided[0]?.msn ?? this.#newestMsn + 1);
  }

  async #begin(
    renditions: RecordedRenditions,
    userId: string | null,
    msn: number,
  ): Promise<ActiveRecording | undefined> {
    const { table, store, claimant, clock } = this.#host;
    const { id: broadcastId, streamId } = this.#broadcast;
    const startedAt = new Date(clock.now());
    const recording = await table.insert(
      {
        ...{ id: newId(), streamId, broadcastId, userId, purpose: 'recording', renditions },
        ...{ storeId: store.id, startedAt },
      },
      claimant,
    );
    if (!recording) return undefined;
    this.#log.info({ recordingId: recording.id, renditions }, 'recording started');
    this.#broadcast.notice(NOTICE, undefined);
    return this.#activate(recording, { msn, fileNumber: 0 });
  }

  #activate(recording: Recording, from: { msn: number; fileNumber: number }): ActiveRecording {
    const numbering = this.#numbering;
    const active: ActiveRecording = new ActiveRecording(recording, { ...from, numbering }, this.#host, {
      failed: (reason) => void this.#end(active, reason),
      dropped: () => this.#broadcast.notice(NOTICE, SLOW_DISK_NOTICE),
    });
    this.#active = active;
    this.#wasRecorded = true;
    this.#updateDemand();
    return active;
  }

  async #end(active: ActiveRecording, reason: RecordingEnd | 'shutdown', lastMsn?: number): Promise<void> {
    const notice = reason === 'shutdown' ? undefined : RECORDING_END_NOTICES[reason];
    if (notice !== undefined) this.#broadcast.notice(NOTICE, notice);
    const ended = await active.close(reason, lastMsn);
    if (this.#active === active) {
      this.#active = undefined;
      this.#updateDemand();
      if (ended) await this.#host.ended(ended);
    }
  }

  #isRecorded(segment: CompletedSegment, renditions: RecordedRenditions): boolean {
    // The sound of a publisher whose picture pauses is kept in any case.
    if (segment.slate === 'publisher-away' && !this.#host.recordsSlates) return false;
    return renditions === 'all' || this.#isOfSource(segment);
  }

  /** Whether a segment cost no further encoder. */
  #isOfSource({ run, renditionId }: CompletedSegment): boolean {
    return this.#sourceRenditions.get(run)?.has(renditionId) ?? true;
  }
}

export function broadcastOver(): PublicError {
  return new PublicError(409, 'stream_offline', 'Nothing is broadcast: start the recording while live.');
}
