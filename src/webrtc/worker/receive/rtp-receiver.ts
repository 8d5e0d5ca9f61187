import {
  announcedParameterSets,
  bareRtp,
  extendSequence,
  H264PacketNormaliser,
  type ReportBlock,
  type RtpHeader,
  type SenderReport,
  sequenceDistance,
} from '../../../media/index.js';
import type { Clock } from '../../../platform/index.js';
import type { Layer } from './layer.js';
import { MarkerNormaliser } from './marker-normaliser.js';
import type { MediaMoment } from './media-moment.js';
import { TimestampNormaliser } from './timestamp-normaliser.js';

/** Sequence jumps that mean a restart of the stream (RFC 3550 appendix A.1). */
const MAXIMUM_DROPOUT = 3000;
const MAXIMUM_MISORDER = 1000;
/** Larger gaps are not repaired; a keyframe is requested. */
const REPAIRABLE_GAP = 256;
const MAXIMUM_MISSING = 512;
/** Margin over the expected retransmission time before a NACK is repeated, ms; and limits of the interval, ms. */
const NACK_SLACK_MS = 10;
const NACK_SPACING_MS = { least: 20, most: 200 } as const;
/** Retransmission time before the first measurement, ms; and the weight of a measurement. */
const INITIAL_RETRANSMISSION_MS = 40;
const RETRANSMISSION_WEIGHT = 1 / 4;
/** Age at which a missing packet is given up, ms; equal to the longest wait of readers. */
const GIVE_UP_AFTER_MS = 750;
/** Shifts kept for late packets: at 60 pictures per second, longer than a packet is waited for. */
const KEPT_SHIFTS = 128;
/** Base of extended sequence numbers, so that late packets stay positive. */
const FIRST_SEQUENCE_BASE = 0x10000;

type Missing = { since: number; tries: number; askedAt: number };
/** Change of the sequence shift after packet `at`. */
type Shift = { at: number; before: number };

export type RtpReceiverOptions = {
  layer: Layer;
  ssrc: number;
  clock: Clock;
  /** Whether lost packets are requested by NACK. */
  nack: boolean;
  /** Called when the stream starts or restarts, before its first packet is written. */
  streamStarted?: () => void;
  /** Makes the stream of a publisher clean; `parameters` are those of its codec in SDP. An encoder's needs nothing. */
  normalises?: { parameters?: string | undefined };
};

/**
 * Receives a stream (SSRC) into a layer: detects lost and duplicate packets, removes padding-only packets, normalises
 * the others, and renumbers them so that only losses leave gaps.
 */
export class RtpReceiver {
  readonly layer: Layer;
  readonly ssrc: number;
  readonly #clock: Clock;
  readonly #nack: boolean;
  readonly #streamStarted: (() => void) | undefined;
  readonly #timestamps: TimestampNormaliser | undefined;
  readonly #markers: MarkerNormaliser | undefined;
  readonly #h264: H264PacketNormaliser | undefined;
  readonly #missing = new Map<number, Missing>();
  #newlyMissing = false;
  #retransmissionMs = INITIAL_RETRANSMISSION_MS;
  #hasRetransmissionTime = false;
  #shifts: Shift[] = [];
  #shift = 0;
  #timestampShift = 0;
  #first = -1;
  #highest = -1;
  #expectedRestart = -1;
  #received = 0;
  #jitter = 0;
  #transit: number | undefined;
  #reportedExpected = 0;
  #reportedReceived = 0;
  #lastReport = 0;
  #lastReportAt = 0;

  constructor(options: RtpReceiverOptions) {
    this.layer = options.layer;
    this.ssrc = options.ssrc;
    this.#clock = options.clock;
    this.#nack = options.nack;
    this.#streamStarted = options.streamStarted;
    if (!options.normalises) return;
    const { layer, normalises } = options;
    this.#timestamps = new TimestampNormaliser(layer.rate, layer.kind === 'audio');
    if (layer.kind === 'audio') return;
    this.#markers = new MarkerNormaliser(layer);
    if (layer.codec === 'h264')
      this.#h264 = new H264PacketNormaliser(announcedParameterSets(normalises.parameters ?? ''));
  }

  get started(): boolean {
    return this.#highest >= 0;
  }

  /** Packets expected and received since the stream started or restarted. */
  get expected(): number {
    return this.#highest < 0 ? 0 : this.#highest - this.#first + 1;
  }

  get received(): number {
    return this.#received;
  }

  /** Jumps of the timestamps so far. */
  get timestampJumps(): number {
    return this.#timestamps?.jumps ?? 0;
  }

  /** Average time from a NACK to the packet, ms; undefined before the first. */
  get retransmissionMs(): number | undefined {
    return this.#hasRetransmissionTime ? this.#retransmissionMs : undefined;
  }

