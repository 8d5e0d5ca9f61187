import { idTime, PublicError, parseUuid } from '../../platform/index.js';
import type { Visitor } from '../chat-role.js';
import type { ChatRoom } from '../chat-room.js';
import type { ChatRooms } from '../chat-rooms.js';
import { type ChatMessage, type PublicMessage, publicMessage } from './chat-message.js';
import type { MessageTable } from './message-table.js';

/** Messages replayed to a client that joins without a cursor. */
const REPLAY_LIMIT = 50;
/** Messages sent at once to a client that joins with a cursor; the client asks for the rest. */
const CATCH_UP_LIMIT = 100;
/** Limit on deletions sent to a client that joins with a cursor. */
const DELETIONS_LIMIT = 1_000;
/** Tolerance for a clock that was set back, ms: deletions within it are sent twice rather than missed. */
const CLOCK_TOLERANCE_MS = 60_000;

export type HistoryQuery = {
  limit: number;
  /** Messages skipped, counted back from the newest or from `before`. */
  offset?: number | undefined;
  /** Only messages older than this id. */
  before?: string | undefined;
  /** Only messages newer than this id, oldest first. */
  after?: string | undefined;
};

export type Replay = {
  messages: PublicMessage[];
  /** More messages are available `after` the last one. */
  more: boolean;
};

/** Reads and replays stored messages. */
export class History {
  readonly #rooms: ChatRooms;
  readonly #table: MessageTable;

  constructor(options: { rooms: ChatRooms; table: MessageTable }) {
    this.#rooms = options.rooms;
    this.#table = options.table;
  }

  /** Returns one page of stored messages, oldest first. @throws PublicError 400, 404 */
  async page(visitor: Visitor, streamId: string, query: HistoryQuery): Promise<PublicMessage[]> {
    const { limit, offset = 0 } = query;
    const [before, after] = [readCursor(query.before), readCursor(query.after)];
    if (before !== undefined && after !== undefined)
      throw new PublicError(400, 'validation_failed', 'Give before or after, not both.');
    return await this.#rooms.withRoom(streamId, visitor.principal, async ({ room }) => {
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

  /** Returns one page of stored messages by their media time, earliest first. @throws PublicError 404 */
  async replayPage(
    { principal }: Visitor,
    streamId: string,
    query: Parameters<MessageTable['replayPage']>[1],
  ): Promise<PublicMessage[]> {
    return await this.#rooms.withRoom(streamId, principal, async ({ room }) =>
      (await this.#table.replayPage(room.streamId, query)).map(publicMessage),
    );
  }

  /**
   * Passes to `enter` the messages after `after`, or the newest ones. No message is missing or duplicated between the
   * last of these and those broadcast once `enter` ran: both happen in the same tick, and messages are stored in the
   * order of their ids, one batch at a time.
   */
  async replay(room: ChatRoom, after: string | undefined, enter: (replay: Replay) => void): Promise<void> {
    if (after === undefined) {
      const messages = room.recent.newest(REPLAY_LIMIT).map(publicMessage);
      return enter({ messages, more: false });
    }
    const { recent } = room;
    const messages: ChatMessage[] = [];
    let seen = after;
    while (!recent.covers(seen) && messages.length < CATCH_UP_LIMIT) {
      const { floor } = recent;
      const wanted = CATCH_UP_LIMIT - messages.length;
      const page = await this.#table.after(room.streamId, seen, wanted);
      messages.push(...page);
      const last = page.at(-1)?.id ?? seen;
      // A page below its limit holds every stored message up to the floor.
      seen = page.length < wanted && last < floor ? floor : last;
    }
    const rest = recent.covers(seen) ? recent.after(seen) : [];
    const wanted = CATCH_UP_LIMIT - messages.length;
    messages.push(...rest.slice(0, wanted));
    const more = rest.length > wanted || !recent.covers(seen);
    enter({ messages: messages.map(publicMessage), more });
  }

  /** Returns the ids up to `upTo` that were deleted since the message `after` was written. */
  async deletedSince(streamId: string, after: string, upTo: string): Promise<string[]> {
    const since = new Date(idTime(after).getTime() - CLOCK_TOLERANCE_MS);
    return await this.#table.deletedSince(streamId, since, upTo, DELETIONS_LIMIT);
  }
}

/** @throws PublicError 400 `validation_failed` */
export function readCursor(text: string | undefined): string | undefined {
  const id = text === undefined ? undefined : parseUuid(text);
  if (text === undefined || id !== undefined) return id;
  throw new PublicError(400, 'validation_failed', 'A cursor must be the id of a message.');
}
