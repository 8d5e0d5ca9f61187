import type { Clock, Logger } from '../../platform/index.js';
import type { Broadcast, Source } from '../../streams/index.js';
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
  #pause: AbortController | undefined;

  constructor(options: PauseSlateOptions) {
    this.#options = options;
  }

  /** Resolves when nothing is sent any more, after `set(false)`. */
  get closed(): Promise<void> {
    return this.#display?.closed ?? Promise.resolve();
  }

  /** The picture pauses, or has returned. */
  set(isPaused: boolean): void {
    this.#pause?.abort();
    this.#pause = undefined;
    this.#display?.close();
    if (!isPaused) return;
    this.#display = undefined;
    this.#pause = new AbortController();
    this.#options.broadcast.hlsDemand.onRequest(() => this.provide(), this.#pause.signal);
    this.provide();
  }

  /** Begins the slate of a pause that somebody watches. */
  provide(): void {
    const { broadcast, source, mediaSourceId, pool, hasViewers, clock, log } = this.#options;
    const codec = source.info.video?.codec;
    if (!this.#pause || this.#display || codec === undefined || codec === 'hevc') return;
    if (!hasViewers() && !broadcast.hlsDemand.isWithin(WATCHED_MS)) return;
    this.#display = new SlateDisplay({
      ...{ broadcast, codec, clock, log },
      open: () => pool.receiveSlate({ mediaSourceId, codec }),
      opensEarly: true,
      begun: () => log.info({ codec }, 'slate shown: the picture pauses'),
    });
  }
}
