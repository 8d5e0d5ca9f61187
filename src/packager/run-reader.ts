import { CmafScanner, type Sample } from '../media/index.js';
import { finiteWithin, HeadendError } from '../platform/index.js';
import type { EncoderRun, EncoderRunReader, Rendition } from '../streams/index.js';
import { LONGEST_FRAME_S, SHORTEST_FRAME_S } from './part-timing.js';
import { RenditionSegmenter } from './rendition-segmenter.js';
import type { RenditionWindow } from './rendition-window.js';
import { type Cut, type KeyframePattern, SegmentGrid } from './segment-grid.js';

/** Sound waits for the video that decides where segments begin, but no more than so many seconds of it. */
const LONGEST_SOUND_QUEUE = 2;
/** An announced frame is believed to be so many times as long as the first one of the media, but not longer. */
const ANNOUNCED_LONGER = 2.5;
/** Without video for so many segment durations, sound goes on by itself. */
const VIDEO_MISSING_SEGMENTS = 2;

/** What a run needs of its broadcast. */
export type RunHost = {
  segmentDuration: number;
  partDuration: number;
  /** Bytes that one segment may have. */
  segmentBytes: number;
  track(rendition: Rendition): RenditionWindow;
  /** May this run (now) make another segment? */
  mayNumber(intake: RunReader): boolean;
  /** The run's first sample (s of its timeline) is about to be placed: gives the seconds to add to its times. */
  begin(intake: RunReader, first: number): number;
  /** The next media sequence number. */
  number(): number;
  /** The number of a segment that is not made after all. */
  giveBack(msn: number): void;
  wallTime(seconds: number): number;
  published(track: RenditionWindow): void;
  misaligned(track: RenditionWindow): void;
};

type Waiting = { lane: RenditionSegmenter; sample: Sample };

/** Reads one encoder run and puts its renditions on one grid. */
export class RunReader implements EncoderRunReader {
  readonly run: EncoderRun;
  readonly #host: RunHost;
  readonly #grid: SegmentGrid;
  readonly #scanners = new Map<string, CmafScanner>();
  readonly #lanes = new Map<string, RenditionSegmenter>();
  readonly #hasVideo: boolean;
  #sound: Waiting[] = [];
  /** Everything that will be shown before this (s) has arrived in at least one video rendition. */
  #videoFront = Number.NEGATIVE_INFINITY;
  #offset: number | undefined;
  #firstDecode = 0;
  #closed = false;

