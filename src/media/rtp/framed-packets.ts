/** Bytes of the length in front of a packet. */
const LENGTH_BYTES = 2;

/** Puts a packet after its length in 16 bits (RFC 4571 section 2). */
export function framePacket(packet: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(LENGTH_BYTES + packet.length);
  framed.writeUInt16BE(packet.length, 0);
  packet.copy(framed, LENGTH_BYTES);
  return framed;
}

/** Splits a byte stream of framed packets (RFC 4571 section 2). */
export class FramedPacketReader {
  readonly #take: (packet: Buffer) => void;
  #partial: Buffer | undefined;

  /** @param take receives each packet: a view of the given chunk, or of a copy when the packet spans chunks */
  constructor(take: (packet: Buffer) => void) {
    this.#take = take;
  }

  read(bytes: Buffer): void {
    const data = this.#partial ? Buffer.concat([this.#partial, bytes]) : bytes;
    this.#partial = undefined;
    let at = 0;
    while (at + LENGTH_BYTES <= data.length) {
      const end = at + LENGTH_BYTES + data.readUInt16BE(at);
      if (end > data.length) break;
      // A length of 0 carries nothing.
      if (end > at + LENGTH_BYTES) this.#take(data.subarray(at + LENGTH_BYTES, end));
      at = end;
    }
    if (at < data.length) this.#partial = data.subarray(at);
  }
}
