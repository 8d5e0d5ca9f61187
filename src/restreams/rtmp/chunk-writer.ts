/** Chunk streams (Adobe RTMP 1.0, 5.3): control messages, commands, audio, video. */
export const CHUNK_STREAM = { control: 2, command: 3, audio: 4, video: 6 } as const;

/** Chunk size that is announced to the peer (5.4.1): most pictures take one or two chunks. */
export const CHUNK_BYTES = 65_536;
const DEFAULT_CHUNK_BYTES = 128;
const HEADER_BYTES = 12;
const EXTENDED_TIMESTAMP = 0xffffff;
const CONTINUATION = 0xc0;

export type OutgoingMessage = {
  chunkStreamId: number;
  type: number;
  /** ms; wraps after 2^32. */
  timestamp: number;
  streamId: number;
};

/** Writes messages as chunks. The payload is not copied. */
export class ChunkWriter {
  #chunkBytes = DEFAULT_CHUNK_BYTES;

  /** Takes effect after the message Set Chunk Size. */
  setChunkBytes(bytes: number): void {
    this.#chunkBytes = bytes;
  }

  write({ chunkStreamId, type, timestamp, streamId }: OutgoingMessage, payload: Buffer): Buffer[] {
    const time = timestamp % 2 ** 32;
    const isExtended = time >= EXTENDED_TIMESTAMP;
    const head = Buffer.allocUnsafe(isExtended ? HEADER_BYTES + 4 : HEADER_BYTES);
    head[0] = chunkStreamId;
    head.writeUIntBE(isExtended ? EXTENDED_TIMESTAMP : time, 1, 3);
    head.writeUIntBE(payload.length, 4, 3);
    head[7] = type;
    head.writeUInt32LE(streamId, 8);
    if (isExtended) head.writeUInt32BE(time, HEADER_BYTES);
    const pieces: Buffer[] = [head];
    for (let at = 0; at < payload.length; at += this.#chunkBytes) {
      if (at > 0) pieces.push(this.#continuation(chunkStreamId, isExtended ? time : undefined));
      pieces.push(payload.subarray(at, at + this.#chunkBytes));
    }
    return pieces;
  }

  /** Header of format 3, which repeats an extended timestamp (5.3.1.3). */
  #continuation(chunkStreamId: number, time: number | undefined): Buffer {
    const head = Buffer.allocUnsafe(time === undefined ? 1 : 5);
    head[0] = CONTINUATION | chunkStreamId;
    if (time !== undefined) head.writeUInt32BE(time, 1);
    return head;
  }
}
