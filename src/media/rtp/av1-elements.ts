import { AV1_OBU, leb128, leb128Length, readAv1ObuHeader } from '../av1-obu.js';

/** Aggregation header of the AV1 RTP format (section 4.4): Z, Y, W, N. */
const CONTINUES = 0x80;
const CONTINUED = 0x40;
const COUNT_SHIFT = 4;
const COUNT_MASK = 0x03;
const NEW_SEQUENCE = 0x08;

/** Receives the OBU elements of a packet: whole OBUs or fragments of one. */
export type Av1ElementVisitor = {
  /**
   * @param first whether an OBU begins with this element
   * @param last whether an OBU ends with it
   */
  element(offset: number, end: number, first: boolean, last: boolean): void;
};

/** Whether a coded video sequence begins with this payload, that is, a key frame. */
export function startsAv1Sequence(packet: Uint8Array, offset: number): boolean {
  return (packet[offset]! & (CONTINUES | NEW_SEQUENCE)) === NEW_SEQUENCE;
}

/**
 * Visits the OBU elements of the payload from `offset` to `end` ("RTP Payload Format For AV1" of the Alliance for
 * Open Media, version 1.0.0, section 4.3).
 *
 * @returns false if the payload is invalid; elements before the error were visited
 */
export function visitAv1Elements(
  packet: Uint8Array,
  offset: number,
  end: number,
  visitor: Av1ElementVisitor,
): boolean {
  if (offset + 1 >= end) return false;
  const header = packet[offset]!;
  const count = (header >> COUNT_SHIFT) & COUNT_MASK;
  let first = (header & CONTINUES) === 0;
  let at = offset + 1;
  for (let index = 1; at < end; index++) {
    if (count > 0 && index > count) return false;
    let stop = end;
    // The last element has no length if their number is given.
    if (index !== count) {
      const length = leb128Length(packet, at, end);
      if (length === 0) return false;
      stop = at + length + leb128(packet, at, length);
      at += length;
    }
    if (stop <= at || stop > end) return false;
    const isLast = stop === end;
    if (isLast && count > 0 && index < count) return false;
    visitor.element(at, stop, first, !isLast || (header & CONTINUED) === 0);
    first = true;
    at = stop;
  }
  return true;
}

/** Returns the payload offsets of the sequence header OBU, if the packet holds it whole. */
export function findAv1SequenceHeader(
  packet: Uint8Array,
  offset: number,
  end: number,
): { start: number; end: number } | undefined {
  let found: { start: number; end: number } | undefined;
  visitAv1Elements(packet, offset, end, {
    element(at, stop, first, last) {
      if (found || !first || !last) return;
      const header = readAv1ObuHeader(packet, at, stop);
      if (header?.type !== AV1_OBU.sequenceHeader) return;
      const behind = header.size === undefined ? stop : header.payloadOffset + header.size;
      if (behind <= stop) found = { start: header.payloadOffset, end: behind };
    },
  });
  return found;
}
