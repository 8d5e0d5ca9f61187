import type { Clock } from '../platform/index.js';
import { type PublicMessage, publicMessage } from './messages/chat-message.js';
import type { ChatActivity, MessageTable } from './messages/message-table.js';
import type { Ban, ModerationTable } from './moderation/moderation-table.js';

/** Message of a user, also a deleted one. */
export type WrittenMessage = PublicMessage & { deletedAt: string | null };

export type StreamModeration = {
  moderators: { userId: string; createdAt: Date }[];
  bans: (Omit<Ban, 'addressHash'> & {
    /** Bans everybody with the user's address too. */
    byAddress: boolean;
  })[];
};

export type ChatRecordsOptions = {
  messages: Pick<MessageTable, 'activity' | 'pageOfUser'>;
  moderation: Pick<ModerationTable, 'moderators' | 'bans'>;
  clock: Clock;
};

/** Stored chat of a user and of a livestream, for exports; without rooms and their rights. */
export class ChatRecords {
  readonly #options: ChatRecordsOptions;

  constructor(options: ChatRecordsOptions) {
    this.#options = options;
  }

  /** Returns messages of a user in all livestreams, newest first. @param before id of a message; only older ones */
  async messagesOf(
    userId: string,
    page: { limit: number; before: string | undefined },
  ): Promise<WrittenMessage[]> {
    const found = await this.#options.messages.pageOfUser(userId, page);
    return found.map(({ deletedAt, ...message }) => ({
      ...publicMessage(message),
      deletedAt: deletedAt?.toISOString() ?? null,
    }));
  }

  /** Returns how much was said in a livestream within a time. @param intervalS length of an interval, seconds */
  async activityOf(
    streamId: string,
    time: { from: Date; to: Date; intervalS: number },
  ): Promise<ChatActivity> {
    return await this.#options.messages.activity(streamId, time);
  }

  async moderationOf(streamId: string): Promise<StreamModeration> {
    const { moderation, clock } = this.#options;
    const [moderators, bans] = await Promise.all([
      moderation.moderators(streamId),
      moderation.bans(streamId, new Date(clock.now())),
    ]);
    return {
      moderators,
      bans: bans.map(({ addressHash, ...ban }) => ({ ...ban, byAddress: addressHash !== null })),
    };
  }
}
