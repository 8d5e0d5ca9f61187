import type { Clock } from '../platform/index.js';
import type { Wait, WaitState } from './blocking-requests.js';
import { type MediaPlaylist, renderMediaPlaylist } from './media-playlist.js';
import { ADVANCE_SEGMENTS, BLOCK_TARGETS } from './playlist-limits.js';
import type { RenditionWindow } from './rendition-window.js';
import type { Segment } from './segment.js';

/** State of the broadcast that a rendition's playlists contain. */
export type RenditionHost = {
  readonly clock: Clock;
  /** Increases with every change that affects a playlist. */
  readonly version: number;
  readonly targetDurationS: number;
  readonly windowDurationS: number;
  readonly ended: 'endlist' | 'hold' | undefined;
  /** An encoder run is publishing. */
  readonly running: boolean;
  reports(window: RenditionWindow): MediaPlaylist['reports'];
};

/** Result, or a wait for it; `full`: the limit of blocked requests is reached. */
export type Answer<T> = T | Wait | 'gone' | 'out-of-range' | 'full';

/** Last rendered playlist: without tokens, and split where a viewer's token is inserted. */
type Rendered = { version: number; bytes: Buffer | undefined; pieces: string[] | undefined };

/** Marks the position of a viewer's token in a rendered playlist. */
const TOKEN_PLACE = '\0';

/** Serves one rendition of a broadcast: playlists, initialization sections, segments and parts. */
export class HlsRendition {
  readonly #window: RenditionWindow;
  readonly #host: RenditionHost;
  readonly #full: Rendered = { version: -1, bytes: undefined, pieces: undefined };
  readonly #delta: Rendered = { version: -1, bytes: undefined, pieces: undefined };

  constructor(window: RenditionWindow, host: RenditionHost) {
    this.#window = window;
    this.#host = host;
  }

  get kind(): 'video' | 'audio' {
    return this.#window.kind;
  }

  get targetDurationS(): number {
    return this.#host.targetDurationS;
  }

