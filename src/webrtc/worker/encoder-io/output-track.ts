import { RTP_HEADER_BYTES } from '../../../media/index.js';
import type { WorkerContext } from '../context.js';
import type { Layer, LayerReader } from '../receive/layer.js';
import type { OutputSink } from './output-sink.js';

/** Time limit for a missing packet, ms; for video as long as it is requested. */
const GAP_MS = { video: 800, audio: 60 } as const;
/** Audio missing for this long is replaced by silence, ms; an encoder with DTX sends every 400 ms. */
const SILENCE_AFTER_MS = 500;
/** Silence is generated this far behind, ms, so that delayed packets still fit. */
const SILENCE_DELAY_MS = 200;
/** Silence generated at once after this process was stopped for a while, ms at most. */
const MAXIMUM_SILENCE_MS = 10_000;
/** 20 ms of Opus silence: full-band CELT, one frame (RFC 6716 section 3.1). */
const SILENCE = Buffer.from([0xf8, 0xff, 0xfe]);
const OPUS_FRAME_MS = 20;

/**
 * End of the sent audio including silence, end of the received audio (both Unix ms of media time), and its arrival
 * (monotonic ms).
 */
type SentExtent = { until: number; audioUntil: number; audioAt: number };

/** Stream of an output to an encoder: releases packets in order, and silence in place of missing audio. */
export class OutputTrack implements LayerReader {
  /** Layer whose clock is used. */
  clockLayer: Layer | undefined;
  /** Layer being read; undefined before the first. */
  readLayer: Layer | undefined;
  readonly #clock: WorkerContext['clock'];
  readonly #sink: OutputSink;
  readonly #gapMs: number;
  #next = 0;
  #gapSince: number | undefined;
  #sentExtent: SentExtent | undefined;
  /** Silence was sent, and no audio since. */
  #silent = false;

  constructor(clock: WorkerContext['clock'], kind: 'video' | 'audio', sink: OutputSink) {
    this.#clock = clock;
    this.#sink = sink;
    this.#gapMs = GAP_MS[kind];
  }

  layerStarted(layer: Layer, sequence: number): void {
    const before = this.readLayer;
    this.readLayer = layer;
    this.clockLayer = layer;
    this.#next = sequence;
    this.#gapSince = undefined;
    if (before && before !== layer) before.detachReader(this);
    this.#sink.layerStarted(layer, sequence);
  }

  writePacket(): void {
    this.sendAvailable();
  }

  clockChanged(): void {
    if (this.clockLayer) this.#sink.clockChanged(this.clockLayer);
  }

  stop(): void {
    this.readLayer?.detachReader(this);
  }

  /** Sends available packets in order; waits for a missing one up to its time limit. */
  sendAvailable(): void {
    const layer = this.readLayer;
    if (!layer) return;
    if (layer.head - this.#next >= layer.ring.capacity) {
      this.#next = layer.head - layer.ring.capacity + 1;
      this.#sink.packetsLost(layer);
    }
    for (; this.#next <= layer.head; this.#next++) {
      const slot = layer.ring.slotOf(this.#next);
      if (slot < 0) {
        const now = this.#clock.monotonic();
        this.#gapSince ??= now;
        if (now - this.#gapSince < this.#gapMs) return;
        this.#sink.packetsLost(layer);
        continue;
      }
      this.#gapSince = undefined;
      this.#send(layer, slot);
    }
  }

  /** Sends silence for audio that is missing. */
  fillSilence(): void {
    const layer = this.readLayer;
    const clock = layer?.mediaClock;
    const time = this.#clock.monotonic();
    if (!layer || !clock?.known) return;
    const now = this.#clock.now();
    this.#sentExtent ??= { until: now, audioUntil: now, audioAt: time };
    const reach = this.#sentExtent;
    const silentMs = time - reach.audioAt;
    if (silentMs < SILENCE_AFTER_MS) return;
    // Relative to the end of the received audio, as the sender's clock differs from ours.
    const end = reach.audioUntil + silentMs - SILENCE_DELAY_MS;
    reach.until = Math.max(reach.until, end - MAXIMUM_SILENCE_MS);
    for (; reach.until + OPUS_FRAME_MS <= end; reach.until += OPUS_FRAME_MS) {
      this.#silent = true;
      this.#sink.writeSilence(layer, clock.timestampAt(reach.until)!, SILENCE);
    }
  }

  #send(layer: Layer, slot: number): void {
    const { ring } = layer;
    if (ring.packets[slot]!.length <= RTP_HEADER_BYTES) return; // placeholder of a padding packet
    if (layer.kind === 'audio' && !this.#isInTime(layer, ring.timestamps[slot]!)) return;
    this.#sink.writePacket(layer, slot);
  }

  /** Returns false for audio whose time was filled with silence; else notes the end of the audio. */
  #isInTime(layer: Layer, timestamp: number): boolean {
    const time = layer.mediaClock.timeOf(timestamp)!;
    if (this.#silent && this.#sentExtent && time < this.#sentExtent.until - OPUS_FRAME_MS) return false;
    this.#silent = false;
    const until = time + OPUS_FRAME_MS;
    this.#sentExtent = { until, audioUntil: until, audioAt: this.#clock.monotonic() };
    return true;
  }
}
