/** RFC 6455 section 5.2: the first byte of a text message in one frame (FIN, opcode 1). */
const FIN_TEXT = 0x81;
/** RFC 6455 section 5.2: greatest length in the second byte, and the markers of a 16-bit and a 64-bit length. */
const MAXIMUM_7_BIT = 125;
const EXTENDED_16 = 126;
const EXTENDED_64 = 127;

/** Encodes a text as one unmasked WebSocket frame (server to client), which can be written to any number of clients. */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const head = length <= MAXIMUM_7_BIT ? 2 : length <= 0xffff ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + length);
  frame[0] = FIN_TEXT;
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
