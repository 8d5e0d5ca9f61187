import {
  feedbackMedia,
  isRtcp,
  PAYLOAD_FEEDBACK,
  RTCP,
  readRemb,
  TRANSPORT_FEEDBACK,
  visitNack,
  visitReportBlocks,
  visitRtcp,
} from '../../../media/index.js';
import type { NegotiatedVideo, ViewerPlan } from '../../media-plan.js';
import type { PeerEnd, ViewerEvent } from '../../pool-types.js';
import type { WorkerContext } from '../context.js';
import type { Layer } from '../receive/layer.js';
import type { MediaSource, MediaSourceListener } from '../receive/media-source.js';
import type { Transport, TransportOwner } from '../transport.js';
import { DownTrack } from './down-track.js';
import { LayerChoice } from './layer-choice.js';

/** ms between sender reports, looks at the layers, and looks for silence. */
const TICK_MS = 1000;
/** RTCP packets that a viewer may send in a second; the rest is not read. */
const MAXIMUM_RTCP = 200;
/** "Everything but the depacketizer": browsers decode any profile in this mode (RFC 6184 section 6.3). */
const NON_INTERLEAVED = /packetization-mode=1/;

export type ViewerOptions = {
  id: string;
  context: WorkerContext;
  transport: Transport;
  plan: ViewerPlan;
  rid?: string;
  ended(end: PeerEnd): void;
};

/** One viewer: the tracks to it, what it asks for, and which layer it is sent. */
export class Viewer implements TransportOwner, MediaSourceListener {
  readonly id: string;
  readonly #context: WorkerContext;
  readonly #transport: Transport;
  readonly #plan: ViewerPlan;
  readonly #ended: (end: PeerEnd) => void;
  readonly #video: DownTrack | undefined;
  readonly #audio: DownTrack | undefined;
  readonly #life = new AbortController();
  #choice = new LayerChoice();
  #mediaSource: MediaSource | undefined;
  /** The layer that was joined last: it is being sent, or will be from its next keyframe on. */
  #wanted: Layer | undefined;
  #rid: string | undefined;
  #connected = false;
  #active = false;
  #told = '';
  #heardAt: number;
  #sentBefore = 0;
  #owesSince: number | undefined;
  #rtcpInSecond = 0;

