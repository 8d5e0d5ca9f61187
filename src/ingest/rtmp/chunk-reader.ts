import { type RtmpMessage, RtmpProtocolError } from './rtmp-message.js';

/** What a connection may make us keep in memory, in bytes and pieces. */
export type ChunkReaderLimits = {
  /** The longest message of this type. */
  messageBytes(type: number): number;
  /** All unfinished messages of the connection together. */
  bufferedBytes: number;
  chunkStreams: number;
};

/** What is remembered for one chunk stream (Adobe RTMP 1.0, 5.3.1). */
type ChunkStream = {
  id: number;
  /** Of the current message, ms, 32 bits. */
  timestamp: number;
  /** The last timestamp field: absolute in a chunk of format 0, else a delta. */
  field: number;
  /** The field stood in the four bytes of the extended timestamp. */
  extended: boolean;
  length: number;
  type: number;
  streamId: number;
  /** The message that is being put together, and how much of it is there. */
  payload: Buffer | undefined;
  filled: number;
};

/** Chunk size until the peer says otherwise (5.4.1), and the largest that makes sense: no message is longer. */
const DEFAULT_CHUNK_SIZE = 128;
const MAXIMUM_CHUNK_SIZE = 0xffffff;
/** Sizes of the message header by chunk format (5.3.1.2). */
const HEADER_SIZE = [11, 7, 3, 0] as const;
const FORMAT = { full: 0, sameStream: 1, sameLength: 2, none: 3 } as const;
const EXTENDED = 0xffffff;
const EXTENDED_SIZE = 4;
const NOTHING = Buffer.alloc(0);

/**
 * Puts messages together from the chunks of one connection (Adobe RTMP 1.0, 5.3). It copies each payload byte once,
 * into a buffer that is then the message's own, and holds back nothing but a split chunk header.
 *
 * node-media-server has a chunk parser too; this one takes its place because it checks what it reads before it
 * reserves memory for it, understands Abort, three-byte chunk stream ids and times that wrap, and needs
 * half the processor time.
 */
export class ChunkReader {
  readonly #limits: ChunkReaderLimits;
  readonly #onMessage: (message: RtmpMessage) => void;
  readonly #streams = new Map<number, ChunkStream>();
  #chunkSize = DEFAULT_CHUNK_SIZE;
  #current: ChunkStream | undefined;
  /** Payload bytes of the current chunk that have not come yet. */
  #left = 0;
  /** The beginning of a chunk header whose end has not come yet. */
  #carry = NOTHING;
  #buffered = 0;
  #bufferedBytes: number;
  #stopped = false;

  /** @param onMessage is called synchronously from `read`; it may throw, and may call the other methods. */
  constructor(limits: ChunkReaderLimits, onMessage: (message: RtmpMessage) => void) {
    this.#limits = limits;
    this.#bufferedBytes = limits.bufferedBytes;
    this.#onMessage = onMessage;
  }

  /** Bytes reserved for unfinished messages. */
  get buffered(): number {
    return this.#buffered;
  }

  /** @throws RtmpProtocolError on a size that cannot be meant. */
  setChunkSize(size: number): void {
    if (size < 1 || size > MAXIMUM_CHUNK_SIZE) throw new RtmpProtocolError(`chunk size ${size}`);
    this.#chunkSize = size;
  }

  /** A peer that is trusted more may keep us busy with more. */
  setBufferedBytes(bytes: number): void {
    this.#bufferedBytes = bytes;
  }

  /** The peer gives up the unfinished message of a chunk stream (5.4.2). */
  abort(chunkStreamId: number): void {
    const stream = this.#streams.get(chunkStreamId);
    if (stream) this.#drop(stream);
  }

