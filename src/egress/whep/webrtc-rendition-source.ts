import { Backoff, type Clock, type Logger, newId, sleep } from '../../platform/index.js';
import type { Broadcast, Source, WebrtcRendition } from '../../streams/index.js';
import type { RtpInput, WebrtcPool } from '../../webrtc/index.js';

export type WebrtcRenditionSourceOptions = {
  broadcast: Broadcast;
  source: Source;
  has: { audio: boolean; video: boolean };
  pool: Pick<WebrtcPool, 'receiveRtp'>;
  /** What viewers see from now on; undefined: nothing for the moment. */
  show: (mediaSourceId: string | undefined) => void;
  /** It was tried again and again in vain: nothing more will come of this source. */
  failed: () => void;
  clock: Clock;
  log: Logger;
};

/** A rendition that fails is begun anew, unless it does so all the time. */
const RETRY = { initialMs: 250, maximumMs: 5_000, windowMs: 60_000, limit: 6 };

/**
 * Brings a source that is not RTP to WebRTC viewers: asks transcode for a realtime rendition, and the SFU for ports to
 * send it to. One bridge serves one source until it is closed.
 */
export class WebrtcRenditionSource {
  /** Resolves when no rendition is left. */
  readonly closed: Promise<void>;
  readonly #options: WebrtcRenditionSourceOptions;
  readonly #life = new AbortController();
  readonly #backoff: Backoff;
  #rendition: WebrtcRendition | undefined;

  constructor(options: WebrtcRenditionSourceOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.clock, RETRY);
    this.closed = this.#run();
  }

  close(): void {
    this.#life.abort();
    this.#rendition?.close();
  }

  async #run(): Promise<void> {
    const { clock, log, failed } = this.#options;
    const { signal } = this.#life;
    while (!signal.aborted) {
      try {
        await this.#encode();
      } catch (error) {
        log.warn({ err: error }, 'the SFU took no realtime rendition');
      }
      if (signal.aborted) break;
      const delay = this.#backoff.failed();
      if (delay === undefined) {
        log.error('realtime renditions fail again and again: giving up');
        this.#life.abort();
        failed();
        break;
      }
      await sleep(clock, delay, signal);
    }
  }

  /** One rendition, from its beginning to its end. */
  async #encode(): Promise<void> {
    const { broadcast, source, has, pool, show, log } = this.#options;
    const mediaSourceId = newId();
    const input: RtpInput = await pool.receiveRtp({
      mediaSourceId,
      ...(has.video ? { video: { codec: 'h264' } } : {}),
      ...(has.audio ? { audio: true } : {}),
    });
    try {
      if (this.#life.signal.aborted) return;
      const { videoPort, audioPort } = input;
      const rendition = broadcast.encodeForWebrtc(source, {
        ...(videoPort === undefined ? {} : { videoPort }),
        ...(audioPort === undefined ? {} : { audioPort }),
      });
      if (!rendition) throw new Error('nobody makes realtime renditions');
      this.#rendition = rendition;
      log.info({ passthrough: rendition.passthrough }, 'a realtime rendition began');
      show(mediaSourceId);
      await rendition.closed;
      if (!this.#life.signal.aborted) {
        log.warn('the realtime rendition ended');
        show(undefined);
      }
    } finally {
      this.#rendition = undefined;
      input.close();
    }
  }
}
