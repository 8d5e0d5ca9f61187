import { idTime, PublicError } from '../platform/index.js';
import { type ChatMessage, type PublicMessage, publicMessage } from './chat-message.js';
import type { ChatRoom } from './chat-room.js';
import type { ChatRooms } from './chat-rooms.js';
import type { MessageTable } from './message-table.js';
import type { Visitor } from './standing.js';
import { readUuid } from './uuid.js';

/** Messages replayed to who comes. */
const REPLAYED = 50;
/** Messages told at once to who comes back; the rest is asked for. */
const CAUGHT_UP = 100;
/** Deletions that are told to who comes back. */
const DELETIONS = 1_000;
/** Told again rather than not at all, where the clock was set back meanwhile. */
const DELETED_BEFORE_MS = 60_000;

export type HistoryQuery = {
  limit: number;
  /** Messages left out, counted back from the newest or from `before`. */
  offset?: number | undefined;
  /** Only older ones than this message. */
  before?: string | undefined;
  /** Only newer ones than this message, beginning with the oldest of them. */
  after?: string | undefined;
};

export type Replay = {
  messages: PublicMessage[];
  /** There are more: ask with `after` of the last one. */
  more: boolean;
};

/** What was said before. */
export class History {
  readonly #rooms: ChatRooms;
  readonly #table: MessageTable;

  constructor(options: { rooms: ChatRooms; table: MessageTable }) {
    this.#rooms = options.rooms;
    this.#table = options.table;
  }

  /** One page of what is stored, from old to new. @throws PublicError 400, 404 */
  async page(visitor: Visitor, streamId: string, query: HistoryQuery): Promise<PublicMessage[]> {
    const { limit, offset = 0 } = query;
    const [before, after] = [readCursor(query.before), readCursor(query.after)];
    if (before !== undefined && after !== undefined)
      throw new PublicError(400, 'validation_failed', 'Give before or after, not both.');
    return await this.#rooms.within(streamId, visitor.principal, async ({ room }) => {
      const recent =
        offset === 0 && before === undefined && after === undefined
          ? room.recent.newestStored(limit)
          : undefined;
      const messages =
        recent ??
        (after === undefined
          ? await this.#table.page(room.streamId, { limit, offset, before })
          : await this.#table.after(room.streamId, after, limit));
      return messages.map(publicMessage);
    });
  }

  /**
   * What somebody missed who saw everything up to `after`, or the newest messages. No message is left out between the
   * last of these and what the room is told from the moment `enter` is called, and none is in both: that happens in
   * one turn, and messages are stored in the order of their ids, one batch after the other.
   */
  async replay(room: ChatRoom, after: string | undefined, enter: (replay: Replay) => void): Promise<void> {
    if (after === undefined) {
      const messages = room.recent.newest(REPLAYED).map(publicMessage);
      return enter({ messages, more: false });
    }
    const { recent } = room;
    const messages: ChatMessage[] = [];
    let seen = after;
    while (!recent.reaches(seen) && messages.length < CAUGHT_UP) {
      const { floor } = recent;
      const wanted = CAUGHT_UP - messages.length;
      const page = await this.#table.after(room.streamId, seen, wanted);
      messages.push(...page);
      const last = page.at(-1)?.id ?? seen;
      // A page with room left says that there is nothing else up to the floor.
      seen = page.length < wanted && last < floor ? floor : last;
    }
    const rest = recent.reaches(seen) ? recent.after(seen) : [];
    const wanted = CAUGHT_UP - messages.length;
    messages.push(...rest.slice(0, wanted));
    const more = rest.length > wanted || !recent.reaches(seen);
    enter({ messages: messages.map(publicMessage), more });
  }

  /** Which messages up to `upTo` were deleted since the message `after` was written. */
  async deletedSince(streamId: string, after: string, upTo: string): Promise<string[]> {
    const since = new Date(idTime(after).getTime() - DELETED_BEFORE_MS);
    return await this.#table.deletedSince(streamId, since, upTo, DELETIONS);
  }
}

/** @throws PublicError 400 `validation_failed` */
export function readCursor(text: string | undefined): string | undefined {
  const id = text === undefined ? undefined : readUuid(text);
  if (text === undefined || id !== undefined) return id;
  throw new PublicError(400, 'validation_failed', 'A cursor must be the id of a message.');
}
