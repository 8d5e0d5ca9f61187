import type { Clock, Logger } from '../platform/index.js';
import { BROADCAST_END, type Broadcast, type BroadcastEnd, type EncoderRun } from '../streams/index.js';
import { BlockingRequests } from './blocking-requests.js';
import { HlsRendition, type RenditionHost } from './hls-rendition.js';
import type { MediaPlaylist } from './media-playlist.js';
import { renderMultivariantPlaylist } from './multivariant-playlist.js';
import { PART_TARGETS } from './playlist-limits.js';
import { LONGEST_SEGMENT } from './rendition-segmenter.js';
import { RenditionWindow } from './rendition-window.js';
import { RunReader } from './run-reader.js';
import type { Segment } from './segment.js';
import { boundedPattern, type KeyframePattern } from './segment-grid.js';
import { SequenceNumbers } from './sequence-numbers.js';

/** A broadcast as it is served: its playlists and where their media are. */
export type Presentation = {
  readonly streamId: string;
  readonly broadcastId: string;
  /** Undefined until it can be played. */
  multivariantPlaylist(): Buffer | undefined;
  rendition(id: string): HlsRendition | undefined;
  /**
   * The newest picture that can be decoded by itself, of the smallest video rendition: the bytes of an MP4 that begins with
   * it, as they lie in memory. Undefined while there is none.
   */
  newestKeyframe(): Buffer[] | undefined;
};

export type PresentationOptions = {
  /** Seconds. */
  partDuration: number;
  segmentDuration: number;
  windowDuration: number;
  /** Bytes of media kept for one broadcast. */
  windowBytes: number;
  /** Requests that may wait at once. */
  longestQueue: number;
  clock: Clock;
  log: Logger;
};

/**
 * Where the media time of a broadcast begins (s): sound may begin before the first picture (encoders prime their
 * filters), and decode times cannot be negative.
 *
 * Media time = 10 s + (wall clock - broadcast.startedAt), in every rendition, run and life of the gateway.
 */
export const MEDIA_TIME_ORIGIN = 10;

/**
 * Left free (s) when a run has to be moved behind what was published: in other renditions than the one that begins,
 * frames may come a little earlier in decode order.
 */
const REORDERING = 0.25;
/** The share of all memory that one segment of one rendition may take. */
const SEGMENT_SHARE = 1 / 4;

export class BroadcastPresentation implements Presentation, RenditionHost {
  readonly #broadcast: Broadcast;
  readonly #options: PresentationOptions;
  readonly #tracks = new Map<string, { track: RenditionWindow; feed: HlsRendition }>();
  readonly #room: BlockingRequests;
  readonly #numbers: SequenceNumbers;
  #run: RunReader | undefined;
  #next: RunReader | undefined;
  #playable: RunReader | undefined;
  #announced = false;
  #ended: 'endlist' | 'hold' | undefined;
  #version = 0;
  #targetDuration: number;
  #multivariant: { version: number; bytes: Buffer } | undefined;

