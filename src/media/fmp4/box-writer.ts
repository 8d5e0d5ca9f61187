/** Unity matrix (ISO/IEC 14496-12, 6.2.2). */
export const MATRIX = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000];
/** Sample flags for all samples: set by each fragment. */
const NO_FLAGS = 0;
/** Ticks per second of durations in the movie header. */
export const MOVIE_TIMESCALE = 1_000;

/** Writes the header of a movie whose duration is not known here (8.2.2). @param nextTrackId above those of all tracks */
export function movieHeader(nextTrackId: number): Buffer {
  return fullBox(
    ...(['mvhd', 0] as const),
    ...[words(0, 0, MOVIE_TIMESCALE, 0), words(0x10000), shorts(0x100, 0), words(0, 0), words(...MATRIX)],
    ...[words(0, 0, 0, 0, 0, 0), words(nextTrackId)],
  );
}

/** Writes the defaults of the fragments of a track (8.8.3). */
export function trackExtends(trackId: number): Buffer {
  return fullBox('trex', 0, words(trackId, 1, 0, 0, NO_FLAGS));
}

/** Writes a box (ISO/IEC 14496-12, 4.2). */
export function box(type: string, ...content: Buffer[]): Buffer {
  const size = content.reduce((sum, { length }) => sum + length, 8);
  return Buffer.concat([words(size), text(type), ...content]);
}

/** Writes a box with a version and flags (4.2). @param flags with the version in the top byte */
export function fullBox(type: string, flags: number, ...content: Buffer[]): Buffer {
  return box(type, words(flags), ...content);
}

/** Encodes a string of single bytes. */
export function text(value: string): Buffer {
  return Buffer.from(value, 'latin1');
}

/** Encodes unsigned integers of 32 bits. */
export function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value, index * 4);
  return bytes;
}

/** Encodes unsigned integers of 16 bits. */
export function shorts(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [index, value] of values.entries()) bytes.writeUInt16BE(value, index * 2);
  return bytes;
}