  constructor(options: ViewerOptions) {
    const { context, transport, plan } = options;
    this.id = options.id;
    this.#context = context;
    this.#transport = transport;
    this.#plan = plan;
    this.#ended = options.ended;
    this.#rid = options.rid;
    this.#heardAt = context.clock.monotonic();
    const flowing = (): void => this.#flows();
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
        flowing,
      });
    if (audio) {
      this.#audio = new DownTrack({ context, transport, ssrc: audio.ssrc, flowing });
      this.#audio.payloadType = audio.payloadType;
    }
    transport.attach(this);
    context.clock.after(
      context.settings.timeouts.connectMs,
      () => {
        if (!this.#connected) this.end('never-connected');
      },
      this.#life.signal,
    );
  }

  get connected(): boolean {
    return this.#connected;
  }

  /** Shows this feed from now on; undefined: nothing, until there is another one. */
  watch(mediaSource: MediaSource | undefined): void {
    if (mediaSource === this.#mediaSource) return;
    this.#leave();
    this.#mediaSource = mediaSource;
    mediaSource?.listen(this);
    if (mediaSource && this.#connected) this.#join();
  }

  /** Undefined: by what the viewer's network takes. */
  selectLayer(rid: string | undefined): void {
    this.#rid = rid;
    this.#choice = new LayerChoice();
    this.#chooseLayer();
    this.#tellLayers();
  }

  opened(): void {
    if (this.#connected || this.#life.signal.aborted) return;
    this.#connected = true;
    this.#heardAt = this.#context.clock.monotonic();
    this.#context.notifyGateway({ type: 'connected', id: this.id });
    this.#context.clock.every(TICK_MS, () => this.#tick(), this.#life.signal);
    if (this.#mediaSource) this.#join();
  }

  /** Idempotent. */
  end(reason: PeerEnd): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort();
    this.#leave();
    this.#mediaSource = undefined;
    this.#transport.close();
    this.#ended(reason);
  }

  layersChanged(): void {
    this.#chooseLayer();
    this.#tellLayers();
  }

  ended(end: 'left' | 'lost'): void {
    this.end(end);
  }

  sourceEnded(): void {
    this.watch(undefined);
  }

  packet(packet: Buffer): void {
    // Media that a viewer sends are of no interest.
    if (packet.length < 8 || !isRtcp(packet)) return;
    if (++this.#rtcpInSecond > MAXIMUM_RTCP) return;
    this.#heardAt = this.#context.clock.monotonic();
    visitRtcp(packet, this);
  }

  rtcp(packet: Buffer, type: number, count: number, offset: number, length: number): void {
    if (type === RTCP.receiverReport || type === RTCP.senderReport) {
      visitReportBlocks(packet, type, count, offset, length, this);
    } else if (type === RTCP.payloadFeedback) {
      if (count === PAYLOAD_FEEDBACK.pli || count === PAYLOAD_FEEDBACK.fir) {
        (this.#video?.layer ?? this.#wanted)?.requestKeyframe();
      } else if (count === PAYLOAD_FEEDBACK.application) {
        const bitrate = readRemb(packet, offset, length);
        if (bitrate === undefined) return;
        this.#choice.estimated(bitrate, this.#heardAt);
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
    this.#choice.lost(fractionLost, this.#heardAt);
    this.#chooseLayer();
  }

  readonly #videoNack = { nack: (sequence: number) => this.#video?.retransmit(sequence) };
  readonly #audioNack = { nack: (sequence: number) => this.#audio?.retransmit(sequence) };

  #join(): void {
    const mediaSource = this.#mediaSource!;
    const { video } = mediaSource.format;
    this.#choice = new LayerChoice();
    if (this.#video && video) {
      const codec = pickCodec(this.#plan.video!.codecs, video.codec);
      this.#video.payloadType = codec?.payloadType ?? -1;
      this.#video.rtxPayloadType = codec?.rtxPayloadType ?? -1;
      if (codec) this.#chooseLayer();
    }
    if (this.#audio) mediaSource.audio?.join(this.#audio, true);
    this.#tellLayers();
  }

  #leave(): void {
    const mediaSource = this.#mediaSource;
    mediaSource?.unlisten(this);
    if (this.#video) this.#wanted?.leave(this.#video);
    if (this.#audio) mediaSource?.audio?.leave(this.#audio);
    this.#video?.stop();
    this.#audio?.stop();
    this.#wanted = undefined;
    this.#told = '';
    if (!this.#active) return;
    this.#active = false;
    this.#tellEvent({ type: 'inactive' });
  }

  #chooseLayer(): void {
    const mediaSource = this.#mediaSource;
    const track = this.#video;
    if (!mediaSource || !track || !this.#connected || track.payloadType < 0) return;
    const now = this.#context.clock.monotonic();
    const active = mediaSource.activeLayers(now);
    // Before anything has come the first layer is as good as any: the best is taken when it is seen.
    const candidates = active.length > 0 ? active : mediaSource.layers.slice(0, 1);
    const wanted = candidates.find((layer) => layer.rid === this.#rid) ?? this.#automatic(candidates, now);
    if (!wanted || wanted === this.#wanted) return;
    if (this.#wanted && this.#wanted !== track.layer) this.#wanted.leave(track);
    this.#wanted = wanted;
    // The one that is being sent goes on until the other one has a keyframe.
    if (wanted !== track.layer) wanted.join(track, !this.#active);
    this.#tellLayers();
  }

  #automatic(candidates: Layer[], now: number): Layer | undefined {
    const costs = candidates.map((layer) => ({ rid: layer.rid, bitrate: layer.meter.bitrate(now) }));
    const settled = this.#wanted && this.#wanted === this.#video?.layer;
    const rid = this.#choice.choose(costs, settled ? this.#wanted?.rid : undefined, now);
    return candidates.find((layer) => layer.rid === rid);
  }

  #flows(): void {
    this.#tellLayers();
    if (this.#active) return;
    this.#active = true;
    this.#tellEvent({ type: 'active' });
  }

  #tellLayers(): void {
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
    // Bitrates change all the time: they alone are no news.
    const told = JSON.stringify(event, (key, value) => (key === 'bitrate' ? undefined : value));
    if (told === this.#told) return;
    this.#told = told;
    this.#tellEvent(event);
  }

  #tellEvent(event: ViewerEvent): void {
    this.#context.notifyGateway({ type: 'viewer-event', id: this.id, event });
  }

  #tick(): void {
    this.#rtcpInSecond = 0;
    this.#video?.sendReport();
    this.#audio?.sendReport();
    this.#chooseLayer();
    this.#watchSilence();
  }

  /** Who is sent media answers with receiver reports (RFC 3550 section 6.2). */
  #watchSilence(): void {
    const now = this.#context.clock.monotonic();
    const sent = (this.#video?.sent ?? 0) + (this.#audio?.sent ?? 0);
    if (sent === this.#sentBefore) this.#owesSince = undefined;
    else this.#owesSince ??= now;
    this.#sentBefore = sent;
    if (this.#owesSince === undefined) return;
    if (now - Math.max(this.#heardAt, this.#owesSince) > this.#context.settings.timeouts.silenceMs)
      this.end('lost');
  }
}

/** The viewer's payload type for a codec: of several for H.264, one that takes fragmented pictures. */
function pickCodec(codecs: readonly NegotiatedVideo[], codec: string): NegotiatedVideo | undefined {
  const all = codecs.filter((one) => one.codec === codec);
  return all.find((one) => NON_INTERLEAVED.test(one.parameters ?? '')) ?? all[0];
}
