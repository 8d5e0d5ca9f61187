import { RTP_HEADER_BYTES } from '../../../media/index.js';
import type { MediaSourceFormat } from '../receive/media-source.js';
import type { PacketRing } from '../receive/packet-ring.js';

/**
 * Frame types between workers. A frame is a length (32 bits, of the rest), a type and a body. Both ends run the same
 * version on the same machine.
 */
export const RELAY = {
  /** To the origin: id of the source. */
  subscribe: 1,
  /** To the origin: index of the layer that needs a keyframe. */
  keyframe: 2,
  /** From the origin, first: format of the source, JSON. */
  format: 3,
  packet: 4,
  /** Clock of a layer: a time and its timestamp. */
  clock: 5,
} as const;

const LENGTH_BYTES = 4;
/** Length, type, layer, marker, orientation + 1 (0: none), sequence number, timestamp, time of writing (Unix ms). */
const PACKET_HEADER_BYTES = LENGTH_BYTES + 1 + 1 + 1 + 1 + 8 + 4 + 8;
/** Layer, time (Unix ms), timestamp, exact. */
export const CLOCK_BODY_BYTES = 1 + 8 + 4 + 1;
/** Larger frame lengths are invalid. */
const MAXIMUM_FRAME_BYTES = 1 << 20;

export function textFrame(type: number, text: string): Buffer {
  const body = Buffer.from(text, 'utf8');
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + 1 + body.length);
  frame.writeUInt32BE(1 + body.length, 0);
  frame[LENGTH_BYTES] = type;
  body.copy(frame, LENGTH_BYTES + 1);
  return frame;
}

export function keyframeFrame(layer: number): Buffer {
  return Buffer.from([0, 0, 0, 2, RELAY.keyframe, layer]);
}

/** @param exact whether the clock is based on sender reports. */
export function clockFrame(layer: number, time: number, timestamp: number, exact: boolean): Buffer {
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + 1 + CLOCK_BODY_BYTES);
  frame.writeUInt32BE(1 + CLOCK_BODY_BYTES, 0);
  frame[4] = RELAY.clock;
  frame[5] = layer;
  frame.writeDoubleBE(time, 6);
  frame.writeUInt32BE(timestamp >>> 0, 14);
  frame[18] = exact ? 1 : 0;
  return frame;
}

export function formatFrame(format: MediaSourceFormat): Buffer {
  return textFrame(RELAY.format, JSON.stringify(format));
}

/** Returns the size of a packet frame. */
export function packetFrameBytes(packet: Buffer): number {
  return PACKET_HEADER_BYTES + packet.length;
}

export function writePacketFrame(
  target: Buffer,
  offset: number,
  layer: number,
  ring: PacketRing,
  slot: number,
  time: number,
): void {
  const packet = ring.packets[slot]!;
  target.writeUInt32BE(PACKET_HEADER_BYTES - LENGTH_BYTES + packet.length, offset);
  target[offset + 4] = RELAY.packet;
  target[offset + 5] = layer;
  target[offset + 6] = ring.markers[slot]!;
  target[offset + 7] = ring.orientations[slot]! + 1;
  target.writeDoubleBE(ring.sequences[slot]!, offset + 8);
  target.writeUInt32BE(ring.timestamps[slot]!, offset + 16);
  target.writeDoubleBE(time, offset + 20);
  packet.copy(target, offset + PACKET_HEADER_BYTES);
}

/** Packet read from its frame; `packet` does not share memory with others. */
export type RelayedPacket = {
  layer: number;
  marker: boolean;
  orientation: number;
  sequence: number;
  timestamp: number;
  time: number;
  packet: Buffer;
};

/** Reads the body of a packet frame; undefined when it is too short. */
export function readPacketBody(body: Buffer): RelayedPacket | undefined {
  const start = PACKET_HEADER_BYTES - LENGTH_BYTES - 1;
  if (body.length < start + RTP_HEADER_BYTES) return undefined;
  return {
    layer: body[0]!,
    marker: body[1] !== 0,
    orientation: body[2]! - 1,
    sequence: body.readDoubleBE(3),
    timestamp: body.readUInt32BE(11),
    time: body.readDoubleBE(15),
    packet: body.subarray(start),
  };
}

/** Splits a byte stream into frames. A body is a view of the given chunk, or of a copy when it spans chunks. */
export class FrameReader {
  readonly #frame: (type: number, body: Buffer) => void;
  #partial: Buffer | undefined;

  constructor(frame: (type: number, body: Buffer) => void) {
    this.#frame = frame;
  }

  /** Reads a chunk. @throws Error when a frame length is invalid */
  read(bytes: Buffer): void {
    let data = this.#partial ? Buffer.concat([this.#partial, bytes]) : bytes;
    this.#partial = undefined;
    while (data.length >= LENGTH_BYTES) {
      const length = data.readUInt32BE(0);
      if (length < 1 || length > MAXIMUM_FRAME_BYTES) throw new Error('invalid relay frame length');
      const end = LENGTH_BYTES + length;
      if (data.length < end) break;
      this.#frame(data[LENGTH_BYTES]!, data.subarray(LENGTH_BYTES + 1, end));
      data = data.subarray(end);
    }
    if (data.length > 0) this.#partial = data;
  }
}
