import { CmafScanner, type Sample, type TrackInit } from '../media/index.js';
import { finiteWithin, HeadendError } from '../platform/index.js';
import type { EncoderRun, EncoderRunReader, ExpectedMedia, Rendition } from '../streams/index.js';
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
/** Maximum media (s) that a run holds back while a slate is shown: it begins so much later than its origin says. */
const MAXIMUM_HELD_S = 1.5;
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
   * @param pts presentation time of that sample, seconds of the run's timeline
   */
  runStarted(reader: RunReader, pts: number): number;
  renditionSuspended(reader: RunReader, window: RenditionWindow, expected: ExpectedMedia): void;
  /** The run has no more of a rendition. */
  renditionEnded(window: RenditionWindow): void;
  /** Takes the next media sequence number. */
  takeSequenceNumber(): number;
  /** Returns the number of a segment that was dropped. */
  returnSequenceNumber(msn: number): void;
};

type Waiting = { segmenter: RenditionSegmenter; sample: Sample };

/** Media that a run holds back until all its video renditions, which start at different speeds, have a part. */
class HeldMedia {
  readonly #samples: { id: string; sample: Sample }[] = [];
  /** Media of each awaited rendition, s. */
  readonly #heldS: Map<string, number>;
  readonly #enoughS: number;
  #bytes = 0;

  constructor(videoIds: readonly string[], enoughS: number) {
    this.#heldS = new Map(videoIds.map((id) => [id, 0]));
    this.#enoughS = enoughS;
  }

  get samples(): readonly { id: string; sample: Sample }[] {
    return this.#samples;
  }

  /** @param durationS of the sample */
  push(id: string, sample: Sample, durationS: number): void {
    this.#samples.push({ id, sample });
    this.#bytes += sample.data.length;
    const heldS = this.#heldS.get(id);
    if (heldS !== undefined) this.#heldS.set(id, heldS + durationS);
  }

  /** Stops waiting for a rendition. */
  forget(id: string): void {
    this.#heldS.delete(id);
  }

  /** Whether all renditions have enough, or waiting for them takes too long. */
  isComplete(maximumBytes: number): boolean {
    const heldS = [...this.#heldS.values()];
    const isEnough = heldS.every((each) => each >= this.#enoughS);
    return isEnough || Math.max(...heldS) >= MAXIMUM_HELD_S || this.#bytes >= maximumBytes;
  }
}

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
  /** Media that are held back; undefined when they no longer are. */
  #held: HeldMedia | undefined;
  /** Presentation time (s) before which video makes no further cut. */
  #videoFront = Number.NEGATIVE_INFINITY;
  #offset: number | undefined;
  #closed = false;

  /** @param holds holds media back until every video rendition has some: a slate is shown meanwhile */
  constructor(run: EncoderRun, host: RunHost, keyframes: KeyframePattern | undefined, holds = false) {
    this.run = run;
    const videos = run.renditions.filter(({ kind }) => kind === 'video').map(({ id }) => id);
    if (holds && videos.length > 0) this.#held = new HeldMedia(videos, host.partDurationS);
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

  renditionSuspended(renditionId: string): void {
    const rendition = this.run.renditions.find(({ id }) => id === renditionId);
    if (!rendition?.expected || this.#closed || !this.#scanners.has(renditionId)) return;
    this.#scanners.set(renditionId, this.#scan(rendition));
    const segmenter = this.#segmenters.get(renditionId);
    this.#segmenters.delete(renditionId);
    this.#held?.forget(renditionId);
    // The next encoder continues where this one has ended.
    if (segmenter) this.#placePending(segmenter);
    segmenter?.pause();
    this.#host.renditionSuspended(this, this.#host.window(rendition), rendition.expected);
  }

  renditionEnded(renditionId: string): void {
    const rendition = this.run.renditions.find(({ id }) => id === renditionId);
    if (!rendition || this.#closed || !this.#scanners.delete(renditionId)) return;
    const segmenter = this.#segmenters.get(renditionId);
    this.#segmenters.delete(renditionId);
    this.#held?.forget(renditionId);
    this.#pendingAudio = this.#pendingAudio.filter((waiting) => waiting.segmenter !== segmenter);
    segmenter?.finish();
    this.#host.renditionEnded(this.#host.window(rendition));
  }

  close(endsAtVideo = false): void {
    if (this.#closed) return;
    this.#closed = true;
    // The run has not begun: the slate goes on.
    if (this.#held) return;
    let until = Number.POSITIVE_INFINITY;
    if (endsAtVideo && this.#hasVideo) until = this.#videoEnd;
    try {
      for (const { segmenter, sample } of this.#pendingAudio.splice(0))
        if (segmenter.pts(sample) < until) segmenter.place(sample);
    } catch {
      // Queued samples that cannot be placed do not matter: the run ends.
    }
    const segmenters = [...this.#segmenters.values()];
    this.#alignEnds(segmenters);
    for (const segmenter of segmenters) segmenter.finish();
  }

  /** Places the queued samples of a rendition that ends. */
  #placePending(segmenter: RenditionSegmenter): void {
    const own = this.#pendingAudio.filter((waiting) => waiting.segmenter === segmenter);
    if (own.length === 0) return;
    this.#pendingAudio = this.#pendingAudio.filter((waiting) => waiting.segmenter !== segmenter);
    for (const { sample } of own) segmenter.place(sample);
  }

  /** End (s) of presentation of all video. */
  get #videoEnd(): number {
    let end = Number.NEGATIVE_INFINITY;
    for (const segmenter of this.#segmenters.values())
      if (segmenter.init.kind === 'video') end = Math.max(end, segmenter.presentationEnd);
    return end;
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
    } else end = Math.max(end, this.#videoEnd);
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
      slate: this.run.slate,
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
    const held = this.#held;
    if (!held) {
      this.#package(segmenter, sample);
      return;
    }
    held.push(segmenter.rendition.id, sample, segmenter.frame(sample));
    if (!held.isComplete(this.#host.segmentBytes)) return;
    this.#held = undefined;
    for (const { id, sample } of held.samples) {
      // An encoder may have been replaced meanwhile.
      const current = this.#segmenters.get(id);
      if (current) this.#package(current, sample);
    }
  }

  #package(segmenter: RenditionSegmenter, sample: Sample): void {
    if (segmenter.init.kind === 'video') this.#video(segmenter, sample);
    else this.#audio(segmenter, sample);
  }

  #video(segmenter: RenditionSegmenter, sample: Sample): void {
    if (sample.sync) {
      if (!this.#grid.last) this.#fitParts(segmenter.frame(sample));
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
    const slowest = this.run.renditions.reduce((longest, { frameRate, frameStep = 1 }) => {
      const announced = 1 / finiteWithin(frameRate, 1 / MAXIMUM_FRAME_S, 1 / MINIMUM_FRAME_S, Number.NaN);
      return announced <= frame * frameStep * MAXIMUM_ANNOUNCED_RATIO
        ? Math.max(longest, announced)
        : longest;
    }, frame);
    this.#grid.fitPartsTo(slowest);
  }

  #number(pts: number): number | undefined {
    if (!this.#host.mayStartSegment(this)) return undefined;
    this.#offset ??= this.#host.runStarted(this, pts);
    return this.#host.takeSequenceNumber();
  }
}
