/** Signed distance between two 16-bit sequence numbers, modulo 2^16: -32768 to 32767. */
export function sequenceDistance(from: number, to: number): number {
  return ((to - from) << 16) >> 16;
}

/** Unwraps a 16-bit sequence number to the number nearest to a reference. */
export function extendSequence(sequence: number, near: number): number {
  return near + sequenceDistance(near & 0xffff, sequence);
}
