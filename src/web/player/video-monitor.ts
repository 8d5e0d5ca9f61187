import { drawHeldFrame } from './held-frame.js';
import type { PlayerPhase } from './player-phase.js';

/** Stalls up to this length are counted, but not shown. */
const SHORT_STALL_MS = 500;

/** Derives phase, stalls and autoplay refusals from the events of a video element. */
export class VideoMonitor {
  readonly #video: HTMLVideoElement;
  readonly #still: HTMLCanvasElement;
  readonly #onChange: () => void;
  readonly #listeners = new AbortController();
  #started = false;
  #playRefused = false;
  #waitingSinceMs: number | undefined;
  #stallTimer: ReturnType<typeof setTimeout> | undefined;
  #positionS = 0;

  /** The browser's autoplay policy allowed playback only muted. */
  mutedByBrowser = false;
  stalls = 0;
  stalledMs = 0;
  /** False once the viewer has paused or seeked back: the player must not jump to the live edge then. */
  followsLive = true;

  constructor(video: HTMLVideoElement, still: HTMLCanvasElement, onChange: () => void) {
    this.#video = video;
    this.#still = still;
    this.#onChange = onChange;
    const on = (name: keyof HTMLMediaElementEventMap, listener: () => void): void =>
      video.addEventListener(name, listener, { signal: this.#listeners.signal });
    on('playing', () => this.#playbackStarted());
    on('waiting', () => this.#stallStarted());
    on('pause', () => this.#playbackPaused());
    on('ended', onChange);
    on('timeupdate', () => this.#positionChanged());
    on('seeking', () => this.#seekStarted());
    on('volumechange', () => {
      if (!video.muted) this.mutedByBrowser = false;
      onChange();
    });
  }

  phase(): PlayerPhase {
    if (this.#playRefused) return 'refused';
    if (this.#video.ended) return 'ended';
    if (!this.#started) return 'loading';
    if (this.#video.paused) return 'paused';
    if (this.#waitingSinceMs !== undefined && performance.now() - this.#waitingSinceMs >= SHORT_STALL_MS)
      return 'waiting';
    return this.#video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA ? 'loading' : 'playing';
  }

  /** Plays; muted where the autoplay policy requires it; else the phase becomes `refused` until a click. */
  async play(): Promise<void> {
    this.#playRefused = false;
    try {
      await this.#video.play();
    } catch (error) {
      if (!isAutoplayRefusal(error) || this.#listeners.signal.aborted) return;
      if (this.#video.muted) this.#playRefused = true;
      else {
        this.#video.muted = true;
        this.mutedByBrowser = true;
        await this.play();
        return;
      }
    }
    this.#onChange();
  }

  /** Covers the video with its current frame until it plays again. */
  holdFrame(): void {
    this.#still.hidden = !drawHeldFrame(this.#video, this.#still);
  }

  /** Returns to `loading` until the new source plays. */
  sourceReplaced(): void {
    this.#started = false;
    this.#endStall();
  }

  close(): void {
    this.#listeners.abort();
    clearTimeout(this.#stallTimer);
    this.#still.hidden = true;
  }

  #playbackStarted(): void {
    this.#started = true;
    this.#playRefused = false;
    this.#still.hidden = true;
    this.#endStall();
    this.#onChange();
  }

  #stallStarted(): void {
    if (!this.#started || this.#waitingSinceMs !== undefined) return;
    this.#waitingSinceMs = performance.now();
    if (!this.#video.seeking) this.stalls += 1;
    this.#stallTimer = setTimeout(this.#onChange, SHORT_STALL_MS + 10);
  }

  #endStall(): void {
    clearTimeout(this.#stallTimer);
    if (this.#waitingSinceMs === undefined) return;
    this.stalledMs += performance.now() - this.#waitingSinceMs;
    this.#waitingSinceMs = undefined;
  }

  #playbackPaused(): void {
    if (this.#started && !this.#video.ended) this.followsLive = false;
    this.#onChange();
  }

  #positionChanged(): void {
    // A gap that was skipped ends without a `playing` event.
    if (this.#waitingSinceMs !== undefined && this.#video.currentTime > this.#positionS) {
      this.#endStall();
      this.#onChange();
    }
    this.#positionS = this.#video.currentTime;
  }

  #seekStarted(): void {
    // The player seeks forward only; a seek back of seconds is the viewer's.
    if (this.#started && this.#video.currentTime < this.#positionS - 3) this.followsLive = false;
    this.#positionS = this.#video.currentTime;
  }
}

function isAutoplayRefusal(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'NotAllowedError';
}
