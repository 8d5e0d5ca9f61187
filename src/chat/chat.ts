import {
  type Clock,
  idBoundary,
  type Logger,
  type RateLimitOptions,
  type Sql,
  Sweeper,
} from '../platform/index.js';
import type { RealtimeClient, RealtimeFeature, RealtimeHub } from '../realtime/index.js';
import { createAddressHash } from './address-hash.js';
import { Attendance } from './attendance.js';
import type { BatchWriterLimits } from './batch-writer.js';
import { ChatRooms, type ChatStreams } from './chat-rooms.js';
import { type DepartedUser, Departures } from './departures.js';
import { chatFeature } from './feature.js';
import { History } from './history.js';
import { MessageStore } from './message-store.js';
import { MessageTable } from './message-table.js';
import { Moderation } from './moderation.js';
import { ModerationTable } from './moderation-table.js';
import { PollTable } from './poll-table.js';
import { Polls } from './polls.js';
import { Posting } from './posting.js';
import { Reactions } from './reactions.js';
import { Recall } from './recall.js';
import { Settings } from './settings.js';
import { SettingsTable } from './settings-table.js';
import { Standings } from './standing.js';

export type ChatLimits = BatchWriterLimits & {
  /** Messages of one account. */
  account: RateLimitOptions;
  /** Messages from one address (IPv6: one /64 network), which many people may share. */
  address: RateLimitOptions;
};

const LIMITS: ChatLimits = {
  items: 5_000,
  batch: 500,
  gatherMs: 20,
  tryMs: 5_000,
  withinMs: 10_000,
  closeWithinMs: 5_000,
  account: { capacity: 8, refillMs: 1_000 },
  address: { capacity: 100, refillMs: 50 },
};
/** How long somebody who follows is taken to follow, in ms. */
const FOLLOWING_MS = 10_000;
const FOLLOWERS = 10_000;

export type ChatOptions = {
  sql: Sql;
  hub: Pick<RealtimeHub, 'broadcast'>;
  streams: ChatStreams;
  isFollowing: (follower: string, followed: string) => Promise<boolean>;
  /** Whether a user id is that of an admin's account here: nobody moderates those. */
  isAdminAccount: (userId: string) => Promise<boolean>;
  clock: Clock;
  log: Logger;
  /** The key of the hashes of addresses; with another one, bans of addresses hold no more. */
  addressSecret: Buffer;
  limits?: Partial<ChatLimits>;
  /** How long messages, polls and the log are kept, in days; 0, as where nothing is said: for ever. */
  keepDays?: number;
};

/** Delay after a failure, in ms. */
const REVIEW_RETRY_MS = 1_000;

type Sweepable = Pick<MessageTable, 'sweep'>;

export type Chat = {
  posting: Posting;
  history: History;
  moderation: Moderation;
  settings: Settings;
  polls: Polls;
  feature: RealtimeFeature;
  /**
   * For a client that joins the livestream without asking for its chat: calls `enter`, from which moment on they hear what
   * is said, and returns how to tell them (`chat:history`) what was said before; nothing, where they hear it already or may
   * not.
   */
  greet(client: RealtimeClient, streamId: string, enter: () => void): Promise<(() => void) | undefined>;
  /** Somebody is nobody any more: what they wrote stays without its author, or goes too. */
  forgetUser(user: DepartedUser): Promise<void>;
  start(): Promise<void>;
  /** Stores what was taken, within a bounded time, and takes no more. Idempotent. */
  close(): Promise<void>;
};

/** The chat of all livestreams. */
export function createChat(options: ChatOptions): Chat {
  const { sql, hub, streams, clock, log } = options;
  const limits = { ...LIMITS, ...options.limits };
  const rooms = new ChatRooms({ sql, streams, clock });
  const standings = new Standings(options.isAdminAccount, clock);
  const messages = new MessageTable(sql);
  const store = new MessageStore({ sql, clock, log, limits });
  const hash = createAddressHash(options.addressSecret);
  const followers = new Recall<boolean>(clock, { ttlMs: FOLLOWING_MS, keys: FOLLOWERS, keep: (yes) => yes });
  const isFollowing = (follower: string, followed: string): Promise<boolean> =>
    followers.get(JSON.stringify([follower, followed]), () => options.isFollowing(follower, followed));

  const posting = new Posting({ rooms, standings, store, hub, isFollowing, hash, clock, limits });
  const history = new History({ rooms, table: messages });
  const table = new ModerationTable(sql);
  const moderation = new Moderation({ sql, rooms, standings, store, messages, table, hub, clock });
  const settings = new Settings({ rooms, standings, moderation, table: new SettingsTable(sql), hub });
  const reactions = new Reactions({ rooms, standings, hub, hash, clock });
  const polls = new Polls({ sql, rooms, standings, moderation, hub, clock, log, limits });
  const attendance = new Attendance({ rooms, standings, history });
  const pollTable = new PollTable(sql);
  const departures = new Departures({ rooms, store, messages, moderation: table, polls: pollTable, hub });

  const sweptMessages: Sweepable = {
    async sweep(before, atMost) {
      for (const room of rooms.all) room.recent.forgetBefore(idBoundary(before));
      return await messages.sweep(before, atMost);
    },
  };
  const swept = { 'chat messages': sweptMessages, 'log of the chat': table, polls: pollTable };
  const sweepers = Object.entries(swept).map(
    ([what, rows]) =>
      new Sweeper({ what, days: options.keepDays ?? 0, sweep: (...upTo) => rows.sweep(...upTo), clock, log }),
  );

  const life = new AbortController();
  let forgetStreams = (): void => {};
  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    life.abort();
    forgetStreams();
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
    feature: chatFeature({ attendance, history, posting, reactions, polls }),
    forgetUser: (user) => departures.forget(user),
    async greet(client, streamId, enter) {
      try {
        return await attendance.greet(client, streamId, enter);
      } catch (error) {
        log.warn({ err: error, streamId }, 'who joined is not told what was said before');
        return undefined;
      }
    },
    async start() {
      const review = (streamId: string): void => {
        rooms.updated(streamId).catch((error: unknown) => {
          log.warn({ err: error, streamId }, 'permissions in chat could not be checked: trying again');
          clock.after(REVIEW_RETRY_MS, () => review(streamId), life.signal);
        });
      };
      forgetStreams = streams.onUpdate(review);
      await polls.start();
      for (const sweeper of sweepers) sweeper.start();
    },
    close: () => (closed ??= close()),
  };
}
