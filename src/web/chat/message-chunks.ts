import type { ChatMessage } from '../../api/contract.js';

/** Messages that are rendered, or left out, together. */
export type MessageChunk = { key: string; messages: readonly ChatMessage[] };

const CHUNK_LENGTH = 50;

/**
 * Splits a list into chunks whose borders stay where they are when messages are added or removed, so that what was
 * rendered and measured of a chunk stays true.
 */
export class MessageChunks {
  /** Ids of messages that begin a chunk. */
  readonly #starts = new Set<string>();

  of(messages: readonly ChatMessage[]): MessageChunk[] {
    const chunks: { key: string; messages: ChatMessage[] }[] = [];
    for (const message of messages) {
      const last = chunks.at(-1);
      if (last && last.messages.length < CHUNK_LENGTH && !this.#starts.has(message.id))
        last.messages.push(message);
      else chunks.push({ key: message.id, messages: [message] });
    }
    this.#starts.clear();
    for (const { key } of chunks) this.#starts.add(key);
    return chunks;
  }
}
