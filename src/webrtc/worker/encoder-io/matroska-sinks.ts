import { Av1Units, RTP_HEADER_BYTES } from '../../../media/index.js';
import type { Layer } from '../receive/layer.js';
import type { MatroskaStream } from './matroska-stream.js';
import type { OutputSink } from './output-sink.js';

/** Makes the pictures of a Matroska stream of AV1's packets. After a loss it waits for the next keyframe. */
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
      if (!this.#stream.picture(unit, time, latest)) this.lost(layer);
    });
  }

  begin(layer: Layer): void {
    this.#layer = layer;
    this.#units.lost();
  }

  packet(layer: Layer, slot: number): void {
    const packet = layer.ring.packets[slot]!;
    const before = this.#units.waiting;
    // The ring keeps the payload as it is; only the header in front of it is written to.
    const { timestamps, markers } = layer.ring;
    this.#units.push(packet, RTP_HEADER_BYTES, packet.length, timestamps[slot]!, markers[slot] !== 0);
    if (!before && this.#units.waiting) layer.requestKeyframe();
  }

  lost(layer: Layer): void {
    this.#units.lost();
    layer.requestKeyframe();
  }

  silence(): void {}

  clocked(): void {}
}

/** Makes the sound of a Matroska stream of Opus' packets, each of which is one frame of it. */
export class OpusSink implements OutputSink {
  readonly #stream: MatroskaStream;

  constructor(stream: MatroskaStream) {
    this.#stream = stream;
  }

  begin(): void {}

  packet(layer: Layer, slot: number): void {
    const sound = layer.ring.packets[slot]!.subarray(RTP_HEADER_BYTES);
    this.#stream.sound(sound, layer.mediaClock.timeOf(layer.ring.timestamps[slot]!)!);
  }

  /** The times of what follows tell how much. */
  lost(): void {}

  silence(layer: Layer, timestamp: number, sound: Buffer): void {
    this.#stream.sound(sound, layer.mediaClock.timeOf(timestamp)!);
  }

  clocked(): void {}
}