  constructor(run: EncoderRun, host: RunHost, keyframes: KeyframePattern | undefined) {
    this.run = run;
    this.#host = host;
    this.#hasVideo = run.renditions.some(({ kind }) => kind === 'video');
    this.#grid = new SegmentGrid({
      segmentDuration: host.segmentDuration,
      partDuration: host.partDuration,
      keyframes,
      number: (pts) => this.#number(pts),
    });
    for (const rendition of run.renditions) this.#scanners.set(rendition.id, this.#scan(rendition));
  }

  /** The run has placed something and has not ended. */
  get active(): boolean {
    return this.#offset !== undefined && !this.#closed;
  }

  write(renditionId: string, bytes: Buffer): void {
    if (this.#closed) return;
    const scanner = this.#scanners.get(renditionId);
    if (!scanner) throw new HeadendError('rendition_unknown', `The run has no rendition ${renditionId}`);
    scanner.write(bytes);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      for (const { lane, sample } of this.#sound.splice(0)) lane.place(sample);
    } catch {
      // What is left makes no sense: the run ends here anyhow.
    }
    const lanes = [...this.#lanes.values()];
    this.#agreeOnEnd(lanes);
    for (const lane of lanes) lane.finish();
  }

  /**
   * A run ends at any moment. Where its last segment has begun in some renditions only, the others would miss it, and
   * a rendition that missed a segment must begin anew: so it is given up if no player knows of it yet. Sound that is
   * missing is filled in with silence.
   */
  #agreeOnEnd(lanes: RenditionSegmenter[]): void {
    const { last } = this.#grid;
    if (!last || !this.#hasVideo) return;
    const isUnknown = !lanes.some((lane) => lane.lists(last.msn));
    const isGivenUp = isUnknown && lanes.some(({ cut }) => cut !== last);
    let end = last.pts;
    if (isGivenUp) {
      for (const lane of lanes) if (lane.cut === last) lane.discard();
      this.#host.giveBack(last.msn);
    } else for (const lane of lanes) if (lane.init.kind === 'video') end = Math.max(end, lane.end ?? end);
    for (const lane of lanes) lane.silenceUntil(end);
  }

  #scan(rendition: Rendition): CmafScanner {
    let lane: RenditionSegmenter | undefined;
    return new CmafScanner({
      init: (init) => {
        if (init.kind !== rendition.kind) {
          throw new HeadendError('rendition_kind', `Rendition ${rendition.id} is ${init.kind}`);
        }
        const host = this.#host;
        lane = new RenditionSegmenter(rendition, init, host.track(rendition), {
          grid: this.#grid,
          runIndex: this.run.index,
          segmentBytes: host.segmentBytes,
          offset: () => this.#offset ?? 0,
          wallTime: (seconds) => host.wallTime(seconds),
          published: (track) => host.published(track),
          misaligned: (track) => host.misaligned(track),
        });
        this.#lanes.set(rendition.id, lane);
      },
      sample: (sample) => {
        if (this.#closed || !lane) return;
        if (rendition.kind === 'video') this.#video(lane, sample);
        else this.#audio(lane, sample);
      },
    });
  }

  #video(lane: RenditionSegmenter, sample: Sample): void {
    if (sample.sync) {
      if (!this.#grid.last) this.#fitParts(lane.frame(sample));
      this.#firstDecode = sample.decodeTime / lane.init.timescale;
      this.#grid.offerKeyframe(lane.pts(sample));
    }
    lane.place(sample);
    this.#videoFront = Math.max(this.#videoFront, lane.decodeEnd(sample));
    this.#releaseSound();
  }

  #audio(lane: RenditionSegmenter, sample: Sample): void {
    this.#sound.push({ lane, sample });
    this.#releaseSound();
  }

  #releaseSound(): void {
    for (let next = this.#sound[0]; next; next = this.#sound[0]) {
      const { lane, sample } = next;
      const pts = lane.pts(sample);
      const frame = lane.frame(sample);
      if (this.#hasVideo) {
        // One packet and a half beyond it, so that it is known whether this packet is a segment's last one.
        const decided = this.#videoFront >= pts + 2.5 * frame;
        const newest = this.#sound.at(-1)!;
        if (!decided && newest.lane.pts(newest.sample) - pts < LONGEST_SOUND_QUEUE) return;
        if (!decided) this.#goOnWithoutVideo(pts, frame);
      } else {
        if (!this.#grid.last) this.#fitParts(frame);
        this.#firstDecode = pts;
        this.#grid.offerSound(pts, frame);
      }
      this.#sound.shift();
      lane.place(sample);
    }
  }

  /** A publisher may switch its camera off: sound alone must not fill one endless segment. */
  #goOnWithoutVideo(pts: number, frame: number): void {
    const last: Cut | undefined = this.#grid.last;
    if (!last || pts < last.pts + VIDEO_MISSING_SEGMENTS * this.#host.segmentDuration) return;
    this.#grid.offerSound(pts, frame);
  }

  /**
   * The slowest rendition decides how parts fit its frames. Announced frame rates only refine what the first frame of the
   * media says: encoders round their timestamps, and leave out every other frame of a fast source.
   *
   * @param frame seconds
   */
  #fitParts(frame: number): void {
    const slowest = this.run.renditions.reduce((longest, { frameRate }) => {
      const announced = 1 / finiteWithin(frameRate, 1 / LONGEST_FRAME_S, 1 / SHORTEST_FRAME_S, Number.NaN);
      return announced <= frame * ANNOUNCED_LONGER ? Math.max(longest, announced) : longest;
    }, frame);
    this.#grid.useFrame(slowest);
  }

  #number(pts: number): number | undefined {
    if (!this.#host.mayNumber(this)) return undefined;
    this.#offset ??= this.#host.begin(this, Math.min(pts, this.#firstDecode));
    return this.#host.number();
  }
}
