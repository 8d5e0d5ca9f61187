import type { SocketHub } from '../sockets/index.js';
import type { ChatRooms } from './chat-rooms.js';
import type { MessageStore } from './messages/message-store.js';
import type { MessageTable } from './messages/message-table.js';
import type { ModerationTable } from './moderation/moderation-table.js';
import type { PollTable } from './polls/poll-table.js';

/** An account that is being deleted. */
export type DeletedUser = {
  userId: string;
  /** User id that replaces the deleted one in rows that stay. */
  pseudonym: string;
  /** Deletes the account's messages as well; otherwise they stay under the pseudonym. */
  purge: boolean;
};

/** Display name on messages that stay. */
export const DELETED_NAME = 'Deleted account';
/** Messages changed by one statement. */
const BATCH = 1_000;

export type AccountDeletionOptions = {
  rooms: ChatRooms;
  store: MessageStore;
  messages: MessageTable;
  moderation: ModerationTable;
  polls: PollTable;
  hub: Pick<SocketHub, 'broadcast'>;
};

/**
 * Applies an account deletion to chat: messages are deleted or lose their author. A ban of the account's address
 * stays in force under the pseudonym.
 */
export class AccountDeletion {
  readonly #options: AccountDeletionOptions;

  constructor(options: AccountDeletionOptions) {
    this.#options = options;
  }

  async forgetUser({ userId, pseudonym, purge }: DeletedUser): Promise<void> {
    const { store, messages, moderation, polls } = this.#options;
    await store.settled();
    let changed = BATCH;
    while (changed === BATCH)
      changed = purge
        ? await messages.purgeUser(userId, BATCH)
        : await messages.anonymise(userId, { userId: pseudonym, name: DELETED_NAME }, BATCH);
    await moderation.anonymise(userId, pseudonym);
    await polls.anonymise(userId, pseudonym);
    this.#forgetInMemory({ userId, pseudonym, purge });
  }

  #forgetInMemory({ userId, pseudonym, purge }: DeletedUser): void {
    const { rooms, hub } = this.#options;
    for (const room of rooms.all) {
      const { recent, streamId } = room;
      const upTo = recent.lastId;
      if (!purge) recent.anonymise(userId, { userId: pseudonym, name: DELETED_NAME });
      else if (upTo !== '') {
        recent.removeByUser(userId, upTo);
        hub.broadcast(room.hubRoom, 'chat:deleted', { streamId, userId, upTo });
      }
      room.moderators.delete(userId);
      room.reassignBan(userId, pseudonym);
    }
  }
}
