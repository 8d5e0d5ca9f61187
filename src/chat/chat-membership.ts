import { PublicError } from '../platform/index.js';
import type { SocketClient } from '../sockets/index.js';
import type { ChatRoles } from './chat-role.js';
import type { ChatRoom } from './chat-room.js';
import type { ChatRooms } from './chat-rooms.js';
import { type History, type Replay, readCursor } from './messages/history.js';
import { type PublicSettings, publicSettings } from './moderation/settings.js';
import type { PublicPoll } from './polls/poll.js';

/** Chats that one connection may join. */
const MAX_CHATS = 20;

/** Acknowledgement of `chat:join`. */
export type JoinResult = {
  streamId: string;
  settings: PublicSettings;
  /** Whether the client may moderate this chat. */
  moderator: boolean;
  poll: PublicPoll | null;
  /**
   * More messages were missed than were sent, and the client is not yet subscribed: it must join again with `after`.
   */
  more: boolean;
};

/** Tracks which connections joined which chat, and replays history when they join. */
export class ChatMembership {
  readonly #rooms: ChatRooms;
  readonly #roles: ChatRoles;
  readonly #history: History;
  readonly #chats = new Map<SocketClient, Set<string>>();

  constructor(options: { rooms: ChatRooms; roles: ChatRoles; history: History }) {
    this.#rooms = options.rooms;
    this.#roles = options.roles;
    this.#history = options.history;
  }

  /**
   * Sends a client the messages after `cursor`, or the newest ones, and subscribes it once it has caught up. Joining
   * again only replays.
   *
   * @throws PublicError 400, 404 `stream_not_found`, 409 `too_many_chats`
   */
  async join(client: SocketClient, stream: string, cursor?: string): Promise<JoinResult> {
    const { principal } = client;
    const after = readCursor(cursor);
    return await this.#rooms.withRoom(stream, principal, async (context) => {
      const { room } = context;
      const { streamId } = room;
      let sent: Replay | undefined;
      await this.#history.replay(room, after, (replay) => {
        sent = replay;
        if (client.signal.aborted) return;
        // Subscribes a client only after it caught up; otherwise its last message id would not mark what it has seen.
        if (!replay.more) this.#addMember(client, room);
        client.send('chat:history', { streamId, ...replay });
      });
      const moderator = this.#roles.roleOf(principal, context) !== 'viewer';
      room.setModerator(client, moderator);
      if (after !== undefined) {
        const upTo = sent?.messages.at(-1)?.id ?? after;
        const ids = await this.#history.deletedSince(streamId, after, upTo);
        if (ids.length > 0) client.send('chat:deleted', { streamId, ids });
      }
      const settings = publicSettings(room.settings);
      return {
        streamId,
        settings,
        moderator,
        poll: room.poll?.public() ?? null,
        more: sent?.more ?? false,
      };
    });
  }

  /**
   * Replays history for a client that joins the livestream and may not know `chat:join`: calls `enter` exactly once
   * and returns a function that sends the newest messages before that moment. Returns undefined for clients that
   * joined the chat already, or may not read it.
   */
  async replayOnJoin(
    client: SocketClient,
    stream: string,
    enter: () => void,
  ): Promise<(() => void) | undefined> {
    let entered = false;
    try {
      return await this.#rooms.withRoom(stream, client.principal, async ({ room }) => {
        const { streamId } = room;
        let sent: Replay | undefined;
        await this.#history.replay(room, undefined, (replay) => {
          entered = true;
          enter();
          sent = replay;
        });
        if (room.clients.has(client)) return undefined;
        return () => client.send('chat:history', { streamId, ...sent });
      });
    } catch (error) {
      if (!entered) enter();
      if (!(error instanceof PublicError)) throw error;
      return undefined;
    }
  }

  leave(client: SocketClient, stream: string): void {
    const streamId = stream.toLowerCase();
    const room = this.#rooms.peek(streamId);
    if (!this.#chats.get(client)?.delete(streamId) || !room) return;
    room.removeListener(client);
  }

  /** Removes a closed connection from every chat. */
  disconnected(client: SocketClient): void {
    for (const streamId of this.#chats.get(client) ?? []) this.#rooms.peek(streamId)?.clients.delete(client);
    this.#chats.delete(client);
  }

  #addMember(client: SocketClient, room: ChatRoom): void {
    const chats = this.#chats.get(client) ?? new Set();
    if (!chats.has(room.streamId) && chats.size >= MAX_CHATS)
      throw new PublicError(
        409,
        'too_many_chats',
        `A connection may join ${MAX_CHATS} chats: leave one first.`,
      );
    this.#chats.set(client, chats.add(room.streamId));
    room.addListener(client);
  }
}
