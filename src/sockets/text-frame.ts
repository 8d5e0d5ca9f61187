/** RFC 6455 section 5.2: the first byte of a text message in one frame (FIN, opcode 1). */
const WHOLE_TEXT = 0x81;
/** The same section: lengths up to this one stand in the second byte; longer ones in 2 or 8 more bytes. */
const SHORT = 125;
const EXTENDED_16 = 126;
const EXTENDED_64 = 127;

/** A text as a server sends it in one WebSocket frame: not masked. The same bytes serve any number of clients. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const head = length <= SHORT ? 2 : length <= 0xffff ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = WHOLE_TEXT;
  if (head === 2) frame[1] = length;
  else if (head === 4) {
    frame[1] = EXTENDED_16;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = EXTENDED_64;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  frame.write(text, head);
  return frame;
}
