/**
 * How far a 32-bit timestamp lies from another, the short way round: RTMP and FLV times wrap after 2^32 ms
 * (49.7 days), and what lies less than half of that ahead is later.
 *
 * @returns ticks, -2^31 to 2^31 - 1.
 */
export function timestampDistance(from: number, to: number): number {
  return (to - from) | 0;
}
