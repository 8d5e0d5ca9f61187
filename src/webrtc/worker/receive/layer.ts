import {
  type H264ProfileBytes,
  type PictureSize,
  RTP_HEADER_BYTES,
  readH264Profile,
  readPictureSize,
  startsKeyframe,
} from '../../../media/index.js';
import type { Cancel, Clock } from '../../../platform/index.js';
import type { RtcVideoCodec } from '../../media-plan.js';
import { KeyframeRequests } from './keyframe-requests.js';
import { LayerMeter } from './layer-meter.js';
import { MediaClock } from './media-clock.js';
import { LONG_RING_PACKETS, PacketRing, RING_PACKETS } from './packet-ring.js';

/** Receiver of a layer's packets. Methods must not throw. */
export type LayerReader = {
  /** Starts a layer; its first packet has this sequence number. The previous layer has ended. */
  layerStarted(layer: Layer, sequence: number): void;
  /** Takes a packet of the ring; its header may be overwritten. */
  writePacket(ring: PacketRing, slot: number): void;
  /** Reports that the layer's clock is known or was changed. */
  clockChanged(): void;
  /** Reports that the layer's H.264 profile is known or changes with the next packet. */
  profileChanged?(layer: Layer): void;
};

export type LayerOptions = {
  kind: 'video' | 'audio';
  /** rid; empty for a single layer. */
  rid: string;
  /** Video codec. */
  codec?: RtcVideoCodec;
  clock: Clock;
  /** Keyframes cannot be requested: the whole group of pictures is kept for readers that join. */
  fixedKeyframes?: boolean;
  /** Audio timestamps stop while the sender gets no samples; true by default. */
  countsSamples?: boolean;
  /** Requests a keyframe from the source. */
  requestKeyframe(): void;
};

const VIDEO_CLOCK_RATE = 90_000;
const OPUS_CLOCK_RATE = 48_000;
/** Time without packets after which a layer is inactive, ms (a static screen is sent once a second). */
const INACTIVE_AFTER_MS = 2500;
/** Maximum age of a keyframe for replay, ms: a new one arrives before the reader has caught up. */
const MAXIMUM_KEYFRAME_AGE_MS = 4500;
/** Time without packets after which no keyframe is awaited, ms: the picture pauses, and the last one is shown. */
const QUIET_MS = 500;
/** Packets of the ring that are not replayed, as the oldest ones are overwritten meanwhile. */
const REPLAY_MARGIN = 64;
/**
 * Packets of video sent to a reader at once, and per interval: 60 Mbit/s. Receivers lose larger bursts in their socket
 * buffers: those of a group of pictures that they join within, of a large keyframe, or of a sender that was late.
 */
const PACE_PACKETS = 32;
const PACE_INTERVAL_MS = 5;
/** Intervals that a late timer makes up for. */
const MAXIMUM_INTERVALS = 4;

type Replay = { reader: LayerReader; next: number };

/**
 * Encoding of a media source: its last packets and its readers. Work common to all readers is done once; each reader
 * costs one call per packet.
 */
export class Layer {
  readonly kind: 'video' | 'audio';
  readonly rid: string;
  readonly codec: RtcVideoCodec | undefined;
  /** RTP clock rate, Hz. */
  readonly rate: number;
  readonly ring: PacketRing;
  readonly meter = new LayerMeter();
  readonly mediaClock: MediaClock;
  /** Highest sequence number (extended; -1 before the first), its timestamp and arrival (monotonic ms). */
  head = -1;
  headTimestamp = 0;
  headAt = 0;
  size: PictureSize | undefined;
  /** Profile of the last keyframe, of H.264. */
  h264Profile: H264ProfileBytes | undefined;
  /** Called at each random access point: the start of a keyframe, or any audio packet; with its arrival. */
  onRandomAccess: ((at: number) => void) | undefined;
  readonly #clock: Clock;
  readonly #epoch: number;
  readonly #requests: KeyframeRequests;
  #readers: LayerReader[] = [];
  readonly #waiting = new Set<LayerReader>();
  #replays: Replay[] = [];
  #replayTimer: Cancel | undefined;
  #replayedAt = 0;
  /** Begin of the current interval, and packets sent in it to readers that have caught up. */
  #intervalAt = 0;
  #intervalPackets = 0;
  /** Sequence number of the last random access point; of audio, the packet being written. */
  #randomAccess = -1;
  #randomAccessTimestamp = 0;
  #randomAccessAt = 0;
  #closed = false;

  constructor(options: LayerOptions) {
    this.kind = options.kind;
    this.rid = options.rid;
    this.codec = options.codec;
    this.rate = options.kind === 'video' ? VIDEO_CLOCK_RATE : OPUS_CLOCK_RATE;
    this.ring = new PacketRing(options.fixedKeyframes ? LONG_RING_PACKETS : RING_PACKETS);
    this.mediaClock = new MediaClock({
      rate: this.rate,
      countsSamples: options.kind === 'audio' && options.countsSamples !== false,
    });
    this.#clock = options.clock;
    this.#epoch = options.clock.now() - options.clock.monotonic();
    this.#requests = new KeyframeRequests(options.clock, options.requestKeyframe);
  }

