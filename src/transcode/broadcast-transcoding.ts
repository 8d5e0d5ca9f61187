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

/** When a broadcast ends, what is still inside its encoder is put out within this, ms. */
const FAREWELL_MS = 5_000;
/** A new publisher waits no longer than this for the rest of the one before it, ms. */
const HANDOVER_MS = 200;

/** A rendition that is over before it begins. */
export const NOTHING: WebrtcRendition = {
  passthrough: false,
  closed: Promise.resolve(),
  close: () => {},
};

/** One broadcast: its publications follow each other, and so do their encoders; never two at once. */
export class BroadcastTranscoding implements BroadcastSubscription {
  readonly #broadcast: Broadcast;
  readonly #settings: TranscodeSettings;
  readonly #log: Logger;
  readonly #memory: BroadcastMemory;
  readonly #realtime = new Set<WebrtcTranscoding>();
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
    // What is RTP already needs no encoder.
    if (source.rtp || this.#over) return NOTHING;
    const current = this.#current;
    const known =
      current instanceof FlvLadderSupervisor && current.source === source ? current.gop.copy() : undefined;
    const log = this.#log.child({ publicationId: source.id });
    const shared = [this.#settings, this.#memory, known ?? new GopBuffer(), log] as const;
    const rendition = new WebrtcTranscoding(source, destination, ...shared);
    this.#realtime.add(rendition);
    void rendition.closed.then(() => this.#realtime.delete(rendition));
    return rendition;
  }

  async broadcastEnded(): Promise<void> {
    this.#current?.finish(FAREWELL_MS);
    await this.#leave();
  }

  /** Kills what runs. */
  async close(): Promise<void> {
    this.#current?.stop();
    await this.#leave();
  }

  async #leave(): Promise<void> {
    this.#over = true;
    const renditions = [...this.#realtime];
    for (const rendition of renditions) rendition.close();
    await Promise.all([this.#current?.gone, ...renditions.map(({ closed }) => closed)]);
  }
}
