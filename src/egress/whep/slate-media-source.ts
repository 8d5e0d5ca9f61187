import { type Clock, type Logger, messageOf, newId, sleep } from '../../platform/index.js';
import type { Broadcast, WebrtcSlate } from '../../streams/index.js';
import type { WebrtcPool } from '../../webrtc/index.js';

export type SlateMediaSourceOptions = {
  broadcast: Pick<Broadcast, 'renderWebrtcSlate'>;
  pool: Pick<WebrtcPool, 'receiveRtp'>;
  /** Sets the media source of the viewers. */
  setMediaSource: (mediaSourceId: string) => void;
  clock: Clock;
  log: Logger;
};

/** Wait before another attempt after the worker was lost, ms. */
const RETRY_MS = 1_000;

/** Shows a slate to the WebRTC viewers of a broadcast, as H.264 without audio, until `close`. */
export class SlateMediaSource {
  /** Resolves when it sends nothing more. Never rejects. */
  readonly closed: Promise<void>;
  readonly #options: SlateMediaSourceOptions;
  readonly #abort = new AbortController();

  constructor(options: SlateMediaSourceOptions) {
    this.#options = options;
    this.closed = this.#run();
  }

  close(): void {
    this.#abort.abort();
  }

  async #run(): Promise<void> {
    const { broadcast, clock, log } = this.#options;
    const { signal } = this.#abort;
    try {
      const slate = await broadcast.renderWebrtcSlate(signal);
      while (slate && !signal.aborted) {
        await this.#show(slate);
        await sleep(clock, RETRY_MS, signal);
      }
    } catch (error) {
      if (!signal.aborted)
        log.warn({ reason: messageOf(error) }, 'no slate: WebRTC viewers wait without one');
    }
  }

  /** Sends the pictures at their times, until `close` or the loss of the worker. */
  async #show({ parameterSets, pictures, pictureDurationMs }: WebrtcSlate): Promise<void> {
    const { pool, setMediaSource, clock, log } = this.#options;
    const { signal } = this.#abort;
    const mediaSourceId = newId();
    const input = await pool.receiveRtp({ mediaSourceId, video: { codec: 'h264' } });
    let isLost = false as boolean;
    void input.closed.then(() => {
      isLost = true;
    });
    try {
      if (signal.aborted || !input.h264) return;
      const begunMs = clock.monotonic();
      input.h264.beginStream(parameterSets, clock.now());
      setMediaSource(mediaSourceId);
      log.info({ mediaSourceId }, 'slate shown to WebRTC viewers');
      for (let count = 0; !signal.aborted && !isLost; count++) {
        const timeMs = count * pictureDurationMs;
        const data = pictures[count % pictures.length]!;
        input.h264.writePicture({ data, offset: 0, timeMs });
        const waitMs = begunMs + timeMs + pictureDurationMs - clock.monotonic();
        // Pictures that are overdue follow at once, but the loop yields.
        await sleep(clock, Math.max(0, waitMs), signal);
      }
    } finally {
      input.close();
    }
  }
}
