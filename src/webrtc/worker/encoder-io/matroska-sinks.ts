import { Av1Units, RTP_HEADER_BYTES } from '../../../media/index.js';
import type { Layer } from '../receive/layer.js';
import type { MatroskaStream } from './matroska-stream.js';
import type { OutputSink } from './output-sink.js';

/** Assembles AV1 temporal units for Matroska. After a loss it waits for the next keyframe. */
export class Av1Sink implements OutputSink {
  readonly #stream: MatroskaStream;
  readonly #units: Av1Units;
  #layer: Layer | undefined;

  constructor(stream: MatroskaStream) {
    this.#stream = stream;
    this.#units = new Av1Units((unit) => {
      const layer = this.#layer!;
      const time = layer.mediaClock.timeOf(unit.timestamp)!;
      const latest = layer.mediaClock.timeOf(layer.headTimestamp)!;
      if (!this.#stream.writeVideo(unit, time, latest)) this.packetsLost(layer);
    });
  }

  layerStarted(layer: Layer): void {
    this.#layer = layer;
    this.#units.lost();
  }

  writePacket(layer: Layer, slot: number): void {
    const packet = layer.ring.packets[slot]!;
    const before = this.#units.waiting;
    // Only the header in the ring is overwritten; the payload may be referenced.
    const { timestamps, markers } = layer.ring;
    this.#units.push(packet, RTP_HEADER_BYTES, packet.length, timestamps[slot]!, markers[slot] !== 0);
    if (!before && this.#units.waiting) layer.requestKeyframe();
  }

  packetsLost(layer: Layer): void {
    this.#units.lost();
    layer.requestKeyframe();
  }

  writeSilence(): void {}

  clockChanged(): void {}
}

/** Writes Opus packets to Matroska; each is one frame. */
export class OpusSink implements OutputSink {
  readonly #stream: MatroskaStream;

  constructor(stream: MatroskaStream) {
    this.#stream = stream;
  }

  layerStarted(): void {}

  writePacket(layer: Layer, slot: number): void {
    const packet = layer.ring.packets[slot]!.subarray(RTP_HEADER_BYTES);
    this.#stream.writeAudio(packet, layer.mediaClock.timeOf(layer.ring.timestamps[slot]!)!);
  }

  /** The timestamps of later packets show the gap. */
  packetsLost(): void {}

  writeSilence(layer: Layer, timestamp: number, packet: Buffer): void {
    this.#stream.writeAudio(packet, layer.mediaClock.timeOf(timestamp)!);
  }

  clockChanged(): void {}
}
