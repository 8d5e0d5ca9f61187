import type { Layer } from '../receive/layer.js';

/** What an `OutputTrack` hands the packets of one stream to, in order. Nothing may throw. */
export type OutputSink = {
  /** Packets of this layer follow, the first of them has this number; those of another layer are over. */
  begin(layer: Layer, sequence: number): void;
  /** The packet in this slot of the layer's ring; whatever is kept of it must be copied, its header may be overwritten. */
  packet(layer: Layer, slot: number): void;
  /** Packets were given up: the next one does not follow the last one. */
  lost(layer: Layer): void;
  /** 20 ms of sound that decode to nothing, at this timestamp of the layer. */
  silence(layer: Layer, timestamp: number, sound: Buffer): void;
  /** How the layer's clock stands to this machine's is known, or another one than before. */
  clocked(layer: Layer): void;
};
