import type { Clock, Logger } from '../platform/index.js';
import {
  BROADCAST_END,
  type Broadcast,
  type BroadcastEnd,
  type EncoderRun,
  type ExpectedMedia,
} from '../streams/index.js';
import { BlockingRequests } from './blocking-requests.js';
import { completedSegment, type SegmentListener } from './completed-segment.js';
import type { Answer, HlsRendition, RenditionHost } from './hls-rendition.js';
import type { MediaPlaylist } from './media-playlist.js';
import { type MpdUris, renderMpd } from './mpd.js';
import { renderMultivariantPlaylist } from './multivariant-playlist.js';
import { PART_TARGETS, WINDOW_TARGETS } from './playlist-limits.js';
import { MAXIMUM_SEGMENT_S } from './rendition-segmenter.js';
import type { RenditionWindow } from './rendition-window.js';
import { RenditionWindows } from './rendition-windows.js';
import { RunReader } from './run-reader.js';
import { boundedPattern, type KeyframePattern } from './segment-grid.js';
import { SequenceNumbers } from './sequence-numbers.js';

/** Playlists and media of a broadcast. */
export type Presentation = {
  readonly streamId: string;
  readonly broadcastId: string;
  /** Returns undefined until the broadcast is playable. */
  multivariantPlaylist(): Buffer | undefined;
  rendition(id: string): HlsRendition | undefined;
  /** Returns the DASH presentation description; undefined until the broadcast has media. */
  mpd(uris: MpdUris): string | undefined;
  /** Waits while any rendition is suspended: a description must list all. */
  ready(): Answer<'ready'>;
  /** Records that a viewer requests this rendition; undefined: the multivariant playlist. */
  recordRequest(renditionId: string | undefined): void;
  /** Records that such a request is blocked. @returns a function to be called when it is answered */
  recordWait(): () => void;
  /** Has suspended renditions encoded. @returns a function that ends this; undefined when no video is suspended */
  holdSuspended(): (() => void) | undefined;
  /**
   * Returns the newest keyframe of a video rendition, the smallest by default, as the bytes of an MP4 that begins with
   * it, without a copy; undefined if there is none. Slates do not count.
   */
  newestKeyframe(wanted?: 'smallest' | 'largest'): Buffer[] | undefined;
};

