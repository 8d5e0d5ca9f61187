import type { Socket as Stream } from 'node:net';
import type { Principal } from '../accounts/index.js';
import { PublicError } from '../platform/index.js';
import type { Client, MessageReply } from './client.js';
import type { Connection } from './connection.js';
import type { MessageData } from './feature.js';
import type { Hub } from './hub.js';
import { type Message, messageInvalid, parseMessage } from './message.js';
import { MessageBatch, OutgoingMessage } from './message-batch.js';
import { type CloseCode, OPEN, type Socket } from './socket.js';

/**
 * A connection of `GET /ws`. Writes encoded frames to the TCP stream below the socket, so that one encoding serves all
 * clients. They cannot interleave with frames of the socket itself, which writes each at once while compression is off.
 */
export class WebSocketConnection implements Connection {
  readonly #socket: Socket;
  readonly #stream: Stream;
  readonly #client: Client;
  readonly #hub: Hub;
  #hasPonged = true;

  constructor(socket: Socket, stream: Stream, hub: Hub, principal: Principal, address: string) {
    this.#socket = socket;
    this.#stream = stream;
    this.#hub = hub;
    this.#client = hub.connect(this, principal, address);
    const releaseConnection = hub.connectionLimit.take(address);
    const stopHeartbeat = hub.heartbeat.add(() => this.#ping());
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('pong', () => {
      this.#hasPonged = true;
    });
    socket.on('error', () => {}); // 'close' follows, and handles it.
    socket.on('close', () => {
      stopHeartbeat();
      releaseConnection();
      this.#client.connectionClosed();
    });
  }

  get bufferedBytes(): number {
    return this.#stream.writableLength;
  }

  send(batch: MessageBatch): void {
    this.#write(batch.frame);
  }

  close(code: CloseCode, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  #write(frame: Buffer): void {
    if (this.#socket.readyState === OPEN) this.#stream.write(frame);
  }

  #receive(data: Buffer | Buffer[] | ArrayBuffer, isBinary: boolean): void {
    if (this.#client.isClosing) return;
    let message: Message;
    try {
      if (isBinary || !Buffer.isBuffer(data)) throw messageInvalid('is no text');
      message = parseMessage(data.toString());
    } catch (error) {
      if (!(error instanceof PublicError)) throw error;
      this.#client.rejectMalformed(error, this.#replyTo(undefined));
      return;
    }
    this.#hub.receive(this.#client, message, data.length, this.#replyTo(message.id));
  }

  #replyTo(id: Message['id']): MessageReply {
    return {
      acknowledge: ({ event = 'ok', data = {} }) => {
        if (id !== undefined || event !== 'ok') this.#reply(event, data, id);
      },
      reject: (error) => this.#reply('error', error, id),
    };
  }

  #reply(event: string, data: MessageData, id: Message['id']): void {
    if (id === undefined) this.#client.send(event, data);
    else this.#client.deliver(new MessageBatch([new OutgoingMessage(event, data, false, id)]));
  }

  /** Terminates the connection if the last ping was not answered. */
  #ping(): void {
    if (!this.#hasPonged) {
      this.#socket.terminate();
      return;
    }
    this.#hasPonged = false;
    if (this.#socket.readyState === OPEN) this.#socket.ping();
  }
}
