import type { ChatMessage } from '../../api/contract.js';

/** Messages kept by a page. */
const MAX_MESSAGES = 300;
/** Upper limit of the delay of a message, however far behind playback is. */
const MAX_HOLD_MS = 20_000;

/** Messages known to a page: unique, ordered by id (UUIDv7), without deleted ones. */
export class ChatLog {
  #messages: ChatMessage[] = [];
  #visible: readonly ChatMessage[] = [];
  /** Ids of deleted messages; a deletion may arrive before its message. */
  readonly #deleted = new Set<string>();

  /**
   * Messages to render. A server that crashed may have sent a message that it never stored: resent, it has another id
   * but the same `clientId`, and replaces the earlier one.
   */
  get messages(): readonly ChatMessage[] {
    return this.#visible;
  }

  /** Id of the newest message; history is requested after it. */
  get lastId(): string | undefined {
    return this.#messages.at(-1)?.id;
  }

  add(messages: readonly ChatMessage[]): void {
    for (const message of messages) {
      if (this.#deleted.has(message.id)) continue;
      let index = this.#messages.length;
      while (index > 0 && (this.#messages[index - 1]?.id ?? '') > message.id) index--;
      if (this.#messages[index - 1]?.id !== message.id) this.#messages.splice(index, 0, message);
    }
    this.#replace(this.#messages.slice(-MAX_MESSAGES));
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) this.#deleted.add(id);
    this.#replace(this.#messages.filter(({ id }) => !this.#deleted.has(id)));
  }

  /** Removes the messages of a user up to and including the id `upTo`. */
  removeByUser(userId: string, upTo: string): void {
    this.#replace(this.#messages.filter((message) => message.userId !== userId || message.id > upTo));
  }

  #replace(messages: ChatMessage[]): void {
    this.#messages = messages;
    const newest = new Map(messages.map((message) => [identityOf(message), message.id]));
    this.#visible = messages.filter((message) => newest.get(identityOf(message)) === message.id);
  }
}

/** Key that a message keeps when it is resent: sender and `clientId`, else its id. */
function identityOf({ id, userId, clientId }: ChatMessage): string {
  return clientId === undefined ? id : `${userId} ${clientId}`;
}

/**
 * Returns the milliseconds to hold a message back, so that a viewer behind live does not read about frames still to
 * come.
 *
 * @param playbackTimeMs media time of the frame on screen, Unix ms by the server's clock; undefined when it is live
 */
export function holdBackMs(
  message: Pick<ChatMessage, 'mediaTime'>,
  playbackTimeMs: number | undefined,
): number {
  if (playbackTimeMs === undefined) return 0;
  const aheadMs = Date.parse(message.mediaTime) - playbackTimeMs;
  return Number.isNaN(aheadMs) ? 0 : Math.min(Math.max(aheadMs, 0), MAX_HOLD_MS);
}
