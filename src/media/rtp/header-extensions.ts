import type { RtpHeader } from './rtp-header.js';

/** Profile of the one-byte form (RFC 8285 section 4.2). */
const ONE_BYTE_PROFILE = 0xbede;
/** Profile of the two-byte form (RFC 8285 section 4.3); the last four bits belong to the application. */
const TWO_BYTE_PROFILE = 0x1000;
/** Id that ends the list in the one-byte form. */
const RESERVED_ID = 15;

/** Receives the elements of a header extension: the position of each value in the packet. */
export type ExtensionVisitor = {
  extension(packet: Buffer, id: number, offset: number, length: number): void;
};

/** Visits the elements of a packet's header extension (RFC 8285); stops at the first that exceeds it. */
export function visitExtensions(packet: Buffer, header: RtpHeader, visitor: ExtensionVisitor): void {
  if (header.extensionLength === 0) return;
  const oneByte = header.extensionProfile === ONE_BYTE_PROFILE;
  if (!oneByte && (header.extensionProfile & 0xfff0) !== TWO_BYTE_PROFILE) return;
  const end = header.extensionOffset + header.extensionLength;
  let at = header.extensionOffset;
  while (at < end) {
    const first = packet[at]!;
    if (first === 0) {
      at++; // padding
      continue;
    }
    let id = first;
    let length: number;
    if (oneByte) {
      id = first >> 4;
      if (id === RESERVED_ID) return;
      length = (first & 0x0f) + 1;
      at += 1;
    } else {
      if (at + 1 >= end) return;
      length = packet[at + 1]!;
      at += 2;
    }
    if (at + length > end) return;
    visitor.extension(packet, id, at, length);
    at += length;
  }
}

/** Bytes that `writeOneByteExtension` writes. */
export const ONE_BYTE_EXTENSION_BYTES = 8;

/** Writes a header extension with one element of one byte; `id` is 1 to 14. */
export function writeOneByteExtension(target: Buffer, offset: number, id: number, value: number): void {
  target.writeUInt16BE(ONE_BYTE_PROFILE, offset);
  target.writeUInt16BE(1, offset + 2);
  target[offset + 4] = id << 4;
  target[offset + 5] = value;
  target[offset + 6] = 0;
  target[offset + 7] = 0;
}