export type PresentationOptions = {
  partDurationS: number;
  segmentDurationS: number;
  windowDurationS: number;
  /** Maximum bytes of media per broadcast. */
  windowBytes: number;
  /** Maximum blocked requests. */
  maximumWaitingRequests: number;
  onSegment: SegmentListener;
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

/** Overlap (s) of a run with published audio, which ends with a whole frame, for which it is not moved. */
const AUDIO_OVERLAP_S = 0.03;
/** Maximum share of the broadcast's memory for one segment of one rendition. */
const SEGMENT_SHARE = 1 / 4;

export class BroadcastPresentation implements Presentation, RenditionHost {
  readonly #broadcast: Broadcast;
  readonly #options: PresentationOptions;
  readonly #windows: RenditionWindows;
  readonly #blockingRequests: BlockingRequests;
  readonly #numbers: SequenceNumbers;
  #run: RunReader | undefined;
  #next: RunReader | undefined;
  #playable: RunReader | undefined;
  #announced = false;
  #ended: 'endlist' | 'hold' | undefined;
  #version = 0;
  #changedAtMs = 0;
  /** Start of each run, media time in s. */
  readonly #runStartsS = new Map<number, number>();
  #targetDurationS: number;
  #multivariant: { version: number; bytes: Buffer } | undefined;

  constructor(broadcast: Broadcast, options: PresentationOptions) {
    this.#broadcast = broadcast;
    this.#options = options;
    this.#blockingRequests = new BlockingRequests(options.clock, options.maximumWaitingRequests);
    this.#windows = new RenditionWindows(this, this.#blockingRequests, (...completed) =>
      this.#options.onSegment(this, completedSegment(...completed)),
    );
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
    return Math.max(this.#options.windowDurationS, WINDOW_TARGETS * this.#targetDurationS);
  }

  get ended(): 'endlist' | 'hold' | undefined {
    return this.#ended;
  }

  get running(): boolean {
    return this.#run?.active ?? false;
  }

  /** Bytes of media in memory. */
  get bytes(): number {
    return this.#windows.bytes;
  }

  get waiting(): number {
    return this.#blockingRequests.waitingCount;
  }

  /** Reads a new run. Media of the previous run remain until the new one publishes. */
  encoderRunStarted(run: EncoderRun): void {
    if (this.#ended) return;
    const { segmentDurationS, partDurationS } = this.#options;
    const keyframes = this.#keyframePattern(run);
    this.#next?.run.superseded();
    this.#next = new RunReader(
      run,
      {
        segmentDurationS,
        partDurationS,
        segmentBytes: this.#options.windowBytes * SEGMENT_SHARE,
        window: (rendition) => this.#windows.open(rendition.id, rendition.kind),
        mayStartSegment: (reader) => this.#mayStartSegment(reader),
        runStarted: (reader, pts) => this.#runStarted(reader, pts),
        renditionSuspended: (reader, window, expected) => this.#renditionSuspended(reader, window, expected),
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
      this.#run?.active && this.#run.run.slate === 'publisher-away' && !run.slate,
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

  /**
   * Drops all media, and those of segments that began before: in no playlist, at no address. Until the next segment is
   * complete, playlists are waited for, as those of suspended renditions are.
   */
  beginAnew(): void {
    this.#version++;
    this.#windows.beginAnew(this.#options.clock.now());
  }

  /** Ends the broadcast; published media remain playable. */
  endBroadcast(reason: BroadcastEnd): void {
    if (this.#ended) return;
    this.#next?.close();
    this.#run?.close();
    this.#ended = BROADCAST_END[reason].playlist;
    this.#version++;
    for (const window of this.#windows) window.queue.changed();
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
      const playlist = renderMultivariantPlaylist(this.broadcastId, [...this.#windows]);
      this.#multivariant = { version: this.#version, bytes: Buffer.from(playlist) };
    }
    return this.#multivariant.bytes;
  }

  rendition(id: string): HlsRendition | undefined {
    return this.#windows.playlistOf(id);
  }

  mpd(uris: MpdUris): string | undefined {
    const windows = [...this.#windows].filter(
      ({ retired, suspended, last }) => !retired && !suspended && last,
    );
    if (!this.#announced || windows.length === 0) return undefined;
    const { broadcastId, windowDurationS, targetDurationS } = this;
    const originMs = this.#broadcast.startedAt - MEDIA_TIME_ORIGIN_S * 1000;
    const ended = this.#ended === 'endlist';
    const known = { broadcastId, windowDurationS, targetDurationS, originMs, ended, windows };
    const publishedAtMs = this.#changedAtMs;
    return renderMpd({ ...known, runStartsS: this.#runStartsS, publishedAtMs }, uris);
  }

  ready(): Answer<'ready'> {
    for (const { id, suspended, retired } of this.#windows)
      if (suspended && !retired) return this.#windows.playlistOf(id)!.ready();
    return 'ready';
  }

  recordRequest(renditionId: string | undefined): void {
    // A name from a URL: one that no rendition has is not kept.
    const isKnown = renditionId !== undefined && this.#windows.find(renditionId) !== undefined;
    this.#broadcast.hlsDemand.record(isKnown ? renditionId : undefined);
  }

  recordWait(): () => void {
    return this.#broadcast.hlsDemand.wait();
  }

  holdSuspended(): (() => void) | undefined {
    for (const window of this.#windows)
      if (window.suspended?.kind === 'video') return this.#broadcast.hlsDemand.hold();
    return undefined;
  }

  newestKeyframe(wanted?: 'smallest' | 'largest'): Buffer[] | undefined {
    return this.#windows.newestKeyframe(wanted);
  }

  reports(own: RenditionWindow): MediaPlaylist['reports'] {
    return this.#windows.reports(own);
  }

  /** Encoders make keyframes by the clock, unless they follow those of a passed-through source. */
  #keyframePattern(run: EncoderRun): KeyframePattern | undefined {
    const videos = run.renditions.filter(({ kind }) => kind === 'video');
    const { segmentDurationS } = this.#options;
    if (run.slate || videos.length === 0) return { intervalS: segmentDurationS };
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
   * The presentation of both joins: Chromium stops at a hole of two frames.
   */
  #runStarted(reader: RunReader, pts: number): number {
    const naturalS = MEDIA_TIME_ORIGIN_S + (reader.run.originMs - this.#broadcast.startedAt) / 1000;
    this.#makeCurrent(reader, reader.run.originMs + pts * 1000);
    let earliestS = 0;
    for (const { last, kind, presentationEnd } of this.#windows)
      if (last)
        earliestS = Math.max(earliestS, presentationEnd - (kind === 'audio' ? AUDIO_OVERLAP_S : 0) - pts);
    // Whole milliseconds are whole ticks of the usual timescales.
    const offsetS = Math.ceil(Math.max(naturalS, earliestS) * 1000 - 1e-3) / 1000;
    reader.run.placed((offsetS - naturalS) * 1000);
    this.#runStartsS.set(reader.run.index, pts + offsetS);
    const oldest = Math.min(
      ...[...this.#windows].map(({ segments }) => segments[0]?.run ?? reader.run.index),
    );
    for (const run of this.#runStartsS.keys()) if (run < oldest) this.#runStartsS.delete(run);
    return offsetS;
  }

  /** Ends the previous run, which may fill the time to this one's, and retires the renditions that this one lacks. */
  #makeCurrent(reader: RunReader, startsAtMs?: number): void {
    if (this.#run && this.#run !== reader) {
      this.#run.run.superseded(startsAtMs);
      this.#run.close();
    }
    this.#run = reader;
    this.#next = undefined;
    for (const window of this.#windows) {
      const rendition = reader.run.renditions.find(({ id }) => id === window.id);
      window.retired = rendition === undefined;
      if (rendition) window.announcedFrameRate = rendition.frameRate;
      else window.queue.changed();
    }
  }

  #renditionSuspended(reader: RunReader, window: RenditionWindow, expected: ExpectedMedia): void {
    window.suspend(expected);
    this.#version++;
    const { renditions } = reader.run;
    if (!renditions.every(({ id }) => this.#windows.find(id)?.suspended)) return;
    // No media will make this run the current one.
    this.#makeCurrent(reader);
    this.#announce(reader);
  }

  #renditionEnded(window: RenditionWindow): void {
    window.retired = true;
    this.#version++;
    window.queue.changed();
  }

  #published(window: RenditionWindow): void {
    this.#version++;
    this.#changedAtMs = this.#options.clock.now();
    const { last } = window;
    if (last && !last.complete) this.#raiseTargetDuration(last.durationS);
    this.#trim(window);
    if (last) this.#windows.clearSuspended(last.msn);
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
    const reachS = this.windowDurationS + PART_TARGETS * this.#targetDurationS;
    this.#windows.trim(window, reachS, this.#options.windowBytes);
  }

  /**
   * Playable: one complete segment in every rendition of the run, because hls.js 1.7 reports a playlist with only parts
   * as empty. A missing rendition is not waited for when another has two segments, nor one that is suspended.
   */
  #checkPlayable(): void {
    const run = this.#run;
    if (!run) return;
    let complete = true;
    let furthest = 0;
    for (const { id } of run.run.renditions) {
      const window = this.#windows.find(id);
      if (window?.suspended) continue;
      const last = window?.last;
      const segments = window && last ? window.segments.length - (last.complete ? 0 : 1) : 0;
      if (segments === 0 || last?.run !== run.run.index) complete = false;
      else furthest = Math.max(furthest, segments);
    }
    if (furthest >= (complete ? 1 : 2)) this.#announce(run);
  }

  #announce(run: RunReader): void {
    this.#playable = run;
    this.#announced = true;
    this.#options.log.info({ run: run.run.index }, 'broadcast playable');
    this.#broadcast.playable();
  }
}
