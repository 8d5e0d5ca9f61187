/**
 * Signed distance between two timestamps modulo 2^32: RTMP and FLV times wrap after 2^32 ms (49.7 days).
 *
 * @returns ticks, -2^31 to 2^31 - 1
 */
export function timestampDistance(from: number, to: number): number {
  return (to - from) | 0;
}
