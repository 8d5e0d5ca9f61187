/** Packets that are kept for retransmission; a power of two. About 3 s of 2.5 Mbit/s, and at most 1.5 MB. */
export const RING_PACKETS = 1024;
const MASK = RING_PACKETS - 1;

/** Stands for "no orientation was sent with this packet". */
export const NO_ORIENTATION = -1;

/**
 * The last packets of a layer, by their extended sequence numbers. A packet is its fixed header and its payload,
 * nothing else. The header's bytes are scratch: readers write their own numbers into it before they send it, so what
 * is true of a packet stands beside it.
 */
export class PacketRing {
  readonly packets: (Buffer | undefined)[] = new Array(RING_PACKETS);
  readonly sequences = new Float64Array(RING_PACKETS).fill(Number.NaN);
  readonly timestamps = new Uint32Array(RING_PACKETS);
  /** The marker bit in its place in the second byte: 0x80 or 0. */
  readonly markers = new Uint8Array(RING_PACKETS);
  /** The byte of the video orientation extension (3GPP TS 26.114 7.4.5), or `NO_ORIENTATION`. */
  readonly orientations = new Int16Array(RING_PACKETS);

  /** Gives the slot. */
  put(packet: Buffer, sequence: number, timestamp: number, marker: boolean, orientation: number): number {
    const slot = sequence & MASK;
    this.packets[slot] = packet;
    this.sequences[slot] = sequence;
    this.timestamps[slot] = timestamp;
    this.markers[slot] = marker ? 0x80 : 0;
    this.orientations[slot] = orientation;
    return slot;
  }

  /** The slot of a packet, or -1 when it is not there (any more). */
  slotOf(sequence: number): number {
    const slot = sequence & MASK;
    return this.sequences[slot] === sequence ? slot : -1;
  }
}
