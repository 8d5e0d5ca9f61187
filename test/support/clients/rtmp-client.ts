import net from 'node:net';
import tls from 'node:tls';
import amf from 'node-media-server/src/protocol/amf.js';

/** RTMP message and its chunk header fields, with an encoder's defaults. */
export type MessageOptions = {
  type: number;
  payload: Buffer;
  chunkStreamId?: number;
  timestamp?: number;
  streamId?: number;
  chunkSize?: number;
};

const HANDSHAKE = 1536;
const EXTENDED = 0xffffff;

/** Encodes an RTMP message in chunks: type 0 first, then type 3. */
export function encodeMessage(options: MessageOptions): Buffer {
  const { type, payload, chunkStreamId = 3, timestamp = 0, streamId = 0, chunkSize = 128 } = options;
  const extended = timestamp >= EXTENDED;
  const time = Buffer.alloc(extended ? 4 : 0);
  if (extended) time.writeUInt32BE(timestamp);
  const head = Buffer.alloc(11);
  head.writeUIntBE(extended ? EXTENDED : timestamp, 0, 3);
  head.writeUIntBE(payload.length, 3, 3);
  head[6] = type;
  head.writeUInt32LE(streamId, 7);
  const pieces = [basicHeader(0, chunkStreamId), head, time, payload.subarray(0, chunkSize)];
  for (let at = chunkSize; at < payload.length; at += chunkSize) {
    pieces.push(basicHeader(3, chunkStreamId), time, payload.subarray(at, at + chunkSize));
  }
  return Buffer.concat(pieces);
}

/** Encodes a chunk basic header of one, two or three bytes (Adobe RTMP 1.0, 5.3.1.1). */
export function basicHeader(format: number, id: number): Buffer {
  if (id < 64) return Buffer.from([(format << 6) | id]);
  if (id < 320) return Buffer.from([format << 6, id - 64]);
  return Buffer.from([(format << 6) | 1, (id - 64) & 0xff, (id - 64) >> 8]);
}

/** Encodes an AMF0 command message, for commands that the library knows. */
export function encodeCommand(command: Record<string, unknown>): Buffer {
  return amf.encodeAmf0Cmd(command);
}

/** Raw RTMP client that sends exact bytes and records the responses. */
export class RtmpClient {
  readonly socket: net.Socket;
  received: Buffer = Buffer.alloc(0);
  closed = false;
  #waiting = new Set<() => void>();
  #chunkSize = 128;

  constructor(port: number, options: { tls?: boolean } = {}) {
    const to = { port, host: '127.0.0.1' };
    this.socket = options.tls ? tls.connect({ ...to, rejectUnauthorized: false }) : net.connect(to);
    this.socket.setNoDelay(true);
    this.socket.on('error', () => {});
    this.socket.on('data', (bytes: Buffer) => {
      this.received = Buffer.concat([this.received, bytes]);
      this.#notify();
    });
    this.socket.on('close', () => {
      this.closed = true;
      this.#notify();
    });
  }

  write(bytes: Buffer): void {
    if (this.socket.writable) this.socket.write(bytes);
  }

  /** Performs the simple handshake: C0 C1, S0 S1 S2, C2. */
  async handshake(): Promise<void> {
    this.write(Buffer.concat([Buffer.from([3]), Buffer.alloc(HANDSHAKE, 7)]));
    await this.until(() => this.received.length >= 1 + 2 * HANDSHAKE);
    this.write(this.received.subarray(1, 1 + HANDSHAKE));
    this.received = this.received.subarray(1 + 2 * HANDSHAKE);
  }

  message(options: MessageOptions): void {
    this.write(encodeMessage({ chunkSize: this.#chunkSize, ...options }));
  }

  command(command: Record<string, unknown>, streamId = 0): void {
    this.message({ type: 20, payload: encodeCommand(command), streamId });
  }

  /** Sends Set Chunk Size and uses it. */
  setChunkSize(size: number): void {
    const payload = Buffer.alloc(4);
    payload.writeUInt32BE(size);
    this.message({ type: 1, payload, chunkStreamId: 2 });
    this.#chunkSize = size;
  }

  connect(values: Record<string, unknown> = {}): void {
    const cmdObj = { app: 'live', flashVer: 'FMLE/3.0 (test)', tcUrl: 'rtmp://127.0.0.1/live', ...values };
    this.command({ cmd: 'connect', transId: 1, cmdObj });
    this.command({ cmd: 'createStream', transId: 2, cmdObj: null });
  }

  publish(streamKey: string): void {
    this.command({ cmd: 'publish', transId: 3, cmdObj: null, streamName: streamKey, type: 'live' }, 1);
  }

  /** Handshakes, connects and publishes; resolves at the server's NetStream status. */
  async start(streamKey: string, connect?: Record<string, unknown>): Promise<void> {
    await this.handshake();
    this.connect(connect);
    this.publish(streamKey);
    await this.until(() => this.closed || this.codes().some((code) => code.startsWith('NetStream.')));
  }

  video(timestamp: number, body: Buffer): void {
    this.message({ type: 9, payload: body, chunkStreamId: 6, timestamp, streamId: 1 });
  }

  audio(timestamp: number, body: Buffer): void {
    this.message({ type: 8, payload: body, chunkStreamId: 4, timestamp, streamId: 1 });
  }

  /** Received status codes, in order. */
  codes(): string[] {
    return this.text().match(/Net(Stream|Connection)\.[A-Za-z.]+/g) ?? [];
  }

  text(): string {
    return this.received.toString('latin1');
  }

  /** Waits for a condition on the received bytes. @throws after ten seconds or when the connection closes first. */
  async until(condition: () => boolean): Promise<void> {
    await this.#wait(() => condition() || this.closed);
    if (!condition())
      throw new Error(`the connection was closed; received codes: ${this.codes().join(', ')}`);
  }

  async untilClosed(): Promise<void> {
    await this.#wait(() => this.closed);
  }

  destroy(): void {
    this.socket.destroy();
  }

  async #wait(condition: () => boolean): Promise<void> {
    const deadline = AbortSignal.timeout(10_000);
    while (!condition()) {
      if (deadline.aborted) throw new Error(`timed out; received codes: ${this.codes().join(', ')}`);
      await new Promise<void>((resolve) => {
        const check = (): void => {
          this.#waiting.delete(check);
          deadline.removeEventListener('abort', check);
          resolve();
        };
        this.#waiting.add(check);
        deadline.addEventListener('abort', check);
      });
    }
  }

  #notify(): void {
    for (const check of [...this.#waiting]) check();
  }
}
