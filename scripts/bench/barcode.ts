/**
 * A clock for video: Unix ms as a row of black and white cells along the upper edge of the frame. Bit 0 is the
 * leftmost cell. After the time follows a checksum: the sum of the positions (from 1) of its white cells.
 */
export const BARCODE = {
  /** Frame width that `cell` refers to; smaller frames carry the same code in proportion. */
  width: 1280,
  /** Edge of a cell in pixels: a multiple of the encoders' block size. */
  cell: 16,
  timeBits: 41,
  sumBits: 7,
} as const;

/** Encodes a time as cells, true for white. */
export function encodeBarcode(unixMs: number): boolean[] {
  const { timeBits, sumBits } = BARCODE;
  const time = Array.from({ length: timeBits }, (_, bit) => Math.floor(unixMs / 2 ** bit) % 2 === 1);
  const sum = time.reduce((total, white, bit) => total + (white ? bit + 1 : 0), 0);
  return [...time, ...Array.from({ length: sumBits }, (_, bit) => ((sum >> bit) & 1) === 1)];
}
