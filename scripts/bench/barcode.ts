/**
 * A clock that can be filmed: Unix milliseconds as a row of black and white cells along the upper edge of the picture.
 * Bit 0 is the leftmost cell. Behind the time stands a checksum, the sum of the numbers (from 1) of its white cells.
 */
export const BARCODE = {
  /** Width of the picture that `cell` refers to; smaller pictures carry the same code in proportion. */
  width: 1280,
  /** Edge of a cell in pixels: a multiple of what encoders treat as one block. */
  cell: 16,
  timeBits: 41,
  sumBits: 7,
} as const;

/** The cells for a time, true for white. */
export function encodeBarcode(unixMs: number): boolean[] {
  const { timeBits, sumBits } = BARCODE;
  const time = Array.from({ length: timeBits }, (_, bit) => Math.floor(unixMs / 2 ** bit) % 2 === 1);
  const sum = time.reduce((total, white, bit) => total + (white ? bit + 1 : 0), 0);
  return [...time, ...Array.from({ length: sumBits }, (_, bit) => ((sum >> bit) & 1) === 1)];
}
