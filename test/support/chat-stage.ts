import type { Test } from 'tap';
import { ANONYMOUS, type Principal, type Role } from '../../src/accounts/index.js';
import { type Chat, type ChatLimits, createChat, type Visitor } from '../../src/chat/index.js';
import { newId, type Sql } from '../../src/platform/index.js';
import type { MessageData, RealtimeClient } from '../../src/realtime/index.js';
import { type Livestream, Streams } from '../../src/streams/index.js';
import { testDatabase } from './database.js';
import { FakeClock } from './fake-clock.js';
import { recordLog } from './log-record.js';
import { HubDouble } from './realtime-double.js';

/** Nobody is too fast here, unless a test wants to see it; and nothing waits for a clock that stands still. */
const FREELY: Partial<ChatLimits> = {
  account: { capacity: 100_000, refillMs: 1 },
  address: { capacity: 100_000, refillMs: 1 },
  batchIntervalMs: 0,
};

export type ChatStage = {
  sql: Sql;
  clock: FakeClock;
  hub: HubDouble;
  streams: Streams;
  chat: Chat;
  /** `follower followed` */
  follows: Set<string>;
  /** User ids of admins' accounts. */
  admins: Set<string>;
  /** Where everybody is who listens to the chat of `stream`. */
  livestream(over?: Partial<Parameters<Streams['create']>[0]>): Promise<Livestream>;
  /** The chat as another gateway would open it on the same database. */
  reopen(): Promise<Chat>;
};

export const OPERATOR: Visitor = { principal: { kind: 'operator' }, address: '192.0.2.1' };

export function account(userId: string, role: Role = 'viewer'): Principal {
  return { kind: 'account', userId, name: userId.toUpperCase(), role, via: 'token' };
}

/** Somebody with an account, each at an address of their own. */
export function visitor(userId: string, role: Role = 'viewer'): Visitor {
  const number = [...userId].reduce((sum, letter) => (31 * sum + letter.charCodeAt(0)) % 65_536, 7);
  return { principal: account(userId, role), address: `10.0.${number >> 8}.${number & 255}` };
}

export function stranger(address = '203.0.113.9'): Visitor {
  return { principal: ANONYMOUS, address };
}

/** Chat on a database of its own, with real livestreams; `owner` is whose they are. */
export async function openChat(t: Test, limits: Partial<ChatLimits> = {}, keepDays = 0): Promise<ChatStage> {
  const { sql } = await testDatabase(t);
  const clock = new FakeClock(Date.now());
  const { log } = recordLog();
  const hub = new HubDouble();
  const admit = async () => ({ admitted: true, streamId: '' }) as const;
  const streams = new Streams({ sql, admit, graceMs: 60_000, maxBroadcasts: 10, clock, log });
  const follows = new Set<string>();
  const admins = new Set<string>();
  const open = async (): Promise<Chat> => {
    const chat = createChat({
      sql,
      hub,
      streams,
      isFollowing: async (follower, followed) => follows.has(`${follower} ${followed}`),
      isAdminAccount: async (userId) => admins.has(userId),
      clock,
      log,
      addressSecret: Buffer.from('a secret of the test'),
      limits: { ...FREELY, ...limits },
      keepDays,
    });
    t.teardown(() => chat.close());
    await chat.start();
    return chat;
  };
  const livestream: ChatStage['livestream'] = async (over = {}) => {
    const key = newId().replaceAll('-', '');
    return await streams.create({
      userId: 'owner',
      title: 'A title',
      description: '',
      recordingEnabled: false,
      streamKeyHash: key + key,
      ...over,
    });
  };
  return { sql, clock, hub, streams, chat: await open(), follows, admins, livestream, reopen: open };
}

/** A client comes into a chat. @returns what they are told. */
export async function joinChat(chat: Chat, client: RealtimeClient, streamId: string): Promise<MessageData> {
  const answer = await chat.feature.events['chat:join']?.(client, { streamId });
  if (!answer?.data) throw new Error('nobody answers');
  return answer.data;
}