  /** Whether the layer is being sent. */
  get active(): boolean {
    return this.head >= 0 && this.#clock.monotonic() - this.meter.lastAt < INACTIVE_AFTER_MS;
  }

  /** Whether decoding can start somewhere in the packets since the stream's start. */
  get hasRandomAccess(): boolean {
    return this.#randomAccess >= 0;
  }

  /** Monotonic ms since which a keyframe is requested that has not come. */
  get keyframeAwaitedSince(): number | undefined {
    return this.#requests.awaitedSince;
  }

  get readers(): number {
    return this.#readers.length + this.#waiting.size + this.#replays.length;
  }

  /**
   * Writes a packet: fixed header and payload, in memory owned by the layer.
   *
   * @param sequence extended; without removed padding packets.
   * @param at monotonic ms.
   */
  writePacket(
    packet: Buffer,
    sequence: number,
    timestamp: number,
    marker: boolean,
    orientation: number,
    at: number,
  ): void {
    if (this.#closed) return;
    if (this.head >= 0 && sequence <= this.head - this.ring.capacity) return;
    const slot = this.ring.put(packet, sequence, timestamp, marker, orientation);
    this.meter.countPacket(packet.length, marker, at);
    if (sequence > this.head) {
      this.head = sequence;
      this.headTimestamp = timestamp;
      this.headAt = at;
    }
    const start = this.#noteRandomAccess(packet, sequence, timestamp, at);
    if (this.kind === 'video' && this.hasRandomAccess && timestamp === this.#randomAccessTimestamp)
      this.meter.countKeyframePacket(packet.length);
    if (this.#readers.length > 0 && sequence === this.head && this.#exceedsPace()) this.#paceReaders();
    const readers = this.#readers;
    for (let i = 0; i < readers.length; i++) readers[i]!.writePacket(this.ring, slot);
    if (this.#replays.length > 0)
      for (const { reader, next } of this.#replays) if (sequence < next) reader.writePacket(this.ring, slot);
    if (!start) return;
    if (this.#waiting.size > 0) this.#startWaitingReaders();
    this.onRandomAccess?.(at);
  }

  /**
   * Attaches a reader at a random access point. Audio starts with the next packet; video with the last keyframe,
   * replayed from the ring, else with the next one, which is requested.
   *
   * @param fresh the reader shows nothing yet, so the backlog is of use.
   */
  attachAtKeyframe(reader: LayerReader, fresh: boolean): void {
    if (this.#closed) return;
    const first = this.readers === 0;
    if (fresh && this.#canReplay()) {
      this.#replay(reader, this.#randomAccess);
      return;
    }
    this.#waiting.add(reader);
    if (this.kind === 'video') this.#requests.request(first);
  }

  /** Attaches a reader at once, from the last keyframe where possible, else at the next packet. */
  attachAtOnce(reader: LayerReader): void {
    if (this.#closed) return;
    if (this.head < 0) {
      reader.layerStarted(this, 0);
      this.#readers.push(reader);
      return;
    }
    this.#replay(reader, this.#canReplay() ? this.#randomAccess : this.head + 1);
  }

  detachReader(reader: LayerReader): void {
    this.#waiting.delete(reader);
    const at = this.#readers.indexOf(reader);
    if (at >= 0) {
      // Copied, because the fan-out may be iterating.
      this.#readers = this.#readers.filter((other) => other !== reader);
      return;
    }
    this.#replays = this.#replays.filter((replay) => replay.reader !== reader);
  }

  /** The picture pauses: readers that wait for a keyframe get the last picture, if it is kept. */
  sourcePaused(): void {
    if (this.#waiting.size > 0 && this.#canReplay()) this.#startWaitingReaders();
  }

  requestKeyframe(urgent = false): void {
    if (this.kind === 'video' && !this.#closed) this.#requests.request(urgent);
  }

  /**
   * Applies a clock report in this machine's time (Unix ms).
   *
   * @param exact whether it is based on a sender report.
   */
  applyReport(time: number, timestamp: number, exact = true): void {
    if (this.mediaClock.applyReport(time, timestamp, exact)) this.notifyClockChanged();
  }

  /** Takes the arrival of a packet, before it is written. */
  packetArrived(timestamp: number): void {
    const now = this.unixTimeOf(this.#clock.monotonic());
    if (this.mediaClock.packetArrived(now, timestamp)) this.notifyClockChanged();
  }

  /** Converts monotonic ms to Unix ms, unaffected by steps of the system clock. */
  unixTimeOf(monotonic: number): number {
    return this.#epoch + monotonic;
  }

  /** Notifies readers that the clock is known or was changed. */
  notifyClockChanged(): void {
    for (const reader of this.#readers) reader.clockChanged();
    for (const { reader } of this.#replays) reader.clockChanged();
  }

  /** Forgets the keyframe and the clock, as the source has restarted. */
  streamRestarted(): void {
    this.#randomAccess = -1;
    this.size = undefined;
    this.h264Profile = undefined;
    this.mediaClock.reset();
  }

  /** Forgets the keyframe: readers that attach later wait for the next one, which is requested. */
  forgetMedia(): void {
    if (this.kind === 'audio' || this.#closed) return;
    this.#randomAccess = -1;
    this.#requests.request(true);
  }

  /** Forgets the clock: timestamps relate to time in another way from the next packet on. */
  clockRestarted(): void {
    this.mediaClock.reset();
  }

  close(): void {
    this.#closed = true;
    this.#requests.keyframeArrived();
    this.#replayTimer?.();
    this.#readers = [];
    this.#replays = [];
    this.#waiting.clear();
  }

  /** Notes a random access point. @returns whether the packet starts one */
  #noteRandomAccess(packet: Buffer, sequence: number, timestamp: number, at: number): boolean {
    if (this.kind === 'audio') {
      this.#randomAccess = sequence;
      return true;
    }
    if (!startsKeyframe(this.codec!, packet, RTP_HEADER_BYTES, packet.length)) return false;
    this.size = readPictureSize(this.codec!, packet, RTP_HEADER_BYTES, packet.length) ?? this.size;
    if (this.codec === 'h264') this.#noteProfile(packet);
    if (this.#randomAccess >= 0 && timestamp === this.#randomAccessTimestamp) {
      // Another packet of the same keyframe, possibly reordered.
      this.#randomAccess = Math.min(this.#randomAccess, sequence);
      return false;
    }
    if (sequence < this.#randomAccess) return false;
    this.#randomAccess = sequence;
    this.#randomAccessTimestamp = timestamp;
    this.#randomAccessAt = at;
    this.meter.countKeyframe(at);
    this.#requests.keyframeArrived();
    return true;
  }

  #noteProfile(packet: Buffer): void {
    const known = this.h264Profile;
    const profile = readH264Profile(packet, RTP_HEADER_BYTES, packet.length);
    if (!profile || (profile.idc === known?.idc && profile.constraints === known.constraints)) return;
    this.h264Profile = profile;
    for (const reader of this.#readers) reader.profileChanged?.(this);
    for (const { reader } of this.#replays) reader.profileChanged?.(this);
  }

  #canReplay(): boolean {
    if (this.kind !== 'video' || this.#randomAccess < 0) return false;
    if (this.head - this.#randomAccess >= this.ring.capacity - REPLAY_MARGIN) return false;
    const now = this.#clock.monotonic();
    return now - this.headAt >= QUIET_MS || now - this.#randomAccessAt < MAXIMUM_KEYFRAME_AGE_MS;
  }

  #startWaitingReaders(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const reader of waiting) this.#replay(reader, this.#randomAccess);
  }

  #replay(reader: LayerReader, from: number): void {
    const replay = { reader, next: from };
    reader.layerStarted(this, from);
    if (this.#replayNext(replay, PACE_PACKETS)) this.#readers.push(reader);
    else {
      this.#replays.push(replay);
      this.#startReplaying();
    }
  }

  /** Whether the new packet exceeds what readers get at once. */
  #exceedsPace(): boolean {
    if (this.kind === 'audio') return false;
    const now = this.#clock.monotonic();
    if (now - this.#intervalAt >= PACE_INTERVAL_MS) {
      this.#intervalAt = now;
      this.#intervalPackets = 0;
    }
    return ++this.#intervalPackets > PACE_PACKETS;
  }

  /** Gives readers the new packet, and those that follow, at the pace of a replay. */
  #paceReaders(): void {
    for (const reader of this.#readers) this.#replays.push({ reader, next: this.head });
    this.#readers = [];
    this.#startReplaying();
  }

  #startReplaying(): void {
    if (this.#replayTimer) return;
    this.#replayedAt = this.#clock.monotonic();
    this.#replayTimer = this.#clock.every(PACE_INTERVAL_MS, () => this.#replayAll());
  }

  /** Replays up to `limit` packets. @returns true when the reader has caught up */
  #replayNext(replay: Replay, limit: number): boolean {
    for (let sent = 0; replay.next <= this.head; replay.next++) {
      if (sent === limit) return false;
      const slot = this.ring.slotOf(replay.next);
      if (slot < 0) continue;
      replay.reader.writePacket(this.ring, slot);
      sent++;
    }
    return true;
  }

  #replayAll(): void {
    const replays = this.#replays;
    this.#replays = [];
    const now = this.#clock.monotonic();
    const intervals = Math.floor((now - this.#replayedAt) / PACE_INTERVAL_MS);
    this.#replayedAt = now;
    const limit = PACE_PACKETS * Math.min(MAXIMUM_INTERVALS, Math.max(1, intervals));
    for (const replay of replays) {
      if (this.#replayNext(replay, limit)) this.#readers.push(replay.reader);
      else this.#replays.push(replay);
    }
    if (this.#replays.length > 0) return;
    this.#replayTimer?.();
    this.#replayTimer = undefined;
  }
}
