/**
 * Unknown size of eight bytes: the element ends where the next one of its parent's level begins (RFC 8794, section
 * 6.2).
 */
const UNKNOWN_SIZE = Buffer.from('01ffffffffffffff', 'hex');
/** Greatest length of a size field, bytes. */
const SIZE_BYTES = 8;

/** Element id as RFC 9559 writes it: with its marker bits, 1 to 4 bytes. */
export type EbmlId = number;

/** Builds an element from children or bytes. */
export function ebmlElement(id: EbmlId, ...content: Uint8Array[]): Buffer {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([unsigned(id), ebmlSize(length), ...content]);
}

/** Builds the start of an element of unknown size, for live output. */
export function ebmlOpenElement(id: EbmlId): Buffer {
  return Buffer.concat([unsigned(id), UNKNOWN_SIZE]);
}

/** Builds an unsigned integer element (RFC 8794, section 7.2), value up to 2^53. */
export function ebmlUnsigned(id: EbmlId, value: number): Buffer {
  return ebmlElement(id, unsigned(value));
}

/** Builds a float element (section 7.3). */
export function ebmlFloat(id: EbmlId, value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return ebmlElement(id, bytes);
}

/** Builds a string element (section 7.4). */
export function ebmlString(id: EbmlId, value: string): Buffer {
  return ebmlElement(id, Buffer.from(value));
}

/** Encodes a size as the shortest variable-size integer (section 4). All bits set would mean an unknown size. */
export function ebmlSize(value: number): Buffer {
  let length = 1;
  while (length < SIZE_BYTES && value >= 2 ** (7 * length) - 1) length++;
  const bytes = Buffer.alloc(length);
  let rest = value;
  for (let i = length - 1; i >= 0; i--) {
    bytes[i] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes[0] = bytes[0]! | (0x80 >> (length - 1));
  return bytes;
}

function unsigned(value: number): Buffer {
  const bytes: number[] = [];
  for (
    let rest = Math.min(value, Number.MAX_SAFE_INTEGER);
    rest > 0 || bytes.length === 0;
    rest = Math.floor(rest / 256)
  )
    bytes.unshift(rest % 256);
  return Buffer.from(bytes);
}
