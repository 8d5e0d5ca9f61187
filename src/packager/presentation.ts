import type { Clock, Logger } from '../platform/index.js';
import { BROADCAST_END, type Broadcast, type BroadcastEnd, type EncoderRun } from '../streams/index.js';
import { BlockingRequests } from './blocking-requests.js';
import { HlsRendition, type RenditionHost } from './hls-rendition.js';
import type { MediaPlaylist } from './media-playlist.js';
import { renderMultivariantPlaylist } from './multivariant-playlist.js';
import { PART_TARGETS } from './playlist-limits.js';
import { MAXIMUM_SEGMENT_S } from './rendition-segmenter.js';
import { RenditionWindow } from './rendition-window.js';
import { RunReader } from './run-reader.js';
import type { Segment } from './segment.js';
import { boundedPattern, type KeyframePattern } from './segment-grid.js';
import { SequenceNumbers } from './sequence-numbers.js';

/** Playlists and media of a broadcast. */
export type Presentation = {
  readonly streamId: string;
  readonly broadcastId: string;
  /** Returns undefined until the broadcast is playable. */
  multivariantPlaylist(): Buffer | undefined;
  rendition(id: string): HlsRendition | undefined;
  /**
   * Returns the newest keyframe of the smallest video rendition as the bytes of an MP4 that begins with it, without a
   * copy; undefined if there is none.
   */
  newestKeyframe(): Buffer[] | undefined;
};

export type PresentationOptions = {
  partDurationS: number;
  segmentDurationS: number;
  windowDurationS: number;
  /** Maximum bytes of media per broadcast. */
  windowBytes: number;
  /** Maximum blocked requests. */
  maximumWaitingRequests: number;
  clock: Clock;
  log: Logger;
};

/**
 * Media time (s) at the start of a broadcast: audio may precede the first video frame because of encoder priming, and
 * decode times cannot be negative.
 *
 * Media time = 10 s + (wall clock - broadcast.startedAt), in every rendition and run, and across gateway restarts.
 */
export const MEDIA_TIME_ORIGIN_S = 10;

/**
 * Gap (s) before a run that is moved behind published media: frames of other renditions may be earlier in decode order.
 */
const REORDERING_S = 0.25;
/** Maximum share of the broadcast's memory for one segment of one rendition. */
const SEGMENT_SHARE = 1 / 4;

export class BroadcastPresentation implements Presentation, RenditionHost {
  readonly #broadcast: Broadcast;
  readonly #options: PresentationOptions;
  readonly #windows = new Map<string, { window: RenditionWindow; hls: HlsRendition }>();
  readonly #blockingRequests: BlockingRequests;
  readonly #numbers: SequenceNumbers;
  #run: RunReader | undefined;
  #next: RunReader | undefined;
  #playable: RunReader | undefined;
  #announced = false;
  #ended: 'endlist' | 'hold' | undefined;
  #version = 0;
  #targetDurationS: number;
  #multivariant: { version: number; bytes: Buffer } | undefined;

  constructor(broadcast: Broadcast, options: PresentationOptions) {
    this.#broadcast = broadcast;
    this.#options = options;
    this.#blockingRequests = new BlockingRequests(options.clock, options.maximumWaitingRequests);
    this.#numbers = new SequenceNumbers(broadcast, options.clock);
    this.#targetDurationS = Math.max(1, Math.ceil(options.segmentDurationS));
  }

  get streamId(): string {
    return this.#broadcast.streamId;
  }

  get broadcastId(): string {
    return this.#broadcast.id;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  get version(): number {
    return this.#version;
  }

  /**
   * The segment duration rounded up, or more for a known longer keyframe interval. Players assume that it is
   * constant, so it changes only when a segment exceeds it, never decreases, and is the same for all renditions.
   */
  get targetDurationS(): number {
    return this.#targetDurationS;
  }

  get windowDurationS(): number {
    return this.#options.windowDurationS;
  }

  get ended(): 'endlist' | 'hold' | undefined {
    return this.#ended;
  }

  get running(): boolean {
    return this.#run?.active ?? false;
  }

