import { CmafScanner, type Sample, type TrackInit } from '../media/index.js';
import { finiteWithin, HeadendError } from '../platform/index.js';
import type { EncoderRun, EncoderRunReader, Rendition } from '../streams/index.js';
import { MAXIMUM_FRAME_S, MINIMUM_FRAME_S } from './part-timing.js';
import { RenditionSegmenter, type SegmentOutput } from './rendition-segmenter.js';
import type { RenditionWindow } from './rendition-window.js';
import { type Cut, type KeyframePattern, SegmentGrid } from './segment-grid.js';

/** Maximum audio (s) queued until video has decided the cuts. */
const MAXIMUM_AUDIO_QUEUE_S = 2;
/** Maximum ratio of an announced frame duration to that of the first frame. */
const MAXIMUM_ANNOUNCED_RATIO = 2.5;
/**
 * Minimum duration (s) of a run's last segment: hls.js looks fragments up with this tolerance, and loaded no audio for half
 * a minute after a shorter one.
 */
const MINIMUM_LAST_SEGMENT_S = 0.25;
/** Segment durations without video after which audio makes the cuts. */
const VIDEO_MISSING_SEGMENTS = 2;

/** Operations of the broadcast that a run uses. */
export type RunHost = SegmentOutput & {
  segmentDurationS: number;
  partDurationS: number;
  window(rendition: Rendition): RenditionWindow;
  /** Whether this run may start another segment now. */
  mayStartSegment(reader: RunReader): boolean;
  /**
   * Called before the run's first sample is placed. Returns the seconds to add to its times.
   *
   * @param first time of that sample, seconds of the run's timeline
   */
  runStarted(reader: RunReader, first: number): number;
  /** The run has no more of a rendition. */
  renditionEnded(window: RenditionWindow): void;
  /** Takes the next media sequence number. */
  takeSequenceNumber(): number;
  /** Returns the number of a segment that was dropped. */
  returnSequenceNumber(msn: number): void;
};

type Waiting = { segmenter: RenditionSegmenter; sample: Sample };

/**
 * Reads one encoder run and puts its renditions on one segment grid. Encoders of a rendition may end and be replaced: the
 * next one continues its segment.
 */
export class RunReader implements EncoderRunReader {
  readonly run: EncoderRun;
  readonly #host: RunHost;
  readonly #grid: SegmentGrid;
  readonly #scanners = new Map<string, CmafScanner>();
  readonly #segmenters = new Map<string, RenditionSegmenter>();
  readonly #hasVideo: boolean;
  readonly #copiesVideo: boolean;
  #pendingAudio: Waiting[] = [];
  /** Presentation time (s) before which video makes no further cut. */
  #videoFront = Number.NEGATIVE_INFINITY;
  #offset: number | undefined;
  #firstDecode = 0;
  #closed = false;