  /** Returns the media playlist; `delta`: a delta update (RFC 8216bis, 6.2.5.1). */
  playlist(delta: boolean): Buffer | undefined {
    if (this.#isGone() || this.#window.suspended) return undefined;
    const rendered = this.#rendered(delta);
    return (rendered.bytes ??= Buffer.from(this.#render(delta, '')));
  }

  /**
   * As `playlist`, with the viewer's token as query argument `v` of every URI, of media and of rendition reports.
   *
   * @param token needs no escaping
   */
  playlistFor(token: string, delta: boolean): Buffer | undefined {
    if (this.#isGone() || this.#window.suspended) return undefined;
    const rendered = this.#rendered(delta);
    rendered.pieces ??= this.#render(delta, TOKEN_PLACE).split(TOKEN_PLACE);
    return Buffer.from(rendered.pieces.join(`?v=${token}`), 'latin1');
  }

  #rendered(delta: boolean): Rendered {
    const rendered = delta ? this.#delta : this.#full;
    if (rendered.version !== this.#host.version) {
      rendered.version = this.#host.version;
      rendered.bytes = undefined;
      rendered.pieces = undefined;
    }
    return rendered;
  }

  #render(delta: boolean, uriSuffix: string): string {
    const { targetDurationS, windowDurationS, ended } = this.#host;
    const playlist = {
      targetDurationS,
      partTargetS: this.#window.partTargetS,
      segments: listed(this.#window.segments, windowDurationS),
      hint: ended ? undefined : this.#hint(),
      reports: this.#host.reports(this.#window),
      ended: ended === 'endlist',
    };
    return renderMediaPlaylist(playlist, delta, uriSuffix);
  }

  /** Waits while the rendition is suspended: until it has a complete segment. */
  ready(): Answer<'ready'> {
    const state = (): WaitState => {
      if (this.#isGone()) return 'never';
      if (!this.#window.suspended) return 'ready';
      return this.#host.ended ? 'never' : 'wait';
    };
    const now = state();
    if (now === 'never') return 'gone';
    return now === 'ready' ? now : (this.#window.queue.wait(state, this.#maximumBlockMs()) ?? 'full');
  }

  /**
   * Handles a blocking reload (RFC 8216bis, 6.2.5.2): `ready` when the playlist contains the segment or part. A part
   * index beyond the end of a complete segment means the first part of the next one.
   */
  reload(msn: number, part: number | undefined): Answer<'ready'> {
    if (this.#isGone() || this.#window.suspended) return this.ready();
    const last = this.#window.last!;
    if (this.#host.ended === 'endlist') return 'ready';
    if (msn > last.msn + ADVANCE_SEGMENTS) return 'out-of-range';
    if (part !== undefined && !last.complete && msn === last.msn) {
      if (part >= last.parts.length + this.#advanceParts()) return 'out-of-range';
    }
    if (this.#has(msn, part)) return 'ready';
    const state = (): WaitState => {
      if (this.#isGone()) return 'never';
      return this.#host.ended === 'endlist' || this.#has(msn, part) ? 'ready' : 'wait';
    };
    return this.#window.queue.wait(state, this.#maximumBlockMs()) ?? 'full';
  }

  init(run: number): Buffer | undefined {
    return this.#window.initOf(run)?.data;
  }

  segment(msn: number): Buffer | undefined {
    const segment = this.#window.find(msn);
    return segment?.complete && !segment.gap ? this.#window.bytesOf(segment) : undefined;
  }

  /** Whether this segment is listed and will have further parts. */
  isOpen(msn: number): boolean {
    const { last, retired } = this.#window;
    return last?.msn === msn && !last.complete && !retired && !this.#host.ended;
  }

  /** Returns a part. The next part can be waited for; after `ready` it is requested again. */
  part(msn: number, index: number): Answer<Buffer> {
    const found = this.#window.find(msn)?.parts[index];
    if (found) return found.data;
    const state = (): WaitState => this.#partState(msn, index);
    if (state() !== 'wait') return 'gone';
    return this.#window.queue.wait(state, this.#maximumBlockMs()) ?? 'full';
  }

  #isGone(): boolean {
    const { retired, suspended, segments } = this.#window;
    return retired || (segments.length === 0 && !suspended);
  }

  #maximumBlockMs(): number {
    return this.#host.targetDurationS * BLOCK_TARGETS * 1000;
  }

  /** Advance part limit (RFC 8216bis, 6.2.5.2). */
  #advanceParts(): number {
    const { partTargetS } = this.#window;
    return partTargetS >= 1 ? 3 : Math.ceil(3 / partTargetS);
  }

  #has(msn: number, part: number | undefined): boolean {
    const { last } = this.#window;
    if (!last || msn > last.msn) return false;
    const segment = msn < last.msn ? this.#window.find(msn) : last;
    // Older than the window: the playlist is already past it.
    if (!segment) return true;
    if (part === undefined) return segment.complete;
    if (part < segment.parts.length) return true;
    return segment.complete && this.#has(msn + 1, 0);
  }

  /** Only the next part of the last segment, or the first part of the segment after it, can still appear. */
  #partState(msn: number, index: number): WaitState {
    if (this.#window.find(msn)?.parts[index]) return 'ready';
    const { last } = this.#window;
    if (!last || this.#window.retired || this.#host.ended) return 'never';
    if (msn === last.msn && !last.complete && index === last.parts.length) return 'wait';
    return msn === last.msn + 1 && index === 0 ? 'wait' : 'never';
  }

  /**
   * Chooses a preload hint that is certain to appear: the next part until the minimum duration of the segment; after
   * that, and while no encoder runs, the first part of the next segment.
   */
  #hint(): { msn: number; part: number } {
    const { start } = this.#window;
    const last = this.#window.last!;
    if (!start || !this.#host.running) return { msn: last.msn + 1, part: 0 };
    const written = last.msn === start.msn && !last.complete ? last : undefined;
    const slackS = start.partDurationS / 10;
    if ((written?.durationS ?? 0) >= start.minimumDurationS - slackS) return { msn: start.msn + 1, part: 0 };
    return { msn: start.msn, part: written?.parts.length ?? 0 };
  }
}

/** Returns the newest segments that cover `windowDurationS`, at least one. */
function listed(segments: readonly Segment[], windowDurationS: number): readonly Segment[] {
  let ageS = 0;
  for (let index = segments.length - 1; index > 0; index--) {
    ageS += segments[index]!.durationS;
    if (ageS >= windowDurationS) return segments.slice(index);
  }
  return segments;
}
