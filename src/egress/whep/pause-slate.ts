import type { PictureState } from '../../media/index.js';
import type { Clock, Logger } from '../../platform/index.js';
import type { Broadcast, SlateCodec, Source, WebrtcSlate } from '../../streams/index.js';
import type { WebrtcPool } from '../../webrtc/index.js';
import { SlateDisplay } from './slate-display.js';

export type PauseSlateOptions = {
  broadcast: Pick<Broadcast, 'renderWebrtcSlate' | 'hlsDemand'>;
  source: Pick<Source, 'info'>;
  /** Media source of the publication in the SFU. */
  mediaSourceId: string;
  pool: Pick<WebrtcPool, 'receiveSlate'>;
  /** Whether there are WebRTC viewers. */
  hasViewers(): boolean;
  clock: Clock;
  log: Logger;
};

/** Time after the last request of an HLS viewer for which a slate is shown, ms. */
const WATCHED_MS = 30_000;

/**
 * Shows a slate in place of a WHIP publisher's video while its picture pauses, to all readers of its media source: WebRTC
 * viewers, and encoders for HLS, whose sound and renditions go on.
 */
export class PauseSlate {
  readonly #options: PauseSlateOptions;
  #display: SlateDisplay | undefined;
  #state: PictureState = 'flowing';
  /** Ends when the picture has returned. */
  #pause = new AbortController();
  /** Slate that is rendered while the picture is late. */
  #rendering: Promise<WebrtcSlate | undefined> | undefined;

  constructor(options: PauseSlateOptions) {
    this.#options = options;
  }

  /** Resolves when nothing is sent any more, after `set('flowing')`. */
  get closed(): Promise<void> {
    return this.#display?.closed ?? Promise.resolve();
  }

  set(state: PictureState): void {
    this.#state = state;
    if (state === 'flowing') this.#end();
    else if (state === 'late') this.#prepare();
    else this.#begin();
  }

  /** Begins the slate of a pause that somebody watches. */
  provide(): void {
    const { mediaSourceId, pool, clock, log } = this.#options;
    const codec = this.#watchedCodec;
    if (this.#state !== 'paused' || this.#display || codec === undefined) return;
    const rendering = this.#rendering;
    this.#rendering = undefined;
    this.#display = new SlateDisplay({
      ...{ clock, log },
      render: (signal) => rendering ?? this.#render(codec, signal),
      open: () => pool.receiveSlate({ mediaSourceId, codec }),
      opensEarly: true,
      begun: () => log.info({ codec }, 'slate shown: the picture pauses'),
    });
  }

  #end(): void {
    this.#pause.abort();
    this.#rendering = undefined;
    this.#display?.close();
  }

  /** Renders the slate of a pause that is likely: viewers see it as soon as the picture pauses. */
  #prepare(): void {
    this.#end();
    this.#pause = new AbortController();
    const codec = this.#watchedCodec;
    if (codec === undefined) return;
    this.#rendering = this.#render(codec, this.#pause.signal);
    // A failure is told by the display, if there is a pause.
    this.#rendering.catch(() => {});
  }

  #begin(): void {
    this.#display?.close();
    this.#display = undefined;
    if (this.#pause.signal.aborted) this.#pause = new AbortController();
    this.#options.broadcast.hlsDemand.onRequest(() => this.provide(), this.#pause.signal);
    this.provide();
  }

  /** Codec of the slate; undefined while nobody watches, or when the picture has none of a slate. */
  get #watchedCodec(): SlateCodec | undefined {
    const { broadcast, source, hasViewers } = this.#options;
    const codec = source.info.video?.codec;
    if (codec === 'hevc' || !(hasViewers() || broadcast.hlsDemand.isWithin(WATCHED_MS))) return undefined;
    return codec;
  }

  #render(codec: SlateCodec, signal: AbortSignal): Promise<WebrtcSlate | undefined> {
    return this.#options.broadcast.renderWebrtcSlate(codec, signal);
  }
}
