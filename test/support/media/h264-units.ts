import type { FlvTag } from '../../../src/media/index.js';

/** nal_unit_type (ITU-T H.264, table 7-1). */
export const NAL = { slice: 1, idr: 5, sps: 7, pps: 8 } as const;

/** The type of each unit. */
export const nalTypes = (units: readonly Buffer[]): number[] => units.map((unit) => (unit[0] ?? 0) & 0x1f);

/** Without parameter sets and supplemental information. */
export const codedUnits = (units: readonly Buffer[]): Buffer[] =>
  units.filter(([first = 0]) => (first & 0x1f) <= NAL.idr);

/** The NAL units of a tag with H.264 (lengths of four bytes before each). */
export function nalUnitsOf({ body }: FlvTag): Buffer[] {
  const units: Buffer[] = [];
  for (let offset = 5; offset + 4 <= body.length; ) {
    const size = body.readUInt32BE(offset);
    units.push(body.subarray(offset + 4, offset + 4 + size));
    offset += 4 + size;
  }
  return units;
}

/** Reads the type of a slice out of its header. */
export function sliceType(slice: Buffer): number {
  let bit = 8;
  const next = (): number => ((slice[bit >> 3] ?? 0) >> (7 - (bit++ & 7))) & 1;
  const unsigned = (): number => {
    let zeros = 0;
    while (next() === 0 && zeros < 32) zeros++;
    let value = 1;
    for (let count = 0; count < zeros; count++) value = value * 2 + next();
    return value - 1;
  };
  unsigned();
  return unsigned();
}
