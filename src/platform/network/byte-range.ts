/** Positions of the first and last byte, inclusive (RFC 9110, 14.1.2). */
export type ByteRange = { first: number; last: number };

const SINGLE_RANGE = /^bytes=([0-9]{0,15})-([0-9]{0,15})$/;

/**
 * Parses a Range header for a body of `sizeBytes`.
 *
 * @returns undefined to send the whole body: no header, an invalid one, or several ranges, which a server may ignore.
 */
export function parseRange(
  header: string | undefined,
  sizeBytes: number,
): ByteRange | 'unsatisfiable' | undefined {
  const match = header === undefined ? undefined : SINGLE_RANGE.exec(header.replaceAll(' ', ''));
  if (!match) return undefined;
  const [, from, to] = match;
  if (!from && !to) return undefined;
  if (!from) {
    const length = Math.min(Number(to), sizeBytes);
    return length === 0 ? 'unsatisfiable' : { first: sizeBytes - length, last: sizeBytes - 1 };
  }
  const first = Number(from);
  if (to && Number(to) < first) return undefined;
  if (first >= sizeBytes) return 'unsatisfiable';
  return { first, last: to ? Math.min(Number(to), sizeBytes - 1) : sizeBytes - 1 };
}
