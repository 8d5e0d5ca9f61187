import {
  goodbye,
  PLAIN_VP9_BYTES,
  RTP_HEADER_BYTES,
  readVp9Descriptor,
  receiverReport,
  senderReport,
  writePlainVp9,
} from '../../media/index.js';
import { LOOPBACK_PAYLOAD_TYPES } from '../pool-types.js';
import type { WorkerContext } from './context.js';
import type { Layer } from './layer.js';
import type { OutputSink } from './output-sink.js';
import type { PacketRing } from './packet-ring.js';
import { Splice } from './splice.js';

const LOOPBACK = '127.0.0.1';
const MARKER = 0x80;

/** Where packets go out. */
export type PacketSender = {
  send(packet: Buffer, port: number, address: string, sent?: () => void): void;
};

/** Sends a stream as RTP to a port on loopback, and its reports to the next one. */
export class RtpSink implements OutputSink {
  readonly #clock: WorkerContext['clock'];
  readonly #socket: PacketSender;
  readonly #port: number;
  readonly #payloadType: number;
  readonly #splice: Splice;
  #packets = 0;
  #bytes = 0;

  constructor(clock: WorkerContext['clock'], socket: PacketSender, kind: 'video' | 'audio', port: number) {
    this.#clock = clock;
    this.#socket = socket;
    this.#port = port;
    this.#payloadType = LOOPBACK_PAYLOAD_TYPES[kind];
    this.#splice = new Splice(clock);
  }

  begin(layer: Layer, sequence: number): void {
    this.#splice.begin(layer, sequence);
    this.clocked(layer);
  }

  packet(layer: Layer, slot: number): void {
    const { ring } = layer;
    const kept = ring.packets[slot]!;
    if (layer.codec === 'vp9') this.#sendVp9(ring, slot);
    // A copy: the socket sends later, and the ring's memory is written to meanwhile.
    else this.#emit(Buffer.from(kept), ring.timestamps[slot]!, ring.markers[slot]!);
  }

  /** Left out of the numbers: a receiver without a jitter buffer does not wait for what will not come. */
  lost(): void {}

  silence(_layer: Layer, timestamp: number, sound: Buffer): void {
    this.#emit(Buffer.concat([Buffer.alloc(RTP_HEADER_BYTES), sound]), timestamp, 0);
  }

  /** Sends a sender report. */
  clocked(layer: Layer): void {
    const time = this.#clock.now();
    const timestamp = layer.mediaClock.timestampAt(time);
    if (timestamp === undefined) return;
    const report = senderReport({
      ssrc: this.#payloadType,
      time,
      timestamp: timestamp + this.#splice.timestampOffset,
      packets: this.#packets,
      bytes: this.#bytes,
      cname: 'headend',
    });
    this.#socket.send(report, this.#port + 1, LOOPBACK);
  }

  /** Nothing more will be sent: resolves when that was said. On the port of the media ffmpeg hears it after all of them. */
  async sayGoodbye(): Promise<void> {
    // Without a report in front ffmpeg does not read it.
    const words = Buffer.concat([receiverReport(this.#payloadType, []), goodbye([this.#payloadType])]);
    await new Promise<void>((resolve) => this.#socket.send(words, this.#port, LOOPBACK, () => resolve()));
  }

  /** Without the numbers and references that ffmpeg does not understand; the lowest spatial layer alone. */
  #sendVp9(ring: PacketRing, slot: number): void {
    const kept = ring.packets[slot]!;
    const payload = readVp9Descriptor(kept, RTP_HEADER_BYTES, kept.length);
    if (!payload || payload.spatialLayer > 0) return;
    const packet = Buffer.allocUnsafe(RTP_HEADER_BYTES + PLAIN_VP9_BYTES + kept.length - payload.frameOffset);
    const end = payload.endsFrame ? MARKER : 0;
    writePlainVp9(packet, RTP_HEADER_BYTES, payload, kept);
    this.#emit(packet, ring.timestamps[slot]!, ring.markers[slot]! | end);
  }

  /** @param packet whose header is written here; @param timestamp of the layer */
  #emit(packet: Buffer, timestamp: number, marker: number): void {
    const splice = this.#splice;
    splice.lastSequence++;
    splice.lastTimestamp = (timestamp + splice.timestampOffset) >>> 0;
    packet[0] = 0x80;
    packet[1] = marker | this.#payloadType;
    packet.writeUInt16BE(splice.lastSequence & 0xffff, 2);
    packet.writeUInt32BE(splice.lastTimestamp, 4);
    packet.writeUInt32BE(this.#payloadType, 8);
    this.#packets++;
    this.#bytes += packet.length - RTP_HEADER_BYTES;
    this.#socket.send(packet, this.#port, LOOPBACK);
  }
}
