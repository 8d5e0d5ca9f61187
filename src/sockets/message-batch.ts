import type { MessageData } from './feature.js';
import type { Message } from './message.js';
import { textFrame } from './text-frame.js';

/** A message to any number of clients, serialised once per protocol. */
export class OutgoingMessage {
  readonly event: string;
  readonly droppable: boolean;
  /** JSON. */
  readonly data: string;
  readonly #id: Message['id'];
  #packet: SocketIoPacket | undefined;

  /** @param id of the message that this one answers */
  constructor(event: string, data: MessageData, droppable: boolean, id?: Message['id']) {
    this.event = event;
    this.droppable = droppable;
    this.data = JSON.stringify(data);
    this.#id = id;
  }

  /** Approximate size on the wire, in characters. */
  get length(): number {
    return this.event.length + this.data.length + 24;
  }

  /** JSON of a WebSocket message, or of one in a list. */
  get json(): string {
    const id = this.#id === undefined ? '' : `,"id":${JSON.stringify(this.#id)}`;
    return `{"event":${JSON.stringify(this.event)},"data":${this.data}${id}}`;
  }

  /** The Socket.IO packet. */
  get packet(): SocketIoPacket {
    return (this.#packet ??= encodePacket(this));
  }
}

export type SocketIoPacket = {
  text: string;
  /** Engine.IO write options with the encoded WebSocket frame, as Socket.IO's own broadcast adapter sets them. */
  options: { compress: false; wsPreEncodedFrame: [Buffer] };
};

/** Socket.IO protocol, revision 5: `2` is an event of the main namespace; Engine.IO protocol, revision 4: `4` a message. */
function encodePacket({ event, data }: OutgoingMessage): SocketIoPacket {
  const text = `2[${JSON.stringify(event)},${data}]`;
  return { text, options: { compress: false, wsPreEncodedFrame: [textFrame(`4${text}`)] } };
}

/** Messages that are sent together; encoded once for all recipients. */
export class MessageBatch {
  readonly messages: readonly OutgoingMessage[];
  #frame: Buffer | undefined;
  #packetFrames: Buffer | undefined;
  #essential: MessageBatch | null | undefined;

  constructor(messages: readonly OutgoingMessage[]) {
    this.messages = messages;
  }

  /** One WebSocket frame: a message, or a list of messages. */
  get frame(): Buffer {
    if (this.#frame) return this.#frame;
    const messages = this.messages.map(({ json }) => json).join(',');
    this.#frame = textFrame(this.messages.length === 1 ? messages : `[${messages}]`);
    return this.#frame;
  }

  /** The WebSocket frames of the Socket.IO packets, one after the other. */
  get packetFrames(): Buffer {
    return (this.#packetFrames ??= Buffer.concat(
      this.messages.flatMap(({ packet }) => packet.options.wsPreEncodedFrame),
    ));
  }

  /** The batch for clients that do not keep up; undefined if all messages are droppable. */
  get withoutDroppable(): MessageBatch | undefined {
    if (this.#essential === undefined) {
      const essential = this.messages.filter(({ droppable }) => !droppable);
      const same = essential.length === this.messages.length;
      this.#essential = essential.length === 0 ? null : same ? this : new MessageBatch(essential);
    }
    return this.#essential ?? undefined;
  }
}
