import type { Layer } from '../receive/layer.js';

/** Destination of an `OutputTrack`, in order. Methods must not throw. */
export type OutputSink = {
  /** Starts a layer; its first packet has this sequence number. The previous layer has ended. */
  layerStarted(layer: Layer, sequence: number): void;
  /** Takes the packet in a slot of the layer's ring; must copy what it keeps, as the header may be overwritten. */
  writePacket(layer: Layer, slot: number): void;
  /** Reports a gap before the next packet. */
  packetsLost(layer: Layer): void;
  /** Takes 20 ms of Opus silence at this timestamp of the layer. */
  writeSilence(layer: Layer, timestamp: number, packet: Buffer): void;
  /** Reports that the layer's clock is known or was changed. */
  clockChanged(layer: Layer): void;
};
