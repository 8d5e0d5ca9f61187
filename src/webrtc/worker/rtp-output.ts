import dgram from 'node:dgram';
import { RTP_HEADER_BYTES, senderReport } from '../../media/index.js';
import { LOOPBACK_PAYLOAD_TYPES } from '../pool-types.js';
import type { WorkerContext } from './context.js';
import type { Feed } from './feed.js';
import type { Layer, LayerReader } from './layer.js';
import { type PacketRing, RING_PACKETS } from './packet-ring.js';
import { Splice } from './splice.js';

const LOOPBACK = '127.0.0.1';
const SEND_BUFFER = 4 << 20;
const TICK_MS = 50;
const REPORT_MS = 1000;
const KEYFRAME_RETRY_MS = 500;
/** How long sound and picture wait for each other, so that a report of both is sent before anything else. */
const START_WAIT_MS = 1000;
/** How long a missing packet is waited for: retransmission of pictures takes a few round trips. */
const VIDEO_GAP_MS = 550;
const AUDIO_GAP_MS = 60;
/** A better layer is taken when it has been there for so long. */
const BETTER_MS = 3000;

/**
 * Sends a feed's best layer and its sound to ports on loopback, as a receiver without any jitter buffer would like it:
 * in order, without holes in the numbers, sender reports first, a keyframe first.
 */
export class RtpOutput {
  readonly #context: WorkerContext;
  readonly #feed: Feed;
  readonly #socket: dgram.Socket;
  readonly #life = new AbortController();
  readonly #video: OutputTrack | undefined;
  readonly #audio: OutputTrack | undefined;
  readonly #createdAt: number;
  #started = false;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #wanted: Layer | undefined;
  #betterSince: number | undefined;

  /** @param closed Called when the feed has ended. */
  constructor(
    context: WorkerContext,
    feed: Feed,
    ports: { videoPort?: number; audioPort?: number },
    closed: () => void,
  ) {
    this.#context = context;
    this.#feed = feed;
    this.#createdAt = context.clock.monotonic();
    this.#socket = dgram.createSocket({ type: 'udp4', sendBufferSize: SEND_BUFFER });
    this.#socket.on('error', (error) => context.log('debug', 'an RTP output failed', error));
    const { videoPort, audioPort } = ports;
    if (videoPort !== undefined && feed.shape.video)
      this.#video = new OutputTrack(
        context,
        this.#socket,
        videoPort,
        LOOPBACK_PAYLOAD_TYPES.video,
        VIDEO_GAP_MS,
      );
    if (audioPort !== undefined && feed.audio)
      this.#audio = new OutputTrack(
        context,
        this.#socket,
        audioPort,
        LOOPBACK_PAYLOAD_TYPES.audio,
        AUDIO_GAP_MS,
      );
    context.clock.every(TICK_MS, () => this.#tick(), this.#life.signal);
    feed.listen({
      layersChanged: () => {},
      feedEnded: () => {
        this.close();
        closed();
      },
    });
    this.#tick();
  }

  /** Idempotent. */
  close(): void {
    if (this.#life.signal.aborted) return;
    this.#life.abort();
    if (this.#video) this.#wanted?.leave(this.#video);
    this.#video?.stop();
    this.#audio?.stop();
    this.#socket.close();
  }

  #tick(): void {
    const now = this.#context.clock.monotonic();
    this.#askForKeyframe(now);
    if (!this.#started && !this.#start(now)) return;
    this.#chooseLayer(now);
    if (now - this.#reportedAt >= REPORT_MS) this.#report(now);
    this.#video?.pump();
    this.#audio?.pump();
  }

  #start(now: number): boolean {
    const needed = [this.#video ? this.#best(now) : undefined, this.#audio ? this.#feed.audio : undefined];
    const ready =
      (!this.#video || needed[0]?.mediaClock.known) && (!this.#audio || needed[1]?.mediaClock.known);
    const late = now - this.#createdAt > START_WAIT_MS && needed.some((layer) => layer?.mediaClock.known);
    if (!ready && !late) return false;
    this.#started = true;
    if (this.#video) this.#video.layer ??= needed[0];
    if (this.#audio) this.#audio.layer ??= needed[1];
    this.#report(now);
    if (this.#audio) this.#feed.audio?.join(this.#audio, true);
    return true;
  }

  #best(now: number): Layer | undefined {
    return this.#feed.activeLayers(now).at(-1);
  }

  #chooseLayer(now: number): void {
    const track = this.#video;
    const best = this.#best(now);
    if (!track || !best) return;
    if (best === this.#wanted) {
      this.#betterSince = undefined;
      return;
    }
    this.#betterSince ??= now;
    if (this.#wanted?.active && now - this.#betterSince < BETTER_MS) return;
    this.#betterSince = undefined;
    if (this.#wanted !== track.reading) this.#wanted?.leave(track);
    this.#wanted = best;
    if (best !== track.reading) best.join(track, track.reading === undefined);
  }

  #askForKeyframe(now: number): void {
    if (!this.#video || this.#video.reading || now - this.#askedAt < KEYFRAME_RETRY_MS) return;
    this.#askedAt = now;
    this.#best(now)?.requestKeyframe(true);
  }

  #report(now: number): void {
    this.#reportedAt = now;
    this.#video?.sendReport();
    this.#audio?.sendReport();
  }
}

/** One stream of an output: releases packets in order. */
class OutputTrack implements LayerReader {
  /** Whose clock is reported. */
  layer: Layer | undefined;
  /** The layer that packets are read from; undefined before the first. */
  reading: Layer | undefined;
  readonly #context: WorkerContext;
  readonly #socket: dgram.Socket;
  readonly #port: number;
  readonly #payloadType: number;
  readonly #gapMs: number;
  readonly #splice: Splice;
  #next = 0;
  #gapSince: number | undefined;
  #packets = 0;
  #bytes = 0;

  constructor(
    context: WorkerContext,
    socket: dgram.Socket,
    port: number,
    payloadType: number,
    gapMs: number,
  ) {
    this.#context = context;
    this.#socket = socket;
    this.#port = port;
    this.#payloadType = payloadType;
    this.#gapMs = gapMs;
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
      this.#send(layer.ring, slot);
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

  #send(ring: PacketRing, slot: number): void {
    const kept = ring.packets[slot]!;
    if (kept.length <= RTP_HEADER_BYTES) return; // stands for padding
    const splice = this.#splice;
    splice.lastSequence++;
    splice.lastTimestamp = (ring.timestamps[slot]! + splice.timestampOffset) >>> 0;
    // A copy: the socket sends later, and the ring's memory is written to meanwhile.
    const packet = Buffer.from(kept);
    packet[0] = 0x80;
    packet[1] = ring.markers[slot]! | this.#payloadType;
    packet.writeUInt16BE(splice.lastSequence & 0xffff, 2);
    packet.writeUInt32BE(splice.lastTimestamp, 4);
    packet.writeUInt32BE(this.#payloadType, 8);
    this.#packets++;
    this.#bytes += packet.length - RTP_HEADER_BYTES;
    this.#socket.send(packet, this.#port, LOOPBACK);
  }
}
