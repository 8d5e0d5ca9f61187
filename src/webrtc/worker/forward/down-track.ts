import {
  ONE_BYTE_EXTENSION_BYTES,
  ORIGINAL_SEQUENCE_BYTES,
  RTP_HEADER_BYTES,
  senderReport,
  sequenceDistance,
  writeOneByteExtension,
} from '../../../media/index.js';
import type { WorkerContext } from '../context.js';
import type { Layer, LayerReader } from '../receive/layer.js';
import { NO_ORIENTATION, type PacketRing } from '../receive/packet-ring.js';
import type { Transport } from '../transport.js';
import { RtpRewriter, rewriteTimestamp } from './rtp-rewriter.js';
import { applyVp8Shift } from './vp8-shift.js';

const EXTENSION_BIT = 0x10;
const PLAIN = 0x80;
const CNAME = 'headend';
/** Token bucket of retransmissions: refilled with half the packet rate plus 50 a second, up to 300. */
const RETRANSMISSION_SHARE = 0.5;
const RETRANSMISSION_BURST = 300;
const RETRANSMISSIONS_PER_S = 50;
/** Larger than any UDP packet. */
const SCRATCH_BYTES = 65_536;

/** Buffer for packets that differ from those in the ring. Shared by all tracks, because sending copies. */
const scratch = Buffer.alloc(SCRATCH_BYTES);

export type DownTrackOptions = {
  context: WorkerContext;
  transport: Transport;
  ssrc: number;
  rtxSsrc?: number;
  /** Negotiated id of urn:3gpp:video-orientation. */
  orientationId?: number;
  /** Called at the first packet after each `layerStarted`. */
  mediaFlowing(): void;
  /** Called with a layer that starts, and when its H.264 profile changes: sets the payload types. */
  profileChanged?(layer: Layer): void;
};

/**
 * Outgoing stream (SSRC) of a viewer: rewrites packet headers and sends. Packets are patched in the ring's memory,
 * shared by all viewers one after the other; sending encrypts a copy.
 */
export class DownTrack implements LayerReader {
  /** Payload type for the layer's codec; -1: not supported by the viewer, nothing is sent. */
  payloadType = -1;
  rtxPayloadType = -1;
  readonly #context: WorkerContext;
  readonly #transport: Transport;
  readonly #ssrc: number;
  readonly #rtxSsrc: number;
  readonly #orientationId: number;
  readonly #mediaFlowing: () => void;
  readonly #profileChanged: ((layer: Layer) => void) | undefined;
  readonly #rewriter: RtpRewriter;
  #rtxSequence = Math.floor(Math.random() * 0x10000);
  #packets = 0;
  #bytes = 0;
  #reading = false;
  #awaitsFirstPacket = true;
  #tokens = RETRANSMISSION_BURST;
  #tokensAt: number;

  constructor(options: DownTrackOptions) {
    this.#context = options.context;
    this.#transport = options.transport;
    this.#ssrc = options.ssrc;
    this.#rtxSsrc = options.rtxSsrc ?? 0;
    this.#orientationId = options.orientationId ?? 0;
    this.#mediaFlowing = options.mediaFlowing;
    this.#profileChanged = options.profileChanged;
    this.#rewriter = new RtpRewriter(options.context.clock, { compressesBacklog: true });
    this.#tokensAt = options.context.clock.monotonic();
  }

  /** Layer being sent; undefined when none is. */
  get layer(): Layer | undefined {
    return this.#reading ? this.#rewriter.layer : undefined;
  }

  /** Packets sent so far. */
  get sent(): number {
    return this.#packets;
  }

  /** Payload bytes sent so far. */
  get sentBytes(): number {
    return this.#bytes;
  }