  /** Bytes of media in memory. */
  get bytes(): number {
    let total = 0;
    for (const { window } of this.#windows.values()) total += window.bytes;
    return total;
  }

  get waiting(): number {
    return this.#blockingRequests.waitingCount;
  }

  /** Reads a new run. Media of the previous run remain until the new one publishes. */
  encoderRunStarted(run: EncoderRun): void {
    if (this.#ended) return;
    const { segmentDurationS, partDurationS } = this.#options;
    const keyframes = this.#keyframePattern(run);
    this.#next = new RunReader(
      run,
      {
        segmentDurationS,
        partDurationS,
        segmentBytes: this.#options.windowBytes * SEGMENT_SHARE,
        window: (rendition) => this.#windowOf(rendition.id, rendition.kind),
        mayStartSegment: (reader) => this.#mayStartSegment(reader),
        runStarted: (reader, first) => this.#runStarted(reader, first),
        renditionEnded: (window) => this.#renditionEnded(window),
        takeSequenceNumber: () => this.#numbers.take(),
        returnSequenceNumber: (msn) => this.#numbers.returnSequenceNumber(msn),
        wallTimeMs: (seconds) =>
          Math.round(this.#broadcast.startedAt + (seconds - MEDIA_TIME_ORIGIN_S) * 1000),
        published: (window) => this.#published(window),
        misaligned: (window) =>
          this.#options.log.warn({ rendition: window.id }, 'rendition has no keyframe at the common cut'),
      },
      keyframes,
    );
    if (keyframes) {
      // Duration of the grid's segments: the first keyframe that is far enough from the last cut.
      const { intervalS } = keyframes;
      const longestS = Math.max(
        segmentDurationS,
        Math.ceil((segmentDurationS * 0.6) / intervalS) * intervalS,
      );
      if (longestS < MAXIMUM_SEGMENT_S) this.#raiseTargetDuration(longestS);
    }
    run.read(this.#next);
  }

  /** Ends the broadcast; published media remain playable. */
  endBroadcast(reason: BroadcastEnd): void {
    if (this.#ended) return;
    this.#next?.close();
    this.#run?.close();
    this.#ended = BROADCAST_END[reason].playlist;
    this.#version++;
    for (const { window } of this.#windows.values()) window.queue.changed();
    if (this.#ended === 'hold') this.#blockingRequests.close();
  }

  /** Ends all blocked requests and drops the media. */
  close(): void {
    this.#next?.close();
    this.#run?.close();
    this.#blockingRequests.close();
    this.#windows.clear();
  }

  multivariantPlaylist(): Buffer | undefined {
    if (!this.#announced) return undefined;
    if (this.#multivariant?.version !== this.#version) {
      this.#multivariant = { version: this.#version, bytes: Buffer.from(this.#renderMultivariant()) };
    }
    return this.#multivariant.bytes;
  }

  rendition(id: string): HlsRendition | undefined {
    return this.#windows.get(id)?.hls;
  }

  newestKeyframe(): Buffer[] | undefined {
    let smallest: { window: RenditionWindow; pixels: number } | undefined;
    for (const { window } of this.#windows.values()) {
      const { init } = window;
      if (window.retired || init?.kind !== 'video') continue;
      const pixels = init.width * init.height;
      if (!smallest || pixels < smallest.pixels) smallest = { window, pixels };
    }
    return smallest?.window.newestKeyframe();
  }

  reports(own: RenditionWindow): MediaPlaylist['reports'] {
    const reports: { uri: string; msn: number; part: number }[] = [];
    for (const { window } of this.#windows.values()) {
      const { last } = window;
      if (window === own || window.retired || !last) continue;
      reports.push({ uri: `../${window.id}/index.m3u8`, msn: last.msn, part: last.parts.length - 1 });
    }
    return reports;
  }

  #windowOf(id: string, kind: 'video' | 'audio'): RenditionWindow {
    const known = this.#windows.get(id);
    if (known && known.window.kind === kind) return known.window;
    const window = new RenditionWindow(id, kind, this.#blockingRequests.queue(), (msn) =>
      this.#complete(msn),
    );
    this.#windows.set(id, { window, hls: new HlsRendition(window, this) });
    return window;
  }

  /** Finds a segment that is complete in any rendition. */
  #complete(msn: number): Segment | undefined {
    for (const { window } of this.#windows.values()) {
      const segment = window.find(msn);
      if (segment?.complete) return segment;
    }
    return undefined;
  }

  /** Encoders make keyframes by the clock, unless they follow those of a passed-through source. */
  #keyframePattern(run: EncoderRun): KeyframePattern | undefined {
    const videos = run.renditions.filter(({ kind }) => kind === 'video');
    const { segmentDurationS } = this.#options;
    if (videos.length === 0) return { intervalS: segmentDurationS };
    if (videos.some(({ passthrough }) => passthrough)) {
      const interval = this.#broadcast.source?.video?.keyframeInterval;
      return boundedPattern(interval === undefined ? undefined : { intervalS: interval });
    }
    const frameRates = videos.flatMap(({ frameRate }) => frameRate ?? []);
    const frameS = frameRates.length > 0 ? 1 / Math.min(...frameRates) : undefined;
    return boundedPattern({ intervalS: segmentDurationS, clock: { frameS } });
  }

  #mayStartSegment(reader: RunReader): boolean {
    const stale = this.#run !== reader && this.#next !== reader;
    return !this.#ended && !stale && this.#numbers.available;
  }

  /**
   * Makes a run the current one at its first common keyframe. Its media time follows the wall clock; if that overlaps
   * published media (an encoder that repeats the last group of pictures, a clock that was set back), it is moved behind
   * them.
   *
   * @param first earliest time of the run's first sample, s
   */
  #runStarted(reader: RunReader, first: number): number {
    if (this.#run !== reader) this.#run?.close();
    this.#run = reader;
    this.#next = undefined;
    let publishedS: number | undefined;
    for (const { window } of this.#windows.values()) {
      if (window.last) publishedS = Math.max(publishedS ?? 0, window.end);
      window.retired = !reader.run.renditions.some(({ id }) => id === window.id);
    }
    const earliestS = publishedS === undefined ? 0 : publishedS + REORDERING_S;
    const naturalS = MEDIA_TIME_ORIGIN_S + (reader.run.originMs - this.#broadcast.startedAt) / 1000;
    const offsetS = Math.max(naturalS, earliestS - first);
    for (const { window } of this.#windows.values()) {
      const rendition = reader.run.renditions.find(({ id }) => id === window.id);
      if (rendition) window.announcedFrameRate = rendition.frameRate;
      else window.queue.changed();
    }
    // Whole milliseconds are whole ticks of the usual timescales.
    return Math.ceil(offsetS * 1000) / 1000;
  }

  #renditionEnded(window: RenditionWindow): void {
    window.retired = true;
    this.#version++;
    window.queue.changed();
  }

  #published(window: RenditionWindow): void {
    this.#version++;
    const { last } = window;
    if (last && !last.complete) this.#raiseTargetDuration(last.durationS);
    this.#trim(window);
    if (this.#playable !== this.#run) this.#checkPlayable();
    window.queue.changed();
  }

  /** A rounded EXTINF must not exceed the target duration (RFC 8216bis, 4.4.3.1). */
  #raiseTargetDuration(segmentS: number): void {
    const neededS = Math.round(segmentS);
    if (neededS <= this.#targetDurationS) return;
    this.#targetDurationS = neededS;
    this.#version++;
  }

  /** Keeps more segments than are listed, for players with a recent playlist (6.2.2). */
  #trim(window: RenditionWindow): void {
    const reachS = this.#options.windowDurationS + PART_TARGETS * this.#targetDurationS;
    let keptS = 0;
    for (const { durationS } of window.segments) keptS += durationS;
    while (window.segments.length > 1 && keptS - window.segments[0]!.durationS >= reachS) {
      keptS -= window.segments[0]!.durationS;
      window.dropOldest();
    }
    for (let total = this.bytes; total > this.#options.windowBytes; total = this.bytes) {
      const oldest = this.#oldest();
      if (!oldest) return;
      oldest.dropOldest();
    }
  }

  #oldest(): RenditionWindow | undefined {
    let oldest: RenditionWindow | undefined;
    for (const { window } of this.#windows.values()) {
      if (window.segments.length < 2) continue;
      if (!oldest || window.segments[0]!.programDateTimeMs < oldest.segments[0]!.programDateTimeMs)
        oldest = window;
    }
    return oldest;
  }

  /**
   * Playable: one complete segment in every rendition of the run, because hls.js 1.7 reports a playlist with only parts
   * as empty. A missing rendition is not waited for when another has two segments.
   */
  #checkPlayable(): void {
    const run = this.#run;
    if (!run) return;
    let complete = true;
    let furthest = 0;
    for (const { id } of run.run.renditions) {
      const window = this.#windows.get(id)?.window;
      const last = window?.last;
      const segments = last ? window!.segments.length - (last.complete ? 0 : 1) : 0;
      if (segments === 0 || last?.run !== run.run.index) complete = false;
      else furthest = Math.max(furthest, segments);
    }
    if (!complete && furthest < 2) return;
    this.#playable = run;
    this.#announced = true;
    this.#options.log.info({ run: run.run.index }, 'broadcast playable');
    this.#broadcast.playable();
  }

  #renderMultivariant(): string {
    const windows = [...this.#windows.values()].map(({ window }) => window);
    const variants = windows.flatMap((window) => {
      const { init, bandwidth } = window;
      if (window.retired || !window.last || !init) return [];
      const { peak, average } = bandwidth;
      const uri = `${this.broadcastId}/${window.id}/index.m3u8`;
      return [
        {
          init,
          uri,
          codec: init.codec,
          bandwidth: peak,
          averageBandwidth: average,
          frameRate: window.frameRate,
        },
      ];
    });
    const videos = variants.flatMap(({ init, ...rest }) =>
      init.kind === 'video' ? [{ ...rest, width: init.width, height: init.height }] : [],
    );
    const audios = variants.flatMap(({ init, ...rest }) =>
      init.kind === 'audio' ? [{ ...rest, channels: init.channels }] : [],
    );
    return renderMultivariantPlaylist(videos, audios[0]);
  }
}