  constructor(broadcast: Broadcast, options: PresentationOptions) {
    this.#broadcast = broadcast;
    this.#options = options;
    this.#room = new BlockingRequests(options.clock, options.longestQueue);
    this.#numbers = new SequenceNumbers(broadcast, options.clock);
    this.#targetDuration = Math.max(1, Math.ceil(options.segmentDuration));
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
   * Seconds. The segment duration rounded up, more when the source's keyframes are known to be further apart. Players
   * take it for constant, so it changes only when a segment really becomes longer, never back, and for all
   * renditions at once.
   */
  get targetDuration(): number {
    return this.#targetDuration;
  }

  get windowDuration(): number {
    return this.#options.windowDuration;
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
    for (const { track } of this.#tracks.values()) total += track.bytes;
    return total;
  }

  get waiting(): number {
    return this.#room.inside;
  }

  /** An encoder begins. What the one before it wrote stays, until this one has something to show. */
  encoding(run: EncoderRun): void {
    if (this.#ended) return;
    const { segmentDuration, partDuration } = this.#options;
    const keyframes = this.#keyframes(run);
    this.#next = new RunReader(
      run,
      {
        segmentDuration,
        partDuration,
        segmentBytes: this.#options.windowBytes * SEGMENT_SHARE,
        track: (rendition) => this.#track(rendition.id, rendition.kind),
        mayNumber: (intake) => this.#mayNumber(intake),
        begin: (intake, first) => this.#begin(intake, first),
        number: () => this.#numbers.take(),
        giveBack: (msn) => this.#numbers.giveBack(msn),
        wallTime: (seconds) => Math.round(this.#broadcast.startedAt + (seconds - MEDIA_TIME_ORIGIN) * 1000),
        published: (track) => this.#published(track),
        misaligned: (track) =>
          this.#options.log.warn({ rendition: track.id }, 'no keyframe where others have'),
      },
      keyframes,
    );
    if (keyframes) {
      // As in the grid: the first keyframe that is far enough away.
      const { interval } = keyframes;
      const longest = Math.max(segmentDuration, Math.ceil((segmentDuration * 0.6) / interval) * interval);
      if (longest < LONGEST_SEGMENT) this.#raiseTargetDuration(longest);
    }
    run.read(this.#next);
  }

  /** The broadcast is over; what is there stays playable as it is. */
  end(reason: BroadcastEnd): void {
    if (this.#ended) return;
    this.#next?.close();
    this.#run?.close();
    this.#ended = BROADCAST_END[reason].playlist;
    this.#version++;
    for (const { track } of this.#tracks.values()) track.queue.changed();
    if (this.#ended === 'hold') this.#room.close();
  }

  /** Sends everybody away who waits. */
  close(): void {
    this.#next?.close();
    this.#run?.close();
    this.#room.close();
    this.#tracks.clear();
  }

  multivariantPlaylist(): Buffer | undefined {
    if (!this.#announced) return undefined;
    if (this.#multivariant?.version !== this.#version) {
      this.#multivariant = { version: this.#version, bytes: Buffer.from(this.#renderMultivariant()) };
    }
    return this.#multivariant.bytes;
  }

  rendition(id: string): HlsRendition | undefined {
    return this.#tracks.get(id)?.feed;
  }

  newestKeyframe(): Buffer[] | undefined {
    let smallest: { track: RenditionWindow; pixels: number } | undefined;
    for (const { track } of this.#tracks.values()) {
      const { init } = track;
      if (track.retired || init?.kind !== 'video') continue;
      const pixels = init.width * init.height;
      if (!smallest || pixels < smallest.pixels) smallest = { track, pixels };
    }
    return smallest?.track.newestKeyframe();
  }

  reports(own: RenditionWindow): MediaPlaylist['reports'] {
    const reports: { uri: string; msn: number; part: number }[] = [];
    for (const { track } of this.#tracks.values()) {
      const { last } = track;
      if (track === own || track.retired || !last) continue;
      reports.push({ uri: `../${track.id}/index.m3u8`, msn: last.msn, part: last.parts.length - 1 });
    }
    return reports;
  }

  #track(id: string, kind: 'video' | 'audio'): RenditionWindow {
    const known = this.#tracks.get(id);
    if (known && known.track.kind === kind) return known.track;
    const track = new RenditionWindow(id, kind, this.#room.queue(), (msn) => this.#complete(msn));
    this.#tracks.set(id, { track, feed: new HlsRendition(track, this) });
    return track;
  }

  /** A segment that is complete in any rendition. */
  #complete(msn: number): Segment | undefined {
    for (const { track } of this.#tracks.values()) {
      const segment = track.find(msn);
      if (segment?.complete) return segment;
    }
    return undefined;
  }

  /** Encoders are told to make keyframes on the clock, unless they follow those of a source that is passed through. */
  #keyframes(run: EncoderRun): KeyframePattern | undefined {
    const videos = run.renditions.filter(({ kind }) => kind === 'video');
    const { segmentDuration } = this.#options;
    if (videos.length === 0) return { interval: segmentDuration };
    if (videos.some(({ passthrough }) => passthrough)) {
      const interval = this.#broadcast.source?.video?.keyframeInterval;
      return boundedPattern(interval === undefined ? undefined : { interval });
    }
    const frameRates = videos.flatMap(({ frameRate }) => frameRate ?? []);
    const frame = frameRates.length > 0 ? 1 / Math.min(...frameRates) : undefined;
    return boundedPattern({ interval: segmentDuration, clock: { frame } });
  }

  #mayNumber(intake: RunReader): boolean {
    const stale = this.#run !== intake && this.#next !== intake;
    return !this.#ended && !stale && this.#numbers.available;
  }

  /**
   * A run has its first common keyframe: it takes the place of the one before. Its media time follows the wall clock,
   * unless that would overlap what was published (an encoder that begins with the last keyframe again; a clock that
   * was set back): then it is moved behind it.
   *
   * @param first the earliest time (s) of the run's first sample
   */
  #begin(intake: RunReader, first: number): number {
    if (this.#run !== intake) this.#run?.close();
    this.#run = intake;
    this.#next = undefined;
    let published: number | undefined;
    for (const { track } of this.#tracks.values()) {
      if (track.last) published = Math.max(published ?? 0, track.end);
      track.retired = !intake.run.renditions.some(({ id }) => id === track.id);
    }
    const earliest = published === undefined ? 0 : published + REORDERING;
    const natural = MEDIA_TIME_ORIGIN + (intake.run.originMs - this.#broadcast.startedAt) / 1000;
    const offset = Math.max(natural, earliest - first);
    for (const { track } of this.#tracks.values()) {
      const rendition = intake.run.renditions.find(({ id }) => id === track.id);
      if (rendition) track.announcedFrameRate = rendition.frameRate;
      else track.queue.changed();
    }
    // Whole milliseconds are whole ticks in the usual timescales.
    return Math.ceil(offset * 1000) / 1000;
  }

  #published(track: RenditionWindow): void {
    this.#version++;
    const { last } = track;
    if (last && !last.complete) this.#raiseTargetDuration(last.duration);
    this.#trim(track);
    if (this.#playable !== this.#run) this.#checkPlayable();
    track.queue.changed();
  }

  /** EXTINF, rounded, must not exceed the target duration (RFC 8216bis, 4.4.3.1). */
  #raiseTargetDuration(seconds: number): void {
    const needed = Math.round(seconds);
    if (needed <= this.#targetDuration) return;
    this.#targetDuration = needed;
    this.#version++;
  }

  /** A little more is kept than is listed, for players that have just been told of it (6.2.2). */
  #trim(track: RenditionWindow): void {
    const reach = this.#options.windowDuration + PART_TARGETS * this.#targetDuration;
    let kept = 0;
    for (const { duration } of track.segments) kept += duration;
    while (track.segments.length > 1 && kept - track.segments[0]!.duration >= reach) {
      kept -= track.segments[0]!.duration;
      track.drop();
    }
    for (let total = this.bytes; total > this.#options.windowBytes; total = this.bytes) {
      const oldest = this.#oldest();
      if (!oldest) return;
      oldest.drop();
    }
  }

  #oldest(): RenditionWindow | undefined {
    let oldest: RenditionWindow | undefined;
    for (const { track } of this.#tracks.values()) {
      if (track.segments.length < 2) continue;
      if (!oldest || track.segments[0]!.programDateTime < oldest.segments[0]!.programDateTime) oldest = track;
    }
    return oldest;
  }

  /**
   * Players cannot begin with parts alone (hls.js 1.7 reports an empty playlist): playable means one complete segment
   * in every rendition of the run. One that does not come is not waited for when another has two.
   */
  #checkPlayable(): void {
    const run = this.#run;
    if (!run) return;
    let complete = true;
    let furthest = 0;
    for (const { id } of run.run.renditions) {
      const track = this.#tracks.get(id)?.track;
      const last = track?.last;
      const segments = last ? track!.segments.length - (last.complete ? 0 : 1) : 0;
      if (segments === 0 || last?.run !== run.run.index) complete = false;
      else furthest = Math.max(furthest, segments);
    }
    if (!complete && furthest < 2) return;
    this.#playable = run;
    this.#announced = true;
    this.#options.log.info({ run: run.run.index }, 'playable');
    this.#broadcast.playable();
  }

  #renderMultivariant(): string {
    const tracks = [...this.#tracks.values()].map(({ track }) => track);
    const variants = tracks.flatMap((track) => {
      const { init, bandwidth } = track;
      if (track.retired || !track.last || !init) return [];
      const { peak, average } = bandwidth;
      const uri = `${this.broadcastId}/${track.id}/index.m3u8`;
      return [
        {
          init,
          uri,
          codec: init.codec,
          bandwidth: peak,
          averageBandwidth: average,
          frameRate: track.frameRate,
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
