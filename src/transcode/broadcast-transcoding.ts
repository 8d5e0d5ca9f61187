import type { Logger } from '../platform/index.js';
import type {
  Broadcast,
  BroadcastSubscription,
  Source,
  WebrtcRendition,
  WebrtcRenditionDestination,
} from '../streams/index.js';
import { EncoderChoice } from './hls/encoder-choice.js';
import { FlvLadderSupervisor } from './hls/flv-ladder-supervisor.js';
import { RtpLadderSupervisor } from './hls/rtp-ladder-supervisor.js';
import { GopBuffer } from './inputs/gop-buffer.js';
import type { BroadcastMemory, TranscodeSettings } from './transcode-settings.js';
import { WebrtcTranscoding } from './webrtc/webrtc-transcoding.js';

/** Time for the encoder to write its remaining output when the broadcast ends, ms. */
const FLUSH_MS = 5_000;
/** Maximum time that a new publisher waits for the previous encoder, ms. */
const HANDOVER_MS = 200;

/** Closed rendition, for sources that need or get none. */
export const NO_RENDITION: WebrtcRendition = {
  passthrough: false,
  closed: Promise.resolve(),
  close: () => {},
};

/** Transcodes one broadcast: one encoder at a time, for one publication after another. */
export class BroadcastTranscoding implements BroadcastSubscription {
  readonly #broadcast: Broadcast;
  readonly #settings: TranscodeSettings;
  readonly #log: Logger;
  readonly #memory: BroadcastMemory;
  readonly #webrtcRenditions = new Set<WebrtcTranscoding>();
  #current: FlvLadderSupervisor | RtpLadderSupervisor | undefined;
  #over = false;

  constructor(broadcast: Broadcast, settings: TranscodeSettings, log: Logger) {
    this.#broadcast = broadcast;
    this.#settings = settings;
    this.#memory = { encodeSource: false, encoder: new EncoderChoice(settings.encoder) };
    this.#log = log.child({ streamId: broadcast.streamId, broadcastId: broadcast.id });
  }

  publicationStarted(source: Source): void {
    const previous = this.#current;
    previous?.finish(HANDOVER_MS);
    for (const topic of ['shed', 'hls', 'transcoder', 'memory']) this.#broadcast.notice(topic, undefined);
    const log = this.#log.child({ publicationId: source.id });
    const before = previous?.gone ?? Promise.resolve();
    const shared = [this.#settings, this.#memory, before, log] as const;
    this.#current = source.rtp
      ? new RtpLadderSupervisor(this.#broadcast, source, source.rtp, ...shared)
      : new FlvLadderSupervisor(this.#broadcast, source, ...shared);
    source.read(this.#current);
  }

  encodeForWebrtc(source: Source, destination: WebrtcRenditionDestination): WebrtcRendition {
    // RTP sources need no encoder.
    if (source.rtp || this.#over) return NO_RENDITION;
    const current = this.#current;
    const known =
      current instanceof FlvLadderSupervisor && current.source === source ? current.gop.copy() : undefined;
    const log = this.#log.child({ publicationId: source.id });
    const shared = [this.#settings, this.#memory, known ?? new GopBuffer(), log] as const;
    const rendition = new WebrtcTranscoding(source, destination, ...shared);
    this.#webrtcRenditions.add(rendition);
    void rendition.closed.then(() => this.#webrtcRenditions.delete(rendition));
    return rendition;
  }

  async broadcastEnded(): Promise<void> {
    this.#current?.finish(FLUSH_MS);
    await this.#leave();
  }

  /** Kills all encoders. */
  async close(): Promise<void> {
    this.#current?.stop();
    await this.#leave();
  }

  async #leave(): Promise<void> {
    this.#over = true;
    const renditions = [...this.#webrtcRenditions];
    for (const rendition of renditions) rendition.close();
    await Promise.all([this.#current?.gone, ...renditions.map(({ closed }) => closed)]);
  }
}
