import {
  type Clock,
  idBoundary,
  type Logger,
  type RateLimitOptions,
  type Sql,
  Sweeper,
  TtlCache,
} from '../platform/index.js';
import type { SocketClient, SocketFeature, SocketHub } from '../sockets/index.js';
import { AccountDeletion, type DeletedUser } from './account-deletion.js';
import { createAddressHash } from './address-hash.js';
import type { BatchWriterLimits } from './batch-writer.js';
import { ChatMembership } from './chat-membership.js';
import { ChatRecords } from './chat-records.js';
import { ChatRoles } from './chat-role.js';
import { type ChatLivestreams, ChatRooms } from './chat-rooms.js';
import { chatFeature } from './feature.js';
import { History } from './messages/history.js';
import { MessageStore } from './messages/message-store.js';
import { MessageTable } from './messages/message-table.js';
import { Posting } from './messages/posting.js';
import { Reactions } from './messages/reactions.js';
import { Moderation } from './moderation/moderation.js';
import { ModerationTable } from './moderation/moderation-table.js';
import { Settings } from './moderation/settings.js';
import { SettingsTable } from './moderation/settings-table.js';
import { PollTable } from './polls/poll-table.js';
import { Polls } from './polls/polls.js';

export type ChatLimits = BatchWriterLimits & {
  /** Message rate of one account. */
  account: RateLimitOptions;
  /** Message rate of one address (IPv6: one /64 network), which many viewers may share. */
  address: RateLimitOptions;
};

const DEFAULT_LIMITS: ChatLimits = {
  maxItems: 5_000,
  maxBatch: 500,
  batchIntervalMs: 20,
  attemptTimeoutMs: 5_000,
  itemTimeoutMs: 10_000,
  closeTimeoutMs: 5_000,
  account: { capacity: 8, refillMs: 1_000 },
  address: { capacity: 100, refillMs: 50 },
};
/** Lifetime of a cached "follows", ms. */
const FOLLOW_CACHE_TTL_MS = 10_000;
const FOLLOW_CACHE_ENTRIES = 10_000;

export type ChatOptions = {
  sql: Sql;
  hub: Pick<SocketHub, 'broadcast'>;
  livestreams: ChatLivestreams;
  isFollowing: (follower: string, followed: string) => Promise<boolean>;
  /** Whether a user id is that of an admin's account on this gateway: admins cannot be moderated. */
  isAdminAccount: (userId: string) => Promise<boolean>;
  clock: Clock;
  log: Logger;
  /** Key of the address hashes. With another key, existing bans of addresses no longer match. */
  addressSecret: Buffer;
  limits?: Partial<ChatLimits>;
  /** Retention of messages, polls and the log, days. 0, the default: unlimited. */
  keepDays?: number;
};

/** Delay before permissions in a room are checked again after a failure, ms. */
const REVIEW_RETRY_MS = 1_000;

type SweptTable = Pick<MessageTable, 'sweep'>;

export type Chat = {
  posting: Posting;
  history: History;
  moderation: Moderation;
  settings: Settings;
  polls: Polls;
  /** Stored chat, for exports. */
  records: ChatRecords;
  feature: SocketFeature;
  /**
   * Replays history for a client that joins the livestream without `chat:join`: calls `enter`, which subscribes it,
   * and returns a function that sends `chat:history` with the messages before. Returns undefined where the client
   * joined the chat already or may not read it.
   */
  replayOnJoin(client: SocketClient, streamId: string, enter: () => void): Promise<(() => void) | undefined>;
  /** Removes a deleted account: its messages lose their author, or are deleted. */
  forgetUser(user: DeletedUser): Promise<void>;
  start(): Promise<void>;
  /** Writes accepted messages and votes within a bounded time and rejects new ones. Idempotent. */
  close(): Promise<void>;
};

/** Creates the chat of all livestreams. */
export function createChat(options: ChatOptions): Chat {
  const { sql, hub, livestreams, clock, log } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const rooms = new ChatRooms({ sql, livestreams, clock });
  const roles = new ChatRoles(options.isAdminAccount, clock);
  const messages = new MessageTable(sql);
  const store = new MessageStore({ sql, clock, log, limits });
  const hashAddress = createAddressHash(options.addressSecret);
  const followers = new TtlCache<boolean>({
    clock,
    ttlMs: FOLLOW_CACHE_TTL_MS,
    maxEntries: FOLLOW_CACHE_ENTRIES,
    shouldKeep: (yes) => yes,
  });
  const isFollowing = (follower: string, followed: string): Promise<boolean> =>
    followers.get(JSON.stringify([follower, followed]), () => options.isFollowing(follower, followed));

  const posting = new Posting({ rooms, roles, store, hub, isFollowing, hashAddress, clock, limits });
  const history = new History({ rooms, table: messages });
  const table = new ModerationTable(sql);
  const moderation = new Moderation({ sql, rooms, roles, store, messages, table, hub, clock });
  const settings = new Settings({ rooms, roles, moderation, table: new SettingsTable(sql), hub });
  const reactions = new Reactions({ rooms, roles, hub, hashAddress, clock });
  const polls = new Polls({ sql, rooms, roles, moderation, hub, clock, log, limits });
  const membership = new ChatMembership({ rooms, roles, history });
  const pollTable = new PollTable(sql);
  const accountDeletion = new AccountDeletion({
    rooms,
    store,
    messages,
    moderation: table,
    polls: pollTable,
    hub,
  });

  const sweptMessages: SweptTable = {
    async sweep(before, atMost) {
      for (const room of rooms.all) room.recent.forgetBefore(idBoundary(before));
      return await messages.sweep(before, atMost);
    },
  };
  const sweptTables = { 'chat messages': sweptMessages, 'chat log entries': table, polls: pollTable };
  const sweepers = Object.entries(sweptTables).map(
    ([rowsName, rows]) =>
      new Sweeper({
        rowsName,
        days: options.keepDays ?? 0,
        sweep: (...upTo) => rows.sweep(...upTo),
        clock,
        log,
      }),
  );

  const life = new AbortController();
  let unsubscribe = (): void => {};
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    life.abort();
    unsubscribe();
    reactions.close();
    for (const sweeper of sweepers) sweeper.close();
    await Promise.all([store.close(), polls.shutDown()]);
  };
  return {
    posting,
    history,
    moderation,
    settings,
    polls,
    records: new ChatRecords({ messages, moderation: table, clock }),
    feature: chatFeature({ membership, history, posting, reactions, polls }),
    forgetUser: (user) => accountDeletion.forgetUser(user),
    async replayOnJoin(client, streamId, enter) {
      try {
        return await membership.replayOnJoin(client, streamId, enter);
      } catch (error) {
        log.warn({ err: error, streamId }, 'chat history replay failed');
        return undefined;
      }
    },
    async start() {
      const review = (streamId: string): void => {
        rooms.livestreamUpdated(streamId).catch((error: unknown) => {
          log.warn({ err: error, streamId }, 'chat room refresh failed: trying again');
          clock.after(REVIEW_RETRY_MS, () => review(streamId), life.signal);
        });
      };
      unsubscribe = livestreams.onUpdate(review);
      await polls.start();
      for (const sweeper of sweepers) sweeper.start();
    },
    close: () => (closed ??= close()),
  };
}
