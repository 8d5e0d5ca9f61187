import {
  fullIntraRequest,
  genericNack,
  isRtcp,
  originalSequence,
  pictureLossIndication,
  RTCP,
  RtpHeader,
  readSenderReport,
  receiverEstimatedBitrate,
  receiverReport,
  referenceTimeReport,
  restoreOriginal,
  TransportFeedback,
  visitDelays,
  visitExtensions,
  visitRtcp,
} from '../../../media/index.js';
import type { ExtensionIds, PublisherPlan } from '../../media-plan.js';
import type { PeerEnd } from '../../pool-types.js';
import type { WorkerContext } from '../context.js';
import type { Transport, TransportOwner } from '../transport.js';
import type { Layer } from './layer.js';
import { MediaSource } from './media-source.js';
import { NO_ORIENTATION } from './packet-ring.js';
import { PausedLayers } from './paused-layers.js';
import { RtpReceiver } from './rtp-receiver.js';
import { SenderClock } from './sender-clock.js';
import { SourceCounter } from './source-counter.js';
import { SourceFaults } from './source-faults.js';
import { SourceWatch } from './source-watch.js';

/** Interval of NACKs, ms; transport-wide feedback is sent every fifth time. */
const TICK_MS = 10;
const FEEDBACK_TICKS = 5;
const REPORT_MS = 1000;
/** Local SSRC in RTCP; must only differ from the publisher's. */
const OUR_SSRC = 1;
/** Silence of an SSRC after which another may replace it, ms. */
const SSRC_REPLACEABLE_AFTER_MS = 500;
const MAXIMUM_RID_BYTES = 32;
const MAXIMUM_RTX_STREAMS = 16;
const MAXIMUM_RTCP_PER_S = 200;
/** Content type of a screen (video-content-type). */
const SCREEN_CONTENT = 0x01;

export type PublisherOptions = {
  id: string;
  mediaSourceId: string;
  context: WorkerContext;
  transport: Transport;
  plan: PublisherPlan;
  maximumBitrate: number;
  closed(end: PeerEnd): void;
};

/**
 * Publisher peer: receives its media into a media source and sends RTCP feedback (transport-wide feedback, NACK,
 * REMB).
 */
export class Publisher implements TransportOwner {
  readonly id: string;
  readonly mediaSource: MediaSource;
  readonly pausedLayers: PausedLayers;
  readonly #context: WorkerContext;
  readonly #transport: Transport;
  readonly #plan: PublisherPlan;
  readonly #maximumBitrate: number;
  readonly #closed: (end: PeerEnd) => void;
  readonly #life = new AbortController();
  readonly #receivers = new Map<number, RtpReceiver>();
  readonly #receiverOfLayer = new Map<Layer, RtpReceiver>();
  /** Layers repaired by RTX streams, by their SSRC. */
  readonly #layerOfRtxSsrc = new Map<number, Layer>();
  readonly #feedback = new TransportFeedback();
  readonly #senderClock: SenderClock;
  readonly #counter: SourceCounter;
  readonly #header = new RtpHeader();
  #connected = false;
  #lastPacketAt: number;
  #ticks = 0;
  #rtcpThisSecond = 0;
  #firRequests = 0;
  // Header extensions of the current packet.
  #ids: ExtensionIds = {};
  #transportSequence = -1;
  #orientation = NO_ORIENTATION;
  #rid: string | undefined;
  #repairedRid: string | undefined;

