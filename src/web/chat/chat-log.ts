/** A message as the server tells it. */
export type ChatMessage = {
  /** UUIDv7: the order of ids is the order of messages. */
  id: string;
  userId: string;
  name: string;
  badge?: 'broadcaster' | 'admin' | 'moderator';
  message: string;
  /** ISO 8601. */
  createdAt: string;
  /** The date of the picture that the sender saw, ISO 8601. */
  mediaTime: string;
  /** The sender's own name for it. */
  clientId?: string;
};

/** More are not kept on the page. */
const LIMIT = 300;
/** Nobody waits longer than this for a message, however far behind they watch. */
const LONGEST_HOLD_MS = 20_000;

/** The messages that a page knows: each once, in order, and none that was taken back. */
export class ChatLog {
  #messages: ChatMessage[] = [];
  #shown: readonly ChatMessage[] = [];
  /** Taken back before they came. */
  readonly #deleted = new Set<string>();

  /**
   * What is to be shown. A server that is lost may have told of a message that it never stored: sent again it comes under
   * another id, and takes the place of the former one.
   */
  get messages(): readonly ChatMessage[] {
    return this.#shown;
  }

  /** The newest message that is known: what comes after it is to be asked for. */
  get last(): string | undefined {
    return this.#messages.at(-1)?.id;
  }

  add(messages: readonly ChatMessage[]): void {
    for (const message of messages) {
      if (this.#deleted.has(message.id)) continue;
      let place = this.#messages.length;
      while (place > 0 && (this.#messages[place - 1]?.id ?? '') > message.id) place--;
      if (this.#messages[place - 1]?.id !== message.id) this.#messages.splice(place, 0, message);
    }
    this.#keep(this.#messages.slice(-LIMIT));
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) this.#deleted.add(id);
    this.#keep(this.#messages.filter(({ id }) => !this.#deleted.has(id)));
  }

  /** Everything of somebody's up to a message. */
  removeOf(userId: string, upTo: string): void {
    this.#keep(this.#messages.filter((message) => message.userId !== userId || message.id > upTo));
  }

  #keep(messages: ChatMessage[]): void {
    this.#messages = messages;
    const newest = new Map(messages.map((message) => [nameOf(message), message.id]));
    this.#shown = messages.filter((message) => newest.get(nameOf(message)) === message.id);
  }
}

/** By which a message is the same when it is sent again. */
function nameOf({ id, userId, clientId }: ChatMessage): string {
  return clientId === undefined ? id : `${userId} ${clientId}`;
}

/**
 * How long a message waits, in ms: whoever watches behind the others does not read of what they have not seen.
 *
 * @param pictureDate of the picture that is on the screen, Unix ms by the server's clock; undefined: it is live
 */
export function holdBack(message: Pick<ChatMessage, 'mediaTime'>, pictureDate: number | undefined): number {
  if (pictureDate === undefined) return 0;
  const ahead = Date.parse(message.mediaTime) - pictureDate;
  return Number.isNaN(ahead) ? 0 : Math.min(Math.max(ahead, 0), LONGEST_HOLD_MS);
}
