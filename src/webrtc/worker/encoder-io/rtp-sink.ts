import {
  goodbye,
  PLAIN_VP9_BYTES,
  RTP_HEADER_BYTES,
  readVp9Descriptor,
  receiverReport,
  senderReport,
  writePlainVp9,
} from '../../../media/index.js';
import { LOOPBACK_PAYLOAD_TYPES } from '../../pool-types.js';
import type { WorkerContext } from '../context.js';
import { RtpRewriter } from '../forward/rtp-rewriter.js';
import type { Layer } from '../receive/layer.js';
import type { PacketRing } from '../receive/packet-ring.js';
import type { OutputSink } from './output-sink.js';

const LOOPBACK = '127.0.0.1';
const MARKER = 0x80;

/** Sends a packet to a UDP port, encrypted or not. */
export type PacketSender = {
  send(packet: Buffer, port: number, address: string, sent?: () => void): void;
};

/** Sends a stream as RTP to a loopback port, and sender reports to the next one. */
export class RtpSink implements OutputSink {
  readonly #clock: WorkerContext['clock'];
  readonly #socket: PacketSender;
  readonly #port: number;
  readonly #payloadType: number;
  readonly #rewriter: RtpRewriter;
  #packets = 0;
  #bytes = 0;

  constructor(clock: WorkerContext['clock'], socket: PacketSender, kind: 'video' | 'audio', port: number) {
    this.#clock = clock;
    this.#socket = socket;
    this.#port = port;
    this.#payloadType = LOOPBACK_PAYLOAD_TYPES[kind];
    this.#rewriter = new RtpRewriter(clock);
  }

  layerStarted(layer: Layer, sequence: number): void {
    this.#rewriter.switchLayer(layer, sequence);
    this.clockChanged(layer);
  }

  writePacket(layer: Layer, slot: number): void {
    const { ring } = layer;
    const kept = ring.packets[slot]!;
    if (layer.codec === 'vp9') this.#sendVp9(ring, slot);
    // Copied, because the socket sends asynchronously and the ring's header is overwritten meanwhile.
    else this.#emit(Buffer.from(kept), ring.timestamps[slot]!, ring.markers[slot]!);
  }

  /**
   * Lost packets are omitted from the sequence numbers: a receiver without a jitter buffer does not wait for them.
   */
  packetsLost(): void {}

  writeSilence(_layer: Layer, timestamp: number, packet: Buffer): void {
    this.#emit(Buffer.concat([Buffer.alloc(RTP_HEADER_BYTES), packet]), timestamp, 0);
  }

  /** Sends a sender report. */
  clockChanged(layer: Layer): void {
    const time = this.#clock.now();
    const timestamp = layer.mediaClock.timestampAt(time);
    if (timestamp === undefined) return;
    const report = senderReport({
      ssrc: this.#payloadType,
      time,
      timestamp: timestamp + this.#rewriter.timestampOffset,
      packets: this.#packets,
      bytes: this.#bytes,
      cname: 'headend',
    });
    this.#socket.send(report, this.#port + 1, LOOPBACK);
  }

  /** Sends RTCP BYE; resolves when it was sent. Sent to the media port, so that ffmpeg reads it after all packets. */
  async sendEndOfStream(): Promise<void> {
    // ffmpeg ignores a BYE that does not follow a report.
    const packet = Buffer.concat([receiverReport(this.#payloadType, []), goodbye([this.#payloadType])]);
    await new Promise<void>((resolve) => this.#socket.send(packet, this.#port, LOOPBACK, () => resolve()));
  }

  /**
   * Sends VP9 with a plain descriptor, as ffmpeg does not parse picture ids and references; the lowest spatial layer
   * only.
   */
  #sendVp9(ring: PacketRing, slot: number): void {
    const kept = ring.packets[slot]!;
    const payload = readVp9Descriptor(kept, RTP_HEADER_BYTES, kept.length);
    if (!payload || payload.spatialLayer > 0) return;
    const packet = Buffer.allocUnsafe(RTP_HEADER_BYTES + PLAIN_VP9_BYTES + kept.length - payload.frameOffset);
    const end = payload.endsFrame ? MARKER : 0;
    writePlainVp9(packet, RTP_HEADER_BYTES, payload, kept);
    this.#emit(packet, ring.timestamps[slot]!, ring.markers[slot]! | end);
  }

  /** @param packet its header is written here. @param timestamp of the layer. */
  #emit(packet: Buffer, timestamp: number, marker: number): void {
    const rewriter = this.#rewriter;
    rewriter.lastSequence++;
    rewriter.lastTimestamp = (timestamp + rewriter.timestampOffset) >>> 0;
    packet[0] = 0x80;
    packet[1] = marker | this.#payloadType;
    packet.writeUInt16BE(rewriter.lastSequence & 0xffff, 2);
    packet.writeUInt32BE(rewriter.lastTimestamp, 4);
    packet.writeUInt32BE(this.#payloadType, 8);
    this.#packets++;
    this.#bytes += packet.length - RTP_HEADER_BYTES;
    this.#socket.send(packet, this.#port, LOOPBACK);
  }
}
