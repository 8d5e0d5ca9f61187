/** RFC 7741 section 4.2: bits of the payload descriptor. */
const EXTENDED = 0x80;
const PARTITION_START = 0x10;
const PARTITION_INDEX = 0x07;
const HAS_PICTURE_ID = 0x80;
const HAS_TL0_PICTURE_INDEX = 0x40;
const HAS_TEMPORAL_INDEX = 0x20;
const HAS_KEY_INDEX = 0x10;
const LONG_PICTURE_ID = 0x80;

/** Offsets of the parts of a VP8 payload. */
export type Vp8Payload = {
  /** The payload holds the first byte of a frame. */
  startsFrame: boolean;
  frameOffset: number;
  /** Offset of the picture id, or 0, and its length: 1 or 2 bytes. */
  pictureIdOffset: number;
  pictureIdBytes: number;
  /** Offset of TL0PICIDX, or 0. */
  tl0Offset: number;
};

const payload: Vp8Payload = {
  startsFrame: false,
  frameOffset: 0,
  pictureIdOffset: 0,
  pictureIdBytes: 0,
  tl0Offset: 0,
};

/**
 * Reads the payload descriptor of VP8 (RFC 7741 section 4.2). Returns undefined if no payload follows. Returns the
 * same object on every call.
 */
export function readVp8Descriptor(
  packet: Buffer,
  offset: number,
  end: number,
): Readonly<Vp8Payload> | undefined {
  if (offset >= end) return undefined;
  const first = packet[offset]!;
  let at = offset + 1;
  payload.pictureIdOffset = 0;
  payload.pictureIdBytes = 0;
  payload.tl0Offset = 0;
  if (first & EXTENDED) {
    if (at >= end) return undefined;
    const extension = packet[at++]!;
    if (extension & HAS_PICTURE_ID) {
      if (at >= end) return undefined;
      payload.pictureIdOffset = at;
      payload.pictureIdBytes = packet[at]! & LONG_PICTURE_ID ? 2 : 1;
      at += payload.pictureIdBytes;
    }
    if (extension & HAS_TL0_PICTURE_INDEX) payload.tl0Offset = at++;
    if (extension & (HAS_TEMPORAL_INDEX | HAS_KEY_INDEX)) at++;
  }
  if (at >= end) return undefined;
  payload.startsFrame = (first & PARTITION_START) !== 0 && (first & PARTITION_INDEX) === 0;
  payload.frameOffset = at;
  return payload;
}
