import { RTP_HEADER_BYTES, readVp8Descriptor } from '../../../media/index.js';

/** Offsets added to VP8's PictureID and TL0PICIDX (RFC 7741 section 4.2), so that they continue at a switch. */
export type Vp8Shift = {
  /** Added to PictureID, 7 or 15 bits. */
  pictureId: number;
  /** Added to TL0PICIDX, 8 bits. */
  tl0PicIdx: number;
};

const UNSHIFTED: Vp8Shift = { pictureId: 0, tl0PicIdx: 0 };
const LONG_ID = 0x80;

type Numbers = { pictureId: number; tl0PicIdx: number };

function numbersOf(packet: Buffer): Numbers | undefined {
  const payload = readVp8Descriptor(packet, RTP_HEADER_BYTES, packet.length);
  if (!payload || payload.pictureIdBytes === 0) return undefined;
  const at = payload.pictureIdOffset;
  return {
    pictureId: payload.pictureIdBytes === 2 ? packet.readUInt16BE(at) & 0x7fff : packet[at]! & 0x7f,
    tl0PicIdx: payload.tl0Offset === 0 ? 0 : packet[payload.tl0Offset]!,
  };
}

/**
 * Returns the shift that continues after `last` with `next`; undefined without picture ids. Both are bare packets:
 * header and payload.
 */
export function vp8ShiftAfter(
  last: Buffer | undefined,
  next: Buffer | undefined,
  lastShift: Vp8Shift = UNSHIFTED,
): Vp8Shift | undefined {
  const before = last && numbersOf(last);
  const after = next && numbersOf(next);
  if (!before || !after) return undefined;
  return {
    pictureId: before.pictureId + lastShift.pictureId + 1 - after.pictureId,
    tl0PicIdx: before.tl0PicIdx + lastShift.tl0PicIdx + 1 - after.tl0PicIdx,
  };
}

/** Applies a shift to the payload from `start` to `end`, in place. */
export function applyVp8Shift(packet: Buffer, start: number, end: number, shift: Vp8Shift): void {
  const payload = readVp8Descriptor(packet, start, end);
  if (!payload || payload.pictureIdBytes === 0) return;
  const at = payload.pictureIdOffset;
  if (payload.pictureIdBytes === 2) {
    const pictureId = (packet.readUInt16BE(at) + shift.pictureId) & 0x7fff;
    packet[at] = LONG_ID | (pictureId >> 8);
    packet[at + 1] = pictureId & 0xff;
  } else packet[at] = (packet[at]! + shift.pictureId) & 0x7f;
  if (payload.tl0Offset !== 0)
    packet[payload.tl0Offset] = (packet[payload.tl0Offset]! + shift.tl0PicIdx) & 0xff;
}
