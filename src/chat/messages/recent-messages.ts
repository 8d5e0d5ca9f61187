import type { ChatMessage } from './chat-message.js';

/** Stored messages that are kept in memory. */
const RECENT_MESSAGES = 200;
/** Senders' own names for messages that are remembered: what is sent again was mostly sent just before. */
const MAX_CLIENT_IDS = 1_000;

export { RECENT_MESSAGES };

type Entry = { message: ChatMessage; stored: boolean };

/** The newest messages of a stream, with those that are not stored yet, in order. */
export class RecentMessages {
  readonly #entries = new Map<string, Entry>();
  /** What became, or is to become, of messages that their senders gave names. */
  readonly #byClientId = new Map<string, Promise<string>>();
  #unstored = 0;
  /** Every message with a greater id, and not deleted, is here. */
  #floor: string;
  #lastId: string;

  /**
   * @param messages the newest of the stream, at most `RECENT_MESSAGES`, old to new.
   * @param lastId the greatest id ever given in the stream.
   */
  constructor(messages: ChatMessage[], lastId = '') {
    this.#lastId = lastId;
    this.#floor = messages.length < RECENT_MESSAGES ? '' : (messages[0]?.id ?? '');
    for (const message of messages) {
      this.#entries.set(message.id, { message, stored: true });
      this.trackClientId(message, Promise.resolve(message.id));
    }
  }

  get lastId(): string {
    return this.#lastId;
  }

  /** Messages that are not stored yet. */
  get unstoredCount(): number {
    return this.#unstored;
  }

  /** Takes in a message that is about to be stored; its id must be greater than all before. */
  add(message: ChatMessage): void {
    this.#lastId = message.id;
    this.#entries.set(message.id, { message, stored: false });
    this.#unstored++;
    this.#evict();
  }

  /** The message is safe. */
  confirm(id: string): void {
    const entry = this.#entries.get(id);
    if (!entry || entry.stored) return;
    entry.stored = true;
    this.#unstored--;
    this.#evict();
  }

  get(id: string): ChatMessage | undefined {
    return this.#entries.get(id)?.message;
  }

  remove(id: string): void {
    const entry = this.#entries.get(id);
    if (!entry) return;
    if (!entry.stored) this.#unstored--;
    this.#entries.delete(id);
  }

  /** What somebody wrote has another author from now on. */
  anonymise(userId: string, author: { userId: string; name: string }): void {
    for (const entry of this.#entries.values())
      if (entry.message.userId === userId)
        entry.message = { ...entry.message, ...author, badge: null, addressHash: null };
  }

  removeByUser(userId: string, upTo: string): void {
    for (const { message } of this.#entries.values())
      if (message.userId === userId && message.id <= upTo) this.remove(message.id);
  }

  /** Messages before this id are not kept any more, anywhere. */
  forgetBefore(id: string): void {
    for (const { message, stored } of this.#entries.values())
      if (stored && message.id < id) this.#entries.delete(message.id);
  }

  /** Whether every message after `id` is here. */
  covers(id: string): boolean {
    return id >= this.#floor;
  }

  /** Where `reaches` begins to hold. */
  get floor(): string {
    return this.#floor;
  }

  after(id: string): ChatMessage[] {
    return this.#messages().filter((message) => message.id > id);
  }

  /** The newest, with those that are not stored yet. */
  newest(count: number): ChatMessage[] {
    return this.#messages().slice(-count);
  }

  /** The newest that are stored; undefined when they are not all here. */
  newestStored(count: number): ChatMessage[] | undefined {
    const stored = [...this.#entries.values()].filter((entry) => entry.stored);
    if (stored.length < count && this.#floor !== '') return undefined;
    return stored.slice(-count).map((entry) => entry.message);
  }

  /** The newest message of somebody. */
  newestByUser(userId: string): ChatMessage | undefined {
    return this.#messages().findLast((message) => message.userId === userId);
  }

  /** What became of a message that this sender sent before under this name. */
  findByClientId(userId: string, clientId: string | null): Promise<string> | undefined {
    return clientId === null ? undefined : this.#byClientId.get(`${userId} ${clientId}`);
  }

  trackClientId(
    { userId, clientId }: { userId: string; clientId: string | null },
    stored: Promise<string>,
  ): void {
    if (clientId === null) return;
    const key = `${userId} ${clientId}`;
    this.#byClientId.set(key, stored);
    stored.catch(() => {
      if (this.#byClientId.get(key) === stored) this.#byClientId.delete(key); // may be tried again
    });
    const [oldest] = this.#byClientId.keys();
    if (oldest !== undefined && this.#byClientId.size > MAX_CLIENT_IDS) this.#byClientId.delete(oldest);
  }

  #messages(): ChatMessage[] {
    return Array.from(this.#entries.values(), (entry) => entry.message);
  }

  /** What is not stored yet stays: nobody could find it elsewhere. */
  #evict(): void {
    for (const [id, { stored }] of this.#entries) {
      if (this.#entries.size - this.#unstored <= RECENT_MESSAGES || !stored) return;
      this.#entries.delete(id);
      this.#floor = id;
    }
  }
}
