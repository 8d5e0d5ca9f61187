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
};

/** More are not kept on the page. */
const LIMIT = 300;
/** Nobody waits longer than this for a message, however far behind they watch. */
const LONGEST_HOLD_MS = 20_000;

/** The messages that a page knows: each once, in order, and none that was taken back. */
export class ChatLog {
  #messages: ChatMessage[] = [];
  /** Taken back before they came. */
  readonly #deleted = new Set<string>();

  get messages(): readonly ChatMessage[] {
    return this.#messages;
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
    if (this.#messages.length > LIMIT) this.#messages = this.#messages.slice(-LIMIT);
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) this.#deleted.add(id);
    this.#messages = this.#messages.filter(({ id }) => !this.#deleted.has(id));
  }

  /** Everything of somebody's up to a message. */
  removeOf(userId: string, upTo: string): void {
    this.#messages = this.#messages.filter((message) => message.userId !== userId || message.id > upTo);
  }
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
