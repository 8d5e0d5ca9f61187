import type dgram from 'node:dgram';
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
import type { Layer, LayerReader } from './layer.js';
import { type PacketRing, RING_PACKETS } from './packet-ring.js';
import { Splice } from './splice.js';

const LOOPBACK = '127.0.0.1';
const MARKER = 0x80;
/** How long a missing packet is waited for: pictures as long as they are asked for. */
const GAP_MS = { video: 800, audio: 60 } as const;
/** Sound that has not come for so long is replaced by silence; an encoder that detects silence sends every 400 ms. */
const SILENCE_AFTER_MS = 500;
/** Silence stays so far behind, as what comes at last is a little late. */
const SILENCE_BEHIND_MS = 200;
/** 20 ms of Opus that decode to nothing: full-band CELT, one frame (RFC 6716 section 3.1). */
const SILENCE = Buffer.from([0xf8, 0xff, 0xfe]);
const SOUND_MS = 20;

/** Where packets go out. */
type Sender = Pick<dgram.Socket, 'send'>;

/** The end of what was sent, as Unix ms of the media's time; and when (monotonic ms) sound last got that far. */
type Reach = { until: number; heardUntil: number; heardAt: number };

/** One stream of an output to a loopback port: releases packets in order. */
export class OutputTrack implements LayerReader {
  /** Whose clock is reported. */
  layer: Layer | undefined;
  /** The layer that packets are read from; undefined before the first. */
  reading: Layer | undefined;
  readonly #context: Pick<WorkerContext, 'clock'>;
  readonly #socket: Sender;
  readonly #port: number;
  readonly #payloadType: number;
  readonly #gapMs: number;
  readonly #splice: Splice;
  #next = 0;
  #gapSince: number | undefined;
  #reach: Reach | undefined;
  /** Silence was sent, and no sound since. */
  #silent = false;
  #packets = 0;
  #bytes = 0;

  constructor(context: Pick<WorkerContext, 'clock'>, socket: Sender, kind: 'video' | 'audio', port: number) {
    this.#context = context;
    this.#socket = socket;
    this.#port = port;
    this.#payloadType = LOOPBACK_PAYLOAD_TYPES[kind];
    this.#gapMs = GAP_MS[kind];
    this.#splice = new Splice(context.clock);
  }

  begin(layer: Layer, sequence: number): void {
    const before = this.reading;
    this.#splice.begin(layer, sequence);
    this.reading = layer;
    this.layer = layer;
    this.#next = sequence;
    this.#gapSince = undefined;
    if (before && before !== layer) before.leave(this);
    this.sendReport();
  }

  write(): void {
    this.pump();
  }

  clocked(): void {
    this.sendReport();
  }

  stop(): void {
    this.reading?.leave(this);
  }

  /** Sends what is there in order; waits for what is missing, but not for ever. */
  pump(): void {
    const layer = this.reading;
    if (!layer) return;
    if (layer.head - this.#next >= RING_PACKETS) this.#next = layer.head - RING_PACKETS + 1;
    for (; this.#next <= layer.head; this.#next++) {
      const slot = layer.ring.slotOf(this.#next);
      if (slot < 0) {
        const now = this.#context.clock.monotonic();
        this.#gapSince ??= now;
        if (now - this.#gapSince < this.#gapMs) return;
        continue; // given up, and left out of the numbers
      }
      this.#gapSince = undefined;
      this.#send(layer, slot);
    }
  }

  /** Of sound: fills in what does not come. */
  fillSilence(): void {
    const clock = this.reading?.mediaClock;
    const time = this.#context.clock.monotonic();
    if (!clock?.known) return;
    const now = this.#context.clock.now();
    this.#reach ??= { until: now, heardUntil: now, heardAt: time };
    const reach = this.#reach;
    const quiet = time - reach.heardAt;
    if (quiet < SILENCE_AFTER_MS) return;
    // By how far the sound had come when it stopped, as the sender's clock is not ours.
    const end = reach.heardUntil + quiet - SILENCE_BEHIND_MS;
    for (; reach.until + SOUND_MS <= end; reach.until += SOUND_MS) {
      this.#silent = true;
      this.#emit(
        Buffer.concat([Buffer.alloc(RTP_HEADER_BYTES), SILENCE]),
        clock.timestampAt(reach.until)!,
        0,
      );
    }
  }

  sendReport(): void {
    const time = this.#context.clock.now();
    const timestamp = this.layer?.mediaClock.timestampAt(time);
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

  #send(layer: Layer, slot: number): void {
    const { ring } = layer;
    const kept = ring.packets[slot]!;
    if (kept.length <= RTP_HEADER_BYTES) return; // stands for padding
    const timestamp = ring.timestamps[slot]!;
    if (layer.kind === 'audio' && !this.#isInTime(layer, timestamp)) return;
    if (layer.codec === 'vp9') this.#sendVp9(ring, slot);
    // A copy: the socket sends later, and the ring's memory is written to meanwhile.
    else this.#emit(Buffer.from(kept), timestamp, ring.markers[slot]!);
  }

  /** Whether the place of a packet of sound was not filled with silence already; notes how far the sound has come. */
  #isInTime(layer: Layer, timestamp: number): boolean {
    const time = layer.mediaClock.timeOf(timestamp)!;
    if (this.#silent && this.#reach && time < this.#reach.until - SOUND_MS) return false;
    this.#silent = false;
    const until = time + SOUND_MS;
    this.#reach = { until, heardUntil: until, heardAt: this.#context.clock.monotonic() };
    return true;
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
