import { type PictureSize, RTP_HEADER_BYTES, readPictureSize, startsKeyframe } from '../../../media/index.js';
import type { Cancel, Clock } from '../../../platform/index.js';
import type { RtcVideoCodec } from '../../media-plan.js';
import { KeyframeRequests } from './keyframe-requests.js';
import { LayerMeter } from './layer-meter.js';
import { MediaClock } from './media-clock.js';
import { PacketRing, RING_PACKETS } from './packet-ring.js';

/** Who is sent the packets of a layer. Nothing may throw. */
export type LayerReader = {
  /** Packets of this layer follow, the first of them has this number; those of another layer are over. */
  layerStarted(layer: Layer, sequence: number): void;
  /** A packet of the ring, whose header may be overwritten. */
  writePacket(ring: PacketRing, slot: number): void;
  /** The layer's clock is known, or is another one than before. */
  clockChanged(): void;
};

export type LayerOptions = {
  kind: 'video' | 'audio';
  /** The publisher's name for it; empty when there is only one. */
  rid: string;
  /** Of video. */
  codec?: RtcVideoCodec;
  clock: Clock;
  /** Of sound: timestamps stand still while its sender is given no samples; so they do unless this is false. */
  countsSamples?: boolean;
  /** Asks the source for a keyframe. */
  requestKeyframe(): void;
};

const VIDEO_CLOCK_RATE = 90_000;
const OPUS_CLOCK_RATE = 48_000;
/** A layer that is silent for longer is not sent at the moment (a still screen is sent once a second). */
const INACTIVE_AFTER_MS = 2500;
/** A keyframe older than this is no way to begin: a new one is there sooner than the viewer has caught up. */
const MAXIMUM_KEYFRAME_AGE_MS = 4500;
/** The oldest packets of the ring are overwritten while a replay runs. */
const REPLAY_PACKETS = RING_PACKETS - 64;
/** A reader that joins in the middle of a group of pictures is sent so many packets at once, then as many each time. */
const REPLAY_BURST = 32;
const REPLAY_INTERVAL_MS = 5;

type Replay = { reader: LayerReader; next: number };

/**
 * One encoding of a feed: its last packets, and those who read it. What is true for all readers is done once here;
 * per reader there is one call a packet.
 */
export class Layer {
  readonly kind: 'video' | 'audio';
  readonly rid: string;
  readonly codec: RtcVideoCodec | undefined;
  /** RTP ticks per second. */
  readonly rate: number;
  readonly ring = new PacketRing();
  readonly meter = new LayerMeter();
  readonly mediaClock: MediaClock;
  /** The highest sequence number so far (extended), or -1; and its timestamp and arrival (monotonic ms). */
  head = -1;
  headTimestamp = 0;
  headAt = 0;
  size: PictureSize | undefined;
  /** Called when a keyframe begins (video) or a packet came (audio), with its arrival. */
  onRandomAccess: ((at: number) => void) | undefined;
  readonly #clock: Clock;
  readonly #epoch: number;
  readonly #requests: KeyframeRequests;
  #readers: LayerReader[] = [];
  readonly #waiting = new Set<LayerReader>();
  #replays: Replay[] = [];
  #replayTimer: Cancel | undefined;
  /** Where readers can begin: the last keyframe; of sound, the packet that is written. */
  #randomAccess = -1;
  #randomAccessTimestamp = 0;
  #randomAccessAt = 0;
  #closed = false;

  constructor(options: LayerOptions) {
    this.kind = options.kind;
    this.rid = options.rid;
    this.codec = options.codec;
    this.rate = options.kind === 'video' ? VIDEO_CLOCK_RATE : OPUS_CLOCK_RATE;
    this.mediaClock = new MediaClock({
      rate: this.rate,
      countsSamples: options.kind === 'audio' && options.countsSamples !== false,
    });
    this.#clock = options.clock;
    this.#epoch = options.clock.now() - options.clock.monotonic();
    this.#requests = new KeyframeRequests(options.clock, options.requestKeyframe);
  }

  /** Whether the publisher sends it at the moment. */
  get active(): boolean {
    return this.head >= 0 && this.#clock.monotonic() - this.meter.lastAt < INACTIVE_AFTER_MS;
  }

  get readers(): number {
    return this.#readers.length + this.#waiting.size + this.#replays.length;
  }

