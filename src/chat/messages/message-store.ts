import type { Clock, Logger, Sql } from '../../platform/index.js';
import { BatchWriter, type BatchWriterLimits } from '../batch-writer.js';
import type { ChatMessage } from './chat-message.js';
import { MessageTable, type StoredId } from './message-table.js';

/** Messages that may have been stored unnoticed and are to be erased, remembered at most. */
const MAX_ABANDONED = 10_000;

/** Puts messages into the database, many at once and in order. */
export class MessageStore {
  readonly #writer: BatchWriter<ChatMessage, StoredId>;
  /** Their senders were told that they were not stored; but the database may have gone away in the middle of its answer. */
  readonly #abandoned = new Set<string>();

  constructor(options: { sql: Sql; clock: Clock; log: Logger; limits: BatchWriterLimits }) {
    const { sql, clock, log, limits } = options;
    const table = new MessageTable(sql);
    const write = async (messages: ChatMessage[]): Promise<StoredId[]> => {
      const erase = [...this.#abandoned];
      const stored = await table.insert(messages, erase);
      for (const id of erase) this.#abandoned.delete(id);
      return stored;
    };
    this.#writer = new BatchWriter({ write, clock, log, limits });
  }

  /** @throws PublicError 503 when it takes nothing at the moment */
  assertAccepting(): void {
    this.#writer.assertAccepting();
  }

  /** @returns the id under which it is stored: another one, where it had been sent before. */
  async store(message: ChatMessage): Promise<string> {
    try {
      return (await this.#writer.add(message)).id;
    } catch (error) {
      if (this.#abandoned.size < MAX_ABANDONED) this.#abandoned.add(message.id);
      throw error;
    }
  }

  /** Resolves when what was to be stored until now is stored or given up. */
  settled(): Promise<void> {
    return this.#writer.settled();
  }

  close(): Promise<void> {
    return this.#writer.close();
  }
}
