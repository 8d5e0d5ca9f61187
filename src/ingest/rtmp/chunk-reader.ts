import { type RtmpMessage, RtmpProtocolError } from './rtmp-message.js';

/** Memory limits of one connection. */
export type ChunkReaderLimits = {
  /** Maximum length of a message of this type, bytes. */
  messageBytes(type: number): number;
  /** Maximum bytes of all unfinished messages together. */
  bufferedBytes: number;
  chunkStreams: number;
};

/** State of one chunk stream (Adobe RTMP 1.0, 5.3.1). */
type ChunkStream = {
  id: number;
  /** Timestamp of the current message, ms, 32 bits. */
  timestamp: number;
  /** Last timestamp field, ms: absolute in a chunk of format 0, otherwise a delta. */
  field: number;
  /** Whether the field was an extended timestamp (5.3.1.3). */
  extended: boolean;
  length: number;
  type: number;
  streamId: number;
  /** Payload of the unfinished message; `filled` bytes of it have arrived. */
  payload: Buffer | undefined;
  filled: number;
};

/** Chunk size until Set Chunk Size (5.4.1), and the maximum. */
const DEFAULT_CHUNK_BYTES = 128;
const MAXIMUM_CHUNK_BYTES = 0x7fffffff;
/** Size of the message header by chunk format (5.3.1.2). */
const HEADER_BYTES = [11, 7, 3, 0] as const;
const FORMAT = { full: 0, sameStream: 1, sameLength: 2, none: 3 } as const;
const EXTENDED = 0xffffff;
const EXTENDED_BYTES = 4;
const EMPTY = Buffer.alloc(0);

/**
 * Assembles messages from the chunks of one connection (Adobe RTMP 1.0, 5.3). Copies each payload byte once, into a
 * buffer owned by the message, and buffers nothing else but an incomplete chunk header. Checks lengths before it
 * allocates.
 */
export class ChunkReader {
  readonly #limits: ChunkReaderLimits;
  readonly #onMessage: (message: RtmpMessage) => void;
  readonly #streams = new Map<number, ChunkStream>();
  #chunkSize = DEFAULT_CHUNK_BYTES;
  #current: ChunkStream | undefined;
  /** Payload bytes of the current chunk that have not arrived. */
  #chunkBytesLeft = 0;
  /** Beginning of an incomplete chunk header. */
  #partialHeader = EMPTY;
  #bufferedBytes = 0;
  #maximumBufferedBytes: number;
  #stopped = false;

  /** @param onMessage called synchronously from `read`; may throw and may call the other methods */
  constructor(limits: ChunkReaderLimits, onMessage: (message: RtmpMessage) => void) {
    this.#limits = limits;
    this.#maximumBufferedBytes = limits.bufferedBytes;
    this.#onMessage = onMessage;
  }

  /** Bytes allocated for unfinished messages. */
  get buffered(): number {
    return this.#bufferedBytes;
  }

  /** Takes sizes above the longest message too: some peers announce 2^31 - 1. @throws RtmpProtocolError when the size is out of range */
  setChunkSize(size: number): void {
    if (size < 1 || size > MAXIMUM_CHUNK_BYTES) throw new RtmpProtocolError(`chunk size ${size}`);
    this.#chunkSize = size;
  }

  /** Raises the limit of unfinished messages once the peer is admitted. */
  setBufferedBytes(bytes: number): void {
    this.#maximumBufferedBytes = bytes;
  }

  /** Discards the unfinished message of a chunk stream (Abort Message, 5.4.2). */
  abort(chunkStreamId: number): void {
    const stream = this.#streams.get(chunkStreamId);
    if (stream) this.#dropMessage(stream);
  }

