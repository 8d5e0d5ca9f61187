import {
  feedbackMedia,
  type H264ProfileBytes,
  isRtcp,
  PAYLOAD_FEEDBACK,
  RTCP,
  readRemb,
  TRANSPORT_FEEDBACK,
  visitNack,
  visitReportBlocks,
  visitRtcp,
} from '../../../media/index.js';
import { h264ToSend } from '../../h264-payload.js';
import type { RtcVideoCodec, ViewerPlan } from '../../media-plan.js';
import type { PeerEnd, SentEvent, ViewerEvent } from '../../pool-types.js';
import type { WorkerContext } from '../context.js';
import type { Layer } from '../receive/layer.js';
import type { MediaSource, MediaSourceListener } from '../receive/media-source.js';
import type { Transport, TransportOwner } from '../transport.js';
import { DownTrack } from './down-track.js';
import { LayerChoice } from './layer-choice.js';

/** Interval of sender reports, layer selection and timeout checks, ms. */
const TICK_MS = 1000;
/** RTCP packets read from a viewer per second; more are ignored. */
const MAXIMUM_RTCP_PER_S = 200;

export type ViewerOptions = {
  id: string;
  context: WorkerContext;
  transport: Transport;
  plan: ViewerPlan;
  rid?: string;
  closed(end: PeerEnd): void;
};

/** Viewer peer: its down tracks, RTCP feedback and layer selection. */
export class Viewer implements TransportOwner, MediaSourceListener {
  readonly id: string;
  readonly #context: WorkerContext;
  readonly #transport: Transport;
  readonly #plan: ViewerPlan;
  readonly #closed: (end: PeerEnd) => void;
  readonly #video: DownTrack | undefined;
  readonly #audio: DownTrack | undefined;
  readonly #life = new AbortController();
  #choice = new LayerChoice();
  #mediaSource: MediaSource | undefined;
  /** Layer attached last: it is being sent, or will be from its next keyframe. */
  #targetLayer: Layer | undefined;
  #rid: string | undefined;
  #connected = false;
  #active = false;
  #lastLayersEvent = '';
  #lastRtcpAt: number;
  #sentAtLastTick = 0;
  #unansweredSince: number | undefined;
  #rtcpThisSecond = 0;