  /**
   * A packet: bare header and payload, in memory that is the layer's from now on.
   *
   * @param sequence extended; what was left out on the way is not counted.
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
    if (this.head >= 0 && sequence <= this.head - RING_PACKETS) return;
    const slot = this.ring.put(packet, sequence, timestamp, marker, orientation);
    this.meter.countPacket(packet.length, marker, at);
    if (sequence > this.head) {
      this.head = sequence;
      this.headTimestamp = timestamp;
      this.headAt = at;
    }
    const start = this.#noteRandomAccess(packet, sequence, timestamp, at);
    const readers = this.#readers;
    for (let i = 0; i < readers.length; i++) readers[i]!.writePacket(this.ring, slot);
    if (this.#replays.length > 0)
      for (const { reader, next } of this.#replays) if (sequence < next) reader.writePacket(this.ring, slot);
    if (!start) return;
    if (this.#waiting.size > 0) this.#startWaitingReaders();
    this.onRandomAccess?.(at);
  }

  /**
   * Subscribes. Sound begins with the next packet. Pictures begin at the last keyframe, whose group is sent from
   * memory, else at the next one, which is asked for.
   *
   * @param fresh The reader shows nothing yet: the past is of use to it.
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

  /** Subscribes to everything as it is kept here, from the last keyframe on where that is possible. */
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
      // A copy: it may be the fan-out's turn.
      this.#readers = this.#readers.filter((other) => other !== reader);
      return;
    }
    this.#replays = this.#replays.filter((replay) => replay.reader !== reader);
  }

  requestKeyframe(urgent = false): void {
    if (this.kind === 'video' && !this.#closed) this.#requests.request(urgent);
  }

  /**
   * A report by who knows this layer's clock, in this machine's time (Unix ms).
   *
   * @param exact whether it goes back to a sender report.
   */
  applyReport(time: number, timestamp: number, exact = true): void {
    if (this.mediaClock.applyReport(time, timestamp, exact)) this.notifyClockChanged();
  }

  /** A packet has arrived; before it is written. */
  packetArrived(timestamp: number): void {
    const now = this.unixTimeOf(this.#clock.monotonic());
    if (this.mediaClock.packetArrived(now, timestamp)) this.notifyClockChanged();
  }

  /** Unix ms of a monotonic time, also when this machine's clock is set meanwhile. */
  unixTimeOf(monotonic: number): number {
    return this.#epoch + monotonic;
  }

  /** Tells the readers that the clock is known, or is another one than before. */
  notifyClockChanged(): void {
    for (const reader of this.#readers) reader.clockChanged();
    for (const { reader } of this.#replays) reader.clockChanged();
  }

  /** The source starts anew: what is remembered does not lead to what comes. */
  streamRestarted(): void {
    this.#randomAccess = -1;
    this.size = undefined;
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

  /** Whether readers can begin at this packet; notes the keyframe. */
  #noteRandomAccess(packet: Buffer, sequence: number, timestamp: number, at: number): boolean {
    if (this.kind === 'audio') {
      this.#randomAccess = sequence;
      return true;
    }
    if (!startsKeyframe(this.codec!, packet, RTP_HEADER_BYTES, packet.length)) return false;
    this.size = readPictureSize(this.codec!, packet, RTP_HEADER_BYTES, packet.length) ?? this.size;
    if (this.#randomAccess >= 0 && timestamp === this.#randomAccessTimestamp) {
      // Another packet of the same keyframe, perhaps one that should have come before.
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

  #canReplay(): boolean {
    return (
      this.kind === 'video' &&
      this.#randomAccess >= 0 &&
      this.head - this.#randomAccess < REPLAY_PACKETS &&
      this.#clock.monotonic() - this.#randomAccessAt < MAXIMUM_KEYFRAME_AGE_MS
    );
  }

  #startWaitingReaders(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const reader of waiting) this.#replay(reader, this.#randomAccess);
  }

  #replay(reader: LayerReader, from: number): void {
    const replay = { reader, next: from };
    reader.layerStarted(this, from);
    if (this.#replayNext(replay)) this.#readers.push(reader);
    else {
      this.#replays.push(replay);
      this.#replayTimer ??= this.#clock.every(REPLAY_INTERVAL_MS, () => this.#replayAll());
    }
  }

  /** Sends the next packets from memory; true when the reader has caught up. */
  #replayNext(replay: Replay): boolean {
    for (let sent = 0; replay.next <= this.head; replay.next++) {
      if (sent === REPLAY_BURST) return false;
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
    for (const replay of replays) {
      if (this.#replayNext(replay)) this.#readers.push(replay.reader);
      else this.#replays.push(replay);
    }
    if (this.#replays.length > 0) return;
    this.#replayTimer?.();
    this.#replayTimer = undefined;
  }
}
