import { Backoff, type Clock, type Logger, newId, sleep } from '../../platform/index.js';
import type { Broadcast, PassedVideoCodec, Source, WebrtcRendition } from '../../streams/index.js';
import type { RtpInput, WebrtcPool } from '../../webrtc/index.js';

export type WebrtcRenditionSourceOptions = {
  broadcast: Broadcast;
  source: Source;
  has: { audio: boolean; video: boolean };
  /** Codec of the video. H.264 is encoded when the source's cannot be passed through; others are passed through alone. */
  codec: PassedVideoCodec;
  pool: Pick<WebrtcPool, 'receiveRtp'>;
  /** Sets the media source of the viewers; undefined: none for now. */
  setMediaSource: (mediaSourceId: string | undefined) => void;
  /** Called when the source's video cannot be passed through, of another codec than H.264; there is no rendition. */
  unpassable: () => void;
  /** Called when the retry limit is reached; the source stays without a rendition. */
  failed: () => void;
  clock: Clock;
  log: Logger;
};

/** Restarts a rendition that fails, within this limit. */
const RETRY = { initialMs: 250, maximumMs: 5_000, windowMs: 60_000, limit: 6 };

/**
 * Makes a source without RTP available to WebRTC viewers: opens an input in the SFU and has the source passed or encoded to it.
 * Serves one source until `close`.
 */
export class WebrtcRenditionSource {
  /** Resolves when the last rendition has ended. */
  readonly closed: Promise<void>;
  readonly #options: WebrtcRenditionSourceOptions;
  readonly #abort = new AbortController();
  readonly #backoff: Backoff;
  #rendition: WebrtcRendition | undefined;

  constructor(options: WebrtcRenditionSourceOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.clock, RETRY);
    this.closed = this.#run();
  }

  close(): void {
    this.#abort.abort();
    this.#rendition?.close();
  }

  async #run(): Promise<void> {
    const { clock, log, failed } = this.#options;
    const { signal } = this.#abort;
    while (!signal.aborted) {
      try {
        if (!(await this.#encode())) {
          this.#abort.abort();
          this.#options.unpassable();
          break;
        }
      } catch (error) {
        log.warn({ err: error }, 'WebRTC rendition could not be started: retrying');
      }
      if (signal.aborted) break;
      const delayMs = this.#backoff.failed();
      if (delayMs === undefined) {
        log.error('WebRTC rendition failed too often: WebRTC viewers are sent to HLS');
        this.#abort.abort();
        failed();
        break;
      }
      await sleep(clock, delayMs, signal);
    }
  }

  /** Runs one rendition to its end. @returns false when the source cannot be passed through */
  async #encode(): Promise<boolean> {
    const { broadcast, source, has, codec, pool, setMediaSource, log } = this.#options;
    const mediaSourceId = newId();
    const input: RtpInput = await pool.receiveRtp({
      mediaSourceId,
      ...(has.video ? { video: { codec } } : {}),
      ...(has.audio ? { audio: true } : {}),
    });
    try {
      if (this.#abort.signal.aborted) return true;
      const { videoPort, audioPort, pictures } = input;
      const rendition = broadcast.encodeForWebrtc(source, {
        ...(videoPort === undefined || codec !== 'h264' ? {} : { videoPort }),
        ...(audioPort === undefined ? {} : { audioPort }),
        ...(pictures ? { passed: { codec, pictures } } : {}),
      });
      if (!rendition) throw new Error('no encoder for WebRTC renditions is configured');
      this.#rendition = rendition;
      // Transcode logs the start: whether video is passed through is decided when it has arrived.
      log.info({ mediaSourceId, codec }, 'WebRTC rendition requested');
      setMediaSource(mediaSourceId);
      // A worker that died takes the input with it.
      void input.closed.then(() => rendition.close());
      await rendition.closed;
      if (!rendition.isPassable) {
        setMediaSource(undefined);
        return false;
      }
      if (!this.#abort.signal.aborted) {
        log.warn('WebRTC rendition ended: restarting');
        setMediaSource(undefined);
      }
      return true;
    } finally {
      this.#rendition = undefined;
      input.close();
    }
  }
}
