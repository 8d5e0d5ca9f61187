import type { TrackInit } from '../media/index.js';
import { finiteWithin } from '../platform/index.js';
import type { ExpectedMedia, SlateReason } from '../streams/index.js';
import type { WaitQueue } from './blocking-requests.js';
import { type Part, type Segment, segmentBytes } from './segment.js';

/** New segment; listed with its first part. */
export type SegmentStart = {
  msn: number;
  run: number;
  slate: SlateReason | undefined;
  /** Time of the first presented sample (Unix). */
  programDateTimeMs: number;
  /** Limits of the preload hint; see `Cut`. */
  partDurationS: number;
  minimumDurationS: number;
  expectedDurationS: number | undefined;
};

/** Called with each complete segment. */
export type SegmentCompleted = (window: RenditionWindow, segment: Segment, init: TrackInit) => void;

export type WindowHost = {
  /** Finds a segment that is complete in another rendition. */
  siblingSegment(msn: number): Segment | undefined;
  /** Whether viewers may get a segment with this number and start (Unix ms); default: yes. */
  isShown?(msn: number, programDateTimeMs: number): boolean;
  completed?: SegmentCompleted;
};

/** Window of segments of one rendition over the whole broadcast, in memory. */
export class RenditionWindow {
  readonly id: string;
  readonly kind: 'video' | 'audio';
  readonly queue: WaitQueue;
  /** Never decreases. */
  partTargetS = 0;
  /** Frames per second as announced. */
  announcedFrameRate: number | undefined;
  /** End (s) of published media on the broadcast's timeline, in decode order. */
  end = 0;
  /** The same of presentation, which is later with B-frames. */
  presentationEnd = 0;
  bytes = 0;

  readonly #host: WindowHost;
  /** By run. */
  readonly #inits = new Map<number, { init: TrackInit; isSlate: boolean }>();
  #segments: Segment[] = [];
  #start: SegmentStart | undefined;
  #partAdded = false;
  #retired = false;
  /** Was retired since its last part. */
  #wasRetired = false;
  #suspended: ExpectedMedia | undefined;
  #isStale = false;
  /** Newest segment that was ever listed. */
  #newestMsn = -1;
  #sequence = 0;
  #peak = 0;
  #total = { bytes: 0, durationS: 0 };
  #frames = { count: 0, durationS: 0 };

  constructor(id: string, kind: 'video' | 'audio', queue: WaitQueue, host: WindowHost) {
    this.id = id;
    this.kind = kind;
    this.queue = queue;
    this.#host = host;
  }

  /** The current encoder run lacks this rendition. */
  get retired(): boolean {
    return this.#retired;
  }

  set retired(retired: boolean) {
    this.#retired = retired;
    if (retired) this.#wasRetired = true;
  }

  /** Expected properties while the rendition is suspended: until it has a complete segment again. */
  get suspended(): ExpectedMedia | undefined {
    return this.#suspended;
  }

  /** Has no media since it was suspended. */
  get isStale(): boolean {
    return this.#isStale;
  }

  /** The next encoder continues the open segment if it comes in time; otherwise the window begins anew. */
  suspend(expected: ExpectedMedia): void {
    this.#suspended = expected;
    this.#isStale = true;
  }

  /** Drops all media, while the rendition is suspended. */
  clear(): void {
    this.#start = undefined;
    this.#drop();
  }

  /** Drops all media, also of the segment being written; until the next one is complete the rendition counts as suspended. */
  beginAnew(): void {
    const expected = this.#suspended ?? this.#measured();
    this.clear();
    if (expected) this.suspend(expected);
  }

