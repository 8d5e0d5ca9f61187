/** The digits of a UUID that count up without touching its version and variant (RFC 9562 section 5.7). */
const COUNTED = 12;

/** The id right after one: where the clock went back, ids go on from the last. */
export function successor(id: string): string {
  const tail = (BigInt(`0x${id.slice(-COUNTED)}`) + 1n) & ((1n << 48n) - 1n);
  return id.slice(0, -COUNTED) + tail.toString(16).padStart(COUNTED, '0');
}
