import type { TrackInit } from '../media/index.js';
import { finiteWithin } from '../platform/index.js';
import type { WaitQueue } from './blocking-requests.js';
import { type Part, type Segment, segmentBytes } from './segment.js';

/** A segment that begins; it is listed with its first part. */
export type SegmentStart = {
  msn: number;
  run: number;
  /** Unix ms of the first presented sample. */
  programDateTime: number;
  /** How far the hint can see; see `Cut`. */
  part: number;
  least: number;
  expected: number | undefined;
};

/** One rendition over the whole broadcast: its window of segments, kept in memory. */
export class RenditionWindow {
  readonly id: string;
  readonly kind: 'video' | 'audio';
  readonly queue: WaitQueue;
  /** Seconds; never becomes smaller. */
  partTarget = 0;
  /** Frames per second as announced. */
  announcedFrameRate: number | undefined;
  /** End (s) of what was published, on the broadcast's timeline. */
  end = 0;
  bytes = 0;

  readonly #sibling: (msn: number) => Segment | undefined;
  readonly #inits = new Map<number, TrackInit>();
  #segments: Segment[] = [];
  #start: SegmentStart | undefined;
  #begun = false;
  #retired = false;
  /** It was retired since it last had something. */
  #absent = false;
  #sequence = 0;
  #peak = 0;
  #total = { bytes: 0, duration: 0 };
  #frames = { count: 0, duration: 0 };

  /** @param sibling a segment that is complete in another rendition */
  constructor(
    id: string,
    kind: 'video' | 'audio',
    queue: WaitQueue,
    sibling: (msn: number) => Segment | undefined,
  ) {
    this.id = id;
    this.kind = kind;
    this.queue = queue;
    this.#sibling = sibling;
  }

  /** The current encoder run has no such rendition. */
  get retired(): boolean {
    return this.#retired;
  }

  set retired(retired: boolean) {
    this.#retired = retired;
    if (retired) this.#absent = true;
  }

  /** All segments that are kept, oldest first. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get last(): Segment | undefined {
    return this.#segments.at(-1);
  }

  /** The segment that is being written, until it is complete. */
  get start(): SegmentStart | undefined {
    return this.#start;
  }

  get init(): TrackInit | undefined {
    return [...this.#inits.values()].at(-1);
  }

  initOf(run: number): TrackInit | undefined {
    return this.#inits.get(run);
  }

  /** mfhd sequence numbers rise over all runs. */
  nextSequence(): number {
    return ++this.#sequence;
  }

  find(msn: number): Segment | undefined {
    const first = this.#segments[0];
    return first && this.#segments[msn - first.msn];
  }

  begin(start: SegmentStart, init: TrackInit): void {
    this.complete();
    this.#start = start;
    this.#begun = false;
    this.#inits.set(start.run, init);
  }

  add(part: Part, frames: number): void {
    const start = this.#start;
    if (!start) return;
    if (!this.#begun) this.#open(start);
    const segment = this.last!;
    segment.parts.push(part);
    segment.duration += part.duration;
    segment.bytes += part.data.length;
    this.bytes += part.data.length;
    this.#frames.count += frames;
    this.#frames.duration += part.duration;
    this.partTarget = Math.max(this.partTarget, part.duration);
  }

  complete(): void {
    this.#start = undefined;
    const { last } = this;
    if (!last || last.complete) return;
    last.complete = true;
    this.#total.bytes += last.bytes;
    this.#total.duration += last.duration;
    // The crumbs that a run leaves at its end say nothing about the rate.
    if (last.duration >= 1) this.#peak = Math.max(this.#peak, rate(last.bytes, last.duration));
  }

  /** Forgets the oldest segment; never the last one. */
  drop(): void {
    if (this.#segments.length < 2) return;
    this.bytes -= this.#segments.shift()!.bytes;
    const oldest = this.#segments[0]!.run;
    for (const run of this.#inits.keys()) if (run < oldest) this.#inits.delete(run);
  }

  /** Measured, in bits per second; from the parts so far while there is no complete segment. */
  get bandwidth(): { peak: number; average: number } {
    const { last } = this;
    if (this.#total.duration > 0) {
      const average = rate(this.#total.bytes, this.#total.duration);
      return { peak: Math.ceil(Math.max(this.#peak, average)), average: Math.ceil(average) };
    }
    const now = last && last.duration > 0 ? Math.ceil(rate(last.bytes, last.duration)) : 0;
    return { peak: now, average: now };
  }

  get frameRate(): number | undefined {
    return (
      finiteWithin(this.announcedFrameRate, 1, 300, undefined) ??
      finiteWithin(this.#frames.count / this.#frames.duration, 1, 1000, undefined)
    );
  }

  /** The initialization section and the newest part that begins with a picture which can be decoded by itself. */
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
    this.#begun = true;
    const missed = this.#absent ? undefined : this.#missed(start.msn);
    if (missed) this.#segments.push(...missed);
    else {
      this.#segments = [];
      this.bytes = 0;
    }
    this.#absent = false;
    const previous = this.last?.run ?? Math.max(0, start.run - 1);
    this.#segments.push({
      msn: start.msn,
      run: start.run,
      discontinuities: start.run - previous,
      programDateTime: start.programDateTime,
      duration: 0,
      bytes: 0,
      parts: [],
      complete: false,
      gap: false,
    });
  }

  /**
   * Gaps for what was missed before segment `next`: an encoder that is killed may have begun a segment in one rendition
   * and not in the others. Players keep what they have, and what is listed, that way.
   *
   * @returns undefined when it is not known how long they were: a playlist has no holes
   */
  #missed(next: number): Segment[] | undefined {
    const { last } = this;
    if (!last || next <= last.msn) return undefined;
    const gaps: Segment[] = [];
    for (let msn = last.msn + 1; msn < next; msn++) {
      const other = this.#sibling(msn);
      if (!other) return undefined;
      const discontinuities = other.run - (gaps.at(-1) ?? last).run;
      gaps.push({ ...other, discontinuities, bytes: 0, parts: [], gap: true });
    }
    return gaps;
  }
}

function rate(bytes: number, seconds: number): number {
  return (bytes * 8) / seconds;
}