  /** Whether a packet is missing, so that a retransmission is of use. */
  isMissing(sequence: number): boolean {
    return this.#highest >= 0 && this.#missing.has(extendSequence(sequence, this.#highest));
  }

  /** Whether packets are missing that no NACK was sent for. */
  get newlyMissing(): boolean {
    return this.#newlyMissing;
  }

  /** Takes a packet. @param at arrival, monotonic ms. */
  acceptPacket(packet: Buffer, header: RtpHeader, orientation: number, at: number): void {
    const padding = header.payloadEnd === header.payloadOffset;
    if (this.#highest < 0 || this.#isJump(header.sequence)) {
      if (padding || !this.#confirmsRestart(header.sequence)) return;
      this.#startStream(header, at);
      this.#streamStarted?.();
    }
    const number = extendSequence(header.sequence, this.#highest);
    const isNewest = number > this.#highest;
    if (isNewest) {
      this.#noteGap(number, at);
      this.#highest = number;
    } else if (this.#nack) {
      if (!this.#retransmissionArrived(number, at)) return; // duplicate
    } else if (this.#isDuplicate(number)) return;
    this.#received++;
    if (padding && isNewest) {
      this.#replacePacket(number, 0);
      return;
    }
    this.#noteJitter(header.timestamp, at);
    const timestamp = this.#timestampOf(header.timestamp, isNewest, at);
    const bare = bareRtp(packet, header);
    const first = number + this.#shiftOf(number);
    // In their place in the order alone packets can be inserted and removed.
    const packets = isNewest ? this.#h264?.normalise(bare, timestamp) : undefined;
    if (!packets) {
      this.#write(bare, first, timestamp, header.marker, orientation, at);
      return;
    }
    this.#replacePacket(number, packets.length);
    for (let i = 0; i < packets.length; i++) {
      const marker = header.marker && i === packets.length - 1;
      this.#write(packets[i]!, first + i, timestamp, marker, orientation, at);
    }
  }

  /** Begins anew with the next packet: the layer has packets of another stream meanwhile. */
  restart(): void {
    this.#highest = -1;
    this.#missing.clear();
    this.#newlyMissing = false;
  }

  /** Sends on what waits for a packet that does not come. */
  flush(now: number): void {
    this.#markers?.flush(now);
  }

  /**
   * Notes a sender report for the next receiver report.
   *
   * @returns its time and timestamp in the layer's numbering; undefined before the first packet
   */
  noteSenderReport(report: SenderReport): MediaMoment | undefined {
    this.#lastReport = report.middle;
    this.#lastReportAt = this.#clock.monotonic();
    if (this.#highest < 0) return undefined;
    const { time, timestamp } = report;
    return {
      time,
      timestamp: this.#timestamps?.convert(timestamp) ?? (timestamp + this.#timestampShift) >>> 0,
    };
  }

  /** Returns the sequence numbers to request now, ascending. Packets that would arrive too late are given up. */
  dueNacks(now: number): number[] {
    this.#newlyMissing = false;
    if (this.#missing.size === 0) return [];
    const due: number[] = [];
    let lost = false;
    const { least, most } = NACK_SPACING_MS;
    const spacingMs = Math.min(most, Math.max(least, this.#retransmissionMs + NACK_SLACK_MS));
    for (const [number, missing] of this.#missing) {
      if (now - missing.since >= GIVE_UP_AFTER_MS || this.#highest - number > MAXIMUM_MISORDER) {
        this.#missing.delete(number);
        lost = true;
      } else if (now - missing.askedAt >= spacingMs) {
        missing.askedAt = now;
        missing.tries++;
        due.push(number & 0xffff);
      }
    }
    if (lost) this.layer.requestKeyframe();
    return due;
  }

  /**
   * Returns the block of the next receiver report, with counts since the previous one; undefined before the first
   * packet.
   */
  reportBlock(): ReportBlock | undefined {
    if (this.#highest < 0) return undefined;
    const { expected } = this;
    const expectedNow = expected - this.#reportedExpected;
    const lostNow = expectedNow - (this.#received - this.#reportedReceived);
    this.#reportedExpected = expected;
    this.#reportedReceived = this.#received;
    const delay = this.#lastReport === 0 ? 0 : (this.#clock.monotonic() - this.#lastReportAt) * 65.536;
    return {
      ssrc: this.ssrc,
      fractionLost: expectedNow > 0 && lostNow > 0 ? lostNow / expectedNow : 0,
      lost: expected - this.#received,
      highest: this.#highest - FIRST_SEQUENCE_BASE,
      jitter: this.#jitter,
      lastReport: this.#lastReport,
      delay,
    };
  }

  #isJump(sequence: number): boolean {
    const distance = sequenceDistance(this.#highest & 0xffff, sequence);
    return distance >= MAXIMUM_DROPOUT || distance <= -MAXIMUM_MISORDER;
  }

  /** Accepts a jump only when the next packet confirms it, so that a stray packet does not restart the stream. */
  #confirmsRestart(sequence: number): boolean {
    const confirmed = this.#highest < 0 || sequence === this.#expectedRestart;
    this.#expectedRestart = (sequence + 1) & 0xffff;
    return confirmed;
  }

  #startStream(header: RtpHeader, at: number): void {
    const { layer } = this;
    const number = FIRST_SEQUENCE_BASE + header.sequence;
    this.#missing.clear();
    this.#shifts = [];
    this.#shift = 0;
    this.#timestampShift = 0;
    this.#transit = undefined;
    this.#received = 0;
    this.#reportedExpected = 0;
    this.#reportedReceived = 0;
    this.#first = number;
    this.#highest = number - 1;
    this.#markers?.restart();
    if (layer.head >= 0) {
      // The layer had packets before: numbering continues.
      this.#shift = layer.head + 1 - number;
      const ticks = Math.round((Math.max(20, at - layer.headAt) * layer.rate) / 1000);
      this.#timestampShift = (layer.headTimestamp + ticks - header.timestamp) | 0;
      layer.streamRestarted();
    }
    this.#timestamps?.restart(header.timestamp, header.timestamp + this.#timestampShift, at);
  }

  #timestampOf(timestamp: number, isNewest: boolean, at: number): number {
    const timestamps = this.#timestamps;
    if (!timestamps) {
      const shifted = (timestamp + this.#timestampShift) >>> 0;
      this.layer.packetArrived(shifted);
      return shifted;
    }
    const hasChanged = isNewest && timestamps.advance(timestamp, at);
    if (hasChanged) this.layer.clockRestarted();
    const converted = timestamps.convert(timestamp);
    this.layer.packetArrived(converted);
    if (hasChanged) this.layer.notifyClockChanged();
    return converted;
  }

  #write(
    packet: Buffer,
    sequence: number,
    timestamp: number,
    marker: boolean,
    orientation: number,
    at: number,
  ): void {
    (this.#markers ?? this.layer).writePacket(packet, sequence, timestamp, marker, orientation, at);
  }

  /**
   * Removes a packet from the missing ones and measures the retransmission time of first requests.
   *
   * @returns whether it was missing
   */
  #retransmissionArrived(number: number, at: number): boolean {
    const missing = this.#missing.get(number);
    if (!missing) return false;
    this.#missing.delete(number);
    if (missing.tries !== 1) return true;
    this.#hasRetransmissionTime = true;
    this.#retransmissionMs += (at - missing.askedAt - this.#retransmissionMs) * RETRANSMISSION_WEIGHT;
    return true;
  }

  #noteGap(number: number, at: number): void {
    const gap = number - this.#highest - 1;
    if (gap === 0 || !this.#nack) return;
    if (gap > REPAIRABLE_GAP || this.#missing.size + gap > MAXIMUM_MISSING) {
      this.#missing.clear();
      this.layer.requestKeyframe();
      return;
    }
    for (let lost = this.#highest + 1; lost < number; lost++)
      this.#missing.set(lost, { since: at, tries: 0, askedAt: Number.NEGATIVE_INFINITY });
    this.#newlyMissing = true;
  }

  /** Moves the numbers of later packets, as `count` packets take the place of this one. */
  #replacePacket(number: number, count: number): void {
    if (count === 1) return;
    this.#shifts.push({ at: number, before: this.#shift });
    if (this.#shifts.length > KEPT_SHIFTS) this.#shifts.shift();
    this.#shift += count - 1;
  }

  /** Whether a late packet is a duplicate, or too late to be numbered. */
  #isDuplicate(number: number): boolean {
    const [oldest] = this.#shifts;
    if (oldest && this.#shifts.length === KEPT_SHIFTS && number <= oldest.at) return true;
    if (this.#shifts.some(({ at }) => at === number)) return true;
    return this.layer.ring.slotOf(number + this.#shiftOf(number)) >= 0;
  }

  #shiftOf(number: number): number {
    let shift = this.#shift;
    for (let i = this.#shifts.length - 1; i >= 0; i--) {
      const { at, before } = this.#shifts[i]!;
      if (number > at) return shift;
      shift = before;
    }
    return shift;
  }

  /** Updates interarrival jitter (RFC 3550 appendix A.8). */
  #noteJitter(timestamp: number, at: number): void {
    const transit = ((at * this.layer.rate) / 1000 - timestamp) | 0;
    if (this.#transit !== undefined) {
      const difference = Math.abs((transit - this.#transit) | 0);
      if (difference < this.layer.rate * 10) this.#jitter += (difference - this.#jitter) / 16;
    }
    this.#transit = transit;
  }
}
