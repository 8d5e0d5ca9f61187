import type { Layer } from '../receive/layer.js';

/** What an `OutputTrack` hands the packets of one stream to, in order. Nothing may throw. */
export type OutputSink = {
  /** Packets of this layer follow, the first of them has this number; those of another layer are over. */
  layerStarted(layer: Layer, sequence: number): void;
  /** The packet in this slot of the layer's ring; whatever is kept of it must be copied, its header may be overwritten. */
  writePacket(layer: Layer, slot: number): void;
  /** Packets were given up: the next one does not follow the last one. */
  packetsLost(layer: Layer): void;
  /** 20 ms of sound that decode to nothing, at this timestamp of the layer. */
  writeSilence(layer: Layer, timestamp: number, packet: Buffer): void;
  /** How the layer's clock stands to this machine's is known, or another one than before. */
  clockChanged(layer: Layer): void;
};