  /** Makes `read` return after the message that is being delivered, with the unread bytes. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Parses received bytes and delivers complete messages.
   *
   * @returns bytes left unread because of `stop`, to pass to `read` before any others
   * @throws RtmpProtocolError when the bytes are not RTMP or exceed a limit
   */
  read(bytes: Buffer): Buffer | undefined {
    const data = this.#partialHeader.length > 0 ? Buffer.concat([this.#partialHeader, bytes]) : bytes;
    this.#partialHeader = EMPTY;
    this.#stopped = false;
    let at = 0;
    while (at < data.length) {
      if (this.#chunkBytesLeft === 0) {
        const size = this.#readHeader(data, at);
        if (size === 0) {
          this.#partialHeader = Buffer.from(data.subarray(at));
          return undefined;
        }
        at += size;
      }
      const stream = this.#current!;
      if (this.#chunkBytesLeft > 0) {
        const size = Math.min(this.#chunkBytesLeft, data.length - at);
        data.copy(stream.payload!, stream.filled, at, at + size);
        stream.filled += size;
        this.#chunkBytesLeft -= size;
        at += size;
      }
      if (stream.filled === stream.length) {
        this.#deliver(stream);
        if (this.#stopped) return at < data.length ? data.subarray(at) : undefined;
      }
    }
    return undefined;
  }

  /** Parses one chunk header and prepares for its payload. @returns its size, 0 when it is incomplete */
  #readHeader(data: Buffer, start: number): number {
    const available = data.length - start;
    const first = data[start]!;
    const format = first >> 6;
    let id = first & 0x3f;
    let at = start + 1;
    if (id <= 1) {
      // 5.3.1.1: 0 means one more byte, 1 means two, little-endian.
      if (available < 2 + id) return 0;
      id = id === 0 ? 64 + data[at]! : 64 + data[at]! + data[at + 1]! * 256;
      at += (first & 0x3f) + 1;
    }
    const size = at - start + HEADER_BYTES[format]!;
    if (available < size) return 0;
    const stream = this.#streams.get(id) ?? this.#addStream(id, format);
    const begins = stream.payload === undefined;
    if (!begins && format !== FORMAT.none) {
      throw new RtmpProtocolError('a message begins before the one before it has ended');
    }
    if (format === FORMAT.none) return this.#readHeaderless(data, start, size, stream);
    const field = data.readUIntBE(at, 3);
    const extended = field === EXTENDED;
    if (extended && available < size + EXTENDED_BYTES) return 0;
    if (format !== FORMAT.sameLength) {
      stream.length = data.readUIntBE(at + 3, 3);
      stream.type = data[at + 6]!;
      if (format === FORMAT.full) stream.streamId = data.readUInt32LE(at + 7);
    }
    stream.extended = extended;
    stream.field = extended ? data.readUInt32BE(start + size) : field;
    stream.timestamp = format === FORMAT.full ? stream.field : (stream.timestamp + stream.field) >>> 0;
    this.#beginMessage(stream);
    return size + (extended ? EXTENDED_BYTES : 0);
  }

  /** Handles a chunk of format 3: continues a message, or begins one with the header of the previous. */
  #readHeaderless(data: Buffer, start: number, basicSize: number, stream: ChunkStream): number {
    let size = basicSize;
    if (stream.extended) {
      // Format 3 repeats the extended timestamp (5.3.1.3), but some encoders omit it: compare the bytes.
      if (data.length - start < size + EXTENDED_BYTES) return 0;
      if (data.readUInt32BE(start + size) === stream.field) size += EXTENDED_BYTES;
    }
    if (stream.payload === undefined) {
      stream.timestamp = (stream.timestamp + stream.field) >>> 0;
      this.#beginMessage(stream);
    } else {
      this.#current = stream;
      this.#chunkBytesLeft = Math.min(this.#chunkSize, stream.length - stream.filled);
    }
    return size;
  }

  #addStream(id: number, format: number): ChunkStream {
    // Format 1 lacks only the message stream id; some encoders begin their control stream with it.
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

  #beginMessage(stream: ChunkStream): void {
    const { length, type } = stream;
    if (length > this.#limits.messageBytes(type)) {
      throw new RtmpProtocolError(`a message of type ${type} with ${length} bytes is too long`);
    }
    if (this.#bufferedBytes + length > this.#maximumBufferedBytes) {
      throw new RtmpProtocolError('too many unfinished messages');
    }
    this.#bufferedBytes += length;
    stream.payload = Buffer.allocUnsafe(length);
    stream.filled = 0;
    this.#current = stream;
    this.#chunkBytesLeft = Math.min(this.#chunkSize, length);
  }

  #dropMessage(stream: ChunkStream): void {
    if (stream.payload === undefined) return;
    this.#bufferedBytes -= stream.length;
    stream.payload = undefined;
    stream.filled = 0;
    if (this.#current === stream) this.#chunkBytesLeft = 0;
  }

  #deliver(stream: ChunkStream): void {
    const payload = stream.payload!;
    this.#dropMessage(stream);
    this.#onMessage({
      type: stream.type,
      timestamp: stream.timestamp,
      streamId: stream.streamId,
      chunkStreamId: stream.id,
      payload,
    });
  }
}
