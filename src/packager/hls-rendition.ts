import type { Clock } from '../platform/index.js';
import type { Wait, WaitState } from './blocking-requests.js';
import { type MediaPlaylist, renderMediaPlaylist } from './media-playlist.js';
import { ADVANCE_SEGMENTS, BLOCK_TARGETS } from './playlist-limits.js';
import type { RenditionWindow } from './rendition-window.js';
import type { Segment } from './segment.js';

/** What a feed needs of its broadcast. */
export type RenditionHost = {
  readonly clock: Clock;
  /** Rises with every change of anything that a playlist says. */
  readonly version: number;
  readonly targetDuration: number;
  readonly windowDuration: number;
  readonly ended: 'endlist' | 'hold' | undefined;
  /** An encoder is writing. */
  readonly running: boolean;
  reports(track: RenditionWindow): MediaPlaylist['reports'];
};

/** What is asked for exists, may exist soon, or cannot be had: `full` means that too many wait already. */
export type Answer<T> = T | Wait | 'gone' | 'out-of-range' | 'full';

/** A playlist as it was rendered last: for everybody, and in pieces between which a viewer's token belongs. */
type Rendered = { version: number; bytes: Buffer | undefined; pieces: string[] | undefined };

/** Stands for a viewer's token in a rendered playlist; no playlist contains it otherwise. */
const TOKEN_PLACE = '\0';

/** One rendition of a broadcast, as it is served. */
export class HlsRendition {
  readonly #track: RenditionWindow;
  readonly #host: RenditionHost;
  readonly #whole: Rendered = { version: -1, bytes: undefined, pieces: undefined };
  readonly #delta: Rendered = { version: -1, bytes: undefined, pieces: undefined };

  constructor(track: RenditionWindow, host: RenditionHost) {
    this.#track = track;
    this.#host = host;
  }

  get kind(): 'video' | 'audio' {
    return this.#track.kind;
  }

  /** Seconds. */
  get targetDuration(): number {
    return this.#host.targetDuration;
  }

  /** The media playlist as it is now; `delta` is an update for players that have a recent one. */
  playlist(delta: boolean): Buffer | undefined {
    if (this.#gone()) return undefined;
    const rendered = this.#rendered(delta);
    return (rendered.bytes ??= Buffer.from(this.#render(delta, '')));
  }

  /**
   * As `playlist`, with the viewer's token as the argument `v` of every URI, of media and of rendition reports.
   *
   * @param token needs no escaping.
   */
  playlistFor(token: string, delta: boolean): Buffer | undefined {
    if (this.#gone()) return undefined;
    const rendered = this.#rendered(delta);
    rendered.pieces ??= this.#render(delta, TOKEN_PLACE).split(TOKEN_PLACE);
    return Buffer.from(rendered.pieces.join(`?v=${token}`), 'latin1');
  }

  #rendered(delta: boolean): Rendered {
    const rendered = delta ? this.#delta : this.#whole;
    if (rendered.version !== this.#host.version) {
      rendered.version = this.#host.version;
      rendered.bytes = undefined;
      rendered.pieces = undefined;
    }
    return rendered;
  }

  #render(delta: boolean, uriSuffix: string): string {
    const { targetDuration, windowDuration, ended } = this.#host;
    const playlist = {
      targetDuration,
      partTarget: this.#track.partTarget,
      segments: listed(this.#track.segments, windowDuration),
      hint: ended ? undefined : this.#hint(),
      reports: this.#host.reports(this.#track),
      ended: ended === 'endlist',
    };
    return renderMediaPlaylist(playlist, delta, uriSuffix);
  }

  /**
   * Blocking reload (RFC 8216bis, 6.2.5.2): `ready` when the playlist has the segment, or the part of it. A part
   * beyond the last one of a finished segment means the first of the next.
   */
  reload(msn: number, part: number | undefined): Answer<'ready'> {
    if (this.#gone()) return 'gone';
    const last = this.#track.last!;
    if (this.#host.ended === 'endlist') return 'ready';
    if (msn > last.msn + ADVANCE_SEGMENTS) return 'out-of-range';
    if (part !== undefined && !last.complete && msn === last.msn) {
      if (part >= last.parts.length + this.#advanceParts()) return 'out-of-range';
    }
    if (this.#has(msn, part)) return 'ready';
    const state = (): WaitState => {
      if (this.#gone()) return 'never';
      return this.#host.ended === 'endlist' || this.#has(msn, part) ? 'ready' : 'wait';
    };
    return this.#track.queue.wait(state, this.#longestBlock()) ?? 'full';
  }

  init(run: number): Buffer | undefined {
    return this.#track.initOf(run)?.data;
  }

  segment(msn: number): Buffer | undefined {
    const segment = this.#track.find(msn);
    return segment?.complete && !segment.gap ? this.#track.bytesOf(segment) : undefined;
  }

  /** A part; the one that comes next may be waited for, and is then there when asked again. */
  part(msn: number, index: number): Answer<Buffer> {
    const found = this.#track.find(msn)?.parts[index];
    if (found) return found.data;
    const state = (): WaitState => this.#partState(msn, index);
    if (state() !== 'wait') return 'gone';
    return this.#track.queue.wait(state, this.#longestBlock()) ?? 'full';
  }

  #gone(): boolean {
    return this.#track.retired || this.#track.segments.length === 0;
  }

  #longestBlock(): number {
    return this.#host.targetDuration * BLOCK_TARGETS * 1000;
  }

  /** The advance part limit of 6.2.5.2. */
  #advanceParts(): number {
    const { partTarget } = this.#track;
    return partTarget >= 1 ? 3 : Math.ceil(3 / partTarget);
  }

  #has(msn: number, part: number | undefined): boolean {
    const { last } = this.#track;
    if (!last || msn > last.msn) return false;
    const segment = msn < last.msn ? this.#track.find(msn) : last;
    // Older than all that is kept: the playlist is beyond it.
    if (!segment) return true;
    if (part === undefined) return segment.complete;
    if (part < segment.parts.length) return true;
    return segment.complete && this.#has(msn + 1, 0);
  }

  /** Only the next part of the last segment or the first of the one behind it can still come. */
  #partState(msn: number, index: number): WaitState {
    if (this.#track.find(msn)?.parts[index]) return 'ready';
    const { last } = this.#track;
    if (!last || this.#track.retired || this.#host.ended) return 'never';
    if (msn === last.msn && !last.complete && index === last.parts.length) return 'wait';
    return msn === last.msn + 1 && index === 0 ? 'wait' : 'never';
  }

  /**
   * A part that is certain to come. Until the least duration of a segment its next part is; from then on, and while
   * no encoder writes, only the first part of the next segment: it comes sooner or later, if anything does.
   */
  #hint(): { msn: number; part: number } {
    const { start } = this.#track;
    const last = this.#track.last!;
    if (!start || !this.#host.running) return { msn: last.msn + 1, part: 0 };
    const written = last.msn === start.msn && !last.complete ? last : undefined;
    const slack = start.part / 10;
    if ((written?.duration ?? 0) >= start.least - slack) return { msn: start.msn + 1, part: 0 };
    return { msn: start.msn, part: written?.parts.length ?? 0 };
  }
}

/** The segments inside the window: the last so many seconds, at least one segment. */
function listed(segments: readonly Segment[], windowDuration: number): readonly Segment[] {
  let age = 0;
  for (let index = segments.length - 1; index > 0; index--) {
    age += segments[index]!.duration;
    if (age >= windowDuration) return segments.slice(index);
  }
  return segments;
}
