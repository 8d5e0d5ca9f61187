import type { TrackInit } from '../media/index.js';
import { finiteWithin } from '../platform/index.js';
import type { WaitQueue } from './blocking-requests.js';
import { type Part, type Segment, segmentBytes } from './segment.js';

/** New segment; listed with its first part. */
export type SegmentStart = {
  msn: number;
  run: number;
  /** Time of the first presented sample (Unix). */
  programDateTimeMs: number;
  /** Limits of the preload hint; see `Cut`. */
  partDurationS: number;
  minimumDurationS: number;
  expectedDurationS: number | undefined;
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
  /** End (s) of published media on the broadcast's timeline. */
  end = 0;
  bytes = 0;

  readonly #siblingSegment: (msn: number) => Segment | undefined;
  readonly #inits = new Map<number, TrackInit>();
  #segments: Segment[] = [];
  #start: SegmentStart | undefined;
  #partAdded = false;
  #retired = false;
  /** Was retired since its last part. */
  #wasRetired = false;
  #sequence = 0;
  #peak = 0;
  #total = { bytes: 0, durationS: 0 };
  #frames = { count: 0, durationS: 0 };

  /** @param siblingSegment finds a segment that is complete in another rendition */
  constructor(
    id: string,
    kind: 'video' | 'audio',
    queue: WaitQueue,
    siblingSegment: (msn: number) => Segment | undefined,
  ) {
    this.id = id;
    this.kind = kind;
    this.queue = queue;
    this.#siblingSegment = siblingSegment;
  }

  /** The current encoder run lacks this rendition. */
  get retired(): boolean {
    return this.#retired;
  }

  set retired(retired: boolean) {
    this.#retired = retired;
    if (retired) this.#wasRetired = true;
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

  get init(): TrackInit | undefined {
    return [...this.#inits.values()].at(-1);
  }

  initOf(run: number): TrackInit | undefined {
    return this.#inits.get(run);
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
    this.#start = start;
    this.#partAdded = false;
    this.#inits.set(start.run, init);
  }

  addPart(part: Part, frames: number): void {
    const start = this.#start;
    if (!start) return;
    if (!this.#partAdded) this.#open(start);
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
    const now = last && last.durationS > 0 ? Math.ceil(rate(last.bytes, last.durationS)) : 0;
    return { peak: now, average: now };
  }

  get frameRate(): number | undefined {
    return (
      finiteWithin(this.announcedFrameRate, 1, 300, undefined) ??
      finiteWithin(this.#frames.count / this.#frames.durationS, 1, 1000, undefined)
    );
  }

  /** Returns the initialization section and the newest part that begins with a keyframe. */
  newestKeyframe(): Buffer[] | undefined {
    for (const { run, parts } of this.#segments.toReversed()) {
      const part = parts.findLast(({ independent }) => independent);
      const init = this.#inits.get(run);
      if (part && init) return [init.data, part.data];
    }
    return undefined;
  }

  bytesOf(segment: Segment): Buffer {
    return segmentBytes(segment);
  }

  #open(start: SegmentStart): void {
    this.#partAdded = true;
    const missing = this.#wasRetired ? undefined : this.#gapsBefore(start.msn);
    if (missing) this.#segments.push(...missing);
    else {
      this.#segments = [];
      this.bytes = 0;
    }
    this.#wasRetired = false;
    const previous = this.last?.run ?? Math.max(0, start.run - 1);
    this.#segments.push({
      msn: start.msn,
      run: start.run,
      discontinuities: start.run - previous,
      programDateTimeMs: start.programDateTimeMs,
      durationS: 0,
      bytes: 0,
      parts: [],
      complete: false,
      gap: false,
    });
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
      const other = this.#siblingSegment(msn);
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
