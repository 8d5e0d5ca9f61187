import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { amf, ChunkReader, MESSAGE, type RtmpMessage } from '../../ingest/rtmp/index.js';
import { TargetError, type TargetErrorCode, wordsOf } from '../target-error.js';
import { CHUNK_BYTES, CHUNK_STREAM, ChunkWriter } from './chunk-writer.js';

export type RtmpSessionOptions = {
  app: string;
  tcUrl: string;
  streamKey: string;
  /** Gateways that the stream has passed, separated by commas; see `RelayPath`. */
  relayPath: string;
};

/** Handshake (Adobe RTMP 1.0, 5.2): version, and the packets 1 and 2. */
const VERSION = 3;
const PACKET_BYTES = 1_536;
const LIMITS = { messageBytes: () => 64 << 10, bufferedBytes: 128 << 10, chunkStreams: 32 };
/** Bytes of replies after which an acknowledgement is sent. */
const ACKNOWLEDGE_EVERY_BYTES = 1_000_000;
/** User control events (7.1.7). */
const PING_REQUEST = 6;
const PING_RESPONSE = 7;
/** As other encoders announce themselves; some servers refuse an unknown form. */
const FLASH_VERSION = 'FMLE/3.0 (compatible; Headend)';
const TRANSACTION = {
  connect: 1,
  releaseStream: 2,
  publishAnnouncement: 3,
  createStream: 4,
  publish: 5,
} as const;
const AUDIO_CODECS_AAC = 0x0400;
const VIDEO_CODECS_H264 = 0x0080;

/** Publishing side of RTMP on an open socket: handshake, connect, publish, and the replies of the server. */
export class RtmpSession {
  /** Resolves when the server accepts the stream. @throws TargetError */
  readonly published: Promise<void>;
  readonly #socket: Socket;
  readonly #options: RtmpSessionOptions;
  readonly #writer = new ChunkWriter();
  readonly #reader = new ChunkReader(LIMITS, (message) => this.#message(message));
  #settle: { resolve(): void; reject(error: Error): void } = { resolve() {}, reject() {} };
  /** Received bytes of the handshake; undefined after it. */
  #handshake: Buffer | undefined = Buffer.alloc(0);
  #answered = false;
  #received = 0;
  #acknowledged = 0;
  #streamId = 0;
  #refusal: TargetError | undefined;

