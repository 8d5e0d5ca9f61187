/**
 * Clients of `chat.ts`, in a process of their own: raw sockets that parse the frames they receive. Every twentieth
 * client also measures delays.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

type Join = { event: string; data: Record<string, unknown> };

export type ClientsCommand =
  | { type: 'connect'; port: number; count: number; socketIo: boolean; join: Join }
  | { type: 'begin' }
  | { type: 'count' };
export type ClientsReport =
  | { type: 'connected'; ms: number }
  | { type: 'counted'; frames: number; delays: number[] };

const SAMPLE_EVERY = 20;
const CONNECT_CONCURRENCY = 100;
/** Opcodes (RFC 6455 section 5.2). */
const TEXT = 1;
const PING = 9;
const PONG = 10;

/** Time of sending in the text of a message, ms. */
const SENT_AT = /at=([\d.]+)/g;
/** Acknowledgement of the join: request id 1, or a Socket.IO acknowledgement. */
const JOIN_ACKNOWLEDGED = /^43|"id":1}$/;

let frames = 0;
let delays: number[] = [];

class BenchClient {
  readonly ready: Promise<void>;
  readonly #socket: Socket;
  readonly #samples: boolean;
  readonly #socketIo: boolean;
  readonly #join: Join;
  #joined: (() => void) | undefined;
  #upgraded = false;
  #remainder: Buffer = Buffer.alloc(0);

  constructor(port: number, socketIo: boolean, join: Join, samples: boolean) {
    this.#join = join;
    this.#samples = samples;
    this.#socketIo = socketIo;
    this.ready = new Promise((resolve) => {
      this.#joined = resolve;
    });
    const path = socketIo ? '/socket.io/?EIO=4&transport=websocket' : '/ws';
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setNoDelay();
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    );
    this.#socket.on('data', (bytes) => this.#read(bytes));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      console.error('a client was disconnected');
      process.exit(1);
    });
  }

  #read(chunk: Buffer): void {
    let bytes = this.#remainder.length > 0 ? Buffer.concat([this.#remainder, chunk]) : chunk;
    if (!this.#upgraded) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) {
        this.#remainder = bytes;
        return;
      }
      this.#upgraded = true;
      bytes = bytes.subarray(end + 4);
      if (!this.#socketIo) this.#send(JSON.stringify({ ...this.#join, id: 1 }));
    }
    let at = 0;
    while (at + 2 <= bytes.length) {
      let length = bytes[at + 1]! & 0x7f;
      let start = at + 2;
      if (length === 126) {
        if (at + 4 > bytes.length) break;
        length = bytes.readUInt16BE(start);
        start += 2;
      }
      if (start + length > bytes.length) break;
      this.#handleFrame(bytes[at]! & 0x0f, bytes, start, start + length);
      at = start + length;
    }
    this.#remainder = Buffer.from(bytes.subarray(at));
  }

  #handleFrame(opcode: number, bytes: Buffer, start: number, end: number): void {
    if (opcode === PING) this.#sendFrame(PONG, bytes.subarray(start, end));
    if (opcode !== TEXT) return;
    frames++;
    if (this.#socketIo && bytes[start] !== 0x34) {
      const type = String.fromCharCode(bytes[start]!);
      if (type === '0') this.#send('40');
      if (type === '2') this.#send('3');
      return;
    }
    if (!this.#joined) {
      if (this.#samples) this.#recordDelay(bytes.toString('latin1', start, end));
      return;
    }
    const text = bytes.toString('latin1', start, end);
    if (text.startsWith('40')) this.#send(`420${JSON.stringify([this.#join.event, this.#join.data])}`);
    else if (JOIN_ACKNOWLEDGED.test(text)) {
      this.#joined();
      this.#joined = undefined;
    }
  }

  #recordDelay(text: string): void {
    const now = performance.timeOrigin + performance.now();
    for (const [, at] of text.matchAll(SENT_AT)) delays.push(now - Number(at));
  }

  #send(text: string): void {
    this.#sendFrame(TEXT, Buffer.from(text));
  }

  #sendFrame(opcode: number, payload: Buffer): void {
    const head = Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]);
    this.#socket.write(Buffer.concat([head, payload]));
  }
}

async function connectAll(command: Extract<ClientsCommand, { type: 'connect' }>): Promise<void> {
  const { port, count, socketIo, join } = command;
  const startedAtMs = performance.now();
  let next = 0;
  const some = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++)
      await new BenchClient(port, socketIo, join, index % SAMPLE_EVERY === 0).ready;
  };
  await Promise.all(Array.from({ length: CONNECT_CONCURRENCY }, some));
  report({ type: 'connected', ms: performance.now() - startedAtMs });
}

function report(message: ClientsReport): void {
  process.send?.(message);
}

process.on('message', (command: ClientsCommand) => {
  if (command.type === 'connect') void connectAll(command);
  else if (command.type === 'begin') {
    frames = 0;
    delays = [];
  } else report({ type: 'counted', frames, delays });
});
process.on('disconnect', () => process.exit());
