/** How far a 16-bit sequence number lies from another, the short way round: -32768 to 32767. */
export function sequenceDistance(from: number, to: number): number {
  return ((to - from) << 16) >> 16;
}

/**
 * The number that a sequence number of 16 bits stands for when it is counted on over its wraps, seen from another
 * such number near it.
 */
export function extendSequence(sequence: number, near: number): number {
  return near + sequenceDistance(near & 0xffff, sequence);
}
