import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import type { Test } from 'tap';

/** RFC 6455 section 5.2: opcodes. */
const TEXT = 1;
const BINARY = 2;
const CLOSING = 8;
const PING = 9;
const PONG = 10;

export type Received = { event: string; data: Record<string, unknown>; id?: unknown };

/** WebSocket client (RFC 6455) that records messages and can violate the protocol. */
export class WebSocketClient {
  readonly received: Received[] = [];
  /** Close code of the server. */
  closeCode: number | undefined;
  closed = false;
  pings = 0;
  /** Number of text frames. */
  frames = 0;
  /** Whether pings are answered. */
  answersPings = true;
  /** Response head of the handshake. */
  handshake = '';
  /** Called with every message. */
  onMessage: (message: Received) => void = () => {};
  onClose: () => void = () => {};
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  #waiters: (() => void)[] = [];
  #readCount = 0;

  constructor(t: Test, port: number, path = '/ws', headers: Record<string, string> = {}) {
    this.#socket = connect(port, '127.0.0.1');
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${lines.join('')}` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    );
    this.#socket.on('data', (bytes) => this.#read(bytes));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.closed = true;
      this.#notify();
      this.onClose();
    });
    t.teardown(() => this.#socket.destroy());
  }

  send(event: string, data: Record<string, unknown> = {}, id?: string | number): void {
    this.sendText(JSON.stringify({ event, data, id }));
  }

  sendText(text: string): void {
    this.#frame(TEXT, Buffer.from(text));
  }

  sendBinary(bytes: Buffer): void {
    this.#frame(BINARY, bytes);
  }

  /** Sends a ping frame. */
  ping(payload: Buffer): void {
    this.#frame(PING, payload);
  }

  /** Stops reading, so that the server's output queues. */
  stall(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Destroys the connection without a close frame. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Waits for the next unread message with this event and skips those before it. */
  async next(event: string): Promise<Received> {
    for (;;) {
      while (this.#readCount < this.received.length) {
        const message = this.received[this.#readCount++];
        if (message?.event === event) return message;
      }
      if (this.closed) throw new Error(`closed (${this.closeCode}) while waiting for ${event}`);
      await this.#change(event);
    }
  }

  async untilClosed(): Promise<void> {
    while (!this.closed) await this.#change('close');
  }

  async #change(description: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no ${description}; got ${JSON.stringify(this.received)}`)),
        20_000,
      );
      this.#waiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #notify(): void {
    for (const waiting of this.#waiters.splice(0)) waiting();
  }

  #frame(opcode: number, payload: Buffer): void {
    const mask = randomBytes(4);
    const head =
      payload.length < 126
        ? Buffer.from([0x80 | opcode, 0x80 | payload.length])
        : Buffer.from([0x80 | opcode, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 0]);
    if (payload.length >= 126) head.writeBigUInt64BE(BigInt(payload.length), 2);
    const masked = payload.map((byte, index) => byte ^ (mask[index % 4] ?? 0));
    this.#socket.write(Buffer.concat([head, mask, masked]));
  }

  #read(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    if (this.handshake === '') {
      const end = this.#bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.handshake = this.#bytes.toString('latin1', 0, end);
      this.#bytes = this.#bytes.subarray(end + 4);
    }
    while (this.handshake.startsWith('HTTP/1.1 101') && this.#bytes.length >= 2) {
      let length = (this.#bytes[1] ?? 0) & 0x7f;
      let start = 2;
      if (length === 126) {
        length = this.#bytes.readUInt16BE(2);
        start = 4;
      } else if (length === 127) {
        length = Number(this.#bytes.readBigUInt64BE(2));
        start = 10;
      }
      if (this.#bytes.length < start + length) return;
      this.#take((this.#bytes[0] ?? 0) & 0x0f, this.#bytes.subarray(start, start + length));
      this.#bytes = this.#bytes.subarray(start + length);
    }
    this.#notify();
  }

  #take(opcode: number, payload: Buffer): void {
    if (opcode === TEXT) {
      this.frames++;
      const messages = [JSON.parse(payload.toString())].flat() as Received[];
      this.received.push(...messages);
      for (const message of messages) this.onMessage(message);
    }
    if (opcode === PING) {
      this.pings++;
      if (this.answersPings) this.#frame(PONG, payload);
    }
    if (opcode === CLOSING) {
      this.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : undefined;
      if (this.answersPings) this.#frame(CLOSING, payload.subarray(0, 2));
    }
  }
}
