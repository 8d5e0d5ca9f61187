/** A message as the server tells it. */
export type ChatMessage = {
  /** UUIDv7: the order of ids is the order of messages. */
  id: string;
  userId: string | null;
  name: string;
  message: string;
  createdAt: string;
  /** The date of the picture that the sender saw; null where they did not say. */
  mediaTime: string | null;
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

  removeOf(userId: string): void {
    this.#messages = this.#messages.filter((message) => message.userId !== userId);
  }
}

/**
 * When a message is due for somebody who watches `behindMs` behind the live edge: not before they see what its sender saw.
 *
 * @param now Unix ms, as is the result
 */
export function dueAt(message: Pick<ChatMessage, 'mediaTime'>, behindMs: number, now: number): number {
  const seen = message.mediaTime === null ? Number.NaN : Date.parse(message.mediaTime);
  if (Number.isNaN(seen)) return now;
  return Math.min(Math.max(seen + behindMs, now), now + LONGEST_HOLD_MS);
}
