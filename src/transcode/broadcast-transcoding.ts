import type { Logger } from '../platform/index.js';
import {
  type Broadcast,
  type BroadcastSubscription,
  type EncoderRun,
  type PassedVideoCodec,
  PUBLICATION_END,
  type PublicationEnd,
  type SlateCodec,
  type Source,
  type WebrtcRendition,
  type WebrtcRenditionDestination,
  type WebrtcSlate,
} from '../streams/index.js';
import { EncoderChoice } from './hls/encoder-choice.js';
import { FlvLadderSupervisor } from './hls/flv-ladder-supervisor.js';
import { RtpLadderSupervisor } from './hls/rtp-ladder-supervisor.js';
import { GopBuffer } from './inputs/gop-buffer.js';
import { ReconnectSlate } from './slate/reconnect-slate.js';
import type { Slate, SlateRequest } from './slate/slate.js';
import {
  planSlate,
  planWebrtcSlate,
  type RenderSlate,
  type ShownLadder,
  webrtcSlate,
} from './slate/slate-plan.js';
import type { SlateRenderer } from './slate/slate-renderer.js';
import type { BroadcastMemory, TranscodeSettings } from './transcode-settings.js';
import { EncodedPictures } from './webrtc/encoded-pictures.js';
import { WebrtcTranscoding } from './webrtc/webrtc-transcoding.js';

/** Time for the encoder to write its remaining output when the broadcast ends, ms. */
const FLUSH_MS = 5_000;
/** Maximum time that a new publisher waits for the previous encoder, ms. */
const HANDOVER_MS = 200;

/** Slates kept, for waits without a new picture: of HLS and WebRTC. */
const KEPT_SLATES = 2;

/** Closed rendition, for sources that need or get none. */
export const NO_RENDITION: WebrtcRendition = {
  passthrough: false,
  isPassable: true,
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
  readonly #pictures = new EncodedPictures();
  #current: FlvLadderSupervisor | RtpLadderSupervisor | undefined;
  #slate: ReconnectSlate | undefined;
  /** Newest slates, by request. */
  readonly #rendered = new Map<string, Slate>();
  /** Renditions of the last publication that had some. */
  #shown: ShownLadder | undefined;
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
    this.#slate?.publisherReturned();
    for (const topic of ['shed', 'hls', 'transcoder', 'memory']) this.#broadcast.notice(topic, undefined);
    const log = this.#log.child({ publicationId: source.id });
    const before = Promise.all([previous?.gone, this.#slate?.opened]).then(() => {});
    const shared = [this.#settings, this.#memory, before, log] as const;
    this.#current = source.rtp
      ? new RtpLadderSupervisor(this.#broadcast, source, source.rtp, ...shared)
      : new FlvLadderSupervisor(this.#broadcast, source, ...shared, this.#renderPause());
    source.read(this.#current);
    source.read({ restart() {}, write() {}, end: (reason) => this.#publicationEnded(reason) });
  }

  /** Shows a slate while the broadcast waits for a publisher, unless the one of the last wait is still shown. */
  #publicationEnded(reason: PublicationEnd): void {
    const { slates, segmentDurationS } = this.#settings;
    this.#shown = this.#current?.shown ?? this.#shown;
    if (!slates || !this.#shown || this.#over || PUBLICATION_END[reason].broadcast !== 'hold') return;
    if (this.#slate && !this.#slate.isEnding) return;
    const { ladder, audioSampleRate, mediaEndMs } = this.#shown;
    const request = planSlate(this.#shown, segmentDurationS);
    if (!request) return;
    this.#slate = new ReconnectSlate({
      broadcast: this.#broadcast,
      request,
      audio: ladder.audio && { ...ladder.audio, passthrough: false, sampleRate: audioSampleRate },
      render: (signal) => this.#renderSlate(slates, request, signal),
      mediaEndMs,
      before: Promise.all([this.#current?.gone, this.#slate?.gone]).then(() => {}),
      settings: this.#settings,
      log: this.#log,
    });
  }

  /** Returns the function that renders slates for pauses of the picture; undefined without slates. */
  #renderPause(): RenderSlate | undefined {
    const { slates, segmentDurationS } = this.#settings;
    return (
      slates &&
      (async (shown, signal) => {
        const request = planSlate(shown, segmentDurationS);
        const slate = request && (await this.#renderSlate(slates, request, signal));
        return slate && { slate, request };
      })
    );
  }

  /** Renders the last picture; without one, as after a long slate, the one before is shown again. */
  async #renderSlate(
    slates: SlateRenderer,
    request: SlateRequest,
    signal: AbortSignal,
  ): Promise<Slate | undefined> {
    const key = JSON.stringify(request);
    const picture = slates.hasFile ? [] : this.#settings.lastPicture(this.#broadcast);
    if (!picture) return this.#rendered.get(key);
    const slate = await slates.render(request, picture, signal);
    this.#rendered.delete(key);
    this.#rendered.set(key, slate);
    for (const oldest of [...this.#rendered.keys()].slice(0, -KEPT_SLATES)) this.#rendered.delete(oldest);
    return slate;
  }

  /**
   * Renders a slate for the SFU; without HLS there may be no picture of the broadcast: its background is plain.
   *
   * @throws HeadendError `slate_failed`
   */
  async renderWebrtcSlate(codec: SlateCodec, signal: AbortSignal): Promise<WebrtcSlate | undefined> {
    const { slates } = this.#settings;
    const request = planWebrtcSlate(this.#broadcast.source?.video, codec);
    if (!slates || !request || this.#over) return undefined;
    const slate =
      (await this.#renderSlate(slates, request, signal)) ?? (await slates.render(request, undefined, signal));
    const [track] = slate?.values() ?? [];
    return track && webrtcSlate(track, request);
  }

  encodeForWebrtc(source: Source, destination: WebrtcRenditionDestination): WebrtcRendition {
    // RTP sources need no encoder.
    if (source.rtp || this.#over) return NO_RENDITION;
    const current = this.#current;
    const known =
      current instanceof FlvLadderSupervisor && current.source === source ? current.gop.copy() : undefined;
    const log = this.#log.child({ publicationId: source.id });
    const shared = [this.#settings, this.#memory, known ?? new GopBuffer(), this.#pictures, log] as const;
    const rendition = new WebrtcTranscoding(source, destination, ...shared, (signal) =>
      this.#renderPauseSlate(destination.passed?.codec, signal),
    );
    this.#webrtcRenditions.add(rendition);
    void rendition.closed.then(() => this.#webrtcRenditions.delete(rendition));
    return rendition;
  }

  /** There are no slates of HEVC: its last picture stays. */
  async #renderPauseSlate(
    codec: PassedVideoCodec = 'h264',
    signal: AbortSignal,
  ): Promise<WebrtcSlate | undefined> {
    return codec === 'hevc' ? undefined : await this.renderWebrtcSlate(codec, signal);
  }

  encoderRunStarted(run: EncoderRun): void {
    // RTP sources are not encoded for WebRTC viewers.
    if (this.#current instanceof FlvLadderSupervisor) this.#pictures.follow(run);
  }

  testEnding(): void {
    if (this.#current instanceof FlvLadderSupervisor) this.#current.gop.forgetMedia();
    for (const { gop } of this.#webrtcRenditions) gop.forgetMedia();
    this.#rendered.clear();
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
    this.#slate?.stop();
    const renditions = [...this.#webrtcRenditions];
    for (const rendition of renditions) rendition.close();
    await Promise.all([this.#current?.gone, this.#slate?.gone, ...renditions.map(({ closed }) => closed)]);
  }
}
