import type { FlvTag } from '../../../src/media/index.js';

/** nal_unit_type (ITU-T H.264, table 7-1). */
export const NAL = { slice: 1, idr: 5, sps: 7, pps: 8 } as const;

/** Maps NAL units to their types. */
export const nalTypes = (units: readonly Buffer[]): number[] => units.map((unit) => (unit[0] ?? 0) & 0x1f);

/** Filters coded slices: drops parameter sets and SEI. */
export const codedUnits = (units: readonly Buffer[]): Buffer[] =>
  units.filter(([first = 0]) => (first & 0x1f) <= NAL.idr);

/** Splits an H.264 tag with four-byte lengths into NAL units. */
export function nalUnitsOf({ body }: FlvTag): Buffer[] {
  const units: Buffer[] = [];
  for (let offset = 5; offset + 4 <= body.length; ) {
    const size = body.readUInt32BE(offset);
    units.push(body.subarray(offset + 4, offset + 4 + size));
    offset += 4 + size;
  }
  return units;
}

/** Reads slice_type of a slice header (ITU-T H.264, 7.3.3). */
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