  constructor(socket: Socket, options: RtmpSessionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.published = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.published.catch(() => {});
    socket.on('data', (bytes: Buffer) => this.#receive(bytes));
    const first = randomBytes(1 + PACKET_BYTES);
    first[0] = VERSION;
    first.fill(0, 1, 9);
    socket.write(first);
  }

  /** How the server refused or ended the stream. */
  get refusal(): TargetError | undefined {
    return this.#refusal;
  }

  /** Message stream of the published stream. */
  get streamId(): number {
    return this.#streamId;
  }

  get writer(): ChunkWriter {
    return this.#writer;
  }

  /** Tells the server that the stream ends. */
  unpublish(): void {
    if (this.#streamId === 0 || !this.#socket.writable) return;
    this.#command('FCUnpublish', 0, null, this.#options.streamKey);
    this.#command('deleteStream', 0, null, this.#streamId);
  }

  #receive(bytes: Buffer): void {
    try {
      this.#received += bytes.length;
      const rest = this.#handshake ? this.#shake(Buffer.concat([this.#handshake, bytes])) : bytes;
      if (rest.length > 0) this.#reader.read(rest);
      if (this.#received - this.#acknowledged >= ACKNOWLEDGE_EVERY_BYTES) this.#acknowledge();
    } catch (error) {
      this.#fail(error instanceof TargetError ? error : new TargetError('rtmp_invalid'));
    }
  }

  /** Reads S0, S1 and S2. @returns the bytes after them */
  #shake(bytes: Buffer): Buffer {
    this.#handshake = bytes;
    if (bytes.length > 0 && bytes[0] !== VERSION) throw new TargetError('not_rtmp');
    if (bytes.length < 1 + PACKET_BYTES) return Buffer.alloc(0);
    if (!this.#answered) {
      this.#answered = true;
      this.#socket.write(bytes.subarray(1, 1 + PACKET_BYTES));
      this.#connect();
    }
    if (bytes.length < 1 + 2 * PACKET_BYTES) return Buffer.alloc(0);
    this.#handshake = undefined;
    return bytes.subarray(1 + 2 * PACKET_BYTES);
  }

  #connect(): void {
    const { app, tcUrl, relayPath } = this.#options;
    this.#control(MESSAGE.setChunkSize, CHUNK_BYTES);
    this.#writer.setChunkBytes(CHUNK_BYTES);
    this.#command('connect', TRANSACTION.connect, {
      app,
      type: 'nonprivate',
      flashVer: FLASH_VERSION,
      tcUrl,
      swfUrl: tcUrl,
      fpad: false,
      capabilities: 239,
      audioCodecs: AUDIO_CODECS_AAC,
      videoCodecs: VIDEO_CODECS_H264,
      videoFunction: 1,
      relayPath,
    });
  }

  #message({ type, payload }: RtmpMessage): void {
    if (type === MESSAGE.setChunkSize && payload.length >= 4)
      this.#reader.setChunkSize(payload.readUInt32BE(0));
    else if (type === MESSAGE.abort && payload.length >= 4) this.#reader.abort(payload.readUInt32BE(0));
    else if (type === MESSAGE.userControl) this.#userControl(payload);
    else if (type === MESSAGE.command) this.#reply(payload);
    else if (type === MESSAGE.commandAmf3) this.#reply(payload.subarray(1));
  }

  #userControl(payload: Buffer): void {
    if (payload.length < 6 || payload.readUInt16BE(0) !== PING_REQUEST) return;
    const answer = Buffer.from(payload.subarray(0, 6));
    answer.writeUInt16BE(PING_RESPONSE, 0);
    this.#send(CHUNK_STREAM.control, MESSAGE.userControl, 0, answer);
  }

  #reply(payload: Buffer): void {
    const { cmd, transId, cmdObj, info } = amf.decodeAmf0Cmd(payload);
    if (cmd === '_error' && (transId === TRANSACTION.connect || transId === TRANSACTION.createStream))
      throw this.#refused(info, 'connection_refused');
    if (cmd === '_result' && transId === TRANSACTION.connect) this.#createStream();
    else if (cmd === '_result' && transId === TRANSACTION.createStream) this.#publish(info ?? cmdObj);
    else if (cmd === 'onStatus') this.#status(info);
    else if (cmd === 'close') throw new TargetError('closed');
  }

  #createStream(): void {
    const { streamKey } = this.#options;
    this.#command('releaseStream', TRANSACTION.releaseStream, null, streamKey);
    this.#command('FCPublish', TRANSACTION.publishAnnouncement, null, streamKey);
    this.#command('createStream', TRANSACTION.createStream, null);
  }

  #publish(streamId: unknown): void {
    if (this.#streamId !== 0) return;
    if (typeof streamId !== 'number' || !(streamId >= 1 && streamId < 2 ** 32))
      throw new TargetError('rtmp_invalid');
    this.#streamId = Math.trunc(streamId);
    this.#command('publish', TRANSACTION.publish, null, this.#options.streamKey, 'live');
  }

  #status(info: unknown): void {
    const { level, code } = (typeof info === 'object' && info !== null ? info : {}) as Record<
      string,
      unknown
    >;
    if (code === 'NetStream.Publish.Start') this.#settle.resolve();
    else if (level === 'error') throw this.#refused(info, 'stream_refused');
    else if (code === 'NetStream.Unpublish.Success') throw new TargetError('ended');
  }

  #refused(info: unknown, refusal: TargetErrorCode): TargetError {
    const { description, code } = (typeof info === 'object' && info !== null ? info : {}) as Record<
      string,
      unknown
    >;
    const words = wordsOf(description, this.#options.streamKey) ?? wordsOf(code);
    const { message } = new TargetError(refusal);
    this.#refusal = new TargetError(
      refusal,
      words === undefined ? message : `${message.slice(0, -1)}: ${words}`,
    );
    return this.#refusal;
  }

  #fail(error: TargetError): void {
    this.#refusal ??= error;
    this.#settle.reject(error);
    this.#socket.destroy();
  }

  #acknowledge(): void {
    this.#acknowledged = this.#received;
    this.#control(MESSAGE.acknowledgement, this.#received % 2 ** 32);
  }

  #control(type: number, value: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(value, 0);
    this.#send(CHUNK_STREAM.control, type, 0, payload);
  }

  #command(...values: unknown[]): void {
    const payload = Buffer.concat(values.map((value) => amf.amf0EncodeOne(value)));
    const onStream = values[0] === 'publish' ? this.#streamId : 0;
    this.#send(CHUNK_STREAM.command, MESSAGE.command, onStream, payload);
  }

  #send(chunkStreamId: number, type: number, streamId: number, payload: Buffer): void {
    const message = { chunkStreamId, type, timestamp: 0, streamId };
    for (const piece of this.#writer.write(message, payload)) this.#socket.write(piece);
  }
}