  /** Number of the newest segment that was begun; -1: none. */
  get newestMsn(): number {
    return Math.max(this.#newestMsn, this.#start?.msn ?? -1);
  }

  /** Whether a segment may begin: parts of one that was dropped may be in caches. */
  mayBegin(msn: number): boolean {
    return msn > this.#newestMsn;
  }

  /** All stored segments, oldest first. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get last(): Segment | undefined {
    return this.#segments.at(-1);
  }

  /** Segment being written, until it is complete. */
  get start(): SegmentStart | undefined {
    return this.#start;
  }

  /** Newest initialization section, of the publisher's media if there is one: a slate comes and goes. */
  get init(): TrackInit | undefined {
    const inits = [...this.#inits.values()];
    return (inits.findLast(({ isSlate }) => !isSlate) ?? inits.at(-1))?.init;
  }

  initOf(run: number): TrackInit | undefined {
    return this.#inits.get(run)?.init;
  }

  /** Returns the next mfhd sequence number; they increase over all runs. */
  nextSequence(): number {
    return ++this.#sequence;
  }

  find(msn: number): Segment | undefined {
    const first = this.#segments[0];
    return first && this.#segments[msn - first.msn];
  }

  beginSegment(start: SegmentStart, init: TrackInit): void {
    this.completeSegment();
    if (this.#host.isShown?.(start.msn, start.programDateTimeMs) === false) return;
    this.#start = start;
    this.#partAdded = false;
    this.#inits.set(start.run, { init, isSlate: start.slate !== undefined });
  }

  addPart(part: Part, frames: number): void {
    const start = this.#start;
    if (!start) return;
    if (!this.#partAdded) this.#open(start);
    this.#isStale = false;
    if (this.#segments.length > 1) this.#suspended = undefined;
    const segment = this.last!;
    segment.parts.push(part);
    segment.durationS += part.durationS;
    segment.bytes += part.data.length;
    this.bytes += part.data.length;
    this.#frames.count += frames;
    this.#frames.durationS += part.durationS;
    this.partTargetS = Math.max(this.partTargetS, part.durationS);
  }

  completeSegment(): void {
    this.#start = undefined;
    const { last } = this;
    if (!last || last.complete) return;
    last.complete = true;
    if (!this.#isStale) this.#suspended = undefined;
    const init = this.initOf(last.run);
    if (!last.slate) this.#measure(last);
    if (init) this.#host.completed?.(this, last, init);
  }

  /** Properties so far, as those that are expected. */
  #measured(): ExpectedMedia | undefined {
    const { init } = this;
    if (!init) return undefined;
    const common = { codec: init.codec, bitrate: this.bandwidth.peak };
    return init.kind === 'video'
      ? { ...common, kind: 'video', width: init.width, height: init.height }
      : { ...common, kind: 'audio', channels: init.channels };
  }

  #measure(last: Segment): void {
    this.#total.bytes += last.bytes;
    this.#total.durationS += last.durationS;
    // A run's short last segment does not represent the bit rate.
    if (last.durationS >= 1) this.#peak = Math.max(this.#peak, rate(last.bytes, last.durationS));
  }

  /** Drops the oldest segment, never the last one. */
  dropOldest(): void {
    if (this.#segments.length < 2) return;
    this.bytes -= this.#segments.shift()!.bytes;
    const oldest = this.#segments[0]!.run;
    for (const run of this.#inits.keys()) if (run < oldest) this.#inits.delete(run);
  }

  /** Measured bits per second; from the parts so far before the first complete segment. */
  get bandwidth(): { peak: number; average: number } {
    const { last } = this;
    if (this.#total.durationS > 0) {
      const average = rate(this.#total.bytes, this.#total.durationS);
      return { peak: Math.ceil(Math.max(this.#peak, average)), average: Math.ceil(average) };
    }
    const now =
      last && last.durationS > 0
        ? Math.ceil(rate(last.bytes, last.durationS))
        : (this.#suspended?.bitrate ?? 0);
    return { peak: now, average: now };
  }

  get frameRate(): number | undefined {
    return (
      finiteWithin(this.announcedFrameRate, 1, 300, undefined) ??
      finiteWithin(this.#frames.count / this.#frames.durationS, 1, 1000, undefined)
    );
  }

  /** Returns the initialization section and the newest part, but of slates, that begins with a keyframe. */
  newestKeyframe(): Buffer[] | undefined {
    for (const { run, parts, slate } of this.#segments.toReversed()) {
      if (slate) continue;
      const part = parts.findLast(({ independent }) => independent);
      const init = this.initOf(run);
      if (part && init) return [init.data, part.data];
    }
    return undefined;
  }

  bytesOf(segment: Segment): Buffer {
    return segmentBytes(segment);
  }

  #open(start: SegmentStart): void {
    this.#partAdded = true;
    const missing = this.#wasRetired || this.#isStale ? undefined : this.#gapsBefore(start.msn);
    if (missing) this.#segments.push(...missing);
    else this.#drop();
    this.#wasRetired = false;
    this.#newestMsn = start.msn;
    const previous = this.last?.run ?? Math.max(0, start.run - 1);
    this.#segments.push({
      msn: start.msn,
      run: start.run,
      slate: start.slate,
      discontinuities: start.run - previous,
      programDateTimeMs: start.programDateTimeMs,
      durationS: 0,
      bytes: 0,
      parts: [],
      complete: false,
      gap: false,
    });
  }

  #drop(): void {
    this.#segments = [];
    this.bytes = 0;
  }

  /**
   * Creates gaps for segments missed before `next`: a killed encoder may have begun a segment in only some renditions.
   * With gaps, players keep their position.
   *
   * @returns undefined when their durations are unknown: a playlist has no holes
   */
  #gapsBefore(next: number): Segment[] | undefined {
    const { last } = this;
    if (!last || next <= last.msn) return undefined;
    const gaps: Segment[] = [];
    for (let msn = last.msn + 1; msn < next; msn++) {
      const other = this.#host.siblingSegment(msn);
      if (!other) return undefined;
      const discontinuities = other.run - (gaps.at(-1) ?? last).run;
      gaps.push({ ...other, discontinuities, bytes: 0, parts: [], gap: true });
    }
    return gaps;
  }
}

function rate(bytes: number, durationS: number): number {
  return (bytes * 8) / durationS;
}
