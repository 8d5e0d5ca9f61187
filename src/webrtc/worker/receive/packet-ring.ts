/** Packets kept for retransmission, a power of two: about 3 s at 2.5 Mbit/s, and at most 1.5 MB. */
export const RING_PACKETS = 1024;
const MASK = RING_PACKETS - 1;

/** Value for packets without an orientation. */
export const NO_ORIENTATION = -1;

/**
 * Last packets of a layer by extended sequence number. A packet is its fixed header and payload. Readers overwrite
 * the header in place before they send, so the values of a packet are kept beside it.
 */
export class PacketRing {
  readonly packets: (Buffer | undefined)[] = new Array(RING_PACKETS);
  readonly sequences = new Float64Array(RING_PACKETS).fill(Number.NaN);
  readonly timestamps = new Uint32Array(RING_PACKETS);
  /** Marker bit in its position of the second byte: 0x80 or 0. */
  readonly markers = new Uint8Array(RING_PACKETS);
  /** Video orientation byte (3GPP TS 26.114 section 7.4.5), or `NO_ORIENTATION`. */
  readonly orientations = new Int16Array(RING_PACKETS);

  /** Stores a packet. @returns its slot */
  put(packet: Buffer, sequence: number, timestamp: number, marker: boolean, orientation: number): number {
    const slot = sequence & MASK;
    this.packets[slot] = packet;
    this.sequences[slot] = sequence;
    this.timestamps[slot] = timestamp;
    this.markers[slot] = marker ? 0x80 : 0;
    this.orientations[slot] = orientation;
    return slot;
  }

  /** Returns the slot of a packet; -1 when it is not in the ring. */
  slotOf(sequence: number): number {
    const slot = sequence & MASK;
    return this.sequences[slot] === sequence ? slot : -1;
  }
}
