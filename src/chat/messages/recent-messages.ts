import type { ChatMessage } from './chat-message.js';

/** Stored messages kept in memory, per room. */
const RECENT_MESSAGES = 200;
/** Client ids remembered per room; most repeats follow within seconds. */
const MAX_CLIENT_IDS = 1_000;

export { RECENT_MESSAGES };

type Entry = { message: ChatMessage; stored: boolean };

/** The newest messages of a stream and those not stored yet, in order of id. */
export class RecentMessages {
  readonly #entries = new Map<string, Entry>();
  /** Stored id by author and client id; pending while the message is being stored. */
  readonly #byClientId = new Map<string, Promise<string>>();
  #unstored = 0;
  /** Every message with a greater id that is not deleted is in memory. */
  #floor: string;
  #lastId: string;

  /**
   * @param messages the newest of the stream, at most `RECENT_MESSAGES`, oldest first
   * @param lastId the greatest id ever assigned in the stream
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

  /** Number of messages not stored yet. */
  get unstoredCount(): number {
    return this.#unstored;
  }

  /** Adds a message that is about to be stored; its id must be the greatest so far. */
  add(message: ChatMessage): void {
    this.#lastId = message.id;
    this.#entries.set(message.id, { message, stored: false });
    this.#unstored++;
    this.#evict();
  }

  /** Marks a message as stored. */
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

  /** Replaces the author of a user's messages. */
  anonymise(userId: string, author: { userId: string; name: string }): void {
    for (const entry of this.#entries.values())
      if (entry.message.userId === userId)
        entry.message = { ...entry.message, ...author, badge: null, addressHash: null };
  }

  removeByUser(userId: string, upTo: string): void {
    for (const { message } of this.#entries.values())
      if (message.userId === userId && message.id <= upTo) this.remove(message.id);
  }

  /** Drops stored messages before an id, after a retention sweep. */
  forgetBefore(id: string): void {
    for (const { message, stored } of this.#entries.values())
      if (stored && message.id < id) this.#entries.delete(message.id);
  }

  /** Whether every message after `id` is in memory. */
  covers(id: string): boolean {
    return id >= this.#floor;
  }

  /** Least id for which `covers` is true. */
  get floor(): string {
    return this.#floor;
  }

  after(id: string): ChatMessage[] {
    return this.#messages().filter((message) => message.id > id);
  }

  /** Returns the newest messages, including those not stored yet. */
  newest(count: number): ChatMessage[] {
    return this.#messages().slice(-count);
  }

  /** Returns the newest stored messages; undefined if not all of them are in memory. */
  newestStored(count: number): ChatMessage[] | undefined {
    const stored = [...this.#entries.values()].filter((entry) => entry.stored);
    if (stored.length < count && this.#floor !== '') return undefined;
    return stored.slice(-count).map((entry) => entry.message);
  }

  /** Returns the newest message of a user. */
  newestByUser(userId: string): ChatMessage | undefined {
    return this.#messages().findLast((message) => message.userId === userId);
  }

  /** Returns the stored id of a message that this author sent before under this client id. */
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
      if (this.#byClientId.get(key) === stored) this.#byClientId.delete(key); // a failed message may be sent again
    });
    const [oldest] = this.#byClientId.keys();
    if (oldest !== undefined && this.#byClientId.size > MAX_CLIENT_IDS) this.#byClientId.delete(oldest);
  }

  #messages(): ChatMessage[] {
    return Array.from(this.#entries.values(), (entry) => entry.message);
  }

  /** Evicts the oldest stored messages. Messages not stored yet stay: they exist nowhere else. */
  #evict(): void {
    for (const [id, { stored }] of this.#entries) {
      if (this.#entries.size - this.#unstored <= RECENT_MESSAGES || !stored) return;
      this.#entries.delete(id);
      this.#floor = id;
    }
  }
}