  constructor(options: PublisherOptions) {
    const { context, transport, plan } = options;
    const { clock, settings } = context;
    this.id = options.id;
    this.#context = context;
    this.#transport = transport;
    this.#plan = plan;
    this.#maximumBitrate = options.maximumBitrate;
    this.#closed = options.closed;
    this.#lastPacketAt = clock.monotonic();
    this.#senderClock = new SenderClock(clock, (trusted) => this.#logReportTrust(trusted));
    const { video } = plan;
    this.mediaSource = new MediaSource({
      id: options.mediaSourceId,
      format: {
        ...(video ? { video: { codec: video.codec, rids: video.rids.length > 0 ? video.rids : [''] } } : {}),
        audio: plan.audio !== undefined,
      },
      clock,
      requestKeyframe: (layer) => this.#requestKeyframe(layer),
    });
    this.pausedLayers = new PausedLayers({
      ...{ mediaSource: this.mediaSource, clock },
      pictureChanged: (state) => context.notifyGateway({ type: 'picture', id: this.id, state }),
    });
    this.#counter = new SourceCounter(this.mediaSource, clock);
    new SourceWatch({
      mediaSource: this.mediaSource,
      clock,
      signal: this.#life.signal,
      pausedLayers: this.pausedLayers,
      sourceDescribed: (source) => context.notifyGateway({ type: 'source', id: this.id, source }),
      mediaStarted: (startedAt, has) => context.notifyGateway({ type: 'media', id: this.id, startedAt, has }),
    });
    transport.attachOwner(this);
    clock.after(
      settings.timeouts.connectMs,
      () => {
        if (!this.#connected) this.close('never-connected');
      },
      this.#life.signal,
    );
  }

  transportOpened(): void {
    if (this.#connected || this.#life.signal.aborted) return;
    this.#connected = true;
    const { clock } = this.#context;
    this.#lastPacketAt = clock.monotonic();
    this.#context.notifyGateway({ type: 'connected', id: this.id });
    new SourceFaults({
      mediaSource: this.mediaSource,
      clock,
      signal: this.#life.signal,
      lastVideoAt: () => this.pausedLayers.lastVideoAt,
      faultsChanged: (faults) => this.#context.notifyGateway({ type: 'faults', id: this.id, faults }),
    });
    clock.every(TICK_MS, () => this.#tick(), this.#life.signal);
    clock.every(REPORT_MS, () => this.#sendReports(), this.#life.signal);
  }

  transportClosed(end: 'left' | 'lost'): void {
    this.close(end);
  }

  /** Closes the publisher and ends its source. Idempotent. */
  close(reason: PeerEnd): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort();
    this.mediaSource.endSource();
    this.#transport.close();
    this.#closed(reason);
  }

  receivePacket(packet: Buffer, at: number): void {
    this.#lastPacketAt = at;
    if (packet.length >= 8 && isRtcp(packet)) {
      if (++this.#rtcpThisSecond <= MAXIMUM_RTCP_PER_S) visitRtcp(packet, this);
      return;
    }
    const header = this.#header;
    if (!header.read(packet)) return;
    this.#context.counters.packetsIn++;
    const { audio, video } = this.#plan;
    const section = header.payloadType === audio?.payloadType ? audio : video;
    if (!section) return;
    this.#readExtensions(packet, section.extensions);
    if (this.#transportSequence >= 0) this.#feedback.received(this.#transportSequence, at * 1000);
    if (header.payloadType === audio?.payloadType) this.#receiveMedia(packet, this.mediaSource.audio, at);
    else if (header.payloadType === video?.payloadType) this.#receiveMedia(packet, this.#layerOfPacket(), at);
    else if (header.payloadType === video?.rtxPayloadType) this.#receiveRtx(packet, at);
  }

  extension(packet: Buffer, id: number, offset: number, length: number): void {
    const ids = this.#ids;
    if (id === ids.transportSequence) {
      if (length >= 2) this.#transportSequence = (packet[offset]! << 8) | packet[offset + 1]!;
    } else if (id === ids.audioLevel) {
      if (length === 1) this.#counter.countAudioLevel(packet[offset]!);
    } else if (id === ids.orientation) {
      if (length === 1) this.#orientation = packet[offset]!;
    } else if (id === ids.contentType) {
      if (length === 1 && (packet[offset]! & SCREEN_CONTENT) !== 0) this.pausedLayers.noteScreen();
    } else if (id === ids.rid) {
      if (length <= MAXIMUM_RID_BYTES) this.#rid = packet.toString('latin1', offset, offset + length);
    } else if (id === ids.repairedRid) {
      if (length <= MAXIMUM_RID_BYTES) this.#repairedRid = packet.toString('latin1', offset, offset + length);
    }
  }

  rtcp(packet: Buffer, type: number, _count: number, offset: number, length: number): void {
    if (type === RTCP.extendedReport) visitDelays(packet, offset, length, this);
    if (type !== RTCP.senderReport) return;
    const report = readSenderReport(packet, offset, length);
    const receiver = report && this.#receivers.get(report.ssrc);
    const moment = receiver?.noteSenderReport(report!);
    if (moment) this.#senderClock.applyReport(receiver!.layer, moment);
  }

  delaySinceReference(_ssrc: number, lastReference: number, delay: number): void {
    this.#counter.countRoundTrip(lastReference, delay);
  }

  #readExtensions(packet: Buffer, ids: ExtensionIds): void {
    this.#ids = ids;
    this.#transportSequence = -1;
    this.#orientation = NO_ORIENTATION;
    this.#rid = undefined;
    this.#repairedRid = undefined;
    visitExtensions(packet, this.#header, this);
  }

  /**
   * Finds the layer of a packet. Only the first packets of a stream carry a rid; then the SSRC identifies it (RFC
   * 8852).
   */
  #layerOfPacket(): Layer | undefined {
    const known = this.#receivers.get(this.#header.ssrc);
    if (known) return known.layer;
    const { layers } = this.mediaSource;
    if (this.#plan.video!.rids.length === 0) return layers[0];
    return layers.find((layer) => layer.rid === this.#rid);
  }

  #receiveMedia(packet: Buffer, layer: Layer | undefined, at: number): void {
    if (!layer) return;
    const { ssrc } = this.#header;
    const turn =
      layer.kind === 'audio' ? 'continue' : this.pausedLayers.accept(layer, packet, this.#header, at);
    if (turn === 'drop') return;
    const returns = turn === 'return';
    const receiver = this.#receivers.get(ssrc) ?? this.#addReceiver(layer, ssrc, at, returns);
    // One SSRC for audio and video is a fault of the publisher.
    if (receiver?.layer !== layer) return;
    if (returns) receiver.restart();
    receiver.acceptPacket(packet, this.#header, this.#orientation, at);
    if (receiver.newlyMissing) this.#sendNack(receiver);
  }

  #addReceiver(layer: Layer, ssrc: number, at: number, isReplaceable: boolean): RtpReceiver | undefined {
    const before = this.#receiverOfLayer.get(layer);
    if (before) {
      const isSent = !isReplaceable && at - layer.meter.lastAt < SSRC_REPLACEABLE_AFTER_MS;
      if (this.#rid === undefined && isSent) return undefined;
      this.#receivers.delete(before.ssrc);
    }
    const section = layer.kind === 'audio' ? this.#plan.audio : this.#plan.video;
    const nack = section!.feedback.nack;
    const { parameters } = section!;
    const receiver = new RtpReceiver({
      ...{ layer, ssrc, clock: this.#context.clock, nack },
      normalises: { parameters },
    });
    this.#receivers.set(ssrc, receiver);
    this.#receiverOfLayer.set(layer, receiver);
    return receiver;
  }

  /**
   * Restores a retransmitted packet (RFC 4588) when it is missing: most RTX packets are padding for bandwidth
   * probing.
   */
  #receiveRtx(packet: Buffer, at: number): void {
    const header = this.#header;
    const layer = this.#layerOfRtx();
    const receiver = layer && this.#receiverOfLayer.get(layer);
    const sequence = originalSequence(packet, header);
    if (!receiver || sequence === undefined || !receiver.isMissing(sequence)) return;
    const original = restoreOriginal(packet, header, this.#plan.video!.payloadType, receiver.ssrc);
    if (header.read(original)) receiver.acceptPacket(original, header, this.#orientation, at);
  }

  #layerOfRtx(): Layer | undefined {
    const { ssrc } = this.#header;
    const known = this.#layerOfRtxSsrc.get(ssrc);
    if (known) return known;
    const { layers } = this.mediaSource;
    const layer =
      this.#plan.video!.rids.length === 0
        ? layers[0]
        : layers.find(({ rid }) => rid === (this.#repairedRid ?? this.#rid));
    if (layer && this.#layerOfRtxSsrc.size < MAXIMUM_RTX_STREAMS) this.#layerOfRtxSsrc.set(ssrc, layer);
    return layer;
  }

  #logReportTrust(trusted: boolean): void {
    const { id } = this;
    if (trusted) this.#context.log('info', `the sender reports of ${id} are correct again and are used`);
    else
      this.#context.log(
        'warn',
        `the sender reports of ${id} are wrong: audio and video are synchronized by packet arrival`,
      );
  }

  #requestKeyframe(layer: Layer): void {
    const ssrc = this.#receiverOfLayer.get(layer)?.ssrc;
    if (ssrc === undefined) return;
    const fir = this.#plan.video!.feedback.fir && !this.#plan.video!.feedback.pli;
    this.#transport.send(
      fir ? fullIntraRequest(OUR_SSRC, ssrc, ++this.#firRequests) : pictureLossIndication(OUR_SSRC, ssrc),
    );
  }

  #sendNack(receiver: RtpReceiver): void {
    const due = receiver.dueNacks(this.#context.clock.monotonic());
    if (due.length > 0) this.#transport.send(genericNack(OUR_SSRC, receiver.ssrc, due));
  }

  #tick(): void {
    const now = this.#context.clock.monotonic();
    for (const receiver of this.#receivers.values()) {
      receiver.flush(now);
      this.#sendNack(receiver);
    }
    if (++this.#ticks % FEEDBACK_TICKS !== 0) return;
    this.pausedLayers.check();
    const media = this.#receivers.keys().next().value ?? 0;
    for (
      let packet = this.#feedback.write(OUR_SSRC, media);
      packet;
      packet = this.#feedback.write(OUR_SSRC, media)
    )
      this.#transport.send(packet);
  }

  #sendReports(): void {
    this.#rtcpThisSecond = 0;
    const { clock, settings } = this.#context;
    if (clock.monotonic() - this.#lastPacketAt > settings.timeouts.silenceMs) {
      this.close('lost');
      return;
    }
    if (this.#receivers.size === 0) return;
    const receivers = [...this.#receivers.values()];
    const blocks = receivers.flatMap((receiver) => receiver.reportBlock() ?? []);
    this.#transport.send(receiverReport(OUR_SSRC, blocks));
    this.#transport.send(referenceTimeReport(OUR_SSRC, clock.now()));
    const counters = this.#counter.sample(receivers, this.pausedLayers.isSlateShown);
    this.#context.notifyGateway({ type: 'counters', id: this.id, counters });
    // Sent with transport-wide feedback too: senders use the lower of both limits.
    this.#transport.send(
      receiverEstimatedBitrate(OUR_SSRC, this.#maximumBitrate, [...this.#receivers.keys()]),
    );
  }
}
