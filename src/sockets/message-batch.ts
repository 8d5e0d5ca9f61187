import type { MessageData } from './feature.js';
import type { Message } from './message.js';
import { textFrame } from './text-frame.js';

/** Something that is told to any number of clients; serialised once, whatever they speak. */
export class Announcement {
  readonly event: string;
  readonly droppable: boolean;
  /** JSON. */
  readonly data: string;
  readonly #id: Message['id'];
  #packet: SocketIoPacket | undefined;

  /** @param id of the message that this answers, if it does. */
  constructor(event: string, data: MessageData, droppable: boolean, id?: Message['id']) {
    this.event = event;
    this.droppable = droppable;
    this.data = JSON.stringify(data);
    this.#id = id;
  }

  /** About as many as it takes on the wire. */
  get length(): number {
    return this.event.length + this.data.length + 24;
  }

  /** As a WebSocket's message, or as one of several in a list. JSON. */
  get message(): string {
    const id = this.#id === undefined ? '' : `,"id":${JSON.stringify(this.#id)}`;
    return `{"event":${JSON.stringify(this.event)},"data":${this.data}${id}}`;
  }

  /** For Socket.IO, where every event is a packet of its own. */
  get packet(): SocketIoPacket {
    return (this.#packet ??= encodePacket(this));
  }
}

export type SocketIoPacket = {
  text: string;
  /** For Engine.IO: the frame as it goes over a WebSocket, which Socket.IO's own rooms make once as well. */
  options: { compress: false; wsPreEncodedFrame: [Buffer] };
};

/** Socket.IO protocol, revision 5: `2` is an event of the main namespace; Engine.IO protocol, revision 4: `4` a message. */
function encodePacket({ event, data }: Announcement): SocketIoPacket {
  const text = `2[${JSON.stringify(event)},${data}]`;
  return { text, options: { compress: false, wsPreEncodedFrame: [textFrame(`4${text}`)] } };
}

/** Announcements that go out together, and how they look on the wire. */
export class MessageBatch {
  readonly announcements: readonly Announcement[];
  #frame: Buffer | undefined;
  #essence: MessageBatch | null | undefined;

  constructor(announcements: readonly Announcement[]) {
    this.announcements = announcements;
  }

  /** As one WebSocket frame: a message, or a list of them. */
  get frame(): Buffer {
    if (this.#frame) return this.#frame;
    const messages = this.announcements.map(({ message }) => message).join(',');
    this.#frame = textFrame(this.announcements.length === 1 ? messages : `[${messages}]`);
    return this.#frame;
  }

  /** What even those must hear who don't keep up. */
  get essence(): MessageBatch | undefined {
    if (this.#essence === undefined) {
      const essential = this.announcements.filter(({ droppable }) => !droppable);
      const same = essential.length === this.announcements.length;
      this.#essence = essential.length === 0 ? null : same ? this : new MessageBatch(essential);
    }
    return this.#essence ?? undefined;
  }
}