  constructor(options: ViewerOptions) {
    const { context, transport, plan } = options;
    this.id = options.id;
    this.#context = context;
    this.#transport = transport;
    this.#plan = plan;
    this.#closed = options.closed;
    this.#rid = options.rid;
    this.#lastRtcpAt = context.clock.monotonic();
    const flowing = (): void => this.#mediaFlowing();
    const { video, audio } = plan;
    if (video)
      this.#video = new DownTrack({
        context,
        transport,
        ssrc: video.ssrc,
        rtxSsrc: video.rtxSsrc,
        ...(video.extensions.orientation === undefined
          ? {}
          : { orientationId: video.extensions.orientation }),
        mediaFlowing: flowing,
        profileChanged: (layer) => this.#setPayloadTypes(layer.codec, layer.h264Profile),
      });
    if (audio) {
      this.#audio = new DownTrack({ context, transport, ssrc: audio.ssrc, mediaFlowing: flowing });
      this.#audio.payloadType = audio.payloadType;
    }
    transport.attachOwner(this);
    context.clock.after(
      context.settings.timeouts.connectMs,
      () => {
        if (!this.#connected) this.close('never-connected');
      },
      this.#life.signal,
    );
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Switches to a source; undefined: sends nothing until the next one. */
  setMediaSource(mediaSource: MediaSource | undefined): void {
    if (mediaSource === this.#mediaSource) return;
    this.#detachFromSource();
    this.#mediaSource = mediaSource;
    mediaSource?.addListener(this);
    if (mediaSource && this.#connected) this.#attachToSource();
  }

  /** Pins a layer; undefined: selects by the viewer's bandwidth. */
  selectLayer(rid: string | undefined): void {
    this.#rid = rid;
    this.#choice = new LayerChoice();
    this.#chooseLayer();
    this.#sendLayersEvent();
  }

  transportOpened(): void {
    if (this.#connected || this.#life.signal.aborted) return;
    this.#connected = true;
    this.#lastRtcpAt = this.#context.clock.monotonic();
    this.#context.notifyGateway({ type: 'connected', id: this.id });
    this.#context.clock.every(TICK_MS, () => this.#tick(), this.#life.signal);
    if (this.#mediaSource) this.#attachToSource();
  }

  /** Closes the viewer. Idempotent. */
  close(reason: PeerEnd): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort();
    this.#detachFromSource();
    this.#mediaSource = undefined;
    this.#transport.close();
    this.#closed(reason);
  }

  layersChanged(): void {
    this.#chooseLayer();
    this.#sendLayersEvent();
  }

  transportClosed(end: 'left' | 'lost'): void {
    this.close(end);
  }

  sourceEnded(): void {
    this.setMediaSource(undefined);
  }

  receivePacket(packet: Buffer): void {
    // Ignores media sent by viewers.
    if (packet.length < 8 || !isRtcp(packet)) return;
    if (++this.#rtcpThisSecond > MAXIMUM_RTCP_PER_S) return;
    this.#lastRtcpAt = this.#context.clock.monotonic();
    visitRtcp(packet, this);
  }

  rtcp(packet: Buffer, type: number, count: number, offset: number, length: number): void {
    if (type === RTCP.receiverReport || type === RTCP.senderReport) {
      visitReportBlocks(packet, type, count, offset, length, this);
    } else if (type === RTCP.payloadFeedback) {
      if (count === PAYLOAD_FEEDBACK.pli || count === PAYLOAD_FEEDBACK.fir) {
        (this.#video?.layer ?? this.#targetLayer)?.requestKeyframe();
      } else if (count === PAYLOAD_FEEDBACK.application) {
        const bitrate = readRemb(packet, offset, length);
        if (bitrate === undefined) return;
        this.#choice.bitrateEstimated(bitrate, this.#lastRtcpAt);
        this.#chooseLayer();
      }
    } else if (type === RTCP.transportFeedback && count === TRANSPORT_FEEDBACK.nack) {
      const media = feedbackMedia(packet, offset, length);
      if (media === this.#plan.video?.ssrc) visitNack(packet, offset, length, this.#videoNack);
      else if (media === this.#plan.audio?.ssrc) visitNack(packet, offset, length, this.#audioNack);
    }
  }

  reportBlock(ssrc: number, fractionLost: number): void {
    if (ssrc !== this.#plan.video?.ssrc) return;
    this.#choice.lossReported(fractionLost, this.#lastRtcpAt);
    this.#chooseLayer();
  }

  readonly #videoNack = { nack: (sequence: number) => this.#video?.retransmit(sequence) };
  readonly #audioNack = { nack: (sequence: number) => this.#audio?.retransmit(sequence) };

  #attachToSource(): void {
    const mediaSource = this.#mediaSource!;
    const { video } = mediaSource.format;
    this.#choice = new LayerChoice();
    if (this.#video && video) {
      this.#setPayloadTypes(video.codec, undefined);
      this.#chooseLayer();
    }
    if (this.#audio) mediaSource.audio?.attachAtKeyframe(this.#audio, true);
    this.#sendLayersEvent();
  }

  #setPayloadTypes(codec: RtcVideoCodec | undefined, profile: H264ProfileBytes | undefined): void {
    if (!this.#video) return;
    const codecs = (this.#plan.video?.codecs ?? []).filter((one) => one.codec === codec);
    const chosen = codec === 'h264' ? h264ToSend(codecs, profile) : codecs[0];
    this.#video.payloadType = chosen?.payloadType ?? -1;
    this.#video.rtxPayloadType = chosen?.rtxPayloadType ?? -1;
  }

  #detachFromSource(): void {
    const mediaSource = this.#mediaSource;
    mediaSource?.removeListener(this);
    if (this.#video) this.#targetLayer?.detachReader(this.#video);
    if (this.#audio) mediaSource?.audio?.detachReader(this.#audio);
    this.#video?.stop();
    this.#audio?.stop();
    this.#targetLayer = undefined;
    this.#lastLayersEvent = '';
    if (!this.#active) return;
    this.#active = false;
    this.#sendEvent({ type: 'inactive' });
  }

  #chooseLayer(): void {
    const mediaSource = this.#mediaSource;
    const track = this.#video;
    if (!mediaSource || !track || !this.#connected || track.payloadType < 0) return;
    const now = this.#context.clock.monotonic();
    const active = mediaSource.activeLayers(now);
    // Before any packet has arrived the first layer is joined; the best follows when it is active.
    const candidates = active.length > 0 ? active : mediaSource.layers.slice(0, 1);
    const wanted =
      candidates.find((layer) => layer.rid === this.#rid) ?? this.#chooseByBitrate(candidates, now);
    if (!wanted || wanted === this.#targetLayer) return;
    if (this.#targetLayer && this.#targetLayer !== track.layer) this.#targetLayer.detachReader(track);
    this.#targetLayer = wanted;
    // The current layer continues until the new one has a keyframe.
    if (wanted !== track.layer) wanted.attachAtKeyframe(track, !this.#active);
    this.#sendLayersEvent();
  }

  #chooseByBitrate(candidates: Layer[], now: number): Layer | undefined {
    const costs = candidates.map((layer) => ({ rid: layer.rid, bitrate: layer.meter.bitrate(now) }));
    const settled = this.#targetLayer && this.#targetLayer === this.#video?.layer;
    const rid = this.#choice.choose(costs, settled ? this.#targetLayer?.rid : undefined, now);
    return candidates.find((layer) => layer.rid === rid);
  }

  #mediaFlowing(): void {
    this.#sendLayersEvent();
    if (this.#active) return;
    this.#active = true;
    this.#sendEvent({ type: 'active' });
  }

  #sendLayersEvent(): void {
    const mediaSource = this.#mediaSource;
    if (!mediaSource || !this.#connected) return;
    const now = this.#context.clock.monotonic();
    const current = this.#video?.layer;
    const event: ViewerEvent = {
      type: 'layers',
      layers: mediaSource.layers.map((layer) => ({
        rid: layer.rid,
        active: layer.active,
        ...(layer.size ?? {}),
        bitrate: Math.round(layer.meter.bitrate(now)),
      })),
      current: current?.rid,
      chosen: this.#rid,
    };
    // Bitrates vary continuously: they alone do not cause an event.
    const changes = JSON.stringify(event, (key, value) => (key === 'bitrate' ? undefined : value));
    if (changes === this.#lastLayersEvent) return;
    this.#lastLayersEvent = changes;
    this.#sendEvent(event);
  }

  #sendEvent(event: ViewerEvent | SentEvent): void {
    this.#context.notifyGateway({ type: 'viewer-event', id: this.id, event });
  }

  #tick(): void {
    this.#rtcpThisSecond = 0;
    this.#video?.sendReport();
    this.#audio?.sendReport();
    this.#chooseLayer();
    if (this.#plan.reportsSentBytes) {
      const bytes = (this.#video?.sentBytes ?? 0) + (this.#audio?.sentBytes ?? 0);
      this.#sendEvent({ type: 'sent', bytes });
    }
    this.#checkTimeout();
  }

  /** Closes a viewer that is sent media but returns no receiver reports (RFC 3550 section 6.2). */
  #checkTimeout(): void {
    const now = this.#context.clock.monotonic();
    const sent = (this.#video?.sent ?? 0) + (this.#audio?.sent ?? 0);
    if (sent === this.#sentAtLastTick) this.#unansweredSince = undefined;
    else this.#unansweredSince ??= now;
    this.#sentAtLastTick = sent;
    if (this.#unansweredSince === undefined) return;
    if (now - Math.max(this.#lastRtcpAt, this.#unansweredSince) > this.#context.settings.timeouts.silenceMs)
      this.close('lost');
  }
}
