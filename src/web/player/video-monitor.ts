import type { PlayerPhase } from '../pages/playback-state.js';
import { holdPicture } from './held-frame.js';

/** Shorter than this, running dry is not worth a word on the page (it still counts as a stall). */
const SILENT_WAIT_MS = 500;

/** Follows one video element: what it is at, how often it stalled, what the browser lets it do. */
export class VideoWatch {
  readonly #video: HTMLVideoElement;
  readonly #still: HTMLCanvasElement;
  readonly #onChange: () => void;
  readonly #listening = new AbortController();
  #started = false;
  #refused = false;
  #waitingSince: number | undefined;
  #stallTimer: ReturnType<typeof setTimeout> | undefined;
  #position = 0;

  /** The browser allowed playback only without sound. */
  silenced = false;
  stalls = 0;
  stalledMs = 0;
  /** False once the viewer has paused or gone back: then the player must not drag them to the live edge. */
  following = true;

  constructor(video: HTMLVideoElement, still: HTMLCanvasElement, onChange: () => void) {
    this.#video = video;
    this.#still = still;
    this.#onChange = onChange;
    const on = (name: keyof HTMLMediaElementEventMap, listener: () => void): void =>
      video.addEventListener(name, listener, { signal: this.#listening.signal });
    on('playing', () => this.#playing());
    on('waiting', () => this.#waiting());
    on('pause', () => this.#paused());
    on('ended', onChange);
    on('timeupdate', () => this.#moved());
    on('seeking', () => this.#sought());
    on('volumechange', () => {
      if (!video.muted) this.silenced = false;
      onChange();
    });
  }

  phase(): PlayerPhase {
    if (this.#refused) return 'refused';
    if (this.#video.ended) return 'ended';
    if (!this.#started) return 'loading';
    if (this.#video.paused) return 'paused';
    if (this.#waitingSince !== undefined && performance.now() - this.#waitingSince >= SILENT_WAIT_MS)
      return 'waiting';
    return this.#video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA ? 'loading' : 'playing';
  }

  /** Plays with sound, or without where the browser insists, or notes that it wants a click. */
  async play(): Promise<void> {
    this.#refused = false;
    try {
      await this.#video.play();
    } catch (error) {
      if (!isRefusal(error) || this.#listening.signal.aborted) return;
      if (this.#video.muted) this.#refused = true;
      else {
        this.#video.muted = true;
        this.silenced = true;
        await this.play();
        return;
      }
    }
    this.#onChange();
  }

  /** Keeps the picture of this moment in view until the element plays again. */
  holdPicture(): void {
    this.#still.hidden = !holdPicture(this.#video, this.#still);
  }

  /** The element gets a new source: until it plays, it is loading. */
  restart(): void {
    this.#started = false;
    this.#endStall();
  }

  close(): void {
    this.#listening.abort();
    clearTimeout(this.#stallTimer);
    this.#still.hidden = true;
  }

  #playing(): void {
    this.#started = true;
    this.#refused = false;
    this.#still.hidden = true;
    this.#endStall();
    this.#onChange();
  }

  #waiting(): void {
    if (!this.#started || this.#waitingSince !== undefined) return;
    this.#waitingSince = performance.now();
    if (!this.#video.seeking) this.stalls += 1;
    this.#stallTimer = setTimeout(this.#onChange, SILENT_WAIT_MS + 10);
  }

  #endStall(): void {
    clearTimeout(this.#stallTimer);
    if (this.#waitingSince === undefined) return;
    this.stalledMs += performance.now() - this.#waitingSince;
    this.#waitingSince = undefined;
  }

  #paused(): void {
    if (this.#started && !this.#video.ended) this.following = false;
    this.#onChange();
  }

  #moved(): void {
    // A gap that was jumped over ends without a `playing` event.
    if (this.#waitingSince !== undefined && this.#video.currentTime > this.#position) {
      this.#endStall();
      this.#onChange();
    }
    this.#position = this.#video.currentTime;
  }

  #sought(): void {
    // Corrections of the player go forward; only people go back this far.
    if (this.#started && this.#video.currentTime < this.#position - 3) this.following = false;
    this.#position = this.#video.currentTime;
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'NotAllowedError';
}