  constructor(run: EncoderRun, host: RunHost, keyframes: KeyframePattern | undefined) {
    this.run = run;
    this.#host = host;
    this.#hasVideo = run.renditions.some(({ kind }) => kind === 'video');
    this.#copiesVideo = run.renditions.some(({ kind, passthrough }) => kind === 'video' && passthrough);
    this.#grid = new SegmentGrid({
      segmentDurationS: host.segmentDurationS,
      partDurationS: host.partDurationS,
      keyframes,
      number: (pts) => this.#number(pts),
    });
    for (const rendition of run.renditions) this.#scanners.set(rendition.id, this.#scan(rendition));
  }

  /** The run has published and has not ended. */
  get active(): boolean {
    return this.#offset !== undefined && !this.#closed;
  }

  write(renditionId: string, bytes: Buffer): void {
    if (this.#closed) return;
    const scanner = this.#scanners.get(renditionId);
    if (!scanner) throw new HeadendError('rendition_unknown', `The run has no rendition ${renditionId}`);
    scanner.write(bytes);
  }

  startCopy(renditionId: string, init: TrackInit): void {
    const rendition = this.run.renditions.find(({ id }) => id === renditionId);
    if (rendition && !this.#closed) this.#openSegmenter(rendition, init);
  }

  sample(renditionId: string, sample: Sample): void {
    const segmenter = this.#segmenters.get(renditionId);
    if (segmenter) this.#accept(segmenter, sample);
  }

  encoderEnded(renditionId: string): void {
    const rendition = this.run.renditions.find(({ id }) => id === renditionId);
    if (!rendition || this.#closed || !this.#scanners.has(renditionId)) return;
    // Its last samples are published when another encoder continues, or the run ends: the segment may be given up.
    this.#scanners.set(renditionId, this.#scan(rendition));
  }

  renditionEnded(renditionId: string): void {
    if (this.#closed) return;
    this.#scanners.delete(renditionId);
    const segmenter = this.#segmenters.get(renditionId);
    if (!segmenter) return;
    this.#segmenters.delete(renditionId);
    this.#pendingAudio = this.#pendingAudio.filter((waiting) => waiting.segmenter !== segmenter);
    segmenter.finish();
    this.#host.renditionEnded(segmenter.window);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      for (const { segmenter, sample } of this.#pendingAudio.splice(0)) segmenter.place(sample);
    } catch {
      // Queued samples that cannot be placed do not matter: the run ends.
    }
    const segmenters = [...this.#segmenters.values()];
    this.#alignEnds(segmenters);
    for (const segmenter of segmenters) segmenter.finish();
  }

  /**
   * Drops the last segment if no playlist lists it and it is too short, or only some renditions have begun it: a
   * rendition that lacks a segment would have to begin anew. Fills missing audio with silence up to the end of the presentation: video that is
   * reordered is presented later than it is decoded, and hls.js waits at a hole of more than 0.1 s.
   */
  #alignEnds(segmenters: RenditionSegmenter[]): void {
    const { last } = this.#grid;
    if (!last || !this.#hasVideo) return;
    const isUnknown = !segmenters.some((segmenter) => segmenter.lists(last.msn));
    const isShort = segmenters.every(
      ({ presentationEnd }) => presentationEnd < last.pts + MINIMUM_LAST_SEGMENT_S,
    );
    const isGivenUp = isUnknown && (isShort || segmenters.some(({ cut }) => cut !== last));
    let end = last.pts;
    if (isGivenUp) {
      for (const segmenter of segmenters) if (segmenter.cut === last) segmenter.discard();
      this.#host.returnSequenceNumber(last.msn);
    } else
      for (const segmenter of segmenters)
        if (segmenter.init.kind === 'video') end = Math.max(end, segmenter.presentationEnd);
    for (const segmenter of segmenters) segmenter.fillUntil(end);
  }

  #scan(rendition: Rendition): CmafScanner {
    let segmenter: RenditionSegmenter | undefined;
    return new CmafScanner({
      init: (init) => {
        segmenter = this.#openSegmenter(rendition, init);
      },
      sample: (sample) => {
        if (segmenter) this.#accept(segmenter, sample);
      },
    });
  }

  #openSegmenter(rendition: Rendition, init: TrackInit): RenditionSegmenter {
    if (init.kind !== rendition.kind) {
      throw new HeadendError('rendition_kind', `Rendition ${rendition.id} is ${init.kind}`);
    }
    const host = this.#host;
    const window = host.window(rendition);
    const known = window.initOf(this.run.index);
    if (known && !known.data.equals(init.data)) {
      throw new HeadendError('rendition_changed', `Rendition ${rendition.id} has another format than before`);
    }
    const segmenter = new RenditionSegmenter(rendition, init, window, {
      ...host,
      grid: this.#grid,
      runIndex: this.run.index,
      offset: () => this.#offset ?? 0,
    });
    const previous = this.#segmenters.get(rendition.id);
    previous?.pause();
    for (const waiting of this.#pendingAudio)
      if (waiting.segmenter === previous) waiting.segmenter = segmenter;
    this.#segmenters.set(rendition.id, segmenter);
    return segmenter;
  }

  #accept(segmenter: RenditionSegmenter, sample: Sample): void {
    if (this.#closed) return;
    if (segmenter.init.kind === 'video') this.#video(segmenter, sample);
    else this.#audio(segmenter, sample);
  }

  #video(segmenter: RenditionSegmenter, sample: Sample): void {
    if (sample.sync) {
      if (!this.#grid.last) this.#fitParts(segmenter.frame(sample));
      this.#firstDecode = sample.decodeTime / segmenter.init.timescale;
      if (!this.#isForced(segmenter)) this.#grid.offerKeyframe(segmenter.pts(sample));
    }
    segmenter.hasReceived = true;
    segmenter.place(sample);
    this.#videoFront = Math.max(this.#videoFront, segmenter.decidedUntil(sample));
    this.#releaseAudio();
  }

  /**
   * Whether a keyframe is where an encoder has joined, beside copied video: the copied video has none there, or had it
   * before.
   */
  #isForced({ hasReceived, rendition }: RenditionSegmenter): boolean {
    return this.#copiesVideo && !rendition.passthrough && !hasReceived && this.#grid.last !== undefined;
  }

  #audio(segmenter: RenditionSegmenter, sample: Sample): void {
    this.#pendingAudio.push({ segmenter, sample });
    this.#releaseAudio();
  }

  #releaseAudio(): void {
    for (let next = this.#pendingAudio[0]; next; next = this.#pendingAudio[0]) {
      const { segmenter, sample } = next;
      const pts = segmenter.pts(sample);
      const frame = segmenter.frame(sample);
      if (this.#hasVideo) {
        // 1.5 frames more, to know whether this frame is the last of a segment.
        const decided = this.#videoFront >= pts + 2.5 * frame;
        const newest = this.#pendingAudio.at(-1)!;
        if (!decided && newest.segmenter.pts(newest.sample) - pts < MAXIMUM_AUDIO_QUEUE_S) return;
        if (!decided) this.#cutByAudio(pts, frame);
      } else {
        if (!this.#grid.last) this.#fitParts(frame);
        this.#firstDecode = pts;
        this.#grid.offerAudioFrame(pts, frame);
      }
      this.#pendingAudio.shift();
      segmenter.place(sample);
    }
  }

  /** Lets audio make cuts when a publisher stops its video: a segment must not grow without end. */
  #cutByAudio(pts: number, frame: number): void {
    const last: Cut | undefined = this.#grid.last;
    if (!last || pts < last.pts + VIDEO_MISSING_SEGMENTS * this.#host.segmentDurationS) return;
    this.#grid.offerAudioFrame(pts, frame);
  }

  /**
   * Fits parts to the slowest rendition. Announced frame rates only refine the first frame's duration: encoders round
   * timestamps and halve fast sources.
   *
   * @param frame seconds
   */
  #fitParts(frame: number): void {
    const slowest = this.run.renditions.reduce((longest, { frameRate }) => {
      const announced = 1 / finiteWithin(frameRate, 1 / MAXIMUM_FRAME_S, 1 / MINIMUM_FRAME_S, Number.NaN);
      return announced <= frame * MAXIMUM_ANNOUNCED_RATIO ? Math.max(longest, announced) : longest;
    }, frame);
    this.#grid.fitPartsTo(slowest);
  }

  #number(pts: number): number | undefined {
    if (!this.#host.mayStartSegment(this)) return undefined;
    this.#offset ??= this.#host.runStarted(this, Math.min(pts, this.#firstDecode));
    return this.#host.takeSequenceNumber();
  }
}
