import { CmafError } from './cmaf-error.js';

/** Position of a box in a buffer (ISO/IEC 14496-12, 4.2); byte offsets from the buffer's start. */
export type Box = {
  type: string;
  start: number;
  /** First byte after the box header. */
  body: number;
  end: number;
};

/** Size and type (4.2.2). */
export const BOX_HEADER_SIZE = 8;
/** Size, type and the 64-bit size that follows if the 32-bit size is 1. */
export const LARGE_BOX_HEADER_SIZE = 16;

/**
 * Iterates over the sibling boxes between two offsets.
 *
 * @throws CmafError if a box exceeds `end` or is smaller than its header
 */
export function* boxes(bytes: Buffer, start = 0, end = bytes.length): Generator<Box> {
  let at = start;
  while (at + BOX_HEADER_SIZE <= end) {
    let size = bytes.readUInt32BE(at);
    let header = BOX_HEADER_SIZE;
    if (size === 1 && at + LARGE_BOX_HEADER_SIZE <= end) {
      size = Number(bytes.readBigUInt64BE(at + BOX_HEADER_SIZE));
      header = LARGE_BOX_HEADER_SIZE;
    } else if (size === 0) {
      size = end - at;
    }
    const type = bytes.toString('latin1', at + 4, at + 8);
    if (size < header || at + size > end) {
      throw new CmafError('cmaf_box_invalid', `Box ${JSON.stringify(type)} of ${size} bytes does not fit`);
    }
    yield { type, start: at, body: at + header, end: at + size };
    at += size;
  }
}

/** Returns the first box at a path of types, such as `['moov', 'trak']`. */
export function findBox(
  bytes: Buffer,
  path: readonly string[],
  start = 0,
  end = bytes.length,
): Box | undefined {
  const [type, ...rest] = path;
  for (const box of boxes(bytes, start, end)) {
    if (box.type === type) return rest.length === 0 ? box : findBox(bytes, rest, box.body, box.end);
  }
  return undefined;
}
