/** FrameType of an FLV video tag (Flash Video File Format 10.1, annex E.4.3.1). */
const FRAME_TYPE = { key: 1, inter: 2, disposable: 3 } as const;
/** Enhanced RTMP v2: the top bit announces a FourCC, and leaves three bits for the frame type. */
const ENHANCED = 0x80;
const FRAME_TYPE_BITS = 0x07;

/** Corrects the frame type in a tag's body, in place. */
export function setFrameType(body: Buffer, keyframe: boolean): void {
  const first = body[0]!;
  const type = (first >> 4) & FRAME_TYPE_BITS;
  const disposable = type === FRAME_TYPE.disposable ? type : FRAME_TYPE.inter;
  body[0] = (first & ENHANCED) | ((keyframe ? FRAME_TYPE.key : disposable) << 4) | (first & 0x0f);
}

/** Enhanced RTMP v2, VideoPacketType: coded frames with and without a composition time. */
const CODED_FRAMES = 1;
const CODED_FRAMES_X = 3;
const PACKET_TYPE_BITS = 0x0f;
const COMPOSITION_TIME_SIZE = 3;
const ENHANCED_HEAD = 5;

/**
 * Writes the composition time into the body of a frame of H.264 or HEVC: in place, unless its header has no field for it.
 *
 * @param ms 0 to 2^23 - 1
 */
export function withCompositionTime(body: Buffer, dataOffset: number, ms: number): Buffer {
  const first = body[0]!;
  if ((first & ENHANCED) === 0 || (first & PACKET_TYPE_BITS) !== CODED_FRAMES_X) {
    body.writeUIntBE(ms, dataOffset - COMPOSITION_TIME_SIZE, COMPOSITION_TIME_SIZE);
    return body;
  }
  const longer = Buffer.allocUnsafe(body.length + COMPOSITION_TIME_SIZE);
  body.copy(longer, 0, 0, ENHANCED_HEAD);
  longer[0] = (first & ~PACKET_TYPE_BITS) | CODED_FRAMES;
  longer.writeUIntBE(ms, ENHANCED_HEAD, COMPOSITION_TIME_SIZE);
  body.copy(longer, ENHANCED_HEAD + COMPOSITION_TIME_SIZE, ENHANCED_HEAD);
  return longer;
}