  /** `read` returns after the message that is being delivered; what it has not read is read by the next call. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Reads what has come.
   *
   * @returns what was left over because of `stop`, to be given to `read` again before anything else.
   * @throws RtmpProtocolError when the bytes are not RTMP or exceed a limit.
   */
  read(bytes: Buffer): Buffer | undefined {
    const data = this.#carry.length > 0 ? Buffer.concat([this.#carry, bytes]) : bytes;
    this.#carry = NOTHING;
    this.#stopped = false;
    let at = 0;
    while (at < data.length) {
      if (this.#left === 0) {
        const size = this.#readHeader(data, at);
        if (size === 0) {
          this.#carry = Buffer.from(data.subarray(at));
          return undefined;
        }
        at += size;
      }
      const stream = this.#current!;
      if (this.#left > 0) {
        const size = Math.min(this.#left, data.length - at);
        data.copy(stream.payload!, stream.filled, at, at + size);
        stream.filled += size;
        this.#left -= size;
        at += size;
      }
      if (stream.filled === stream.length) {
        this.#deliver(stream);
        if (this.#stopped) return at < data.length ? data.subarray(at) : undefined;
      }
    }
    return undefined;
  }

  /** Reads one chunk header and prepares for its payload. @returns its size, 0 when not all of it is there. */
  #readHeader(data: Buffer, start: number): number {
    const available = data.length - start;
    const first = data[start]!;
    const format = first >> 6;
    let id = first & 0x3f;
    let at = start + 1;
    if (id <= 1) {
      // 5.3.1.1: 0 means one more byte, 1 means two, the second of which is the higher.
      if (available < 2 + id) return 0;
      id = id === 0 ? 64 + data[at]! : 64 + data[at]! + data[at + 1]! * 256;
      at += (first & 0x3f) + 1;
    }
    const size = at - start + HEADER_SIZE[format]!;
    if (available < size) return 0;
    const stream = this.#streams.get(id) ?? this.#open(id, format);
    const begins = stream.payload === undefined;
    if (!begins && format !== FORMAT.none) {
      throw new RtmpProtocolError('a message begins before the one before it has ended');
    }
    if (format === FORMAT.none) return this.#continue(data, start, size, stream);
    const field = data.readUIntBE(at, 3);
    const extended = field === EXTENDED;
    if (extended && available < size + EXTENDED_SIZE) return 0;
    if (format !== FORMAT.sameLength) {
      stream.length = data.readUIntBE(at + 3, 3);
      stream.type = data[at + 6]!;
      if (format === FORMAT.full) stream.streamId = data.readUInt32LE(at + 7);
    }
    stream.extended = extended;
    stream.field = extended ? data.readUInt32BE(start + size) : field;
    stream.timestamp = format === FORMAT.full ? stream.field : (stream.timestamp + stream.field) >>> 0;
    this.#begin(stream);
    return size + (extended ? EXTENDED_SIZE : 0);
  }

  /** A chunk without a message header: more of a message, or a new one that is like the one before. */
  #continue(data: Buffer, start: number, basicSize: number, stream: ChunkStream): number {
    let size = basicSize;
    if (stream.extended) {
      // The extended timestamp stands here again (5.3.1.3), but some encoders leave it out: so look.
      if (data.length - start < size + EXTENDED_SIZE) return 0;
      if (data.readUInt32BE(start + size) === stream.field) size += EXTENDED_SIZE;
    }
    if (stream.payload === undefined) {
      stream.timestamp = (stream.timestamp + stream.field) >>> 0;
      this.#begin(stream);
    } else {
      this.#current = stream;
      this.#left = Math.min(this.#chunkSize, stream.length - stream.filled);
    }
    return size;
  }

  #open(id: number, format: number): ChunkStream {
    // Format 1 lacks only the message stream id: some encoders begin their control stream with it.
    if (format > FORMAT.sameStream) throw new RtmpProtocolError('a chunk stream begins without a header');
    if (this.#streams.size >= this.#limits.chunkStreams)
      throw new RtmpProtocolError('too many chunk streams');
    const stream: ChunkStream = {
      id,
      timestamp: 0,
      field: 0,
      extended: false,
      length: 0,
      type: 0,
      streamId: 0,
      payload: undefined,
      filled: 0,
    };
    this.#streams.set(id, stream);
    return stream;
  }

  #begin(stream: ChunkStream): void {
    const { length, type } = stream;
    if (length > this.#limits.messageBytes(type)) {
      throw new RtmpProtocolError(`a message of type ${type} with ${length} bytes is too long`);
    }
    if (this.#buffered + length > this.#bufferedBytes) {
      throw new RtmpProtocolError('too many unfinished messages');
    }
    this.#buffered += length;
    stream.payload = Buffer.allocUnsafe(length);
    stream.filled = 0;
    this.#current = stream;
    this.#left = Math.min(this.#chunkSize, length);
  }

  #drop(stream: ChunkStream): void {
    if (stream.payload === undefined) return;
    this.#buffered -= stream.length;
    stream.payload = undefined;
    stream.filled = 0;
    if (this.#current === stream) this.#left = 0;
  }

  #deliver(stream: ChunkStream): void {
    const payload = stream.payload!;
    this.#drop(stream);
    this.#onMessage({
      type: stream.type,
      timestamp: stream.timestamp,
      streamId: stream.streamId,
      chunkStreamId: stream.id,
      payload,
    });
  }
}
