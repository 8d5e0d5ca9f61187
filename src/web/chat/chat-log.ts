import type { ChatMessage } from '../../api/contract.js';

/** Messages kept by a page. */
const MAXIMUM_MESSAGES = 5_000;
/** Messages above the limit at which the oldest are dropped, so that this happens seldom. */
const EXCESS = 200;
/** Ids of deleted messages that are kept. */
const MAXIMUM_DELETED = 5_000;

/** Message with its place in the list: an id (UUIDv7) behind which it is shown. */
type Entry = { message: ChatMessage; place: string };

/** Messages known to a page: unique, without deleted ones, ordered by id (UUIDv7) or by when they were released. */
export class ChatLog {
  readonly #limit: number;
  #entries: Entry[] = [];
  /** Undefined: to be made anew from the entries. */
  #visible: readonly ChatMessage[] | undefined = [];
  /** Ids of deleted messages; a deletion may arrive before its message. */
  readonly #deleted = new Set<string>();

  constructor(limit = MAXIMUM_MESSAGES) {
    this.#limit = limit;
  }

  /**
   * Messages to render. A server that crashed may have sent a message that it never stored: resent, it has another id
   * but the same `clientId`, and replaces the earlier one.
   */
  get messages(): readonly ChatMessage[] {
    this.#visible ??= visibleOf(this.#entries);
    return this.#visible;
  }

  get firstId(): string | undefined {
    return this.#entries[0]?.message.id;
  }

  get isFull(): boolean {
    return this.#entries.length >= this.#limit;
  }

  /** Adds messages in their order of ids. @param isReleased they were held back: they are shown behind the newest */
  add(messages: readonly ChatMessage[], isReleased = false): void {
    const newest = isReleased ? this.#entries.at(-1)?.place : undefined;
    const known = new Set(this.#entries.map(({ message }) => message.id));
    for (const message of messages) {
      const { id } = message;
      if (this.#deleted.has(id) || known.has(id)) continue;
      known.add(id);
      this.#insert({ message, place: newest !== undefined && newest > id ? newest : id });
    }
    if (this.#entries.length > this.#limit + EXCESS) this.#entries = this.#entries.slice(-this.#limit);
    this.#visible = undefined;
  }

  remove(ids: readonly string[]): void {
    for (const id of ids) this.#deleted.add(id);
    for (const oldest of this.#deleted)
      if (this.#deleted.size > MAXIMUM_DELETED) this.#deleted.delete(oldest);
    this.#keep(({ id }) => !this.#deleted.has(id));
  }

  /** Removes the messages of a user up to and including the id `upTo`. */
  removeByUser(userId: string, upTo: string): void {
    this.#keep((message) => message.userId !== userId || message.id > upTo);
  }

  #insert(entry: Entry): void {
    let index = this.#entries.length;
    while (index > 0 && isBehind(this.#entries[index - 1]!, entry)) index--;
    this.#entries.splice(index, 0, entry);
  }

  #keep(isKept: (message: ChatMessage) => boolean): void {
    this.#entries = this.#entries.filter(({ message }) => isKept(message));
    this.#visible = undefined;
  }
}

function isBehind(one: Entry, other: Entry): boolean {
  if (one.place !== other.place) return one.place > other.place;
  // Behind the message that gave the place, those that were released there follow by id.
  const rank = ({ message: { id }, place }: Entry): string => (id === place ? '' : id);
  return rank(one) > rank(other);
}

function visibleOf(entries: readonly Entry[]): ChatMessage[] {
  const newest = new Map<string, string>();
  for (const { message } of entries) {
    const identity = identityOf(message);
    const before = newest.get(identity);
    if (before === undefined || message.id > before) newest.set(identity, message.id);
  }
  return entries
    .map(({ message }) => message)
    .filter((message) => newest.get(identityOf(message)) === message.id);
}

/** Key that a message keeps when it is resent: sender and `clientId`, else its id. */
function identityOf({ id, userId, clientId }: ChatMessage): string {
  return clientId === undefined ? id : `${userId} ${clientId}`;
}
