import type { PictureSink } from '../../media/index.js';
import { type Clock, type Logger, messageOf, sleep } from '../../platform/index.js';
import type { WebrtcSlate } from '../../streams/index.js';

/** Place in the SFU that takes the pictures of a slate. */
export type SlatePlace = {
  readonly pictures: PictureSink;
  /** Resolves when the place is closed, or lost with its worker. */
  readonly closed: Promise<void>;
  close(): void;
};

export type SlateDisplayOptions = {
  /** Renders the slate; undefined: there is none. */
  render(signal: AbortSignal): Promise<WebrtcSlate | undefined>;
  /** Opens the place; undefined: it takes none. @throws when there is no worker */
  open(): Promise<SlatePlace | undefined>;
  /** Opens the place before the slate is rendered, to announce it. */
  opensEarly?: boolean;
  /** Called when the pictures begin. */
  begun(): void;
  clock: Clock;
  log: Logger;
};

/** Wait before another attempt after the place was lost, ms. */
const RETRY_MS = 1_000;

/** Shows a slate in the SFU until `close`. */
export class SlateDisplay {
  /** Resolves when it sends nothing more. Never rejects. */
  readonly closed: Promise<void>;
  readonly #options: SlateDisplayOptions;
  readonly #abort = new AbortController();

  constructor(options: SlateDisplayOptions) {
    this.#options = options;
    this.closed = this.#run();
  }

  close(): void {
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    const { render, open, opensEarly = false, clock, log } = this.#options;
    const { signal } = this.#abort;
    let early: SlatePlace | undefined;
    try {
      if (opensEarly) early = await open();
      const slate = await render(signal);
      while (slate && !signal.aborted) {
        const place = early ?? (await open());
        early = undefined;
        if (place) await this.#show(slate, place);
        await sleep(clock, RETRY_MS, signal);
      }
    } catch (error) {
      if (!signal.aborted)
        log.warn({ reason: messageOf(error) }, 'no slate: WebRTC viewers wait without one');
    } finally {
      early?.close();
    }
  }

  /** Sends the pictures at their times, until `close` or the loss of the worker. */
  async #show({ parameterSets, pictures, pictureDurationMs }: WebrtcSlate, place: SlatePlace): Promise<void> {
    const { begun, clock } = this.#options;
    const { signal } = this.#abort;
    let isLost = false as boolean;
    void place.closed.then(() => {
      isLost = true;
    });
    try {
      if (signal.aborted) return;
      const begunMs = clock.monotonic();
      place.pictures.beginStream(parameterSets, clock.now());
      begun();
      for (let count = 0; !signal.aborted && !isLost; count++) {
        const timeMs = count * pictureDurationMs;
        const data = pictures[count % pictures.length]!;
        place.pictures.writePicture({ data, offset: 0, timeMs });
        const waitMs = begunMs + timeMs + pictureDurationMs - clock.monotonic();
        // Pictures that are overdue follow at once, but the loop yields.
        await sleep(clock, Math.max(0, waitMs), signal);
      }
    } finally {
      place.close();
    }
  }
}