  layerStarted(layer: Layer, sequence: number): void {
    const before = this.#rewriter.layer;
    this.#rewriter.switchLayer(layer, sequence);
    if (this.#reading && before !== layer) before?.detachReader(this);
    this.#reading = true;
    this.#awaitsFirstPacket = true;
    this.#profileChanged?.(layer);
    this.sendReport();
  }

  profileChanged(layer: Layer): void {
    this.#profileChanged?.(layer);
  }

  /** Detaches from the layer; no packets follow until the next `layerStarted`. */
  stop(): void {
    this.#rewriter.layer?.detachReader(this);
    this.#reading = false;
  }

  writePacket(ring: PacketRing, slot: number): void {
    const sequence = ring.sequences[slot]!;
    const rewriter = this.#rewriter;
    if (sequence < rewriter.first || this.payloadType < 0) return;
    const number = sequence + rewriter.sequenceOffset;
    const timestamp = rewriteTimestamp(rewriter, sequence, ring.timestamps[slot]!);
    if (number > rewriter.lastSequence) {
      rewriter.lastSequence = number;
      rewriter.lastTimestamp = timestamp;
    }
    const packet = ring.packets[slot]!;
    if (this.#awaitsFirstPacket) this.#firstPacketSent();
    this.#packets++;
    this.#bytes += packet.length - RTP_HEADER_BYTES;
    const oriented = this.#orientationId !== 0 && ring.orientations[slot] !== NO_ORIENTATION;
    if (oriented || rewriter.vp8Shift) {
      this.#writeCopy(ring, slot, number, timestamp, oriented);
      return;
    }
    fillHeader(packet, PLAIN, ring.markers[slot]! | this.payloadType, number, timestamp, this.#ssrc);
    if (this.#transport.send(packet)) this.#context.counters.packetsOut++;
  }

  clockChanged(): void {
    this.sendReport();
  }

  /** Retransmits a packet that the viewer requested, when the ring still has it. */
  retransmit(sequence16: number): void {
    const rewriter = this.#rewriter;
    if (rewriter.lastSequence < 0) return;
    const number = rewriter.lastSequence + sequenceDistance(rewriter.lastSequence & 0xffff, sequence16);
    const { previous } = rewriter;
    const from = previous && number <= previous.end ? previous : rewriter;
    const { layer, sequenceOffset, vp8Shift } = from;
    const slot = layer!.ring.slotOf(number - sequenceOffset);
    if (slot < 0 || this.payloadType < 0 || !this.#takeToken()) return;
    const { ring } = layer!;
    const packet = ring.packets[slot]!;
    const timestamp = rewriteTimestamp(from, number - sequenceOffset, ring.timestamps[slot]!);
    this.#context.counters.retransmitted++;
    const rtx = this.rtxPayloadType >= 0;
    const start = RTP_HEADER_BYTES + (rtx ? ORIGINAL_SEQUENCE_BYTES : 0);
    const length = start + packet.copy(scratch, start, RTP_HEADER_BYTES);
    if (vp8Shift) applyVp8Shift(scratch, start, length, vp8Shift);
    if (!rtx) {
      fillHeader(scratch, PLAIN, ring.markers[slot]! | this.payloadType, number, timestamp, this.#ssrc);
      this.#transport.send(scratch.subarray(0, length));
      return;
    }
    this.#rtxSequence = (this.#rtxSequence + 1) & 0xffff;
    const second = ring.markers[slot]! | this.rtxPayloadType;
    fillHeader(scratch, PLAIN, second, this.#rtxSequence, timestamp, this.#rtxSsrc);
    scratch.writeUInt16BE(number & 0xffff, RTP_HEADER_BYTES);
    this.#transport.send(scratch.subarray(0, length));
  }

  /** Sends a sender report on this machine's clock, so that audio and video stay synchronized across sources. */
  sendReport(): void {
    const { clock } = this.#context;
    const time = clock.now();
    const timestamp = this.#rewriter.layer?.mediaClock.timestampAt(time);
    if (timestamp === undefined || this.payloadType < 0) return;
    this.#transport.send(
      senderReport({
        ssrc: this.#ssrc,
        time,
        timestamp: timestamp + this.#rewriter.timestampOffset,
        packets: this.#packets,
        bytes: this.#bytes,
        cname: CNAME,
      }),
    );
  }

  #firstPacketSent(): void {
    this.#awaitsFirstPacket = false;
    this.#mediaFlowing();
  }

  /** Sends a packet that needs a header extension or rewritten VP8 numbers. */
  #writeCopy(ring: PacketRing, slot: number, number: number, timestamp: number, oriented: boolean): void {
    const packet = ring.packets[slot]!;
    const start = RTP_HEADER_BYTES + (oriented ? ONE_BYTE_EXTENSION_BYTES : 0);
    const length = start + packet.copy(scratch, start, RTP_HEADER_BYTES);
    const { vp8Shift } = this.#rewriter;
    if (vp8Shift) applyVp8Shift(scratch, start, length, vp8Shift);
    const first = oriented ? PLAIN | EXTENSION_BIT : PLAIN;
    const second = ring.markers[slot]! | this.payloadType;
    fillHeader(scratch, first, second, number, timestamp, this.#ssrc);
    if (oriented)
      writeOneByteExtension(scratch, RTP_HEADER_BYTES, this.#orientationId, ring.orientations[slot]!);
    if (this.#transport.send(scratch.subarray(0, length))) this.#context.counters.packetsOut++;
  }

  /** Takes a retransmission token; false when the viewer has requested too many. */
  #takeToken(): boolean {
    const now = this.#context.clock.monotonic();
    const gained =
      ((now - this.#tokensAt) / 1000) * (RETRANSMISSIONS_PER_S + this.#packetRate() * RETRANSMISSION_SHARE);
    this.#tokens = Math.min(RETRANSMISSION_BURST, this.#tokens + gained);
    this.#tokensAt = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  /** Returns the approximate packet rate, per second. */
  #packetRate(): number {
    const { layer } = this.#rewriter;
    return layer ? layer.meter.bitrate(this.#context.clock.monotonic()) / 8 / 1000 : 0;
  }
}

/** Writes the fixed header (RFC 3550 section 5.1) byte by byte: this runs for each packet of each viewer. */
function fillHeader(
  packet: Buffer,
  first: number,
  second: number,
  sequence: number,
  timestamp: number,
  ssrc: number,
): void {
  packet[0] = first;
  packet[1] = second;
  packet[2] = sequence >> 8;
  packet[3] = sequence;
  packet[4] = timestamp >>> 24;
  packet[5] = timestamp >>> 16;
  packet[6] = timestamp >>> 8;
  packet[7] = timestamp;
  packet[8] = ssrc >>> 24;
  packet[9] = ssrc >>> 16;
  packet[10] = ssrc >>> 8;
  packet[11] = ssrc;
}
