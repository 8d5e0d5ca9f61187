import type { BlockingRequests } from './blocking-requests.js';
import { HlsRendition, type RenditionHost } from './hls-rendition.js';
import type { MediaPlaylist } from './media-playlist.js';
import { RenditionWindow, type SegmentCompleted } from './rendition-window.js';
import type { Segment } from './segment.js';

/** Segments within which an encoder may continue a suspended rendition. */
const CONTINUED_SEGMENTS = 16;
/** Time by which renditions may begin a common segment apart, ms. */
const COMMON_START_MS = 100;

/** Windows of all renditions that a broadcast had so far. */
export class RenditionWindows {
  readonly #windows = new Map<string, { window: RenditionWindow; hls: HlsRendition }>();
  readonly #host: RenditionHost;
  readonly #blockingRequests: BlockingRequests;
  readonly #completed: SegmentCompleted;
  /** Segments that viewers may get: those from this number on, once one begins late enough. */
  #shown: { fromMs: number; behindMsn: number; fromMsn: number | undefined } | undefined;

  /** @param completed called with each complete segment */
  constructor(host: RenditionHost, blockingRequests: BlockingRequests, completed: SegmentCompleted) {
    this.#host = host;
    this.#blockingRequests = blockingRequests;
    this.#completed = completed;
  }

  *[Symbol.iterator](): Iterator<RenditionWindow> {
    for (const { window } of this.#windows.values()) yield window;
  }

  /** Bytes of media in memory. */
  get bytes(): number {
    let total = 0;
    for (const { bytes } of this) total += bytes;
    return total;
  }

  find(id: string): RenditionWindow | undefined {
    return this.#windows.get(id)?.window;
  }

  playlistOf(id: string): HlsRendition | undefined {
    return this.#windows.get(id)?.hls;
  }

  /** Returns the window of a rendition; a new one if there is none of this kind. */
  open(id: string, kind: 'video' | 'audio'): RenditionWindow {
    const known = this.find(id);
    if (known && known.kind === kind) return known;
    const window = new RenditionWindow(id, kind, this.#blockingRequests.queue(), {
      siblingSegment: (msn) => this.#complete(msn),
      isShown: (...start) => this.#isShown(...start),
      completed: this.#completed,
    });
    this.#windows.set(id, { window, hls: new HlsRendition(window, this.#host) });
    return window;
  }

  clear(): void {
    this.#windows.clear();
  }

  /** Drops all media, and those of segments that began before this time (Unix ms). */
  beginAnew(nowMs: number): void {
    const behindMsn = Math.max(-1, ...[...this].map(({ newestMsn }) => newestMsn));
    this.#shown = { fromMs: nowMs + COMMON_START_MS, behindMsn, fromMsn: undefined };
    for (const window of this) window.beginAnew();
    for (const window of this) window.queue.changed();
  }

  /** Decides once for all renditions, which begin a common segment some milliseconds apart. */
  #isShown(msn: number, programDateTimeMs: number): boolean {
    const shown = this.#shown;
    if (!shown) return true;
    if (shown.fromMsn === undefined && msn > shown.behindMsn && programDateTimeMs >= shown.fromMs)
      shown.fromMsn = msn;
    return shown.fromMsn !== undefined && msn >= shown.fromMsn;
  }

  /** Returns the newest keyframe of a video rendition, as `Presentation.newestKeyframe` does. */
  newestKeyframe(wanted: 'smallest' | 'largest' = 'smallest'): Buffer[] | undefined {
    let best: { window: RenditionWindow; pixels: number } | undefined;
    for (const window of this) {
      const { init } = window;
      if (window.retired || window.isStale || init?.kind !== 'video') continue;
      const pixels = init.width * init.height * (wanted === 'smallest' ? 1 : -1);
      if (!best || pixels < best.pixels) best = { window, pixels };
    }
    return best?.window.newestKeyframe();
  }

  /** Returns the rendition reports of a playlist (RFC 8216bis, 4.4.5.4). */
  reports(own: RenditionWindow): MediaPlaylist['reports'] {
    const reports: { uri: string; msn: number; part: number }[] = [];
    for (const window of this) {
      const { last } = window;
      if (window === own || window.retired || window.suspended || !last) continue;
      reports.push({ uri: `../${window.id}/index.m3u8`, msn: last.msn, part: last.parts.length - 1 });
    }
    return reports;
  }

  /** Drops media of suspended renditions when it is too late for an encoder to continue them. */
  clearSuspended(newestMsn: number): void {
    for (const window of this)
      if (window.suspended && window.last && window.last.msn < newestMsn - CONTINUED_SEGMENTS) window.clear();
  }

  /**
   * Drops old segments of a rendition, and the oldest of all while they are too large.
   *
   * @param reachS minimum duration of kept segments, s
   * @param maximumBytes of all renditions
   */
  trim(window: RenditionWindow, reachS: number, maximumBytes: number): void {
    let keptS = 0;
    for (const { durationS } of window.segments) keptS += durationS;
    while (window.segments.length > 1 && keptS - window.segments[0]!.durationS >= reachS) {
      keptS -= window.segments[0]!.durationS;
      window.dropOldest();
    }
    for (let total = this.bytes; total > maximumBytes; total = this.bytes) {
      const oldest = this.#oldest();
      if (!oldest) return;
      oldest.dropOldest();
    }
  }

  #oldest(): RenditionWindow | undefined {
    let oldest: RenditionWindow | undefined;
    for (const window of this) {
      if (window.segments.length < 2) continue;
      if (!oldest || window.segments[0]!.programDateTimeMs < oldest.segments[0]!.programDateTimeMs)
        oldest = window;
    }
    return oldest;
  }

  /** Finds a segment that is complete in any rendition. */
  #complete(msn: number): Segment | undefined {
    for (const window of this) {
      const segment = window.find(msn);
      if (segment?.complete) return segment;
    }
    return undefined;
  }
}
