import type { Clock, Logger, Sql } from '../../platform/index.js';
import { BatchWriter, type BatchWriterLimits } from '../batch-writer.js';
import type { ChatMessage } from './chat-message.js';
import { MessageTable, type StoredId } from './message-table.js';

/** Limit on remembered messages that may have been committed after their author got an error. */
const MAX_ABANDONED = 10_000;

/** Stores messages in batches, in order. */
export class MessageStore {
  readonly #writer: BatchWriter<ChatMessage, StoredId>;
  /**
   * Messages reported as not stored; the database may have committed them before the connection broke, or may still
   * do so. Erased with each batch until no write of them is in flight.
   */
  readonly #abandoned = new Set<string>();
  /** Ids of the messages of each write in flight: those that took too long are not cancelled. */
  readonly #writes = new Set<ReadonlySet<string>>();

  constructor(options: { sql: Sql; clock: Clock; log: Logger; limits: BatchWriterLimits }) {
    const { sql, clock, log, limits } = options;
    const table = new MessageTable(sql);
    const write = async (messages: ChatMessage[]): Promise<StoredId[]> => {
      const erase = [...this.#abandoned];
      const settled = erase.filter((id) => !this.#isBeingWritten(id));
      const ids = new Set(messages.map(({ id }) => id));
      this.#writes.add(ids);
      try {
        const stored = await table.insert(messages, erase);
        for (const id of settled) this.#abandoned.delete(id);
        return stored;
      } finally {
        this.#writes.delete(ids);
      }
    };
    this.#writer = new BatchWriter({ write, clock, log, limits });
  }

  /** @throws PublicError 503 `chat_overloaded`, `shutting_down` when no further message is accepted */
  assertAccepting(): void {
    this.#writer.assertAccepting();
  }

  /** Stores a message. @returns the id it is stored under: another one, if it was stored before under its client id */
  async store(message: ChatMessage): Promise<string> {
    try {
      return (await this.#writer.add(message)).id;
    } catch (error) {
      if (this.#abandoned.size < MAX_ABANDONED) this.#abandoned.add(message.id);
      throw error;
    }
  }

  #isBeingWritten(id: string): boolean {
    return [...this.#writes].some((ids) => ids.has(id));
  }

  /** Resolves when every message accepted so far was stored or rejected. */
  settled(): Promise<void> {
    return this.#writer.settled();
  }

  close(): Promise<void> {
    return this.#writer.close();
  }
}
