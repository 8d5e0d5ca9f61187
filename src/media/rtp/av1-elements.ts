import { AV1_OBU, leb128, leb128Length, readAv1ObuHeader } from '../av1-obu.js';

/** The aggregation header of AV1's RTP format (section 4.4): how OBU elements lie in a packet. */
const CONTINUES = 0x80;
const CONTINUED = 0x40;
const COUNT_SHIFT = 4;
const COUNT_MASK = 0x03;
const NEW_SEQUENCE = 0x08;

/** What is told of a packet's OBU elements: whole OBUs, or fragments of one. */
export type Av1ElementVisitor = {
  /**
   * @param first whether this is the beginning of an OBU
   * @param last whether it is the end of one
   */
  element(offset: number, end: number, first: boolean, last: boolean): void;
};

/** Whether a coded video sequence begins with this payload: a picture that needs none before it. */
export function startsAv1Sequence(packet: Uint8Array, offset: number): boolean {
  return (packet[offset]! & (CONTINUES | NEW_SEQUENCE)) === NEW_SEQUENCE;
}

/**
 * Finds the OBU elements of the payload from `offset` to `end` ("RTP Payload Format For AV1" of the Alliance for Open
 * Media, version 1.0.0, section 4.3).
 *
 * @returns false when the payload is broken; elements may have been told before.
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
    // The last of a known number has no length.
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

/** The payload of the sequence header OBU, where one stands whole in this packet: offsets. */
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
