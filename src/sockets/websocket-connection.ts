import type { Socket as Stream } from 'node:net';
import type { Principal } from '../accounts/index.js';
import { PublicError } from '../platform/index.js';
import type { Answer, Client } from './client.js';
import type { Connection } from './connection.js';
import type { MessageData } from './feature.js';
import type { Hub } from './hub.js';
import { type Message, messageInvalid, parseMessage } from './message.js';
import { Announcement, MessageBatch } from './message-batch.js';
import { type CloseCode, OPEN, type Socket } from './socket.js';

/**
 * A client of `GET /ws`. Frames are written to the stream below the socket, so that one that is made once serves
 * everybody: that can't fall between the bytes of a frame of the socket's own, as it writes each in one go when nothing
 * is compressed.
 */
export class WebSocketConnection implements Connection {
  readonly #socket: Socket;
  readonly #stream: Stream;
  readonly #client: Client;
  readonly #hub: Hub;
  #alive = true;

  constructor(socket: Socket, stream: Stream, hub: Hub, principal: Principal, address: string) {
    this.#socket = socket;
    this.#stream = stream;
    this.#hub = hub;
    this.#client = hub.connect(this, principal, address);
    const giveUpSeat = hub.seats.take(address);
    const stopBeating = hub.heartbeat.add(() => this.#beat());
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    socket.on('pong', () => {
      this.#alive = true;
    });
    socket.on('error', () => {}); // 'close' follows and says all that matters.
    socket.on('close', () => {
      stopBeating();
      giveUpSeat();
      this.#client.gone();
    });
  }

  get unsent(): number {
    return this.#stream.writableLength;
  }

  send(bulletin: MessageBatch): void {
    this.#write(bulletin.frame);
  }

  close(code: CloseCode, reason: string): void {
    this.#socket.close(code, reason);
  }

  cut(): void {
    this.#socket.terminate();
  }

  #write(frame: Buffer): void {
    if (this.#socket.readyState === OPEN) this.#stream.write(frame);
  }

  #receive(data: Buffer | Buffer[] | ArrayBuffer, isBinary: boolean): void {
    if (this.#client.closing) return;
    let message: Message;
    try {
      if (isBinary || !Buffer.isBuffer(data)) throw messageInvalid('is no text');
      message = parseMessage(data.toString());
    } catch (error) {
      if (!(error instanceof PublicError)) throw error;
      this.#client.misunderstood(error, this.#answer(undefined));
      return;
    }
    this.#hub.receive(this.#client, message, data.length, this.#answer(message.id));
  }

  #answer(id: Message['id']): Answer {
    return {
      done: ({ event = 'ok', data = {} }) => {
        if (id !== undefined || event !== 'ok') this.#reply(event, data, id);
      },
      refused: (error) => this.#reply('error', error, id),
    };
  }

  #reply(event: string, data: MessageData, id: Message['id']): void {
    if (id === undefined) this.#client.tell(event, data);
    else this.#client.deliver(new MessageBatch([new Announcement(event, data, false, id)]));
  }

  /** Who has not answered the last ping is gone. */
  #beat(): void {
    if (!this.#alive) {
      this.#socket.terminate();
      return;
    }
    this.#alive = false;
    if (this.#socket.readyState === OPEN) this.#socket.ping();
  }
}
