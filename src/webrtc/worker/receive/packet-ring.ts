/** Packets kept for retransmission, a power of two: about 3 s at 2.5 Mbit/s, and at most 1.5 MB. */
export const RING_PACKETS = 1024;
/** Packets kept of a source without keyframes on request: 4 s at 9 Mbit/s, and at most 5 MB. */
export const LONG_RING_PACKETS = 4096;

/** Value for packets without an orientation. */
export const NO_ORIENTATION = -1;

/**
 * Last packets of a layer by extended sequence number. A packet is its fixed header and payload. Readers overwrite
 * the header in place before they send, so the values of a packet are kept beside it.
 */
export class PacketRing {
  readonly capacity: number;
  readonly packets: (Buffer | undefined)[];
  readonly sequences: Float64Array;
  readonly timestamps: Uint32Array;
  /** Marker bit in its position of the second byte: 0x80 or 0. */
  readonly markers: Uint8Array;
  /** Video orientation byte (3GPP TS 26.114 section 7.4.5), or `NO_ORIENTATION`. */
  readonly orientations: Int16Array;
  readonly #mask: number;

  /** @param capacity packets, a power of two */
  constructor(capacity = RING_PACKETS) {
    this.capacity = capacity;
    this.#mask = capacity - 1;
    this.packets = new Array(capacity);
    this.sequences = new Float64Array(capacity).fill(Number.NaN);
    this.timestamps = new Uint32Array(capacity);
    this.markers = new Uint8Array(capacity);
    this.orientations = new Int16Array(capacity);
  }

  /** Stores a packet. @returns its slot */
  put(packet: Buffer, sequence: number, timestamp: number, marker: boolean, orientation: number): number {
    const slot = sequence & this.#mask;
    this.packets[slot] = packet;
    this.sequences[slot] = sequence;
    this.timestamps[slot] = timestamp;
    this.markers[slot] = marker ? 0x80 : 0;
    this.orientations[slot] = orientation;
    return slot;
  }

  /** Returns the slot of a packet; -1 when it is not in the ring. */
  slotOf(sequence: number): number {
    const slot = sequence & this.#mask;
    return this.sequences[slot] === sequence ? slot : -1;
  }
}
