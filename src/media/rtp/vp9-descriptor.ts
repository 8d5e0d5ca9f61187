/** RFC 9628 section 4.2: bits of the payload descriptor's first byte. */
const HAS_PICTURE_ID = 0x80;
const INTER_PREDICTED = 0x40;
const HAS_LAYERS = 0x20;
const FLEXIBLE = 0x10;
const FRAME_START = 0x08;
const FRAME_END = 0x04;
const HAS_SCALABILITY = 0x02;
/** M bit: the picture id has 15 bits. */
const LONG_PICTURE_ID = 0x80;
/** N bit: another reference follows; at most three. */
const MORE_REFERENCES = 0x01;
const MAXIMUM_REFERENCES = 3;
/** Scalability structure: Y (sizes follow) and G (picture group description follows). */
const HAS_SIZES = 0x10;
const HAS_GROUP = 0x08;
const SIZE_BYTES = 4;

/** Fields of the VP9 payload descriptor. */
export type Vp9Payload = {
  /** The packet holds the first, or the last byte of a frame, that is, of one spatial layer of a picture. */
  startsFrame: boolean;
  endsFrame: boolean;
  /** The frame refers to earlier pictures. */
  interPredicted: boolean;
  /** 0 is the base layer. */
  spatialLayer: number;
  /** Offset of the largest layer's width and height (16 bits each), or 0. */
  sizeOffset: number;
  frameOffset: number;
};

const payload: Vp9Payload = {
  startsFrame: false,
  endsFrame: false,
  interPredicted: false,
  spatialLayer: 0,
  sizeOffset: 0,
  frameOffset: 0,
};

/**
 * Reads the payload descriptor of VP9 (RFC 9628 section 4.2). Returns undefined if no payload follows. Returns the
 * same object on every call.
 */
export function readVp9Descriptor(
  packet: Buffer,
  offset: number,
  end: number,
): Readonly<Vp9Payload> | undefined {
  if (offset >= end) return undefined;
  const first = packet[offset]!;
  let at = offset + 1;
  if (first & HAS_PICTURE_ID) {
    if (at >= end) return undefined;
    at += packet[at]! & LONG_PICTURE_ID ? 2 : 1;
  }
  payload.spatialLayer = 0;
  if (first & HAS_LAYERS) {
    if (at >= end) return undefined;
    payload.spatialLayer = (packet[at]! >> 1) & 0x07;
    at += first & FLEXIBLE ? 1 : 2; // TL0PICIDX follows in non-flexible mode
  }
  if ((first & FLEXIBLE) !== 0 && (first & INTER_PREDICTED) !== 0) {
    let more = MORE_REFERENCES;
    for (let i = 0; i < MAXIMUM_REFERENCES && more !== 0; i++) {
      if (at >= end) return undefined;
      more = packet[at++]! & MORE_REFERENCES;
    }
    if (more !== 0) return undefined;
  }
  payload.sizeOffset = 0;
  if (first & HAS_SCALABILITY) {
    at = skipScalability(packet, at, end);
    if (at < 0) return undefined;
  }
  if (at >= end) return undefined;
  payload.startsFrame = (first & FRAME_START) !== 0;
  payload.endsFrame = (first & FRAME_END) !== 0;
  payload.interPredicted = (first & INTER_PREDICTED) !== 0;
  payload.frameOffset = at;
  return payload;
}

/** Returns the offset after the scalability structure, or -1 if it exceeds the end; records the offset of the size. */
function skipScalability(packet: Buffer, offset: number, end: number): number {
  if (offset >= end) return -1;
  const first = packet[offset]!;
  let at = offset + 1;
  if (first & HAS_SIZES) {
    const layers = (first >> 5) + 1;
    at += layers * SIZE_BYTES;
    if (at > end) return -1;
    payload.sizeOffset = at - SIZE_BYTES;
  }
  if (first & HAS_GROUP) {
    if (at >= end) return -1;
    for (let pictures = packet[at++]!; pictures > 0; pictures--) {
      if (at >= end) return -1;
      at += 1 + ((packet[at]! >> 2) & 0x03); // one byte per reference
    }
  }
  return at;
}

/** Bytes that `writePlainVp9` writes before the frame's data. */
export const PLAIN_VP9_BYTES = 1;

/**
 * Writes a payload whose descriptor marks only the start and end of the frame, for readers without flexible mode
 * (ffmpeg up to 7.1). `target` must hold the payload.
 *
 * @returns the offset after the payload
 */
export function writePlainVp9(
  target: Buffer,
  start: number,
  { startsFrame, endsFrame, frameOffset }: Readonly<Vp9Payload>,
  packet: Buffer,
): number {
  target[start] = (startsFrame ? FRAME_START : 0) | (endsFrame ? FRAME_END : 0);
  return start + PLAIN_VP9_BYTES + packet.copy(target, start + PLAIN_VP9_BYTES, frameOffset);
}
